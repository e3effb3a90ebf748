"""Distances against closed forms, scipy, torchmetrics, scikit-learn and known cases."""

import sys

import numpy as np
import pytest
import torch
from scipy import linalg
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.neighbors import NearestNeighbors
from torch import nn

from gan_tutor.evaluation import inception
from gan_tutor.evaluation.distances import (
    DensityCoverage,
    PrecisionRecall,
    checked,
    density_coverage,
    expected_coverage,
    frechet_distance,
    frechet_infinity,
    kernel_distance,
    nearest,
    precision_recall,
)

NO_TORCHMETRICS = "torchmetrics is not installed: pip install 'gan-tutor[inception]'"


def normal(n, features, seed, scale=1.0):
    return torch.randn(n, features, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale


def exact_gaussian(n, mean, covariance, seed=0):
    """Sample whose mean and covariance (divisor N - 1) are exactly those asked for."""
    x = normal(n, len(mean), seed)
    x = x - x.mean(0)
    whitened = x @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(x.T).view(len(mean), -1))).T
    return whitened @ torch.linalg.cholesky(covariance).T + mean


def mixed(features, seed):
    a = normal(features, features, seed)
    return a @ a.T / features + 0.1 * torch.eye(features, dtype=torch.float64)


# Fréchet


@pytest.mark.parametrize("n", [2, 5, 200])
def test_frechet_of_identical_sets_is_zero_also_below_full_rank(n):
    x = normal(n, 20, 0, scale=30)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x[torch.randperm(n)]) == pytest.approx(0, abs=1e-9)


def test_frechet_of_one_set_in_another_order_is_never_negative():
    """What rounding leaves of 0 falls on both sides of it: the distance is 0 on about half of the draws."""
    found = []
    for seed in range(20):
        x = normal(12, 6, seed, scale=30)
        found.append(frechet_distance(x, x[torch.randperm(12, generator=torch.Generator().manual_seed(seed))]))
    assert min(found) == 0
    assert max(found) < 1e-9


def test_frechet_of_one_dimensional_gaussians_is_the_closed_form():
    a = exact_gaussian(50, torch.tensor([1.0], dtype=torch.float64), torch.tensor([[4.0]], dtype=torch.float64))
    b = exact_gaussian(70, torch.tensor([-2.0], dtype=torch.float64), torch.tensor([[0.25]], dtype=torch.float64), 1)
    assert frechet_distance(a, b) == pytest.approx(3.0**2 + (2.0 - 0.5) ** 2, rel=1e-10)


def test_frechet_of_commuting_gaussians_is_the_closed_form():
    variances_a = torch.tensor([1.0, 4.0, 9.0], dtype=torch.float64)
    variances_b = torch.tensor([16.0, 1.0, 0.25], dtype=torch.float64)
    zero = torch.zeros(3, dtype=torch.float64)
    a, b = exact_gaussian(40, zero, variances_a.diag()), exact_gaussian(30, zero + 2, variances_b.diag(), 1)
    expected = 12 + float((variances_a.sqrt() - variances_b.sqrt()).square().sum())
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-10)


def test_frechet_equals_scipy_s_matrix_root():
    mean = torch.arange(6, dtype=torch.float64)
    covariance_a, covariance_b = mixed(6, 2), mixed(6, 3)
    a, b = exact_gaussian(100, mean, covariance_a), exact_gaussian(100, mean * 0, covariance_b, 1)
    root = linalg.sqrtm((covariance_a @ covariance_b).numpy())
    expected = 55 + float(covariance_a.trace() + covariance_b.trace()) - 2 * np.trace(root.real)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


def test_frechet_equals_torchmetrics():
    fid = pytest.importorskip("torchmetrics.image.fid", reason=NO_TORCHMETRICS).FrechetInceptionDistance
    a, b = normal(300, 8, 0), normal(200, 8, 1, scale=1.5) + 0.3
    metric = fid(feature=Flat(8), normalize=True, input_img_size=(1, 1, 8)).set_dtype(torch.float64)
    metric.update(a.view(-1, 1, 1, 8), real=True)
    metric.update(b.view(-1, 1, 1, 8), real=False)
    assert frechet_distance(a, b) == pytest.approx(float(metric.compute()), rel=1e-6)


