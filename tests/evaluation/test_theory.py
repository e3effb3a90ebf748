"""Closed forms: divergences of Gaussians, the game's value, transport against POT and scipy."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

from gan_tutor import data
from gan_tutor.evaluation import (
    game_value,
    jsd,
    kl,
    optimal_discriminator,
    optimal_logit,
    sliced_wasserstein,
    transport,
    wasserstein,
    wasserstein_1d,
)

POINTS = torch.linspace(-15, 20, 7001, dtype=torch.float64)[:, None]
CELL = 35 / 7000


def log_normal(mu, sigma):
    normal = torch.distributions.Normal(torch.tensor(mu, dtype=torch.float64), torch.tensor(sigma, dtype=torch.float64))
    return lambda x: normal.log_prob(x.double()).sum(-1)


def grid(half, points):
    axis = torch.linspace(-half, half, points, dtype=torch.float64)
    return torch.cartesian_prod(axis, axis), (axis[1] - axis[0]).item() ** 2


@pytest.mark.parametrize(("mu", "sigma"), [(0.0, 1.0), (2.0, 1.0), (-1.0, 0.5), (1.0, 2.0)])
def test_kl_of_gaussians_is_the_closed_form(mu, sigma):
    p, q = log_normal([0.0], [1.0]), log_normal([mu], [sigma])
    forward = math.log(sigma) + (1 + mu**2) / (2 * sigma**2) - 0.5
    backward = -math.log(sigma) + (sigma**2 + mu**2) / 2 - 0.5
    assert kl(p, q, POINTS, CELL) == pytest.approx(forward, abs=1e-6)
    assert kl(q, p, POINTS, CELL) == pytest.approx(backward, abs=1e-6)


def test_kl_in_the_plane_is_the_closed_form():
    points, cell = grid(8, 300)
    p, q = log_normal([0.0, 0.0], [1.0, 1.0]), log_normal([1.0, -2.0], [1.0, 1.0])
    assert kl(p, q, points, cell) == pytest.approx(2.5, abs=1e-5)


def test_jsd_is_a_symmetric_divergence_between_zero_and_log_two():
    p = log_normal([0.0], [1.0])
    assert jsd(p, p, POINTS, CELL) == pytest.approx(0, abs=1e-9)
    values = [jsd(p, log_normal([mu], [1.0]), POINTS, CELL) for mu in (0.5, 1.0, 2.0, 4.0, 10.0)]
    assert all(0 < a < b <= math.log(2) + 1e-9 for a, b in itertools.pairwise(values))
    assert values[-1] == pytest.approx(math.log(2), abs=1e-5)
    q = log_normal([1.0], [2.0])
    assert jsd(p, q, POINTS, CELL) == pytest.approx(jsd(q, p, POINTS, CELL), rel=1e-9)


def test_jsd_of_gaussians_equals_scipy_s_integral():
    from scipy.integrate import quad

    a, b = stats.norm(0, 1), stats.norm(2, 1)
    mixed = lambda x: (a.pdf(x) + b.pdf(x)) / 2  # noqa: E731
    parts = [quad(lambda x, d=d: d.pdf(x) * math.log(d.pdf(x) / mixed(x)), -12, 14)[0] for d in (a, b)]
    got = jsd(log_normal([0.0], [1.0]), log_normal([2.0], [1.0]), POINTS, CELL)
    assert got == pytest.approx(sum(parts) / 2, abs=1e-7)


def test_the_optimal_discriminator_is_p_over_p_plus_q():
    p, q = data.ring().log_prob, data.gaussian([0.0, 0.0], 2.0).log_prob
    x = 2 * torch.randn(200, 2)
    a, b = p(x).double().exp(), q(x).double().exp()
    got = optimal_discriminator(p, q, x)
    assert got.shape == (200,)
    assert got.min() >= 0
    assert got.max() <= 1
    assert torch.allclose(got.double(), a / (a + b), atol=1e-5)
    assert torch.allclose(optimal_logit(p, q, x).sigmoid(), got)
    assert torch.allclose(optimal_discriminator(p, p, x), torch.full((200,), 0.5))
    swapped = optimal_discriminator(q, p, x)
    assert torch.allclose(got + swapped, torch.ones(200), atol=1e-6)


@pytest.mark.parametrize(("mu", "sigma"), [(0.0, 1.0), (1.0, 1.0), (3.0, 0.5), (10.0, 1.0)])
def test_the_game_s_value_at_the_optimum_is_twice_jsd_minus_log_four(mu, sigma):
    p, q = log_normal([0.0], [1.0]), log_normal([mu], [sigma])
    value = game_value(p, q, lambda x: optimal_logit(p, q, x), POINTS, CELL)
    assert value == pytest.approx(2 * jsd(p, q, POINTS, CELL) - math.log(4), abs=1e-7)


def test_no_other_discriminator_beats_the_optimal_one():
    p, q = log_normal([0.0], [1.0]), log_normal([1.5], [0.8])
    best = game_value(p, q, lambda x: optimal_logit(p, q, x), POINTS, CELL)
    for change in (0.1, -0.1):
        for other in (
            lambda x, c=change: optimal_logit(p, q, x) + c,
            lambda x, c=change: (1 + c) * optimal_logit(p, q, x),
        ):
            assert game_value(p, q, other, POINTS, CELL) < best - 1e-4
    blind = game_value(p, q, lambda x: torch.zeros(len(x)), POINTS, CELL)
    assert blind == pytest.approx(-math.log(4), abs=1e-6)


def test_the_value_of_the_game_is_minus_the_minimax_loss_of_samples():
    """The same number twice: by quadrature, and as the mean that a training step sees."""
    from gan_tutor import losses

    p, q = data.gaussian(0.0, 1.0), data.gaussian(1.0, 1.5)
    logit = lambda x: 0.7 - 0.4 * x.double()[:, 0]  # noqa: E731
    n = 200_000
    real, fake = (s.sample(n, torch.Generator().manual_seed(k)) for k, s in enumerate((p, q)))
    loss = losses.minimax.d(logit(real), logit(fake)).item()
    value = game_value(p.log_prob, q.log_prob, logit, POINTS.float(), CELL)
    assert -loss == pytest.approx(value, abs=5e-3)


def test_wasserstein_on_the_line_equals_scipy(generator):
    for n in (2, 57, 500):
        a, b = torch.randn(n, generator=generator), 2 * torch.randn(n, generator=generator) + 1
        assert wasserstein_1d(a, b) == pytest.approx(stats.wasserstein_distance(a.numpy(), b.numpy()), rel=1e-5)
        assert wasserstein_1d(a, b) == pytest.approx(wasserstein(a[:, None], b[:, None]), rel=1e-5)
        assert wasserstein_1d(a, b) == pytest.approx(wasserstein_1d(b, a), rel=1e-12)


def test_wasserstein_in_the_plane_equals_pot(generator):
    ot = pytest.importorskip("ot", reason="POT is not installed: pip install pot")
    for n, d in ((5, 2), (100, 2), (60, 5)):
        a, b = torch.randn(n, d, generator=generator), 2 * torch.randn(n, d, generator=generator) + 1
        cost = ot.dist(a.double().numpy(), b.double().numpy(), metric="euclidean")
        uniform = np.full(n, 1 / n)
        assert wasserstein(a, b) == pytest.approx(ot.emd2(uniform, uniform, cost), rel=1e-6)


def test_wasserstein_closed_forms(generator):
    a = torch.randn(80, 3, generator=generator)
    shift = torch.tensor([3.0, 4.0, 0.0])
    assert wasserstein(a, a + shift) == pytest.approx(5.0, rel=1e-5)
    assert wasserstein(a, a[torch.randperm(80, generator=generator)]) == pytest.approx(0, abs=1e-6)
    assert wasserstein_1d(a[:, 0], a[:, 0] - 2) == pytest.approx(2.0, rel=1e-5)
    assert wasserstein_1d(a[:, 0], a[:, 0].flip(0)) == 0.0
    # Two parallel lines, the example of the Wasserstein GAN's paper.
    y = torch.rand(50, generator=generator)
    left, right = torch.stack([torch.zeros(50), y], 1), torch.stack([torch.full((50,), 0.7), y.flip(0)], 1)
    assert wasserstein(left, right) == pytest.approx(0.7, rel=1e-6)


def test_wasserstein_of_gaussian_samples_is_near_the_population_s():
    """N(0, 1) against N(0, 2^2): E |x - 2x| = E |x| = sqrt(2 / pi)."""
    a = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    b = 2 * torch.randn(20_000, generator=torch.Generator().manual_seed(1))
    assert wasserstein_1d(a, b) == pytest.approx(math.sqrt(2 / math.pi), abs=0.03)


@pytest.mark.parametrize(("a", "b"), [((5,), (4,)), ((5, 1), (5, 1)), ((0,), (0,)), ((), ())])
def test_wasserstein_on_the_line_refuses_other_shapes(a, b):
    with pytest.raises(ValueError, match=r"a and b must both have shape \(N,\), got"):
        wasserstein_1d(torch.zeros(a), torch.zeros(b))


@pytest.mark.parametrize(("a", "b"), [((5, 2), (4, 2)), ((5, 2), (5, 3)), ((5,), (5,)), ((0, 2), (0, 2))])
def test_wasserstein_refuses_other_shapes(a, b):
    with pytest.raises(ValueError, match=r"a and b must both have shape \(N, d\), got"):
        wasserstein(torch.zeros(a), torch.zeros(b))


def shift_factor(d):
    """E |u . e| for u uniform on the unit sphere of d dimensions."""
    return math.exp(math.lgamma(d / 2) - math.lgamma((d + 1) / 2)) / math.sqrt(math.pi)


@pytest.mark.parametrize("d", [1, 2, 3, 10])
def test_sliced_wasserstein_of_a_shift_is_the_closed_form(d, generator):
    assert shift_factor(1) == pytest.approx(1)
    assert shift_factor(2) == pytest.approx(2 / math.pi)
    assert shift_factor(3) == pytest.approx(1 / 2)
    a, v = torch.randn(40, d, generator=generator), torch.randn(d, generator=generator)
    projections = 20_000
    expected = v.norm().item() * shift_factor(d)
    # |u . v| has the second moment |v|^2 / d, which bounds the standard error: four of them.
    spread = math.sqrt(max(v.norm().item() ** 2 / d - expected**2, 0) / projections)
    got = sliced_wasserstein(a, a[torch.randperm(40, generator=generator)] + v, projections, generator)
    assert got == pytest.approx(expected, abs=4 * spread + 1e-5)


def test_sliced_wasserstein_of_gaussians_is_the_closed_form():
    """N(0, I) against N(0, s^2 I): each projection is N(0, 1) against N(0, s^2), E |x - s x| = |s - 1| sqrt(2 / pi)."""
    own = torch.Generator().manual_seed(0)
    a, b = torch.randn(20_000, 3, generator=own), 1.5 * torch.randn(20_000, 3, generator=own)
    got = sliced_wasserstein(a, b, 50, own)
    assert got == pytest.approx(0.5 * math.sqrt(2 / math.pi), abs=0.02)


def test_sliced_wasserstein_of_numbers_is_the_distance_on_the_line(generator):
    a, b = torch.randn(100, 1, generator=generator), 2 * torch.rand(100, 1, generator=generator)
    assert sliced_wasserstein(a, b, 3, generator) == pytest.approx(wasserstein_1d(a[:, 0], b[:, 0]), rel=1e-6)


def test_sliced_wasserstein_is_a_lower_bound_and_looks_at_samples_as_sets(generator):
    a, b = torch.randn(60, 4, generator=generator), 2 * torch.randn(60, 4, generator=generator) + 1
    value = sliced_wasserstein(a, b, 300, torch.Generator().manual_seed(3))
    assert 0 < value < wasserstein(a, b)
    shuffled = b[torch.randperm(60, generator=generator)]
    assert sliced_wasserstein(shuffled, a, 300, torch.Generator().manual_seed(3)) == pytest.approx(value, rel=1e-9)
    assert sliced_wasserstein(a, a.flip(0), 10, generator) == pytest.approx(0, abs=1e-12)
    images = torch.randn(2, 30, 1, 4, 4, generator=generator)
    flat = [sliced_wasserstein(*pair, 20, torch.Generator().manual_seed(1)) for pair in (images, images.flatten(2))]
    assert flat[0] == flat[1]


def test_sliced_wasserstein_agrees_with_pot(generator):
    ot = pytest.importorskip("ot", reason="POT is not installed: pip install pot")
    a, b = torch.randn(80, 3, generator=generator), torch.rand(80, 3, generator=generator)
    theirs = ot.sliced_wasserstein_distance(a.double().numpy(), b.double().numpy(), n_projections=4000, p=1, seed=0)
    assert sliced_wasserstein(a, b, 4000, generator) == pytest.approx(theirs, rel=0.03)


@pytest.mark.parametrize(("a", "b"), [((5, 2), (4, 2)), ((5, 2), (5, 3)), ((5,), (5,)), ((0, 2), (0, 2))])
def test_sliced_wasserstein_refuses_other_shapes(a, b):
    with pytest.raises(ValueError, match=r"a and b must both have shape \(N, \.\.\.\), got"):
        sliced_wasserstein(torch.zeros(a), torch.zeros(b))


def test_sliced_wasserstein_needs_a_direction():
    with pytest.raises(ValueError, match="projections must be at least 1, got 0"):
        sliced_wasserstein(torch.zeros(5, 2), torch.zeros(5, 2), 0)


def piles(generator, n=17, m=9, d=2):
    """Random places and masses of two heaps of different size."""
    x, y = torch.randn(n, d, generator=generator), torch.randn(m, d, generator=generator) + 1
    a, b = torch.rand(n, generator=generator), torch.rand(m, generator=generator)
    return x, y, a / a.sum(), b / b.sum()


def test_a_transport_plan_keeps_the_masses_and_its_prices_prove_it_best(generator):
    x, y, a, b = piles(generator)
    cost = torch.cdist(x.double(), y.double())
    found = transport(cost, a, b)
    assert found.plan.shape == (17, 9)
    assert found.plan.min() >= -1e-12
    assert torch.allclose(found.plan.sum(1), a.double(), atol=1e-6)
    assert torch.allclose(found.plan.sum(0), b.double(), atol=1e-6)
    assert found.cost == pytest.approx((found.plan * cost).sum().item(), rel=1e-9)
    slack = cost - found.f[:, None] - found.g
    assert slack.min() >= -1e-9  # the prices are admissible, so no plan is cheaper than what they promise
    assert (a.double() @ found.f + b.double() @ found.g).item() == pytest.approx(found.cost, rel=1e-6)
    assert slack[found.plan > 1e-9].abs().max() <= 1e-9


def test_transport_agrees_with_pot_for_any_masses(generator):
    ot = pytest.importorskip("ot", reason="POT is not installed: pip install pot")
    for n, m in ((2, 3), (17, 9), (40, 40)):
        x, y, a, b = piles(generator, n, m)
        cost = torch.cdist(x.double(), y.double())
        masses = [(mass.double() / mass.double().sum()).numpy() for mass in (a, b)]
        assert transport(cost, a, b).cost == pytest.approx(ot.emd2(*masses, cost.numpy()), rel=1e-5)


def test_transport_of_equal_masses_is_the_wasserstein_distance(generator):
    x, y = torch.randn(30, 3, generator=generator), torch.rand(30, 3, generator=generator)
    assert transport(torch.cdist(x, y)).cost == pytest.approx(wasserstein(x, y), rel=1e-5)
    assert transport(torch.cdist(x, x + 2)).cost == pytest.approx(2 * math.sqrt(3), rel=1e-5)
    assert transport(torch.tensor([[3.0]])).cost == pytest.approx(3.0)


def test_transport_by_hand():
    """Two heaps on a line: 3/4 at 0 and 1/4 at 4 become 1/2 at 1 and 1/2 at 2."""
    cost = torch.cdist(torch.tensor([[0.0], [4.0]]), torch.tensor([[1.0], [2.0]]))
    found = transport(cost, torch.tensor([0.75, 0.25]), torch.tensor([0.5, 0.5]))
    assert torch.allclose(found.plan, torch.tensor([[0.5, 0.25], [0.0, 0.25]]).double())
    assert found.cost == pytest.approx(0.5 * 1 + 0.25 * 2 + 0.25 * 2)


def test_dual_potentials_extend_to_a_critic_of_slope_one(generator):
    """min_j (|x - y_j| - g_j) is 1-Lipschitz and separates the samples by exactly the distance."""
    x, y, a, b = piles(generator)
    found = transport(torch.cdist(x.double(), y.double()), a, b)
    critic = lambda t: (torch.cdist(t.double(), y.double()) - found.g).min(1).values  # noqa: E731
    assert (a.double() @ critic(x) - b.double() @ critic(y)).item() == pytest.approx(found.cost, rel=1e-6)
    t = 3 * torch.randn(500, 2, generator=generator)
    differences, distances = (critic(t)[:, None] - critic(t)).abs(), torch.cdist(t.double(), t.double())
    assert (differences <= distances + 1e-6).all()


@pytest.mark.parametrize(
    ("cost", "a", "b", "message"),
    [
        (torch.zeros(3), None, None, r"finite, of shape \(N, M\), got \(3,\)"),
        (torch.full((2, 2), math.inf), None, None, "cost must be finite"),
        (torch.zeros(2, 3), torch.ones(3) / 3, None, r"shapes \(2,\) and \(3,\), got \(3,\), \(3,\)"),
        (torch.zeros(2, 2), torch.tensor([1.5, -0.5]), None, "at least 0 with equal positive sums"),
        (torch.zeros(2, 2), torch.ones(2), None, "divide each by its sum"),
        (torch.zeros(2, 2), torch.zeros(2), torch.zeros(2), "equal positive sums"),
    ],
)
def test_transport_refuses_what_has_no_plan(cost, a, b, message):
    with pytest.raises(ValueError, match=message):
        transport(cost, a, b)


def bounded(low, high):
    """Log density of the uniform distribution on [low, high): minus infinity outside."""

    def log_density(x):
        inside = (x[:, 0] >= low) & (x[:, 0] < high)
        return torch.where(inside, -math.log(high - low), -math.inf).double()

    return log_density


def middles(low, high, n):
    """Return the middles of n equal cells of an interval, (n, 1), and a cell's length."""
    cell = (high - low) / n
    return (low + cell * (torch.arange(n, dtype=torch.float64) + 0.5))[:, None], cell


