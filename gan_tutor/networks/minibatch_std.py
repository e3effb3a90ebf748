"""Minibatch standard deviation: tell D how different the samples of a batch are."""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn


class MinibatchStd(nn.Module):
    """Append one number to every sample: how much the samples of its group differ.

    s = mean over coordinates of the standard deviation over the group, in data units. Points (N, F) become (N, F + 1);
    images (N, C, H, W) get s as a constant channel more. Groups are consecutive: if `group` divides N,
    a penalty that passes real and generated samples at once does not mix them. A gradient at a sample includes its
    share in s, so penalties no longer see each sample on its own.

    Args:
        group: Samples in a group; the last group may be smaller. None takes the whole batch as one group.

    Raises:
        ValueError: group is below 2: one sample does not differ from itself.

    Source: karras2018progressive. Differs: groups there are strided, which for independent samples is the same.
    """

    def __init__(self, group: int | None = 4) -> None:
        super().__init__()
        if group is not None and group < 2:
            raise ValueError(f"group must be at least 2 or None for the whole batch, got {group}")
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self._appended(part) for part in x.split(self.group or max(len(x), 1))])

    def _appended(self, x: Tensor) -> Tensor:
        # The square root has an infinite slope at 0, where all samples of a group agree.
        s = (x.var(dim=0, correction=0) + 1e-8).sqrt().mean()
        return torch.cat([x, s.expand(len(x), 1, *x.shape[2:])], dim=1)


class WithMinibatchStd(nn.Module):
    """D with the spread of its batch beside every sample: x -> D(MinibatchStd(x)).

    Args:
        D: A discriminator of samples with one coordinate or channel more.
        group: Samples in a group, as in `MinibatchStd`.

    Source: karras2018progressive. Differs: there the layer comes late in D, on its features; a small D in the plane
    gets the spread of the points themselves.
    """

    def __init__(self, D: nn.Module, group: int | None = 4) -> None:
        super().__init__()
        self.D, self.std = D, MinibatchStd(group)

    def features(self, x: Tensor) -> Tensor:
        """Return D's features (N, F) of the samples with their spread."""
        return cast(Callable[[Tensor], Tensor], self.D.features)(self.std(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.D(self.std(x))
