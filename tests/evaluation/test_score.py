"""score: each kind of source gets its own measures, beside what exact samples would get."""

import math
from types import SimpleNamespace

import pytest
import torch
from scipy import optimize, spatial, stats

from gan_tutor import data, evaluation
from gan_tutor.evaluation import score


def test_a_mixture_of_modes_gets_coverage_and_its_ceiling(generator):
    ring = data.ring()
    samples = ring.sample(1000, generator)
    got = score(samples, ring)
    assert set(got) == {
        "modes", "high_quality", "reverse_kl", "perfect_modes", "perfect_high_quality", "perfect_reverse_kl",
    }  # fmt: skip
    measured, best = evaluation.coverage(samples, ring), evaluation.perfect_sampler(ring, 1000)
    for name in ("modes", "high_quality", "reverse_kl"):
        assert got[name] == getattr(measured, name)
        assert got[f"perfect_{name}"] == getattr(best, name)


@pytest.mark.parametrize("make", [data.gaussian, data.two_moons, data.swiss_roll, data.point])
def test_other_densities_get_a_wasserstein_distance_and_that_of_two_real_draws(make, generator):
    source = make()
    exact = score(source.sample(300, generator), source, generator)
    assert set(exact) == {"wasserstein", "perfect_wasserstein"}
    wrong = score(source.sample(300, generator) + 2, source, generator)
    offset = 2 if len(source.shape) == 1 and source.shape[0] == 1 else 2 * math.sqrt(2)
    assert wrong["wasserstein"] == pytest.approx(offset, abs=0.3)
    assert exact["wasserstein"] == pytest.approx(exact["perfect_wasserstein"], abs=0.2)
    assert (exact["wasserstein"] > 0) == (source.name != "point")


def test_modes_that_touch_have_no_coverage_to_measure(generator):
    apart, touching = (data.drawn([(0.0, 0.0), (gap, 0.0)], sigma=0.1) for gap in (0.61, 0.59))
    assert "modes" in score(apart.sample(100, generator), apart, generator)
    assert set(score(touching.sample(100, generator), touching, generator)) == {"wasserstein", "perfect_wasserstein"}


def test_the_real_draws_come_from_the_given_generator():
    samples = torch.zeros(50, 2)
    first, again, other = (
        score(samples, data.two_moons(), torch.Generator().manual_seed(s))["wasserstein"] for s in (0, 0, 1)
    )
    assert first == again != other


@pytest.mark.parametrize(("make", "n"), [(data.two_moons, 60), (data.gaussian, 1003)])
def test_the_ceiling_is_the_distance_of_a_second_draw_to_the_first(make, n):
    """At most 1000 points of each, drawn one after the other; the same draw against itself would give 0."""
    source = make()
    samples = source.sample(n, torch.Generator().manual_seed(5)) + 1
    got = score(samples, source, torch.Generator().manual_seed(6))
    generator, k = torch.Generator().manual_seed(6), min(n, 1000)
    real, again = (source.sample(k, generator).numpy() for _ in range(2))

    def distance(a, b):
        if a.shape[1] == 1:
            return stats.wasserstein_distance(a[:, 0], b[:, 0])
        costs = spatial.distance.cdist(a, b)
        return costs[optimize.linear_sum_assignment(costs)].mean()

    assert got["wasserstein"] == pytest.approx(distance(samples[:k].numpy(), real), rel=1e-4)
    assert got["perfect_wasserstein"] == pytest.approx(distance(again, real), rel=1e-4)
    assert 0 < got["perfect_wasserstein"] < 0.5 < got["wasserstein"]


def test_images_get_feature_distances(generator):
    digits = data.digits("test")
    x = digits.sample(200, generator)
    got = score(x, digits)
    assert set(got) == {"frechet_distance", "floor_frechet_distance", "kernel_distance", "precision", "recall"}
    noise = score(2 * torch.rand(x.shape, generator=generator) - 1, digits)
    assert 0 < got["frechet_distance"] < 0.1 * noise["frechet_distance"]
    assert got["kernel_distance"] < noise["kernel_distance"]
    assert got["precision"] > 0.9 > 0.1 > noise["precision"] >= 0
    assert got["floor_frechet_distance"] == evaluation.frechet_floor("digits", 200) > 1


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("make", [data.ring, data.two_moons, data.gaussian, data.digits, data.stacked_digits])
def test_samples_of_another_float_type_have_the_score_of_their_numbers(make, dtype):
    source = make()
    x = source.sample(12, torch.Generator().manual_seed(0)).to(dtype)
    if source.name == "digits":
        source = data.ImageSet("digits", source.pixels[:100], source.labels[:100], source.classes)
    got, want = (score(samples, source, torch.Generator().manual_seed(1)) for samples in (x, x.float()))
    assert got == pytest.approx(want, rel=1e-5, abs=1e-6, nan_ok=True)


