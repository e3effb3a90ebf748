"""A discriminator that is cheap on a CPU: fold 4x4 pixels into channels, then convolve at low resolution."""

from torch import Tensor, nn


class SpaceToDepthDiscriminator(nn.Module):
    """Images (N, channels, size, size) -> logits (N,): 4x4 blocks become channels, two convolutions, a hidden layer.

    The second 3x3 convolution has stride 2 and half as many channels again. No norm, so it takes penalties.
    Convolutions start from N(0, 0.02^2), as in DCGAN.

    Args:
        channels: Colour channels of an image.
        size: Pixels a side, a multiple of 4.
        width: Channels of the first convolution.
        hidden: Units of the last hidden layer.
    """

    def __init__(self, *, channels: int = 1, size: int = 28, width: int = 64, hidden: int = 256) -> None:
        super().__init__()
        if size % 4:
            raise ValueError(f"size must be a multiple of 4, got {size}; pad or resize the images")
        wide, pixels = width * 3 // 2, (size // 4 + 1) // 2
        first, second = nn.Conv2d(16 * channels, width, 3, padding=1), nn.Conv2d(width, wide, 3, 2, 1)
        for convolution in (first, second):
            nn.init.normal_(convolution.weight, 0.0, 0.02)
        self.hidden = nn.Sequential(
            nn.PixelUnshuffle(4),
            first,
            nn.LeakyReLU(0.2),
            second,
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(wide * pixels**2, hidden),
            nn.LeakyReLU(0.2),
        )
        self.last = nn.Linear(hidden, 1)

    def features(self, x: Tensor) -> Tensor:
        """Return the last hidden layer (N, hidden)."""
        return self.hidden(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.hidden(x)).flatten()
