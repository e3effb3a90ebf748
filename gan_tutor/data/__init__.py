"""What a GAN learns from: known densities and image sets, behind one small interface.

A *source* has `shape` (of one sample), `range` ((low, high), or None if unbounded) and `sample(n, generator)`, which
returns float32 samples (n, *shape) on the source's device.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Protocol

import torch
from torch import Tensor

from gan_tutor.data.augmentation import Augmented
from gan_tutor.data.densities import (
    Curve,
    Mixture,
    drawn,
    gaussian,
    grid,
    mixture_1d,
    point,
    ring,
    swiss_roll,
    two_moons,
)
from gan_tutor.data.images import ImageSet, digits, fashion, torchvision_set
from gan_tutor.data.stacked import StackedDigits, stacked_digits
from gan_tutor.share import ALONE, Rows, Share

__all__ = [
    "Augmented",
    "Curve",
    "ImageSet",
    "Labelled",
    "Mixture",
    "Source",
    "StackedDigits",
    "batches",
    "digits",
    "drawn",
    "fashion",
    "gaussian",
    "grid",
    "labelled_batches",
    "mixture_1d",
    "point",
    "ring",
    "stacked_digits",
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

    def to(self, device: str | torch.device) -> "Source":
        """Return the source with its tensors on the device."""
        ...


class Labelled(Protocol):
    """A source that also says what each sample is: an image set, or a mixture with its component's number."""

    def sample_labelled(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Draw n samples (n, *shape) and their labels (n, ...)."""
        ...


def batches(source: Source, batch_size: int, generator: torch.Generator, share: Share = ALONE) -> Iterator[Tensor]:
    """Yield independent real batches (batch_size, *shape) for ever, drawn with replacement on the source's device.

    All state is in `generator`: restoring it continues the sequence exactly. Of several processes each yields its own
    rows (batch_size / ranks, *shape) of the same batches.

    Raises:
        ValueError: `batch_size` is below 1, or cannot be shared out equally.
    """
    return _for_ever(source.sample, batch_size, generator, share)


def labelled_batches(
    source: Labelled, batch_size: int, generator: torch.Generator, share: Share = ALONE
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the samples that `batches` yields, each batch with its labels (batch_size, ...).

    Raises:
        ValueError: `batch_size` is below 1 or cannot be shared out equally, or the source has no labels.
    """
    if not hasattr(source, "sample_labelled"):
        raise ValueError(f"{source!r} has no labels: use an image set or a mixture, or data.batches")
    return _for_ever(source.sample_labelled, batch_size, generator, share)


def _for_ever(
    draw: Callable[[int, torch.Generator], Rows], n: int, generator: torch.Generator, share: Share
) -> Iterator[Rows]:
    if n < 1:
        raise ValueError(f"batch_size must be at least 1, got {n}")
    own = share.rows(n)

    def batch(_: None) -> Rows:
        return share.own(lambda rows: draw(rows, generator), own)

    return map(batch, itertools.repeat(None))  # no generator: an interrupt would end it