def test_frechet_is_symmetric_and_ignores_a_common_shift_and_rotation():
    a, b = normal(80, 6, 0), normal(60, 6, 1, scale=2)
    rotation = torch.linalg.qr(normal(6, 6, 2)).Q
    expected = frechet_distance(a, b)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-10)
    assert frechet_distance(a + 1000, b + 1000) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(a @ rotation, b @ rotation) == pytest.approx(expected, rel=1e-10)
    assert frechet_distance(3 * a, 3 * b) == pytest.approx(9 * expected, rel=1e-10)


def test_frechet_of_a_shift_is_its_squared_length():
    x, step = normal(10, 30, 0), torch.full((30,), 0.5, dtype=torch.float64)  # rank 9 of 30
    assert frechet_distance(x, x + step) == pytest.approx(7.5, rel=1e-10)


def test_frechet_survives_dead_features():
    a, b = normal(50, 4, 0), normal(50, 4, 1)
    dead = torch.zeros(50, 3, dtype=torch.float64)
    expected = frechet_distance(a, b)
    assert frechet_distance(torch.cat([a, dead], 1), torch.cat([b, dead], 1)) == pytest.approx(expected, rel=1e-10)
    collapsed = torch.ones(50, 4, dtype=torch.float64)  # a G that gives one image
    expected = float((a.mean(0) - 1).square().sum() + a.var(0).sum())
    assert frechet_distance(a, collapsed) == pytest.approx(expected, rel=1e-10)


def test_frechet_is_biased_upwards_and_falls_with_n():
    found = [frechet_distance(normal(n, 10, 0), normal(n, 10, 1)) for n in (50, 500, 5000)]
    assert found[0] > 3 * found[1] > 9 * found[2] > 0


def test_frechet_has_the_bias_that_perturbation_predicts():
    """E[d] = b (1/n + 1/m), b = tr S + (1/2) sum_ij l_i l_j / (l_i + l_j) + tr S / 4; see the chapter on evaluation."""
    values = torch.tensor([4.0, 2.0, 1.0, 1.0, 0.5, 0.1], dtype=torch.float64)
    pairs = values[:, None] * values / (values[:, None] + values)
    factor = float(1.25 * values.sum() + pairs.sum() / 2)
    found = [
        frechet_distance(normal(400, 6, 2 * s) * values.sqrt(), normal(200, 6, 2 * s + 1) * values.sqrt())
        for s in range(150)
    ]
    assert np.mean(found) == pytest.approx(factor * (1 / 400 + 1 / 200), rel=0.08)


# Fréchet, extrapolated


def test_infinity_removes_the_bias():
    plain, extrapolated = [], []
    for s in range(30):
        a, b = normal(300, 10, 2 * s), normal(300, 10, 2 * s + 1) + 0.3  # d = 10 * .09
        plain.append(frechet_distance(a, b))
        extrapolated.append(frechet_infinity(a, b, generator=torch.Generator().manual_seed(s)))
    error = np.std(extrapolated) / 30**0.5
    assert np.mean(plain) > 0.9 + 0.2
    assert np.mean(extrapolated) == pytest.approx(0.9, abs=4 * error)
    assert error < 0.05


def test_infinity_is_a_shift_s_squared_length_without_noise():
    x, step = normal(60, 4, 0), torch.tensor([1.0, 0, 2, 0], dtype=torch.float64)
    whole = [frechet_infinity(x, x + step, generator=torch.Generator().manual_seed(s)) for s in (0, 0, 1)]
    assert whole[0] == whole[1] != whole[2]
    assert whole[0] == pytest.approx(5, abs=1)


