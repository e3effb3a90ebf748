"""Densities: each one integrates to 1, and its samples follow it."""

import math

import pytest
import torch
from scipy import stats

from gan_tutor import data

MIXTURES_2D = {
    "ring": lambda: data.ring(sigma=0.15),
    "grid": lambda: data.grid(sigma=0.3),
    "gaussian": lambda: data.gaussian([1.0, -0.5], 0.7),
    "drawn": lambda: data.drawn([(0.0, 1.0), (-1.5, 0.5), (2.0, -2.0)], 0.2),
    "ring standardized": lambda: data.ring().standardized(),
    "uneven": lambda: data.Mixture(
        "uneven", torch.tensor([[0.0, 0.0], [2.0, 1.0]]), torch.tensor([0.3, 0.6]), torch.tensor([0.8, 0.2])
    ),
}
CURVES = {"swiss_roll": data.swiss_roll, "two_moons": data.two_moons}
LINES = {
    "gaussian": lambda: data.gaussian(1.5, 0.7),
    "mixture_1d": data.mixture_1d,
    "uneven": lambda: data.mixture_1d((-3.0, 0.0, 1.0), (0.2, 1.0, 0.5), (0.5, 0.3, 0.2)),
}
ALL = {**MIXTURES_2D, **CURVES, **LINES}


def plane(half=6.0, points=300):
    axis = torch.linspace(-half, half, points, dtype=torch.float64)
    return torch.cartesian_prod(axis, axis).float(), (axis[1] - axis[0]).item() ** 2


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", MIXTURES_2D)
def test_mixtures_in_the_plane_integrate_to_one(name):
    points, cell = plane()
    total = MIXTURES_2D[name]().log_prob(points).double().exp().sum().item() * cell
    assert total == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize("name", CURVES)
def test_curves_integrate_to_one(name):
    points, cell = plane(half=3.0, points=110)
    total = CURVES[name]().log_prob(points).double().exp().sum().item() * cell
    assert total == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize("name", LINES)
def test_densities_on_the_line_integrate_to_one(name):
    x = torch.linspace(-12, 12, 20_001)[:, None]
    total = LINES[name]().log_prob(x).double().exp().sum().item() * 24 / 20_000
    assert total == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("name", LINES)
def test_samples_on_the_line_follow_the_density(name):
    """Kolmogorov-Smirnov against the exact distribution function; another density is rejected."""
    density = LINES[name]()
    x = density.sample(4000, seeded()).flatten().double().numpy()

    def cdf(values):
        parts = zip(density.weights.tolist(), density.means.flatten().tolist(), density.sigmas.tolist(), strict=True)
        return sum(w * stats.norm.cdf(values, m, s) for w, m, s in parts)

    assert stats.kstest(x, cdf).pvalue > 0.01
    assert stats.kstest(x + 0.2, cdf).pvalue < 1e-4
    assert stats.kstest(1.2 * x, cdf).pvalue < 0.05


@pytest.mark.parametrize("name", ALL)
def test_samples_have_the_entropy_of_the_density(name):
    """The mean of log p over samples is minus the entropy by quadrature, and drops if the samples are moved."""
    density = ALL[name]()
    x, again = density.sample(1500, seeded(1)), density.sample(1500, seeded(2))
    a, b = density.log_prob(x).double(), density.log_prob(again).double()
    error = math.sqrt((a.var() + b.var()).item() / 1500)
    assert a.mean().item() == pytest.approx(b.mean().item(), abs=5 * error + 1e-9)
    # Gibbs: any shift of the samples has a lower mean log density.
    assert density.log_prob(x + 0.5 * density.sigma if name in CURVES else x + density.sigmas.min()).mean() < a.mean()
    if x.shape[1] == 2:
        points, cell = plane(half=x.abs().max().item() + 0.5, points=130)
        entropy = stats_entropy(density, points, cell)
        assert -a.mean().item() == pytest.approx(entropy, abs=0.15)


def stats_entropy(density, points, cell):
    log_p = density.log_prob(points).double()
    return -(log_p.exp() * log_p).nan_to_num(0).sum().item() * cell


