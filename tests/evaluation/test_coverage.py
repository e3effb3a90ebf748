"""Mode coverage against counts by hand, simulation, and what a perfect sampler can reach."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats

from gan_tutor import data
from gan_tutor.evaluation import coverage, perfect_sampler

MIXTURES = {
    "line": lambda: data.mixture_1d((-5.0, 0.0, 5.0), (0.2, 0.1, 0.3), (0.5, 0.3, 0.2)),
    "ring": data.ring,
    "grid": data.grid,
}
SEEDS = range(8)


def around(centre, n, distance):
    """n points at one distance from a centre, in all directions."""
    angle = torch.arange(n) * (2 * math.pi / n)
    return centre + distance * torch.stack([angle.cos(), angle.sin()], 1)


@pytest.mark.parametrize("name", MIXTURES)
def test_a_perfect_sampler_hits_its_ceiling(name):
    """Over seeds: the mean quality and reverse KL are those promised, within their own standard errors."""
    mixture, n = MIXTURES[name](), 4000
    best = perfect_sampler(mixture, n)
    got = [coverage(mixture.sample(n, torch.Generator().manual_seed(s)), mixture) for s in SEEDS]
    error = math.sqrt(best.high_quality * (1 - best.high_quality) / (n * len(SEEDS)))
    assert np.mean([c.high_quality for c in got]) == pytest.approx(best.high_quality, abs=4 * error)
    modes = len(mixture.means)
    # 2 N KL follows chi-square with K - 1 degrees of freedom: its spread is sqrt(2 (K - 1)).
    error = math.sqrt(2 * (modes - 1)) / (2 * n) / math.sqrt(len(SEEDS))
    assert np.mean([c.reverse_kl for c in got]) == pytest.approx(best.reverse_kl, abs=4 * error)
    assert all(c.reverse_kl > 0 for c in got)
    assert {c.modes for c in got} == {best.modes} == {modes}
    for c in got:
        chi = ((c.counts - best.counts).square() / best.counts).sum().item()
        assert chi < stats.chi2.ppf(0.9999, modes)


@pytest.mark.parametrize("name", MIXTURES)
def test_the_floor_of_the_reverse_kl_is_that_of_a_simulation(name):
    """Shares of N draws from the weights, without the library: E KL = (K - 1) / 2N."""
    mixture, n = MIXTURES[name](), 500
    best = perfect_sampler(mixture, n)
    w = mixture.weights.double().numpy() / mixture.weights.double().sum().item()
    counts = np.random.default_rng(0).multinomial(round(n * best.high_quality), w, size=4000)
    shares = counts / counts.sum(1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        kl = np.where(shares > 0, shares * np.log(shares / w), 0).sum(1)
    assert kl.mean() == pytest.approx(best.reverse_kl, rel=0.06)


@pytest.mark.parametrize(("d", "expected"), [(1, 0.9973), (2, 0.98889), (3, 0.97071)])
def test_the_quality_ceiling_is_the_chi_square_probability_of_three_sigma(d, expected):
    mixture = data.gaussian([0.0] * d, 0.3)
    assert perfect_sampler(mixture, 100).high_quality == pytest.approx(expected, abs=1e-5)
    assert perfect_sampler(mixture, 100).high_quality == pytest.approx(stats.chi2.cdf(9, d), abs=1e-6)


def test_few_samples_cannot_hit_all_modes_of_a_grid():
    grid, n = data.grid(), 20
    hits = [coverage(grid.sample(n, torch.Generator().manual_seed(s)), grid).modes for s in range(60)]
    assert np.mean(hits) == pytest.approx(perfect_sampler(grid, n).modes, abs=1.0)
    assert 10 < perfect_sampler(grid, n).modes < 20


def test_three_sigma_itself_is_outside():
    """Distances that floats hold exactly: 1.5 for sigma 0.5, and the largest number below."""
    line = data.mixture_1d((0.0, 16.0), (0.5, 0.5))
    below = torch.nextafter(torch.tensor(1.5), torch.tensor(0.0)).item()
    got = coverage(torch.tensor([[1.5], [-1.5], [below], [-below], [16 + 1.5], [16 - 1.25]]), line)
    assert got.counts.tolist() == [2, 1]
    assert got.high_quality == 0.5


@pytest.mark.parametrize("n", [100, 150])
def test_where_quality_is_low_the_ceiling_counts_high_quality_samples_only(n):
    """In 8 dimensions a third of exact samples lies beyond 3 sigma; against a simulation, and in closed form."""
    places = torch.cartesian_prod(*[torch.tensor([-7.0, 7.0])] * 8)[:100]
    clouds = SimpleNamespace(name="clouds", means=places, sigmas=torch.ones(100), weights=torch.full((100,), 0.01))
    best, quality = perfect_sampler(clouds, n), stats.chi2.cdf(9, 8)
    assert best.high_quality == pytest.approx(quality, abs=1e-6)
    assert quality < 0.7
    assert best.modes == round(100 * (1 - (1 - 0.01 * quality) ** n))
    assert torch.allclose(best.counts, torch.full((100,), 0.01 * quality * n, dtype=torch.float64), rtol=1e-5)
    found = []
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        modes = torch.randint(100, (n,), generator=generator)
        found.append(coverage(places[modes] + torch.randn(n, 8, generator=generator), clouds))
    assert np.mean([c.high_quality for c in found]) == pytest.approx(best.high_quality, abs=0.03)
    assert np.mean([c.modes for c in found]) == pytest.approx(best.modes, abs=2.5)
    assert np.mean([c.reverse_kl for c in found]) == pytest.approx(best.reverse_kl, abs=0.05)
    many = perfect_sampler(clouds, 1000)
    assert many.reverse_kl == pytest.approx(99 / (2 * quality * 1000), rel=1e-5)


def test_unequal_weights_are_the_reference_of_the_reverse_kl():
    """KL(shares || weights) by hand, where shares equal the weights and where they are their reverse."""
    line = data.mixture_1d((0.0, 10.0), (0.5, 0.5), (0.75, 0.25))
    even = coverage(torch.tensor([[0.0], [0.1], [-0.1], [10.0], [5.0]]), line)
    odd = coverage(torch.tensor([[0.0], [10.0], [10.1], [9.9], [5.0]]), line)
    assert even.reverse_kl == pytest.approx(0, abs=1e-7)
    assert odd.reverse_kl == pytest.approx(0.25 * math.log(1 / 3) + 0.75 * math.log(3), rel=1e-6)


@pytest.mark.parametrize("n", [0, -1])
def test_a_perfect_sampler_draws_at_least_one_sample(n):
    with pytest.raises(ValueError, match=f"n must be at least 1, got {n}"):
        perfect_sampler(data.ring(), n)
    assert perfect_sampler(data.ring(), 1).modes == 1


def test_counts_by_hand():
    ring = data.ring(modes=4, radius=1.0, sigma=0.1)
    points = torch.cat([around(ring.means[0], 5, 0.05), around(ring.means[1], 3, 0.29), around(ring.means[2], 2, 0.31)])
    got = coverage(points, ring)
    assert got.counts.tolist() == [5, 3, 0, 0]
    assert got.modes == 2
    assert got.high_quality == pytest.approx(8 / 10)
    expected = 5 / 8 * math.log(5 / 8 * 4) + 3 / 8 * math.log(3 / 8 * 4)
    assert got.reverse_kl == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("least", "modes"), [(1, 3), (2, 2), (3, 1), (6, 0)])
def test_min_count_asks_for_more_than_one_sample(least, modes):
    ring = data.ring(modes=4)
    points = ring.means[[0, 0, 0, 0, 0, 1, 1, 2]]
    assert coverage(points, ring, min_count=least).modes == modes


def test_a_collapsed_generator_is_sharp_and_uneven():
    ring = data.ring()
    got = coverage(around(ring.means[3], 500, 0.02), ring)
    assert (got.modes, got.high_quality) == (1, 1.0)
    assert got.reverse_kl == pytest.approx(math.log(8), rel=1e-6)


def test_a_blurred_generator_covers_every_mode_without_quality():
    ring = data.ring()
    blurred = data.ring(sigma=0.5).sample(4000, torch.Generator().manual_seed(0))
    got = coverage(blurred, ring)
    assert got.modes == 8
    assert 0.01 < got.high_quality < 0.2


def test_no_high_quality_sample_means_no_modes_and_an_infinite_kl():
    got = coverage(torch.full((50, 2), 100.0), data.ring())
    assert (got.modes, got.high_quality, got.reverse_kl) == (0, 0.0, math.inf)
    assert got.counts.tolist() == [0] * 8


def test_samples_that_are_not_numbers_are_of_no_quality():
    samples = torch.cat([torch.full((3, 2), math.nan), data.ring().means[:1]])
    got = coverage(samples, data.ring())
    assert got.high_quality == pytest.approx(0.25)
    assert got.modes == 1


def test_each_mode_uses_its_own_sigma():
    mixture = data.mixture_1d((-5.0, 5.0), (0.1, 1.0))
    got = coverage(torch.tensor([[-4.6], [-4.8], [7.5], [9.0]]), mixture)
    assert got.counts.tolist() == [1, 1]


def test_repeating_or_permuting_samples_changes_nothing():
    ring = data.ring()
    x = ring.sample(300, torch.Generator().manual_seed(0))
    once, twice = coverage(x, ring), coverage(torch.cat([x, x.flip(0)]), ring)
    assert once.high_quality == twice.high_quality
    assert once.modes == twice.modes
    assert twice.reverse_kl == pytest.approx(once.reverse_kl, rel=1e-9)


@pytest.mark.parametrize("shape", [(0, 2), (5, 3), (5,), (5, 2, 1)])
def test_samples_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"samples must have shape \(N, 2\) with N >= 1, got"):
        coverage(torch.zeros(shape), data.ring())


def test_a_point_has_no_modes_to_cover():
    with pytest.raises(ValueError, match="point has a sigma of 0"):
        coverage(torch.zeros(5, 1), data.point())


@pytest.mark.parametrize(("radius", "sigma"), [(1000.0, 0.05), (50.0, 0.005), (2.0, 0.02)])
def test_quality_and_counts_are_exact_at_any_radius(radius, sigma):
    """Against differences in numpy's float64, and the ceiling: a matrix product would lose sigma beside the radius."""
    mixture = data.ring(radius=radius, sigma=sigma)
    x = mixture.sample(4000, torch.Generator().manual_seed(0)).double()
    gaps = np.linalg.norm(x.numpy()[:, None] - mixture.means.double().numpy(), axis=2)
    good = gaps.min(1) < 3 * mixture.sigmas.double().numpy()[gaps.argmin(1)]
    got = coverage(x, mixture)
    assert got.counts.tolist() == np.bincount(gaps.argmin(1)[good], minlength=8).tolist()
    assert got.high_quality == good.mean() == pytest.approx(perfect_sampler(mixture, 4000).high_quality, abs=0.007)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int64])
