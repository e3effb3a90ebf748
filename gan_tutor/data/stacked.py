"""Stacked digits: three digits as the channels of one image, so 10 x 10 x 10 = 1000 modes that can be counted."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gan_tutor.data.images import ImageSet, Split, digits


@dataclass(frozen=True, eq=False)
class StackedDigits:
    """A source of images (3, H, W) whose channels are independent draws of a set of grey digits.

    The mode of an image is its three digits read as one number: 100 red + 10 green + blue. If the digits are class
    balanced, all 1000 modes are equally likely.

    Args:
        digits: Grey images (1, H, W) of ten classes.

    Raises:
        ValueError: The images are not grey, or there are not ten classes.

    Source: metz2017unrolled, srivastava2017veegan. Differs: fresh triples at every draw; there a set of triples is
    fixed beforehand.
    """

    digits: ImageSet

    def __post_init__(self) -> None:
        if self.digits.shape[0] != 1 or len(self.digits.classes) != 10:
            raise ValueError(f"digits must be grey images (1, H, W) of ten classes, got {self.digits!r}")

    @property
    def name(self) -> str:
        """Name of the source, for messages and file names."""
        return "stacked_digits"

    @property
    def device(self) -> torch.device:
        """Device that holds the digits."""
        return self.digits.device

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image, (3, H, W)."""
        return (3, *self.digits.shape[1:])

    @property
    def range(self) -> tuple[float, float]:
        """Range of a sample's values: [-1, 1]."""
        return self.digits.range

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n images (n, 3, H, W), float32 in [-1, 1]: 3 n digits with replacement.

        Raises:
            ValueError: n is below 1.
        """
        return self.sample_labelled(n, generator)[0]

    def sample_labelled(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Draw n images as `sample` does, and the number of each one's mode: int64 (n,), 0..999.

        Raises:
            ValueError: n is below 1.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        images, labels = self.digits.sample_labelled(3 * n, generator)
        return images.view(n, *self.shape), mode_number(labels.view(n, 3))

    def to(self, device: str | torch.device) -> "StackedDigits":
        """Return the source with its digits on `device`."""
        return StackedDigits(self.digits.to(device))


def mode_number(labels: Tensor) -> Tensor:
    """Read the three digits (N, 3) of each image as one number 0..999, (N,): red hundreds, green tens, blue ones."""
    hundreds, tens, ones = labels.unbind(1)
    return 100 * hundreds + 10 * tens + ones


def stacked_digits(split: Split = "train") -> StackedDigits:
    """Stack the embedded digits: 1000 equally likely modes in images of (3, 28, 28).

    Args:
        split: Which of the embedded digits to draw from: `"train"` (4000), `"test"` (1000) or `"all"`.

    Raises:
        ValueError: `split` is unknown.
    """
    return StackedDigits(digits(split))
