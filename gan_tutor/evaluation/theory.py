"""Closed forms and exact computations: the optimal discriminator, divergences, Wasserstein distances.

Here p is the data's density and q the generator's, as functions of points (N, d) that return log densities in nats.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import identity, kron, vstack
from torch import Tensor
from torch.nn.functional import logsigmoid

LogDensity = Callable[[Tensor], Tensor]


def optimal_logit(log_p: LogDensity, log_q: LogDensity, x: Tensor) -> Tensor:
    """Return log p(x) - log q(x), shape (N,): the logit of the discriminator that no other beats.

    It is infinite where one density is 0, and NaN where both are: no sample ever lies there, so D may answer anything.

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
    return ((_weighted(p, logsigmoid(answers)) + _weighted(q, logsigmoid(-answers))).sum() * cell).item()


def kl(log_p: LogDensity, log_q: LogDensity, points: Tensor, cell: float) -> float:
    """Return KL(p || q) = E_p [log p - log q] in nats, by quadrature on a regular grid of points (N, d).

    Where p is 0 (a log density of minus infinity) a point counts nothing; where only q is 0, KL is infinite.
    """
    a, b = log_p(points).double(), log_q(points).double()
    return (_weighted(a.exp(), a - b).sum() * cell).item()


def _weighted(density: Tensor, values: Tensor) -> Tensor:
    """Return density * values, and 0 where the density is 0 even if the value there is infinite or undefined."""
    return torch.where(density > 0, density * values, 0.0)


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
    a, b = a.detach().cpu().double(), b.detach().cpu().double()
    return (a.sort().values - b.sort().values).abs().mean().item()


def wasserstein(a: Tensor, b: Tensor) -> float:
    """Return the exact Wasserstein-1 distance of two samples (N, d), in data units, by optimal assignment.

    The cost is Euclidean; time grows like N^3: 500 points take about 10 ms, 2000 about half a second.

    Raises:
        ValueError: The samples are not of equal shape (N, d).
    """
    if a.ndim != 2 or a.shape != b.shape or len(a) == 0:
        raise ValueError(f"a and b must both have shape (N, d), got {tuple(a.shape)} and {tuple(b.shape)}")
    # Differences, and no matrix product: that leaves a distance between equal points far from the origin.
    cost = torch.cdist(
        a.detach().cpu().double(), b.detach().cpu().double(), compute_mode="donot_use_mm_for_euclid_dist"
    ).numpy()
    return float(cost[linear_sum_assignment(cost)].mean())


def sliced_wasserstein(a: Tensor, b: Tensor, projections: int = 100, generator: torch.Generator | None = None) -> float:
    """Return the sliced Wasserstein-1 distance of two samples (N, ...), in data units: E_u W(u.a, u.b).

    u is uniform on the unit sphere of the d flattened coordinates; each projection is sorted, so time grows like
    projections * N (d + log N). It lies between 0 and the Wasserstein-1 distance. Samples that differ by a shift v have
    the expectation |v| Gamma(d/2) / (sqrt(pi) Gamma((d+1)/2)): 2/pi |v| in the plane, about sqrt(2 / (pi d)) |v| in
    many dimensions. So values of different d do not compare.

    Args:
        a: Samples (N, ...).
        b: Samples of the same shape.
        projections: Number of directions; the standard error falls like 1 / sqrt(projections).
        generator: Source of the directions, on the samples' device; torch's global one if None.

    Raises:
        ValueError: The samples are not of equal shape (N, ...), or `projections` is below 1.

    Source: bonneel2015sliced.
    """
    if a.ndim < 2 or a.shape != b.shape or a.numel() == 0:
        raise ValueError(f"a and b must both have shape (N, ...), got {tuple(a.shape)} and {tuple(b.shape)}")
    if projections < 1:
        raise ValueError(f"projections must be at least 1, got {projections}")
    rows, columns = a.flatten(1).double(), b.flatten(1).double()
    directions = torch.randn(rows.shape[1], projections, generator=generator, device=rows.device, dtype=rows.dtype)
    directions = directions / directions.norm(dim=0)
    gaps = (rows @ directions).sort(dim=0).values - (columns @ directions).sort(dim=0).values
    return gaps.abs().mean().item()


class Transport(NamedTuple):
    """The cheapest way to turn masses a into masses b, and the prices that prove it.

    Attributes:
        cost: sum_ij plan_ij cost_ij, in units of the cost matrix for total mass 1: the Wasserstein-1 distance if that
            holds distances.
        plan: Mass (N, M) moved from i to j; its rows sum to a, its columns to b.
        f: Dual potential (N,) of the rows: f_i + g_j <= cost_ij, with equality wherever plan_ij > 0.
        g: Dual potential (M,) of the columns; a.f + b.g = cost. Only f_i + g_j is determined, not f and g alone.
    """

    cost: float
    plan: Tensor
    f: Tensor
    g: Tensor


def transport(cost: Tensor, a: Tensor | None = None, b: Tensor | None = None) -> Transport:
    """Solve min sum_ij plan_ij cost_ij over plans >= 0 with row sums a and column sums b, as a linear program.

    For small problems with any masses: 100 x 100 points take about a tenth of a second. For equal masses `wasserstein`
    is faster.

    Args:
        cost: Cost matrix (N, M), such as `torch.cdist(x, y)`.
        a: Masses (N,), at least 0; equal shares of 1 if None.
        b: Masses (M,) with the same sum; equal shares of 1 if None.

    Raises:
        ValueError: A shape is wrong, a cost is not finite, a mass is negative, or the sums differ.

    Source: villani2009optimal, peyre2019computational.
    """
    if cost.ndim != 2 or cost.numel() == 0 or not cost.isfinite().all():
        raise ValueError(f"cost must be finite, of shape (N, M), got {tuple(cost.shape)}; use torch.cdist(x, y)")
    n, m = cost.shape
    rows = torch.full((n,), 1 / n, dtype=torch.float64, device="cpu") if a is None else a.detach().cpu().double()
    columns = torch.full((m,), 1 / m, dtype=torch.float64, device="cpu") if b is None else b.detach().cpu().double()
    if rows.shape != (n,) or columns.shape != (m,):
        raise ValueError(f"a and b must have shapes ({n},) and ({m},), got {tuple(rows.shape)}, {tuple(columns.shape)}")
    least, sums = min(rows.min(), columns.min()), (rows.sum(), columns.sum())
    if not (least >= 0 and sums[0] > 0 and abs(sums[0] - sums[1]) <= 1e-6 * sums[0]):
        raise ValueError(
            "masses must be at least 0 with equal positive sums, got the sums "
            f"{sums[0]:g} and {sums[1]:g} and the least mass {least:g}; divide each by its sum"
        )
    columns = columns * (sums[0] / sums[1])  # equal to the last bit, or no plan exists
    marginals = vstack([kron(identity(n), np.ones((1, m))), kron(np.ones((1, n)), identity(m))], format="csr")
    solved = linprog(
        cost.detach().cpu().double().numpy().ravel(),
        A_eq=marginals,
        b_eq=torch.cat([rows, columns]).numpy(),
        method="highs",
    )
    if not solved.success:
        raise ValueError(f"the linear program found no plan: {solved.message}")
    potentials = torch.from_numpy(np.array(solved.eqlin.marginals))
    return Transport(float(solved.fun), torch.from_numpy(solved.x).view(n, m), potentials[:n], potentials[n:])
