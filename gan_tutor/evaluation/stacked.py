"""Stacked digits: how many of the 1000 modes a generator hits, and how evenly, by the shipped classifier."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from scipy import stats
from torch import Tensor

from gan_tutor.evaluation.features import feature_network

MODES = 1000
_CHUNK = 1000


class StackedScore(NamedTuple):
    """Modes hit, and how far the shares of the modes are from equal.

    Attributes:
        modes: Modes with at least one sample, 0 to 1000.
        kl: KL(shares of the samples || uniform) in nats: from 0 to log 1000 = 6.91.
        counts: Samples of each mode (1000,).
    """

    modes: int
    kl: float
    counts: Tensor


@torch.no_grad()
def stacked_score(images: Tensor, classify: Callable[[Tensor], Tensor] | None = None) -> StackedScore:
    """Count the modes of stacked digits: each channel is classified by itself.

    Every sample is given to a mode, however bad it looks: these numbers measure diversity, not quality. Compare with
    `perfect_stacked` at the same number of samples.

    Args:
        images: float (N, 3, 28, 28) in [-1, 1].
        classify: Maps grey images (N, 1, 28, 28) to logits (N, 10); the shipped digits classifier by default.

    Raises:
        ValueError: The images have another shape or range.

    Source: metz2017unrolled, srivastava2017veegan.
    """
    if images.ndim != 4 or images.shape[1:] != (3, 28, 28) or len(images) == 0:
        raise ValueError(
            f"images must have shape (N, 3, 28, 28) with N >= 1, got {tuple(images.shape)}; draw them from a "
            "generator of stacked digits"
        )
    classify = classify or feature_network("digits")
    digits = [classify(chunk.reshape(-1, 1, 28, 28)).argmax(1).view(-1, 3) for chunk in images.split(_CHUNK)]
    hundreds, tens, ones = torch.cat(digits).cpu().unbind(1)
    counts = torch.bincount(100 * hundreds + 10 * tens + ones, minlength=MODES)
    share = counts.double() / counts.sum()
    kl = torch.xlogy(share, share * MODES).sum().item()
    return StackedScore(int((counts > 0).sum()), max(kl, 0.0), counts)


def perfect_stacked(n: int) -> tuple[float, float]:
    """Return what n exact samples are expected to score: (modes, kl). At no finite n are they (1000, 0).

    A mode's count c is binomial, B(n, 1/1000), so E[modes] = 1000 (1 - .999^n) and E[kl] = log 1000 + 1000 E[c/n log
    c/n], both summed exactly. For n well above 1000 the second is about 999 / (2n).

    Raises:
        ValueError: n is below 1.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    count = torch.arange(n + 1, dtype=torch.float64, device="cpu")
    chance = torch.from_numpy(stats.binom.pmf(count.numpy(), n, 1 / MODES))
    share = count / n
    kl = math.log(MODES) + MODES * float((chance * torch.xlogy(share, share)).sum())
    return MODES * (1 - (1 - 1 / MODES) ** n), kl
