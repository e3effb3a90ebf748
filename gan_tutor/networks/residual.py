"""Residual players without normalisation, for images of 28x28, 32x32 and 64x64 pixels.

Without BatchNorm a logit depends on its own sample only, so these take every penalty; what keeps their activations in
range is their initialisation (zhang2019fixup). A block x + f(x) ends in a convolution of zeros: at first every block is
the identity, and a whole network carries the variance of its input through.

Source: huang2024r3gan. Differs: blocks are two plain 3x3 convolutions with activations before them, as in
miyato2018sngan, where R3GAN's are grouped between two 1x1 ones; pixels are halved by 2x2 convolutions and doubled by
repetition, where R3GAN filters; widths double towards the small feature maps, up to eight times the first.
"""

import math
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

_SLOPE = 0.2
_GAIN = math.sqrt(2 / (1 + _SLOPE**2))  # what LeakyReLU takes from a Gaussian's root mean square
_SMALLEST = {28: 7, 32: 4, 64: 4}


class ResidualBlock(nn.Module):
    """x + conv(act(conv(act(x)))), feature maps (N, width, H, W) to the same shape; the identity at first.

    Args:
        width: Channels.
        blocks: Residual blocks in the whole network: the first convolution starts 1 / sqrt(blocks) as large, so that
            an early step changes a deep network as much as a flat one.
    """

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.first = _scaled(nn.Conv2d(width, width, 3, padding=1), _GAIN / math.sqrt(blocks))
        self.second = _scaled(nn.Conv2d(width, width, 3, padding=1, bias=False), 0.0)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.first(F.leaky_relu(x, _SLOPE))
        return x + self.second(F.leaky_relu(inner, _SLOPE))


class ResidualGenerator(nn.Module):
    """z (N, latent_dim) -> images (N, channels, size, size) in [-1, 1]: residual blocks at every size, doubled between.

    Args:
        latent_dim: Size of z.
        channels: Colour channels of an image.
        size: Pixels a side: 28, 32 or 64.
        width: Channels at the full size; smaller sizes have up to 8 times as many.
        depth: Residual blocks at each size, at least 1.

    Raises:
        ValueError: The size is another one, or `depth` is below 1.
    """

    output_range = (-1.0, 1.0)

    def __init__(self, latent_dim: int, *, channels: int = 1, size: int = 28, width: int = 32, depth: int = 1) -> None:
        super().__init__()
        widths = _widths(size, width, depth)[::-1]
        first, blocks = _SMALLEST[size], depth * len(widths)
        self.net = nn.Sequential(
            _scaled(nn.Linear(latent_dim, widths[0] * first**2), 1.0),
            nn.Unflatten(1, (widths[0], first, first)),
            *[ResidualBlock(widths[0], blocks) for _ in range(depth)],
        )
        for wide, narrow in pairwise(widths):
            # A 1x1 convolution before the repetition costs a quarter of one after it and gives the same.
            self.net.extend([_scaled(nn.Conv2d(wide, narrow, 1, bias=False), 1.0), nn.Upsample(scale_factor=2)])
            self.net.extend([ResidualBlock(narrow, blocks) for _ in range(depth)])
        self.net.extend([nn.LeakyReLU(_SLOPE), _scaled(nn.Conv2d(width, channels, 3, padding=1), _GAIN), nn.Tanh()])

    def forward(self, z: Tensor) -> Tensor:
        return self.net(z)


class ResidualDiscriminator(nn.Module):
    """Images (N, channels, size, size) -> logits (N,): residual blocks at every size, halved between.

    Args:
        channels: Colour channels of an image.
        size: Pixels a side: 28, 32 or 64.
        width: Channels at the full size; smaller sizes have up to 8 times as many.
        depth: Residual blocks at each size, at least 1.

    Raises:
        ValueError: The size is another one, or `depth` is below 1.
    """

    def __init__(self, *, channels: int = 1, size: int = 28, width: int = 32, depth: int = 1) -> None:
        super().__init__()
        widths = _widths(size, width, depth)
        blocks = depth * len(widths)
        self.hidden = nn.Sequential(_scaled(nn.Conv2d(channels, width, 3, padding=1), 1.0))
        self.hidden.extend([ResidualBlock(width, blocks) for _ in range(depth)])
        for narrow, wide in pairwise(widths):
            self.hidden.append(_scaled(nn.Conv2d(narrow, wide, 2, 2, bias=False), 1.0))
            self.hidden.extend([ResidualBlock(wide, blocks) for _ in range(depth)])
        self.hidden.extend([nn.LeakyReLU(_SLOPE), nn.Flatten()])
        self.last = _scaled(nn.Linear(widths[-1] * _SMALLEST[size] ** 2, 1), _GAIN)

    def features(self, x: Tensor) -> Tensor:
        """Return the flattened last feature maps (N, F)."""
        return self.hidden(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.hidden(x)).flatten()


def _widths(size: int, width: int, depth: int) -> list[int]:
    """Return the channels of each size, from the full one to the smallest."""
    if size not in _SMALLEST:
        raise ValueError(f"size must be one of {sorted(_SMALLEST)}, got {size}; resize the images")
    if depth < 1:
        raise ValueError(f"depth must be at least 1 residual block at each size, got {depth}")
    return [width * min(2**k, 8) for k in range(int(math.log2(size // _SMALLEST[size])) + 1)]


def _scaled(layer: nn.Module, gain: float) -> nn.Module:
    """Draw a layer's weights from N(0, gain^2 / inputs of a unit), which multiplies a variance by gain^2; no bias."""
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, Tensor)
    nn.init.normal_(weight, 0.0, gain / math.sqrt(weight[0].numel()))
    if isinstance(bias, Tensor):
        nn.init.zeros_(bias)
    return layer