@pytest.mark.parametrize("name", ALL)
def test_samples_have_the_shape_and_type_of_a_source(name):
    density = ALL[name]()
    x = density.sample(7, seeded())
    assert x.shape == (7, *density.shape)
    assert x.dtype == torch.float32
    assert density.range is None
    assert density.log_prob(x).shape == (7,)
    assert density.log_prob(x).dtype == torch.float32
    assert torch.equal(x, density.sample(7, seeded()))
    assert not torch.equal(x, density.sample(7, seeded(1)))


@pytest.mark.parametrize("name", {**MIXTURES_2D, **LINES})
def test_mixture_moments_are_those_of_the_samples(name):
    mixture = ALL[name]()
    x = mixture.sample(40_000, seeded()).double()
    w = mixture.weights.double()[:, None]
    mean = (w * mixture.means).sum(0)
    variance = (w * ((mixture.means - mean).square() + mixture.sigmas.double()[:, None] ** 2)).sum(0)
    assert x.mean(0).tolist() == pytest.approx(mean.tolist(), abs=0.05)
    assert x.var(0).tolist() == pytest.approx(variance.tolist(), rel=0.05)


@pytest.mark.parametrize("name", {**MIXTURES_2D, **LINES})
def test_mixture_log_density_equals_torch_distributions(name):
    mixture = ALL[name]()
    d = mixture.means.shape[1]
    reference = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(mixture.weights.double()),
        torch.distributions.MultivariateNormal(
            mixture.means.double(), scale_tril=mixture.sigmas.double()[:, None, None] * torch.eye(d).double()
        ),
    )
    x = 2 * torch.randn(100, d)
    got, want = mixture.log_prob(x).double(), reference.log_prob(x.double())
    assert torch.allclose(got, want, rtol=1e-4, atol=1e-4)


def test_a_ring_has_as_many_distinct_modes_as_asked():
    """linspace(0, 2 pi, 8) puts two modes on one place."""
    for modes in (1, 2, 3, 8, 25):
        ring = data.ring(modes, radius=3.0)
        assert ring.means.shape == (modes, 2)
        assert ring.means.norm(dim=1).tolist() == pytest.approx([3.0] * modes, rel=1e-5)
        if modes > 1:
            gaps = torch.cdist(ring.means, ring.means) + 9 * torch.eye(modes)
            side = 2 * 3.0 * math.sin(math.pi / modes)
            assert gaps.min(dim=1).values.tolist() == pytest.approx([side] * modes, rel=1e-4)
        assert ring.weights.tolist() == pytest.approx([1 / modes] * modes)


def test_sigma_is_a_standard_deviation_not_a_variance():
    for density in (data.ring(sigma=0.3), data.grid(sigma=0.3), data.gaussian([0.0, 0.0], 0.3)):
        x = density.sample(20_000, seeded())
        nearest = torch.cdist(x, density.means).min(dim=1).indices
        deviation = (x - density.means[nearest]).std().item()
        assert deviation == pytest.approx(0.3, rel=0.03)


def test_a_grid_is_centred_and_square():
    grid = data.grid(side=5, spacing=2.0)
    assert grid.means.shape == (25, 2)
    assert grid.means.mean(0).tolist() == pytest.approx([0, 0], abs=1e-6)
    assert sorted({round(v, 4) for v in grid.means.flatten().tolist()}) == [-4, -2, 0, 2, 4]
    assert len({tuple(row) for row in grid.means.tolist()}) == 25


@pytest.mark.parametrize("make", [data.ring, data.grid, lambda: data.gaussian([3.0, 1.0], 2.0), LINES["uneven"]])
def test_a_standardized_mixture_has_mean_zero_and_unit_spread(make):
    original, mixture = make(), make().standardized()
    x = mixture.sample(40_000, seeded())
    assert x.mean(0).tolist() == pytest.approx([0.0] * x.shape[1], abs=0.03)
    assert x.square().mean().item() == pytest.approx(1.0, rel=0.03)
    # The same density in other units: centres and widths shrink by one factor.
    factor = (mixture.sigmas / original.sigmas)[0]
    centre = (original.weights[:, None] * original.means).sum(0)
    assert torch.allclose(mixture.means, factor * (original.means - centre), atol=1e-5)
    assert torch.equal(mixture.weights, original.weights)