def test_kl_of_a_uniform_from_a_gaussian_is_the_closed_form_and_the_other_way_infinite():
    points, cell = middles(-8, 8, 64_000)
    # E_p[-log 2 + log(2 pi)/2 + x^2/2] for p uniform on [-1, 1), whose mean square is 1/3.
    expected = -math.log(2) + math.log(2 * math.pi) / 2 + 1 / 6
    uniform, gaussian = bounded(-1, 1), log_normal(0.0, 1.0)
    assert kl(uniform, gaussian, points, cell) == pytest.approx(expected, abs=1e-6)
    assert kl(gaussian, uniform, points, cell) == math.inf
    assert kl(bounded(-1, 1), bounded(-2, 2), points, cell) == pytest.approx(math.log(2), abs=1e-6)


def test_jsd_of_uniforms_is_their_overlap_s_closed_form():
    """Uniforms on [0, 1) and [s, 1 + s) share 1 - s of their mass: JSD = s log 2, and log 2 once they are apart."""
    points, cell = middles(-1, 4, 50_000)
    for shift, expected in ((0.0, 0.0), (0.25, 0.25 * math.log(2)), (1.0, math.log(2)), (2.5, math.log(2))):
        got = jsd(bounded(0, 1), bounded(shift, 1 + shift), points, cell)
        assert got == pytest.approx(expected, abs=1e-6)


