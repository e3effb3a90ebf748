"""More images out of a set: mirrored and shifted ones, made on the device from the batch that was drawn."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from gan_tutor.data.images import ImageSet

WAYS = ("flip", "flip_crop")


@dataclass(frozen=True, eq=False)
class Augmented:
    """An image set as a source of images that are mirrored with probability 1/2, and perhaps shifted.

    G learns the augmented distribution: mirror only what may be mirrored. A shift is a crop of the whole size from the
    image with its border reflected, by up to an eighth of the sides.

    Args:
        source: The images.
        how: "flip", or "flip_crop" for both.

    Raises:
        ValueError: `how` is something else.
    """

    source: ImageSet
    how: str

    def __post_init__(self) -> None:
        if self.how not in WAYS:
            raise ValueError(f"how must be one of {', '.join(WAYS)}, got {self.how!r}")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image, (C, H, W)."""
        return self.source.shape

    @property
    def range(self) -> tuple[float, float]:
        """Range of a sample's values: [-1, 1]."""
        return self.source.range

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n augmented images (n, C, H, W), float32 in [-1, 1].

        Raises:
            ValueError: n is below 1.
        """
        return self._augmented(self.source.sample(n, generator), generator)

    def sample_labelled(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Draw n augmented images as `sample` does, and their labels (n, ...).

        Raises:
            ValueError: n is below 1.
        """
        x, y = self.source.sample_labelled(n, generator)
        return self._augmented(x, generator), y

    def to(self, device: str | torch.device) -> "Augmented":
        """Return the source with its images on `device`."""
        return replace(self, source=self.source.to(device))

    def _augmented(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        mirrored = torch.rand(len(x), 1, 1, 1, generator=generator, device=x.device, dtype=torch.float32) < 0.5
        x = torch.where(mirrored, x.flip(3), x)
        return _shifted(x, generator) if self.how == "flip_crop" else x


def _shifted(x: Tensor, generator: torch.Generator | None) -> Tensor:
    n, channels, height, width = x.shape
    most = height // 8, width // 8
    rows, columns = (
        torch.randint(2 * m + 1, (n, 1), generator=generator, device=x.device) + torch.arange(side, device=x.device)
        for m, side in zip(most, (height, width), strict=True)
    )
    wide = F.pad(x, (most[1], most[1], most[0], most[0]), mode="reflect")
    wide = wide.gather(2, rows[:, None, :, None].expand(n, channels, height, wide.shape[3]))
    return wide.gather(3, columns[:, None, None, :].expand(n, channels, height, width))
