"""Mode coverage of samples from a known mixture: how many modes, how sharp, how evenly."""

import math
from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Mixture(Protocol):
    """What is asked of a mixture, as `data.ring` makes it: centres (K, d), sigmas (K,) and weights (K,)."""

    name: str
    means: Tensor
    sigmas: Tensor
    weights: Tensor


class Coverage(NamedTuple):
    """Three numbers that only together describe a sample; each alone can be perfect for a bad generator.

    Attributes:
        modes: Modes hit by at least one high-quality sample, or by `min_count` of them.
        high_quality: Share of samples within 3 sigma of their nearest centre, in [0, 1].
        reverse_kl: KL(shares of the high-quality samples || the mixture's weights) in nats; infinite if there are none.
        counts: High-quality samples of each mode (K,).
    """

    modes: int
    high_quality: float
    reverse_kl: float
    counts: Tensor


def coverage(samples: Tensor, mixture: Mixture, *, min_count: int = 1) -> Coverage:
    """Measure samples (N, d) against the mixture they should come from.

    Compare with `perfect_sampler`: even exact samples do not reach quality 1 or reverse KL 0.

    Args:
        samples: Points (N, d).
        mixture: The true density; its sigmas must be positive.
        min_count: High-quality samples that a mode needs to count as hit; the published protocol is 1.

    Raises:
        ValueError: Shapes disagree, there are no samples, or a sigma is 0.

    Source: srivastava2017veegan, lin2018pacgan. Differs: the reverse KL counts high-quality samples only.
    """
    if samples.ndim != 2 or len(samples) == 0 or samples.shape[1] != mixture.means.shape[1]:
        raise ValueError(
            f"samples must have shape (N, {mixture.means.shape[1]}) with N >= 1, got {tuple(samples.shape)}"
        )
    if (mixture.sigmas == 0).any():
        raise ValueError(f"{mixture.name} has a sigma of 0: no sample can be within 3 sigma of it")
    distance, nearest = torch.cdist(samples, mixture.means).min(dim=1)
    good = distance < 3 * mixture.sigmas[nearest]
    counts = torch.bincount(nearest[good], minlength=len(mixture.means))
    share = counts.double() / counts.sum()
    kl = torch.xlogy(share, share / mixture.weights).sum().item() if counts.sum() else math.inf
    return Coverage(int((counts >= min_count).sum()), good.double().mean().item(), kl, counts)


def perfect_sampler(mixture: Mixture, n: int) -> Coverage:
    """Return what `coverage` expects of n exact samples of a mixture whose modes lie far apart.

    Quality: the chi-square probability of 3 sigma in d dimensions (0.9973, 0.9889 for d = 1, 2). Reverse KL: about
    (K - 1) / (2 N) for N high-quality samples, never 0 at a finite N. Modes: the expected number that n samples hit.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    quality = torch.special.gammainc(torch.tensor(mixture.means.shape[1] / 2), torch.tensor(4.5)).item()
    expected = mixture.weights.double() * quality * n
    modes = (1 - (1 - mixture.weights.double() * quality) ** n).sum()
    return Coverage(round(modes.item()), quality, (len(mixture.means) - 1) / (2 * quality * n), expected)
