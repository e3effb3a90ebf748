"""Distances between two sets of feature vectors: Fréchet, kernel, precision and recall, density and coverage.

They take feature tensors `(N, F)`, not images, and compute in float64 on the CPU. Called on Inception
features the first two are known as FID and KID; on other features a number only compares with numbers from
the same network.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

# Rows per block of a pairwise matrix: 1000 x 50,000 float64 is 400 MB.
_BLOCK = 1000


class PrecisionRecall(NamedTuple):
    """Share of fakes that look real, and share of reals that the fakes reach; both in [0, 1]."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """Real balls that hold a fake, over k (1 is as dense as real data); share of real balls that hold any."""

    density: float
    coverage: float


def frechet_distance(a: Tensor, b: Tensor) -> float:
    r"""Squared Fréchet distance between the Gaussians fitted to two feature sets.

    ||mu_a - mu_b||^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)), with covariances S divided by N - 1.

    Biased upwards at finite N: compare at equal sizes and beside the real-vs-real floor.

    Args:
        a: features `(N, F)`, N >= 2.
        b: features `(M, F)`, M >= 2; fewer rows than F are allowed.

    Returns:
        Squared feature units, at least 0; 0 for identical sets.

    Raises:
        ValueError: if shapes do not fit, a set has fewer than 2 rows, or a value is not finite.

    Source: heusel2017ttur.

    Example:
        >>> x = torch.tensor([[0.0, 1.0], [2.0, 0.0], [1.0, 2.0]])
        >>> round(frechet_distance(x, x + torch.tensor([3.0, 4.0])), 6)
        25.0
    """
    a, b = checked(a, b, at_least=2)
    mean_a, root_a = _mean_and_root(a)
    mean_b, root_b = _mean_and_root(b)
    # S = R^T R, so tr (S_a S_b)^(1/2) sums the singular values of R_a R_b^T: no root of a noisy eigenvalue.
    overlap = torch.linalg.svdvals(root_a @ root_b.T).sum()
    distance = (mean_a - mean_b).square().sum() + root_a.square().sum() + root_b.square().sum() - 2 * overlap
    return max(float(distance), 0.0)


def _mean_and_root(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean `(F,)` and triangular R `(min(N, F), F)` with R^T R the covariance."""
    mean = x.mean(0)
    _, root = torch.linalg.qr((x - mean) / (len(x) - 1) ** 0.5, mode="r")
    return mean, root