def test_the_game_s_value_of_uniforms_is_that_of_the_optimal_discriminator():
    points, cell = middles(-1, 4, 50_000)
    for shift in (0.25, 1.0, 2.5):
        p, q = bounded(0, 1), bounded(shift, 1 + shift)
        value = game_value(p, q, lambda x, p=p, q=q: optimal_logit(p, q, x), points, cell)
        assert value == pytest.approx(2 * min(shift, 1.0) * math.log(2) - math.log(4), abs=1e-6)
        blind = game_value(p, q, lambda x: torch.zeros(len(x)), points, cell)
        assert blind == pytest.approx(-math.log(4), abs=1e-6)
    wrong = game_value(bounded(0, 1), bounded(2, 3), lambda x: torch.where(x[:, 0] < 1.5, -math.inf, 0.0), points, cell)
    assert wrong == -math.inf  # sure that every real point is false


def test_distances_far_from_the_origin_lose_nothing():
    near = torch.randn(40, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    far = near + torch.tensor([1e7, 0.0, 0.0])
    assert wasserstein(far, far.flip(0)) == 0.0
    assert wasserstein(far, far + torch.tensor([0.0, 2**-10, 0.0])) == pytest.approx(2**-10, rel=1e-9)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_samples_of_different_float_types_are_compared_as_the_numbers_they_are(dtype):
    a, b = torch.randn(2, 30, 2, generator=torch.Generator().manual_seed(0))
    a = a.to(dtype)
    assert wasserstein(a, b) == pytest.approx(wasserstein(a.float(), b))
    assert wasserstein_1d(a[:, 0], b[:, 0]) == pytest.approx(wasserstein_1d(a[:, 0].float(), b[:, 0]))
