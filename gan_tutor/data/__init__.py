"""What a GAN learns from: known densities and image sets, behind one small interface.

A *source* has `shape` (of one sample), `range` ((low, high), or None if unbounded) and `sample(n, generator)`, which
returns float32 samples (n, *shape) on the source's device.
"""

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor

from gan_tutor.data.densities import (
    Curve,
    Mixture,
    gaussian,
    grid,
    mixture_1d,
    point,
    ring,
    swiss_roll,
    two_moons,
)
from gan_tutor.data.images import ImageSet, digits, fashion, torchvision_set

__all__ = [
    "Curve",
    "ImageSet",
    "Mixture",
    "Source",
    "batches",
    "digits",
    "fashion",
    "gaussian",
    "grid",
    "mixture_1d",
    "point",
    "ring",
    "swiss_roll",
    "torchvision_set",
    "two_moons",
]


class Source(Protocol):
    """What every density and image set offers."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        ...

    @property
    def range(self) -> tuple[float, float] | None:
        """Bounds of a sample's values, or None."""
        ...

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n samples (n, *shape)."""
        ...


def batches(source: Source, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield independent real batches (batch_size, *shape) for ever, drawn with replacement on the source's device.

    All state is in `generator`: restoring it continues the sequence exactly.

    Raises:
        ValueError: `batch_size` is below 1.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")

    def draw() -> Iterator[Tensor]:
        while True:
            yield source.sample(batch_size, generator)

    return draw()
