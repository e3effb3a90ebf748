"""Fully connected players, for points in the plane and for flattened images."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class MLPGenerator(nn.Module):
    """z (N, latent_dim) -> samples (N, *shape), through `depth` hidden layers of `width` units.

    Args:
        latent_dim: Size of z.
        shape: Shape of one sample: (2,) for points in the plane, (1, 28, 28) for an image.
        width: Units of a hidden layer.
        depth: Number of hidden layers; 0 makes the map affine.
        activation: Makes the hidden non-linearity.
        output: "linear" for unbounded samples, "tanh" for samples in [-1, 1].
    """

    def __init__(
        self,
        latent_dim: int,
        shape: Sequence[int],
        *,
        width: int = 128,
        depth: int = 2,
        activation: Callable[[], nn.Module] = nn.ReLU,
        output: str = "linear",
    ) -> None:
        super().__init__()
        if output not in ("linear", "tanh"):
            raise ValueError(f'output must be "linear" or "tanh", got {output!r}')
        self.output_range = (-1.0, 1.0) if output == "tanh" else None
        self.hidden = _hidden_layers(latent_dim, width, depth, activation)
        self.last = nn.Linear(width if depth else latent_dim, math.prod(shape))
        self.squash = nn.Tanh() if output == "tanh" else nn.Identity()
        self.unflatten = nn.Unflatten(1, tuple(shape))

    def forward(self, z: Tensor) -> Tensor:
        return self.unflatten(self.squash(self.last(self.hidden(z))))


class MLPDiscriminator(nn.Module):
    """Samples (N, *shape) -> logits (N,), through `depth` hidden layers of `width` units.

    Args:
        shape: Shape of one sample.
        width: Units of a hidden layer.
        depth: Number of hidden layers; 0 makes the logit affine in the sample.
        activation: Makes the hidden non-linearity.
        norm: "none", or "spectral" for spectral normalisation of every layer (miyato2018sngan).
    """

    def __init__(
        self,
        shape: Sequence[int],
        *,
        width: int = 128,
        depth: int = 2,
        activation: Callable[[], nn.Module] = lambda: nn.LeakyReLU(0.2),
        norm: str = "none",
    ) -> None:
        super().__init__()
        if norm not in ("none", "spectral"):
            raise ValueError(f'norm must be "none" or "spectral", got {norm!r}')
        size = math.prod(shape)
        self.hidden = _hidden_layers(size, width, depth, activation)
        self.last = nn.Linear(width if depth else size, 1)
        if norm == "spectral":
            for layer in [*self.hidden, self.last]:
                if isinstance(layer, nn.Linear):
                    spectral_norm(layer)

    def features(self, x: Tensor) -> Tensor:
        """Return the last hidden activations (N, width)."""
        return self.hidden(x.flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.features(x)).flatten()


def _hidden_layers(size: int, width: int, depth: int, activation: Callable[[], nn.Module]) -> nn.Sequential:
    sizes = [size] + [width] * depth
    layers = [(nn.Linear(i, o), activation()) for i, o in pairwise(sizes)]
    return nn.Sequential(*[module for pair in layers for module in pair])