def test_samples_of_another_number_type_are_measured_as_the_numbers_they_are(dtype):
    ring = data.ring()
    x = ring.sample(300, torch.Generator().manual_seed(0)).to(dtype)
    got, want = coverage(x, ring), coverage(x.float(), ring)
    assert got.high_quality == want.high_quality
    assert torch.equal(got.counts, want.counts)


def test_a_perfect_sampler_counts_only_its_high_quality_samples():
    """In ten dimensions 3 sigma holds less than half: simulated beside the promise, where counting all would miss."""
    d, n, modes = 10, 3, 4
    means = 100 * torch.eye(modes, d)
    mixture = data.Mixture("far apart", means, torch.ones(modes), torch.ones(modes) / modes)
    best = perfect_sampler(mixture, n)
    generator = torch.Generator().manual_seed(0)
    got = [coverage(mixture.sample(n, generator), mixture) for _ in range(2000)]
    quality = stats.chi2.cdf(9, d)
    assert best.high_quality == pytest.approx(quality, rel=1e-5)
    assert best.counts.tolist() == pytest.approx([n * quality / modes] * modes, rel=1e-5)
    hit = np.mean([c.modes for c in got])
    assert hit == pytest.approx(modes * (1 - (1 - quality / modes) ** n), abs=0.08)
    assert best.modes == round(hit) != round(modes * (1 - (1 - 1 / modes) ** n))
    finite = [c.reverse_kl for c in got if c.counts.sum()]
    assert best.reverse_kl == pytest.approx(np.mean(finite), abs=0.03)


