"""Closed forms and exact computations: the optimal discriminator, divergences, Wasserstein distances.

Here p is the data's density and q the generator's, as functions of points (N, d) that return log densities in nats.
"""

from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn.functional import logsigmoid

LogDensity = Callable[[Tensor], Tensor]


def optimal_logit(log_p: LogDensity, log_q: LogDensity, x: Tensor) -> Tensor:
    """Return log p(x) - log q(x), shape (N,): the logit of the discriminator that no other beats.

    Source: goodfellow2014gan.
    """
    return log_p(x) - log_q(x)


def optimal_discriminator(log_p: LogDensity, log_q: LogDensity, x: Tensor) -> Tensor:
    """Return D*(x) = p(x) / (p(x) + q(x)), in [0, 1], shape (N,). Source: goodfellow2014gan, proposition 1."""
    return optimal_logit(log_p, log_q, x).sigmoid()


@torch.no_grad()
def game_value(
    log_p: LogDensity, log_q: LogDensity, logit: Callable[[Tensor], Tensor], points: Tensor, cell: float
) -> float:
    """Return V(G, D) = E_p log D(x) + E_q log(1 - D(x)) in nats, by quadrature.

    Args:
        log_p: Log density of the data.
        log_q: Log density of the generator.
        logit: D's logits (N,) at points (N, d).
        points: Regular grid of points (N, d) that holds almost all mass of both.
        cell: Volume of a grid cell.
    """
    answers = logit(points).double()
    p, q = log_p(points).double().exp(), log_q(points).double().exp()
    return ((p * logsigmoid(answers) + q * logsigmoid(-answers)).sum() * cell).item()


def kl(log_p: LogDensity, log_q: LogDensity, points: Tensor, cell: float) -> float:
    """Return KL(p || q) = E_p [log p - log q] in nats, by quadrature on a regular grid of points (N, d)."""
    a, b = log_p(points).double(), log_q(points).double()
    return ((a.exp() * (a - b)).sum() * cell).item()


def jsd(log_p: LogDensity, log_q: LogDensity, points: Tensor, cell: float) -> float:
    """Return the Jensen-Shannon divergence KL(p||m)/2 + KL(q||m)/2, m = (p + q)/2, in nats: from 0 to log 2.

    By quadrature on a regular grid of points (N, d) with cells of volume `cell`.
    """

    def log_m(x: Tensor) -> Tensor:
        return torch.logaddexp(log_p(x), log_q(x)) - np.log(2)

    return (kl(log_p, log_m, points, cell) + kl(log_q, log_m, points, cell)) / 2


def wasserstein_1d(a: Tensor, b: Tensor) -> float:
    """Return the Wasserstein-1 distance of two samples of N numbers: E |a_(i) - b_(i)| of sorted values, in data units.

    Raises:
        ValueError: The samples are not of equal shape (N,).
    """
    if a.ndim != 1 or a.shape != b.shape or len(a) == 0:
        raise ValueError(f"a and b must both have shape (N,), got {tuple(a.shape)} and {tuple(b.shape)}")
    return (a.double().sort().values - b.double().sort().values).abs().mean().item()


def wasserstein(a: Tensor, b: Tensor) -> float:
    """Return the exact Wasserstein-1 distance of two samples (N, d), in data units, by optimal assignment.

    The cost is Euclidean; time grows like N^3: 500 points take about 10 ms, 2000 about half a second.

    Raises:
        ValueError: The samples are not of equal shape (N, d).
    """
    if a.ndim != 2 or a.shape != b.shape or len(a) == 0:
        raise ValueError(f"a and b must both have shape (N, d), got {tuple(a.shape)} and {tuple(b.shape)}")
    cost = torch.cdist(a.double(), b.double()).cpu().numpy()
    return float(cost[linear_sum_assignment(cost)].mean())