@pytest.mark.parametrize(("n", "m", "points"), [(23, 40, 4), (31, 31, 2)])
def test_infinity_is_the_intercept_of_a_line_through_the_means_of_all_subsets(n, m, points):
    """The same permutations, cut here, with scipy's matrix root and numpy's line."""

    def distance(a, b):
        a, b = a.numpy(), b.numpy()
        s_a, s_b = np.cov(a.T), np.cov(b.T)
        root = linalg.sqrtm(s_a @ s_b).real
        return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s_a + s_b - 2 * root)

    a, b = normal(n, 2, 0), normal(m, 2, 1, scale=2.0) + 1
    generator, sizes, means = torch.Generator().manual_seed(3), np.linspace(min(n, m) // 5, min(n, m), points), []
    for size in (round(s) for s in sizes.tolist()):
        i, j = torch.randperm(n, generator=generator), torch.randperm(m, generator=generator)
        pairs = range(min(n // size, m // size))
        cut = [slice(k * size, (k + 1) * size) for k in pairs]
        means.append(np.mean([distance(a[i[rows]], b[j[rows]]) for rows in cut]))
    expected = np.polyfit(1 / np.round(sizes), means, 1)[1]
    got = frechet_infinity(a, b, generator=torch.Generator().manual_seed(3), points=points)
    assert got == pytest.approx(expected, rel=1e-5)


def test_infinity_needs_points_and_rows():
    generator = torch.Generator()
    with pytest.raises(ValueError, match="points must be at least 2, got 1"):
        frechet_infinity(normal(20, 2, 0), normal(20, 2, 1), generator=generator, points=1)
    with pytest.raises(ValueError, match="at least 10 rows, got 9 and 20"):
        frechet_infinity(normal(9, 2, 0), normal(20, 2, 1), generator=generator)


# Kernel


def test_kernel_equals_scikit_learn_s():
    a, b = normal(30, 5, 0), normal(40, 5, 1) + 0.5
    within_a, within_b, between = (
        polynomial_kernel(x, y, degree=3, gamma=1 / 5, coef0=1) for x, y in ((a, a), (b, b), (a, b))
    )
    expected = (
        (within_a.sum() - within_a.trace()) / (30 * 29)
        + (within_b.sum() - within_b.trace()) / (40 * 39)
        - 2 * between.mean()
    )
    assert kernel_distance(a, b) == pytest.approx(expected, rel=1e-10)


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance` will save all extracted features")
def test_kernel_equals_torchmetrics():
    kid = pytest.importorskip("torchmetrics.image.kid", reason=NO_TORCHMETRICS).KernelInceptionDistance
    a, b = normal(100, 8, 0), normal(100, 8, 1) + 0.3
    metric = kid(feature=Flat(8), subsets=1, subset_size=100, normalize=True).set_dtype(torch.float64)
    metric.update(a.view(-1, 1, 1, 8), real=True)
    metric.update(b.view(-1, 1, 1, 8), real=False)
    assert kernel_distance(a, b) == pytest.approx(float(metric.compute()[0]), rel=1e-5)


def test_kernel_is_unbiased_also_at_small_n():
    found = torch.tensor([kernel_distance(normal(8, 4, 2 * s), normal(12, 4, 2 * s + 1)) for s in range(800)])
    standard_error = float(found.std()) / 800**0.5
    assert float(found.mean()) == pytest.approx(0, abs=3 * standard_error)
    assert 0.3 < float((found < 0).double().mean()) < 0.8


def test_kernel_does_not_depend_on_the_block_size():
    a, b = normal(1500, 3, 0), normal(2300, 3, 1) + 1
    whole = kernel_distance(a, b)
    k_aa, k_bb, k_ab = ((x @ y.T / 3 + 1) ** 3 for x, y in ((a, a), (b, b), (a, b)))
    expected = (
        (k_aa.sum() - k_aa.trace()) / (1500 * 1499) + (k_bb.sum() - k_bb.trace()) / (2300 * 2299) - 2 * k_ab.mean()
    )
    assert whole == pytest.approx(float(expected), rel=1e-9)


def test_kernel_is_symmetric_and_grows_with_the_shift():
    a, b = normal(500, 5, 0), normal(500, 5, 1)
    found = [kernel_distance(a, b + shift) for shift in (0.0, 0.3, 1.0)]
    assert abs(found[0]) < 0.05 < found[1] < found[2]
    assert kernel_distance(b + 1.0, a) == pytest.approx(found[2], rel=1e-10)


# Precision and recall


def test_identical_sets_have_precision_and_recall_one():
    x = normal(60, 5, 0, scale=100)
    assert precision_recall(x, x) == PrecisionRecall(1.0, 1.0)


def test_fakes_that_repeat_a_few_reals_are_precise_without_recall():
    real = torch.arange(100, dtype=torch.float64)[:, None] * 1.0
    fake = real[:10]
    found = precision_recall(real, fake, k=3)
    # The third neighbour of a fake is at 2, or at 3 for the last one, at 9: it reaches real 12.
    assert found.precision == 1.0
    assert found.recall == pytest.approx(0.13)


def test_far_fakes_have_neither():
    assert precision_recall(normal(50, 3, 0), normal(50, 3, 1) + 1000) == (0.0, 0.0)


def test_two_of_four_clusters_and_a_quarter_of_junk():
    centres = torch.tensor([[0.0, 0], [100, 0], [0, 100], [100, 100]], dtype=torch.float64)
    real = torch.cat([centre + normal(25, 2, i) * 0.1 for i, centre in enumerate(centres)])
    fake = torch.cat([real[:25], real[25:50], real[:25], normal(25, 2, 9) * 0.1 + 500])
    found = precision_recall(real, fake)
    assert found.precision == pytest.approx(0.75)
    assert found.recall == pytest.approx(0.5)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_precision_and_recall_equal_scikit_learn_s(k):
    real, fake = normal(1300, 4, 0), normal(1100, 4, 1) * 0.8 + 0.5

    def covered(samples, centres):
        radii = NearestNeighbors(n_neighbors=k + 1).fit(centres).kneighbors(centres)[0][:, -1]
        gaps = torch.cdist(samples, centres, compute_mode="donot_use_mm_for_euclid_dist").numpy()
        return float((gaps <= radii[None]).any(1).mean())

    found = precision_recall(real, fake, k=k)
    assert found.precision == pytest.approx(covered(fake, real), abs=1e-3)
    assert found.recall == pytest.approx(covered(real, fake), abs=1e-3)
    assert 0.3 < found.recall < found.precision < 1.0


def test_a_small_set_has_large_balls_and_covers_too_much():
    """As the docstring says: four exact samples reach more than two hundred, in recall and, exchanged, in precision."""
    real = normal(300, 12, 0)
    few, many = ([precision_recall(real, normal(n, 12, s)).recall for s in range(1, 7)] for n in (4, 200))
    assert np.mean(few) > np.mean(many) + 0.1
    assert precision_recall(normal(4, 12, 1), real).precision == precision_recall(real, normal(4, 12, 1)).recall


def test_k_is_checked():
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        precision_recall(normal(9, 2, 0), normal(9, 2, 1), k=0)
    with pytest.raises(ValueError, match="at least 4 rows, got 3 and 9"):
        precision_recall(normal(3, 2, 0), normal(9, 2, 1))


# Density and coverage


def test_identical_sets_have_density_and_coverage_one():
    x = normal(60, 5, 0, scale=100)
    assert density_coverage(x, x) == DensityCoverage(1.0, 1.0)
    assert density_coverage(x, x[torch.randperm(60)], k=1) == DensityCoverage(1.0, 1.0)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_density_and_coverage_by_brute_force(k):
    real, fake = normal(1300, 4, 0), normal(700, 4, 1) * 0.8 + 0.5
    radii = NearestNeighbors(n_neighbors=k + 1).fit(real).kneighbors(real)[0][:, -1]
    inside = torch.cdist(fake, real, compute_mode="donot_use_mm_for_euclid_dist").numpy() < radii[None]
    found = density_coverage(real, fake, k=k)
    assert found.density == pytest.approx(inside.sum() / (k * 700), rel=1e-3)
    assert found.coverage == pytest.approx(inside.any(0).mean(), abs=1e-3)


@pytest.mark.parametrize(("n", "m", "k"), [(100, 100, 5), (60, 200, 3), (200, 50, 2)])
def test_a_perfect_generator_gets_density_one_and_the_expected_coverage(n, m, k):
    found = [density_coverage(normal(n, 3, 2 * s), normal(m, 3, 2 * s + 1), k=k) for s in range(80)]
    density, coverage = np.mean(found, axis=0)
    assert density == pytest.approx(1, abs=0.06)
    assert coverage == pytest.approx(expected_coverage(n, m, k), abs=0.015)


def test_expected_coverage_by_hand():
    assert expected_coverage(2, 2, 1) == pytest.approx(1 - 1 / 3)
    assert expected_coverage(100_000, 100_000, 5) == pytest.approx(1 - 2**-5, abs=1e-4)
    with pytest.raises(ValueError, match="more than k >= 1 samples, got 5 and 9 for k = 5"):
        expected_coverage(5, 9, 5)


def test_one_outlier_fools_recall_but_not_coverage():
    real, centre = normal(200, 2, 0), torch.zeros(50, 2, dtype=torch.float64)
    fake = centre + normal(50, 2, 1) * 0.01
    outliers = torch.tensor([[50.0, 0], [0, 50.0], [-50.0, 0], [0, -50.0]], dtype=torch.float64)
    fooled = torch.cat([fake, outliers])
    assert precision_recall(real, fake).recall < 0.1
    assert precision_recall(real, fooled).recall == 1.0
    assert density_coverage(real, fooled).coverage == density_coverage(real, fake).coverage < 0.1


def test_density_rewards_the_crowded_and_coverage_does_not():
    real = normal(300, 2, 0)
    crowd = density_coverage(real, normal(300, 2, 1) * 0.1)
    assert crowd.density > 1.1
    assert crowd.coverage < 0.3


def test_k_of_density_is_checked():
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        density_coverage(normal(9, 2, 0), normal(9, 2, 1), k=0)
    with pytest.raises(ValueError, match="at least 6 rows, got 5 and 9"):
        density_coverage(normal(5, 2, 0), normal(9, 2, 1))


def test_nearest_by_hand_and_over_blocks():
    assert nearest(torch.tensor([[0.0], [4.0]]), torch.tensor([[1.0], [9.0]])).tolist() == [1.0, 3.0]
    a, b = normal(2300, 3, 0), normal(1100, 3, 1)
    assert torch.allclose(nearest(a, b), torch.cdist(a, b).amin(1), atol=1e-6)


# All of them


def test_checked_returns_float64_without_gradients():
    a, b = checked(normal(4, 2, 0).float().requires_grad_(), normal(3, 2, 1), at_least=3)
    assert (a.dtype, b.dtype, a.requires_grad) == (torch.float64, torch.float64, False)


@pytest.mark.parametrize("measure", [frechet_distance, kernel_distance, precision_recall, density_coverage])
def test_impossible_features_are_refused(measure):
    x = normal(20, 3, 0)
    with pytest.raises(ValueError, match=r"same F, got \(20, 3\) and \(20, 2\); call network.features"):
        measure(x, x[:, :2])
    with pytest.raises(ValueError, match=r"got \(20, 1, 3\) and \(20, 3\)"):
        measure(x[:, None], x)
    for wrong in ((x[..., None], x), (x, x[..., None]), (x[:, :0], x[:, :0])):
        with pytest.raises(ValueError, match="same F, got"):
            measure(*wrong)
    with pytest.raises(ValueError, match="rows, got 1 and 20; draw more samples"):
        measure(x[:1], x)
    with pytest.raises(ValueError, match="finite, got NaN or infinity"):
        measure(x, x.where(x < x.max(), torch.nan))


@pytest.mark.parametrize("measure", [frechet_distance, kernel_distance, precision_recall, density_coverage])
def test_float32_with_gradients_is_measured_in_float64(measure):
    a, b = normal(30, 4, 0).float().requires_grad_(), normal(30, 4, 1).float()
    assert measure(a, b) == measure(a.detach().double(), b.double())


# Inception, without its weights


class Flat(nn.Module):
    """Features of an image are its values; stands in for Inception."""

    def __init__(self, num_features):
        super().__init__()
        self.num_features = num_features

    def forward(self, images):
        return images.flatten(1)


class Pooled(nn.Module):
    """Mean of each channel of byte images."""

    def forward(self, images):
        assert images.dtype == torch.uint8
        assert images.shape[1] == 3
        return images.double().mean((2, 3))


def test_inception_features_come_from_bytes_in_batches():
    batch = torch.linspace(-1, 1, 7 * 3 * 4 * 4).view(7, 3, 4, 4)
    found = inception.inception_features(batch, network=Pooled(), batch=3)
    expected = ((batch.double() + 1) * 127.5).round().mean((2, 3))
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-4)


def test_grey_images_are_repeated_over_three_channels():
    found = inception.inception_features(torch.full((2, 1, 4, 4), 0.2), network=Pooled())
    assert found.tolist() == [[153.0] * 3] * 2


def test_bytes_of_an_image_set_come_back_exactly():
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(inception.as_bytes(levels.float() / 127.5 - 1)[:, :1], levels)


def test_fid_and_kid_are_the_two_distances(monkeypatch):
    monkeypatch.setattr(inception, "inception_network", Pooled)
    real, fake = (torch.rand(20, 3, 4, 4, generator=torch.Generator().manual_seed(s)) for s in (0, 1))
    a, b = (inception.inception_features(x, network=Pooled()) for x in (real, fake))
    assert inception.inception_fid(real, fake) == pytest.approx(frechet_distance(a, b), rel=1e-12)
    assert inception.inception_kid(real, fake) == pytest.approx(kernel_distance(a, b), rel=1e-12)


@pytest.mark.parametrize("missing", ["torchmetrics.image.fid", "torch_fidelity"])
def test_missing_extra_names_the_command(monkeypatch, missing):
    if missing == "torch_fidelity":
        fid = pytest.importorskip("torchmetrics.image.fid", reason=NO_TORCHMETRICS)
        monkeypatch.setattr(fid, "_TORCH_FIDELITY_AVAILABLE", False)
    else:
        monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r'pip install "gan-tutor\[inception\]"'):
        inception.inception_features(torch.zeros(2, 1, 4, 4))


def test_unreachable_weights_name_the_alternative(monkeypatch):
    fid = pytest.importorskip("torchmetrics.image.fid", reason=NO_TORCHMETRICS)

    def offline(*arguments, **keywords):
        raise OSError("no route to host")

    monkeypatch.setattr(fid, "FrechetInceptionDistance", offline)
    with pytest.raises(ConnectionError, match=r"no route to host.*evaluation.feature_network"):
        inception.inception_network()


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (torch.zeros(2, 2, 4, 4), r"got \(2, 2, 4, 4\)"),
        (torch.zeros(2, 4, 4), r"got \(2, 4, 4\)"),
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), "got torch.uint8"),
        (torch.full((2, 3, 4, 4), 2.0), r"in \[2, 2\]; use pixels"),
        (torch.full((2, 3, 4, 4), torch.nan), "nan"),
    ],
)
def test_inception_refuses_wrong_images(batch, message):
    with pytest.raises(ValueError, match=message):
        inception.inception_features(batch, network=Pooled())


def test_distances_far_from_the_origin_are_those_near_it():
    """Through a matrix product a sample would lie away from itself, and the smallest balls would be lost."""
    x = normal(60, 4, 0).float().double()
    far = x + 2.0**24  # float64 keeps the coordinates there to 2^-28
    assert nearest(far, far).tolist() == [0.0] * 60
    assert torch.allclose(nearest(far[:30], far[30:]), nearest(x[:30], x[30:]), atol=1e-7)
    assert precision_recall(far, far, k=1) == PrecisionRecall(1.0, 1.0)