def frechet_infinity(a: Tensor, b: Tensor, *, generator: torch.Generator, points: int = 15) -> float:
    """Extrapolate the Fréchet distance to infinitely many samples.

    The distance of n against n samples is about d + c / n. Fit a line in 1 / n to random subsets of both sets, of
    `points` sizes from a fifth of the smaller set to all of it, and return its intercept d. For a small size all
    disjoint subsets are averaged. Less bias, more variance: several times that of `frechet_distance`.

    Args:
        a: features `(N, F)`.
        b: features `(M, F)`.
        generator: chooses the subsets.
        points: sizes, at least 2.

    Returns:
        Squared feature units; about 0 for two draws of one distribution, and then as often below as above.

    Raises:
        ValueError: as for `frechet_distance`, or a set has fewer than 10 rows or `points` < 2.

    Source: chong2020unbiased. Differs: both sets shrink, which removes the bias of both; there only the generated one.
    """
    if points < 2:
        raise ValueError(f"points must be at least 2, got {points}")
    a, b = checked(a, b, at_least=10)
    n = min(len(a), len(b))
    sizes = torch.linspace(n // 5, n, points, dtype=torch.float32, device="cpu").round().long().tolist()
    found = []
    for size in sizes:
        parts = zip(_parts(a, size, generator), _parts(b, size, generator), strict=False)
        found.append(float(np.mean([frechet_distance(*pair) for pair in parts])))
    design = np.array([[1.0, 1 / size] for size in sizes])
    return float(np.linalg.lstsq(design, np.array(found), rcond=None)[0][0])


def _parts(x: Tensor, n: int, generator: torch.Generator) -> list[Tensor]:
    """Cut a set into disjoint random subsets of n rows; the rest is left out."""
    order = torch.randperm(len(x), generator=generator, device=generator.device).cpu()
    return [x[order[k * n : (k + 1) * n]] for k in range(len(x) // n)]


def kernel_distance(a: Tensor, b: Tensor) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel k(x, y) = (x.y / F + 1)^3.

    mean of k(a_i, a_j) over i != j + mean of k(b_i, b_j) over i != j - 2 mean of k(a_i, b_j).

    Unbiased at any N: about 0, and below 0 half of the time, when both sets come from one distribution. It
    uses all pairs; Bińkowski et al. average it over subsets of 1000, which has the same expectation.

    Args:
        a: features `(N, F)`, N >= 2.
        b: features `(M, F)`, M >= 2.

    Returns:
        Units of the kernel (the sixth power of a feature unit once features are large); can be negative.

    Raises:
        ValueError: if shapes do not fit, a set has fewer than 2 rows, or a value is not finite.

    Source: binkowski2018mmd.
    """
    a, b = checked(a, b, at_least=2)
    n, m = len(a), len(b)
    within_a = (_kernel_sum(a, a) - _kernel(a.square().sum(1), a.shape[1]).sum()) / (n * (n - 1))
    within_b = (_kernel_sum(b, b) - _kernel(b.square().sum(1), b.shape[1]).sum()) / (m * (m - 1))
    return float(within_a + within_b - 2 * _kernel_sum(a, b) / (n * m))


def _kernel(product: Tensor, features: int) -> Tensor:
    return (product / features + 1) ** 3


def _kernel_sum(a: Tensor, b: Tensor) -> Tensor:
    sums = [_kernel(block @ b.T, a.shape[1]).sum() for block in a.split(_BLOCK)]
    return torch.stack(sums).sum()


def precision_recall(real: Tensor, fake: Tensor, k: int = 3) -> PrecisionRecall:
    """Improved precision and recall: is a sample within the other set's k-nearest-neighbour balls?

    Precision is the share of fakes that lie in the ball of at least one real sample, whose radius is the
    distance to that sample's k-th nearest other real; recall is the same with the sets exchanged. Both depend
    on the size of the set whose balls are used. A small set has large balls, because its samples lie far
    apart, so it covers too much: 10 real images of digits have a recall of 1, 100 and 1000 have .87. Compare
    at equal sizes.

    Args:
        real: features `(N, F)`, N > k.
        fake: features `(M, F)`, M > k.
        k: neighbour that gives the radius, at least 1.

    Returns:
        `PrecisionRecall(precision, recall)`, each in [0, 1]; (1, 1) for identical sets.

    Raises:
        ValueError: if shapes do not fit, a set has too few rows, `k` < 1, or a value is not finite.

    Source: kynkaanniemi2019precision.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    real, fake = checked(real, fake, at_least=k + 1)
    return PrecisionRecall(precision=_covered(fake, real, k), recall=_covered(real, fake, k))


def density_coverage(real: Tensor, fake: Tensor, k: int = 5) -> DensityCoverage:
    """Density and coverage: the k-nearest-neighbour balls of the real samples only, counted.

    Density is the mean number of real balls that a fake lies in, divided by k; coverage the share of real balls that
    hold at least one fake. One outlier among the fakes cannot raise either, as it can raise recall. Expected of a
    perfect generator: density 1 and `expected_coverage(N, M, k)`.

    Args:
        real: features `(N, F)`, N > k.
        fake: features `(M, F)`, M > k.
        k: neighbour that gives the radius, at least 1.

    Returns:
        `DensityCoverage(density, coverage)`: density at least 0 and possibly above 1, coverage in [0, 1].

    Raises:
        ValueError: if shapes do not fit, a set has too few rows, `k` < 1, or a value is not finite.

    Source: naeem2020density.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    real, fake = checked(real, fake, at_least=k + 1)
    radii = _radii(real, k)
    held = [
        _pairwise(block, fake) < radius[:, None]
        for block, radius in zip(real.split(_BLOCK), radii.split(_BLOCK), strict=True)
    ]
    counts = torch.cat([block.sum(1) for block in held])
    return DensityCoverage(density=float(counts.sum()) / (k * len(fake)), coverage=float((counts > 0).double().mean()))


def expected_coverage(n_real: int, n_fake: int, k: int = 5) -> float:
    """Return the coverage that a perfect generator is expected to get: 1 - prod_j (N - j) / (N + M - j), j = 1..k.

    A real ball stays empty if its centre's k nearest neighbours, among all other samples, are all real. For N = M this
    is about 1 - 2^-k, so .97 for k = 5.

    Raises:
        ValueError: A set has no more than k samples.

    Source: naeem2020density.
    """
    if not 1 <= k < min(n_real, n_fake):
        raise ValueError(f"both sets must hold more than k >= 1 samples, got {n_real} and {n_fake} for k = {k}")
    empty = 1.0
    for j in range(1, k + 1):
        empty *= (n_real - j) / (n_real + n_fake - j)
    return 1 - empty


def _covered(samples: Tensor, centres: Tensor, k: int) -> float:
    """Share of `samples` inside at least one ball around `centres`."""
    radii = _radii(centres, k)
    inside = [(_pairwise(block, centres) <= radii).any(1) for block in samples.split(_BLOCK)]
    return float(torch.cat(inside).double().mean())


def _radii(centres: Tensor, k: int) -> Tensor:
    """Distance of each centre (N, F) to its k-th nearest other one, (N,)."""
    # A centre's nearest neighbour is itself, at distance exactly 0: the k-th other one is number k + 1.
    return torch.cat([_pairwise(block, centres).kthvalue(k + 1, dim=1).values for block in centres.split(_BLOCK)])


def nearest(samples: Tensor, centres: Tensor) -> Tensor:
    """Distance of each sample (M, F) to the nearest centre (N, F): (M,), in feature units."""
    return torch.cat([_pairwise(block, centres).amin(1) for block in samples.split(_BLOCK)])


def _pairwise(a: Tensor, b: Tensor) -> Tensor:
    # The shortcut through a matrix product loses the zeros that identical sets rely on.
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def checked(a: Tensor, b: Tensor, *, at_least: int) -> tuple[Tensor, Tensor]:
    """Return two feature sets in float64 on the CPU, or say what is wrong with them.

    Raises:
        ValueError: Not (N, F) with one F, fewer than `at_least` rows, or a value that is not finite.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or a.shape[1] == 0:
        raise ValueError(
            f"both sets must be features of shape (N, F) with the same F, "
            f"got {tuple(a.shape)} and {tuple(b.shape)}; call network.features(images) first"
        )
    if min(len(a), len(b)) < at_least:
        raise ValueError(f"each set must have at least {at_least} rows, got {len(a)} and {len(b)}; draw more samples")
    # To the CPU before float64: some accelerators have none.
    a, b = a.detach().cpu().double(), b.detach().cpu().double()
    if not (a.isfinite().all() and b.isfinite().all()):
        raise ValueError("features must be finite, got NaN or infinity; check the generator's output first")
    return a, b
