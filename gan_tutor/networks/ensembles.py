"""Several samples, several discriminators or several generators as one module, for the ordinary steps.

`d_step`, `g_step` and `train` know nothing of them: a pack, a jury and a team are modules like any other.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

Network = Callable[[Tensor], Tensor]


class Packed(nn.Module):
    """A D that judges m samples together: (N, ...) -> logits (N / m,), from consecutive samples.

    A pack is one sample with m times the coordinates, or m times the channels: (N, C, ...) becomes (N / m, m C, ...).
    All of its samples have the same label, so D sees how different they are from each other. Gradient penalties are
    means over the N samples, each with the gradient of its own pack's logit: a pack's squared gradient norm is m times
    that mean.

    Args:
        D: A discriminator of samples with m C coordinates or channels.
        m: Samples in a pack; 1 changes nothing.

    Raises:
        ValueError: m is below 1, or, when called, does not divide N.

    Source: lin2018pacgan.
    """

    def __init__(self, D: nn.Module, m: int) -> None:
        super().__init__()
        if m < 1:
            raise ValueError(f"m must be at least 1, got {m}; 1 judges every sample alone")
        self.D, self.m = D, m

    def features(self, x: Tensor) -> Tensor:
        """Return D's features (N / m, F) of the packs."""
        return cast(Network, self.D.features)(self._packs(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.D(self._packs(x))

    def _packs(self, x: Tensor) -> Tensor:
        if len(x) % self.m or not len(x):
            raise ValueError(f"a batch must be a multiple of m = {self.m} samples, got {len(x)}; choose another size")
        return x.reshape(len(x) // self.m, self.m * x.shape[1], *x.shape[2:])


class Discriminators(nn.Module):
    """K discriminators as one: (N, ...) -> their logits one after the other, (K N,).

    Every loss is a mean over logits, so D's loss is the mean of the K losses, each D_k gets 1/K of its own gradient,
    and G plays against the mean: GMAN's arithmetic mean. Wrap a penalty in `each` to take it of every D_k alone; taken
    of the whole it would see the gradient of their sum.

    Args:
        networks: D_1, ..., D_K, at least one. They differ by their initial weights, or in any other way.

    Raises:
        ValueError: There are none.

    Source: durugkar2017gman. Differs: the paper also studies harsher means, up to the maximum of the K losses.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(_some(networks))

    def features(self, x: Tensor) -> Tensor:
        """Return the features of all, side by side (N, F_1 + ... + F_K)."""
        return torch.cat([cast(Network, D.features)(x) for D in self.networks], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([D(x) for D in self.networks])


def each(penalty: Callable[[Any, Tensor, Tensor], Tensor]) -> Callable[[Any, Tensor, Tensor], Tensor]:
    """Return the mean over the members of `Discriminators` of a penalty (D, x_real, x_fake) -> scalar."""

    def mean(D: Any, x_real: Tensor, x_fake: Tensor) -> Tensor:
        return torch.stack([penalty(member, x_real, x_fake) for member in D.networks]).mean()

    return mean


class Generators(nn.Module):
    """K generators as one: z (N, latent_dim) -> samples (N, ...), sample i made by generator i modulo K.

    The mixture of their K densities in equal shares.

    Args:
        networks: G_1, ..., G_K, at least one, of equal `output_range`.

    Raises:
        ValueError: There are none, or their ranges differ.

    Source: hoang2018mgan, ghosh2018madgan. Differs: there a classifier, or D itself, must also tell which generator
    made a sample, which pushes the generators apart. Here nothing forbids two of them the same mode.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(_some(networks))
        ranges = {cast(Any, G.output_range) for G in networks}
        if len(ranges) > 1:
            raise ValueError(f"all generators must have one output range, got {ranges}; build them alike")
        self.output_range = ranges.pop()

    def forward(self, z: Tensor) -> Tensor:
        k = len(self.networks)
        makers = torch.arange(len(z), device=z.device) % k
        order = makers.argsort(stable=True)
        made = torch.cat([G(z[i::k]) for i, G in enumerate(self.networks) if i < len(z)])
        return made[order.argsort()]


def _some(networks: Sequence[nn.Module]) -> Sequence[nn.Module]:
    if not networks:
        raise ValueError("give at least one network, got none")
    return networks