def test_stacked_digits_get_modes_and_their_ceiling(generator):
    source = data.stacked_digits()
    x = source.sample(300, generator)
    got, (modes, kl) = score(x, source), evaluation.perfect_stacked(300)
    assert got == {
        "modes": evaluation.stacked_score(x).modes, "kl": evaluation.stacked_score(x).kl,
        "perfect_modes": modes, "perfect_kl": kl,
    }  # fmt: skip
    assert got["modes"] == pytest.approx(modes, abs=20)
    assert score(x[:1].expand(300, -1, -1, -1), source)["modes"] == 1


def test_a_source_without_a_measure_says_what_to_use():
    faces = SimpleNamespace(name="CelebA")
    with pytest.raises(
        evaluation.NoMeasure, match=r"no feature network ships for CelebA: use evaluation\.inception_fid"
    ):
        score(torch.zeros(4, 3, 64, 64), faces)
    assert issubclass(evaluation.NoMeasure, ValueError)


def test_modes_are_apart_if_the_widest_balls_of_three_sigma_do_not_meet(generator):
    """Gaps that floats hold exactly; the widest of unequal sigmas decides, and a sigma of 0 has no modes to measure."""
    above = torch.nextafter(torch.tensor(1.5), torch.tensor(2.0)).item()
    for means, sigmas, apart in (
        ((0.0, 1.5), (0.25, 0.25), False), ((0.0, above), (0.25, 0.25), True),
        ((0.0, 1.25), (0.125, 0.25), False), ((0.0, 1.25), (0.125, 0.125), True),
        ((0.0, 9.0, 9.5), (0.25, 0.25, 0.25), False), ((0.0, 9.0), (0.0, 0.25), False), ((0.0,), (0.25,), False),
    ):  # fmt: skip
        line = data.mixture_1d(means, sigmas)
        got = score(line.sample(20, generator), line, generator)
        assert ("modes" in got, "wasserstein" in got) == (apart, not apart), (means, sigmas)


def test_the_numbers_of_images_are_those_of_fakes_against_reals():
    """One image many times over is precise and recalls nothing; the other way round it would be the reverse."""
    digits = data.digits("test").split()[1]
    fake = digits.images[:1].expand(100, -1, -1, -1)
    network = evaluation.feature_network("digits")
    real, made = network.features(digits.images), network.features(fake)
    got = score(fake, digits)
    assert (got["precision"], got["recall"]) == tuple(evaluation.precision_recall(real, made))
    assert got["precision"] == 1 > 0.1 > got["recall"]
    assert got["frechet_distance"] == pytest.approx(evaluation.frechet_distance(made, real), rel=1e-9)
    assert got["kernel_distance"] == pytest.approx(evaluation.kernel_distance(made, real), rel=1e-9)
    assert got["floor_frechet_distance"] == evaluation.frechet_floor("digits", 100)


@pytest.mark.parametrize("name", ["digits", "fashion", "ring", "swiss_roll", "gaussian", "stacked_digits"])
def test_the_least_number_of_samples_is_where_a_measure_begins_to_exist(name):
    source = getattr(data, name)(4.0, 1.25) if name == "gaussian" else getattr(data, name)()
    least = evaluation.least_samples(name)
    assert evaluation.score(source.sample(least, torch.Generator().manual_seed(0)), source)
    if least > 1:
        with pytest.raises(ValueError, match="at least"):
            evaluation.score(source.sample(least - 1, torch.Generator().manual_seed(0)), source)


def test_a_single_point_is_measured_in_both_coordinates():
    source, point = data.two_moons(), torch.tensor([[3.0, 4.0]])
    got = score(point, source, torch.Generator().manual_seed(0))
    real = source.sample(1, torch.Generator().manual_seed(0))
    assert got["wasserstein"] == pytest.approx((point - real).norm().item(), rel=1e-6)