@pytest.mark.parametrize("name", CURVES)
def test_curve_log_density_equals_a_brute_force_integral(name):
    """Twenty times the nodes, one Gaussian at a time, in float64."""
    curve = CURVES[name]()
    near, far = curve.sample(40, seeded()), 2 * torch.randn(20, 2, generator=seeded(1))
    x = torch.cat([near, far])
    t = (torch.arange(20 * curve.nodes, dtype=torch.float64) + 0.5) / (20 * curve.nodes)
    nodes = curve.path(t)
    want = []
    for point in x.double():
        squared = (point - nodes).square().sum(1) / (2 * curve.sigma**2)
        want.append(torch.logsumexp(-squared, 0).item() - math.log(len(t) * 2 * math.pi * curve.sigma**2))
    # Where samples lie, a relative error below 7e-5 on the density; a little more in float32. Tens of sigmas away,
    # where the density is exp(-300), the end of the curve falls between two nodes.
    assert curve.log_prob(near.double()).tolist() == pytest.approx(want[:40], abs=7e-5)
    assert curve.log_prob(near).tolist() == pytest.approx(want[:40], abs=1e-4)
    assert curve.log_prob(far).tolist() == pytest.approx(want[40:], rel=2e-3, abs=1e-3)


def test_two_moons_are_two_half_circles_of_equal_mass():
    moons = data.two_moons(sigma=1e-3)
    x = moons.sample(4000, seeded()).double()
    upper = torch.tensor([-0.5, -0.25], dtype=torch.float64), torch.tensor([0.5, 0.25], dtype=torch.float64)
    radii = torch.stack([(x - centre).norm(dim=1) for centre in upper])
    on = (radii - 1).abs() < 0.01
    assert on.any(dim=0).all()
    assert on[0].double().mean().item() == pytest.approx(0.5, abs=0.03)
    assert x.mean(0).tolist() == pytest.approx([0, 0], abs=0.05)


def test_a_swiss_roll_winds_outwards():
    roll = data.swiss_roll()
    t = torch.linspace(0, 1, 200, dtype=torch.float64)
    path = roll.path(t)
    radius = path.norm(dim=1)
    assert (radius.diff() > 0).all()
    assert radius[[0, -1]].tolist() == pytest.approx([0.75, 2.25])
    turns = torch.atan2(path[:, 1], path[:, 0]).diff()
    assert ((turns + math.pi) % (2 * math.pi) - math.pi).sum().item() == pytest.approx(3 * math.pi, rel=1e-3)


def test_a_point_has_samples_and_no_density():
    point = data.point([0.5, -2.0])
    assert torch.equal(point.sample(5, seeded()), torch.tensor([[0.5, -2.0]]).expand(5, 2))
    assert data.point().shape == (1,)
    assert data.point(3).sample(2).tolist() == [[3.0], [3.0]]
    with pytest.raises(ValueError, match="point has a component with sigma 0, which has no density; give it a sigma"):
        point.log_prob(torch.zeros(1, 2))


@pytest.mark.parametrize(("make", "shape"), [(data.ring, (5, 1)), (data.gaussian, (5,)), (data.gaussian, (1,))])
def test_points_of_another_dimension_have_no_density(make, shape):
    with pytest.raises(ValueError, match=r"must have shape \(N, "):
        make().log_prob(torch.zeros(shape))


@pytest.mark.parametrize(
    ("means", "sigmas", "weights", "message"),
    [
        ([[0.0], [1.0]], [1.0], [0.5, 0.5], r"got \(2, 1\), \(1,\) and \(2,\)"),
        ([0.0, 1.0], [1.0, 1.0], [0.5, 0.5], r"needs means \(K, d\)"),
        ([[0.0], [1.0]], [1.0, 1.0], [0.5, 0.6], "weights must be positive with sum 1"),
        ([[0.0], [1.0]], [1.0, 1.0], [1.0, 0.0], "weights must be positive with sum 1"),
        ([[0.0], [1.0]], [1.0, -1.0], [0.5, 0.5], "sigmas at least 0"),
    ],
)
def test_impossible_mixtures_are_refused(means, sigmas, weights, message):
    with pytest.raises(ValueError, match=message):
        data.Mixture("wrong", *map(torch.tensor, (means, sigmas, weights)))