def test_quality_is_exact_even_where_float64_squares_would_lose_sigma():
    """2.9 and 3.1 sigma from centres a million away: squared coordinates are 1e12, squared gaps 1e-5."""
    sigma, far = 1e-3, 1e6
    corners = torch.tensor([[far, far], [-far, far], [far, -far], [-far, -far]])
    mixture = data.Mixture("far", corners, torch.full((4,), sigma), torch.full((4,), 0.25))
    near, outside = (torch.cat([around(c.double(), 10, k * sigma) for c in corners]) for k in (2.9, 3.1))
    got = coverage(torch.cat([near, outside]), mixture)
    assert got.counts.tolist() == [10] * 4
    assert got.high_quality == 0.5


@pytest.mark.parametrize("n", [1, 2, 7, 40, 300, 301])
@pytest.mark.parametrize("name", MIXTURES)
def test_a_perfect_sampler_s_reverse_kl_is_that_of_few_samples_too(name, n):
    """Simulated: (K - 1) / 2N would be 3.5 nats for one sample of a ring, which has log 8 = 2.1 at most."""
    mixture, rng, times = MIXTURES[name](), np.random.default_rng(n), 4000
    best, w = perfect_sampler(mixture, n), mixture.weights.double().numpy()
    good = rng.binomial(n, best.high_quality, size=times)
    counts = np.stack([rng.multinomial(g, w / w.sum()) for g in good[good > 0]])
    shares = counts / counts.sum(1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        kl = np.where(shares > 0, shares * np.log(shares / w), 0).sum(1)
    error = kl.std() / math.sqrt(len(kl))
    assert best.reverse_kl == pytest.approx(kl.mean(), abs=5 * error + 0.015 * kl.mean())
    assert best.reverse_kl <= math.log(1 / w.min()) + 1e-6
