"""Differentiable augmentation: D sees every image, real or generated, changed at random in the same ways.

With few images D learns them by heart. Augmenting the real ones alone teaches G the augmentation. Augmenting both,
inside D, does not: G's gradient flows back through the change that its image underwent.
"""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan_tutor.share import ALONE, Share

DRAWS = 7  # uniform numbers for each image: three for colour, two for a shift, two for a hole


class DiffAugmented(nn.Module):
    """D(T(x)) with a fresh random change T for every image at every call.

    A penalty of D(T(.)) is the gradient at the image before its change, through the change.

    Args:
        D: A discriminator of images (N, C, H, W) in [-1, 1].
        policy: What T may do, in order, with commas between: "color", "translation", "cutout".
        generator: Source of the changes.
        share: This process's share of every batch that D sees.
        batches: How many batches a call holds, one after the other: 2 for `penalties.r1_r2`, which asks about real and
            generated samples at once. It matters only to several processes.

    Raises:
        ValueError: The policy is empty, or names another change or one twice.

    Source: zhao2020diffaugment. Differs: R1 and R2 draw changes of their own; in one of the authors' two losses the
    penalty shares those of D's logits, in the other it is the gradient at the changed image.
    """

    def __init__(
        self, D: nn.Module, policy: str, generator: torch.Generator, share: Share = ALONE, batches: int = 1
    ) -> None:
        super().__init__()
        self.network, self.policy = D, changes(policy)
        self.generator, self.share, self.batches = generator, share, batches

    def forward(self, x: Tensor, *condition: Tensor) -> Tensor:
        return self.network(self._changed(x), *condition)

    def features(self, x: Tensor, *condition: Tensor) -> Tensor:
        """Return the features (N, F) of the changed images."""
        return cast(Callable[..., Tensor], self.network.features)(self._changed(x), *condition)

    def classify(self, x: Tensor) -> Tensor:
        """Return the class logits (N, classes) of the changed images."""
        return cast(Callable[..., Tensor], self.network.classify)(self._changed(x))

    def _changed(self, x: Tensor) -> Tensor:
        def draw(n: int) -> Tensor:
            return torch.rand(n, DRAWS, generator=self.generator, device=x.device, dtype=torch.float32)

        return diffaugment(x, self.policy, self.share.own(draw, len(x), self.batches))


def diffaugment(x: Tensor, policy: tuple[str, ...], u: Tensor) -> Tensor:
    """Return the images, each changed as its uniform numbers say; differentiable in x, twice.

    color: brightness + [-1/2, 1/2), saturation times [0, 2), contrast times [1/2, 3/2), in this order. translation: by
    up to an eighth of the sides, to the nearest pixel, with 0 moved in. cutout: a square of half the sides set to 0,
    its centre anywhere.

    Args:
        x: Images (N, C, H, W).
        policy: Names of the changes, as from `changes`.
        u: Numbers (N, 7) in [0, 1).
    """
    for name in policy:
        x = _CHANGES[name](x, u)
    return x


def changes(policy: str) -> tuple[str, ...]:
    """Return the names of a policy's changes.

    Raises:
        ValueError: The policy is empty, or names another change or one twice.
    """
    names = tuple(policy.split(","))
    if not set(names) <= set(_CHANGES) or len(set(names)) < len(names):
        raise ValueError(
            f'diffaugment must be some of {", ".join(_CHANGES)} with commas between and no spaces, got "{policy}"'
        )
    return names


def _color(x: Tensor, u: Tensor) -> Tensor:
    brightness, saturation, contrast = (u[:, k, None, None, None] for k in range(3))
    x = x + (brightness - 0.5)
    grey = x.mean(dim=1, keepdim=True)
    x = (x - grey) * (2 * saturation) + grey
    middle = x.mean(dim=(1, 2, 3), keepdim=True)
    return (x - middle) * (contrast + 0.5) + middle


def _translation(x: Tensor, u: Tensor) -> Tensor:
    n, channels, height, width = x.shape
    rows, columns = (
        _place(u[:, 3 + k], -((side + 4) // 8), (side + 4) // 8) + torch.arange(side, device=x.device) + 1
        for k, side in enumerate((height, width))
    )
    # A border of zeros, which every pixel from outside the image is taken from.
    rows, columns = rows.clamp(0, height + 1), columns.clamp(0, width + 1)
    x = F.pad(x, (1, 1, 1, 1)).gather(2, rows[:, None, :, None].expand(n, channels, height, width + 2))
    return x.gather(3, columns[:, None, None, :].expand(n, channels, height, width))


def _cutout(x: Tensor, u: Tensor) -> Tensor:
    holes = []
    for k, side in enumerate(x.shape[2:]):
        hole = side // 2
        first = _place(u[:, 5 + k], 0, side - hole % 2) - hole // 2
        places = torch.arange(side, device=x.device)
        holes.append((places >= first) & (places < first + hole))
    rows, columns = holes
    return x * ~(rows[:, None, :, None] & columns[:, None, None, :])


def _place(u: Tensor, low: int, high: int) -> Tensor:
    """Return whole numbers (N, 1), each of low, ..., high equally likely."""
    return (u[:, None] * (high - low + 1)).long().clamp(max=high - low) + low


_CHANGES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "color": _color,
    "translation": _translation,
    "cutout": _cutout,
}