def test_equal_weights_are_the_default_and_others_are_kept():
    assert data.mixture_1d((0.0, 1.0, 2.0), (1.0, 1.0, 1.0)).weights.tolist() == pytest.approx([1 / 3] * 3)
    uneven = data.mixture_1d((-5.0, 5.0), (0.1, 0.1), (0.9, 0.1))
    assert (uneven.sample(10_000, seeded()) < 0).double().mean().item() == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize("name", ALL)
def test_a_density_moved_to_a_device_is_the_same_density(name):
    density = ALL[name]()
    moved = density.to("cpu")
    assert moved.name == density.name
    assert torch.equal(moved.sample(5, seeded()), density.sample(5, seeded()))
    x = density.sample(5, seeded())
    assert torch.equal(moved.log_prob(x), density.log_prob(x))
    if name in CURVES:
        assert density.to("meta").sample(3).device.type == "meta"
        assert density.device == "cpu"


def test_what_is_left_out_are_the_densities_of_the_chapters():
    """Eight modes on a circle of radius 2, counted from (2, 0) to the left; 25 on a grid of spacing 2; sigma 0.05."""
    ring, grid, line, normal = data.ring(), data.grid(), data.mixture_1d(), data.gaussian()
    angles = torch.arange(8, dtype=torch.float64) * math.pi / 4
    assert torch.allclose(ring.means.double(), 2 * torch.stack([angles.cos(), angles.sin()], 1), atol=1e-6)
    assert grid.means.tolist() == [[x, y] for x in (-4.0, -2.0, 0.0, 2.0, 4.0) for y in (-4.0, -2.0, 0.0, 2.0, 4.0)]
    assert {*ring.sigmas.tolist(), *grid.sigmas.tolist(), *data.drawn([(1.0, 2.0)]).sigmas.tolist()} == {
        torch.tensor(0.05).item()
    }
    assert (line.means.tolist(), line.sigmas.tolist(), line.weights.tolist()) == ([[-2.0], [2.0]], [0.5] * 2, [0.5] * 2)
    assert (normal.means.tolist(), normal.sigmas.tolist(), normal.weights.tolist()) == ([[0.0]], [1.0], [1.0])
    assert [(make().sigma, make().nodes) for make in CURVES.values()] == [(0.05, 2000)] * 2
    assert data.drawn([(1.0, 2.0), (3.0, 4.0)]).means.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_curves_start_and_end_where_they_should():
    t = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0], dtype=torch.float64)
    roll = data.swiss_roll().path(t)
    angles = [1.5 * math.pi * (1 + 2 * s) for s in t.tolist()]
    expected = [[a * math.cos(a) / (2 * math.pi), a * math.sin(a) / (2 * math.pi)] for a in angles]
    assert torch.allclose(roll, torch.tensor(expected, dtype=torch.float64), atol=1e-12)
    moons = data.two_moons().path(t)
    expected = [[0.5, -0.25], [-0.5, 0.75], [-0.5, 0.25], [0.5, -0.75], [1.5, 0.25]]
    assert torch.allclose(moons, torch.tensor(expected, dtype=torch.float64), atol=1e-12)


@pytest.mark.parametrize("make", [data.ring, data.grid])
def test_there_is_at_least_one_mode(make):
    assert len(make(1).means) == 1
    with pytest.raises(ValueError, match="must be at least 1, got 0"):
        make(0)


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.nan])
def test_a_curve_without_noise_is_refused(sigma):
    with pytest.raises(ValueError, match="sigma must be positive"):
        data.two_moons(sigma)


def test_samples_are_centre_plus_sigma_times_noise_in_this_order():
    """The component first, then the noise, from one generator: a run repeats only if this stays."""
    uneven = MIXTURES_2D["uneven"]()
    x, k = uneven.sample_labelled(50, seeded(3))
    generator = seeded(3)
    numbers = torch.multinomial(uneven.weights, 50, replacement=True, generator=generator)
    noise = torch.randn(50, 2, generator=generator)
    assert torch.equal(k, numbers)
    assert torch.allclose(x, uneven.means[numbers] + uneven.sigmas[numbers, None] * noise)
    moons, generator = data.two_moons(0.2), seeded(4)
    t = torch.rand(50, generator=generator)
    expected = moons.path(t) + 0.2 * torch.randn(50, 2, generator=generator)
    assert torch.allclose(moons.sample(50, seeded(4)), expected)
