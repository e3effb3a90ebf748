"""Mode coverage of samples from a known mixture: how many modes, how sharp, how evenly."""

import math
from typing import NamedTuple, Protocol

import numpy as np
import torch
from scipy import stats
from scipy.special import xlogy
from torch import Tensor

EXACT = 300  # samples up to which a perfect sampler's reverse KL is summed, and not approximated


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
        samples: Points (N, d), of any number type and on any device. Distances are taken in float64 on the CPU, so that
            a small sigma far from the origin is not lost in rounding, nor in a GPU's TF32.
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
    points, means, sigmas = (x.detach().cpu().double() for x in (samples, mixture.means, mixture.sigmas))
    # Differences first: the shortcut through a matrix product loses a small sigma far from the origin.
    distance, nearest = torch.cdist(points, means, compute_mode="donot_use_mm_for_euclid_dist").min(dim=1)
    good = distance < 3 * sigmas[nearest]
    counts = torch.bincount(nearest[good], minlength=len(means))
    share = counts.double() / counts.sum()
    weights = mixture.weights.detach().cpu()
    kl = torch.xlogy(share, share / weights).sum().item() if counts.sum() else math.inf
    return Coverage(int((counts >= min_count).sum()), good.double().mean().item(), kl, counts)


def perfect_sampler(mixture: Mixture, n: int) -> Coverage:
    """Return what `coverage` expects of n exact samples of a mixture whose modes lie far apart.

    Quality: the chi-square probability of 3 sigma in d dimensions (0.9973, 0.9889 for d = 1, 2). Modes: the expected
    number that n samples hit. Reverse KL: its expectation, never 0 at a finite n. For more than 300 samples that is
    (K - 1) / (2 N) with N = n * quality; fewer samples leave modes empty, and then the sum over all counts is taken.

    Raises:
        ValueError: n is below 1.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    quality = torch.special.gammainc(
        *torch.tensor([mixture.means.shape[1] / 2, 4.5], dtype=torch.float32, device="cpu")
    ).item()
    weights = mixture.weights.detach().cpu().double()
    expected = weights * quality * n
    modes = (1 - (1 - weights * quality) ** n).sum()
    kl = (len(mixture.means) - 1) / (2 * quality * n) if n > EXACT else _expected_kl(weights, quality, n)
    return Coverage(round(modes.item()), quality, kl, expected)


def _expected_kl(weights: Tensor, quality: float, n: int) -> float:
    """Return E KL(shares || weights) of n samples, each of high quality with that chance, given that one is.

    Of N samples of high quality, c_k ~ B(N, w_k) lie in mode k, and E KL = sum_k E (c_k / N) log(c_k / (N w_k)).
    """
    count, sizes = np.arange(n + 1), np.arange(1, n + 1)[:, None]  # c across, N down
    share, kl = count / sizes, np.zeros(n)
    for weight, times in zip(*np.unique(weights.numpy(), return_counts=True), strict=True):
        kl += times * (stats.binom.pmf(count, sizes, weight) * xlogy(share, share / weight)).sum(1)
    chance = stats.binom.pmf(sizes[:, 0], n, quality)
    return float((chance * kl).sum() / chance.sum())
