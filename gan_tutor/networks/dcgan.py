"""DCGAN's convolutional players for images of 28x28, 32x32 and 64x64 pixels.

Source: radford2016dcgan. Differs: G starts from a linear layer at 7x7 (28) or 4x4 (32, 64) pixels, D ends in one linear
layer, and D's first and last layers carry no norm, as in the paper.
"""

import math
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

_FIRST_PIXELS = {28: 7, 32: 4, 64: 4}


class DCGANGenerator(nn.Module):
    """z (N, latent_dim) -> images (N, channels, size, size) in [-1, 1], by 4x4 transposed convolutions of stride 2.

    Args:
        latent_dim: Size of z.
        channels: Colour channels of an image.
        size: Pixels a side: 28, 32 or 64.
        width: Channels of the last hidden layer; each layer before has twice as many.
        mapping: Units of a hidden layer between z and the first feature map; 0 is the paper's network, without one.
        refine: 3x3 convolutions at the first feature map, where they are cheap; 0 in the paper.
        subpixel: Make the image by a 3x3 convolution to 2x2 times as many channels and `PixelShuffle`, in place of the
            paper's last transposed convolution. Source: shi2016subpixel.
    """

    output_range = (-1.0, 1.0)

    def __init__(
        self,
        latent_dim: int,
        *,
        channels: int = 1,
        size: int = 28,
        width: int = 32,
        mapping: int = 0,
        refine: int = 0,
        subpixel: bool = False,
    ) -> None:
        super().__init__()
        first, doublings = _geometry(size)
        widths = [width * 2**k for k in reversed(range(doublings))]
        self.net = nn.Sequential()
        if mapping:
            self.net.extend([nn.Linear(latent_dim, mapping), nn.ReLU()])
        self.net.append(nn.Linear(mapping or latent_dim, widths[0] * first**2, bias=False))
        self.net.append(nn.Unflatten(1, (widths[0], first, first)))
        for _ in range(refine):
            self.net.extend([nn.BatchNorm2d(widths[0]), nn.ReLU()])
            self.net.append(nn.Conv2d(widths[0], widths[0], 3, padding=1, bias=False))
        for wide, narrow in pairwise(widths):
            self.net.extend([nn.BatchNorm2d(wide), nn.ReLU()])
            self.net.append(nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False))
        self.net.extend([nn.BatchNorm2d(width), nn.ReLU()])
        if subpixel:
            self.net.extend([nn.Conv2d(width, 4 * channels, 3, padding=1), nn.PixelShuffle(2)])
        else:
            self.net.append(nn.ConvTranspose2d(width, channels, 4, 2, 1))
        self.net.append(nn.Tanh())
        _initialise(self)

    def forward(self, z: Tensor) -> Tensor:
        return self.net(z)


class DCGANDiscriminator(nn.Module):
    """Images (N, channels, size, size) -> logits (N,), halving the pixels with 4x4 strided convolutions.

    Args:
        channels: Colour channels of an image.
        size: Pixels a side: 28, 32 or 64.
        width: Channels after the first convolution; each one doubles them.
        norm: "batch" as in the paper, "none", or "spectral". Penalties need "none" or "spectral": with BatchNorm a
            logit depends on the whole batch, and its gradient at one sample means nothing.
    """

    def __init__(self, *, channels: int = 1, size: int = 28, width: int = 32, norm: str = "batch") -> None:
        super().__init__()
        if norm not in ("batch", "none", "spectral"):
            raise ValueError(f'norm must be "batch", "none" or "spectral", got {norm!r}')
        last, halvings = _geometry(size)
        wrap = spectral_norm if norm == "spectral" else lambda layer: layer
        widths = [channels] + [width * 2**k for k in range(halvings)]
        self.hidden = nn.Sequential()
        for k, (narrow, wide) in enumerate(pairwise(widths)):
            batch_norm = norm == "batch" and k > 0
            self.hidden.append(wrap(nn.Conv2d(narrow, wide, 4, 2, 1, bias=not batch_norm)))
            if batch_norm:
                self.hidden.append(nn.BatchNorm2d(wide))
            self.hidden.append(nn.LeakyReLU(0.2))
        self.hidden.append(nn.Flatten())
        self.last = wrap(nn.Linear(widths[-1] * last**2, 1))
        _initialise(self)

    def features(self, x: Tensor) -> Tensor:
        """Return the flattened last convolution (N, F)."""
        return self.hidden(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.hidden(x)).flatten()


def _geometry(size: int) -> tuple[int, int]:
    """Return the pixels of the smallest feature map and how often they double up to `size`."""
    if size not in _FIRST_PIXELS:
        raise ValueError(f"size must be one of {sorted(_FIRST_PIXELS)}, got {size}; resize the images")
    return _FIRST_PIXELS[size], int(math.log2(size // _FIRST_PIXELS[size]))


def _initialise(network: nn.Module) -> None:
    """Draw convolutions from N(0, 0.02^2) and BatchNorm scales from N(1, 0.02^2); the rest keeps torch's default.

    A spectrally normalised layer is left alone: its scale is divided out.
    """
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)) and not hasattr(module, "parametrizations"):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
