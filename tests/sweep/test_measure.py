"""What may share a stack, and what a row tells of a GAN."""

import math
from dataclasses import replace

import pytest
import torch

from gan_tutor import evaluation, recipes, sweep, training
from gan_tutor.recipes import Recipe
from gan_tutor.sweep.measure import _row

SMALL = Recipe(width_g=8, width_d=8, batch_size=16, steps=3)


def test_groups_keep_the_order_and_split_by_what_cannot_be_stacked():
    wanted = [
        SMALL, replace(SMALL, loss="hinge"), replace(SMALL, lr_d=1e-4, seed=3, latent_dim=7),
        replace(SMALL, instance_noise=0.1), replace(SMALL, loss="hinge", beta1=0.9), replace(SMALL, steps=4),
    ]  # fmt: skip
    assert sweep.alike(wanted) == [[0, 2], [1, 4], [3], [5]]
    assert sweep.varying(wanted) == ["latent_dim", "loss", "instance_noise", "lr_d", "beta1", "steps", "seed"]


def test_every_field_of_a_recipe_is_varied_shared_or_refused():
    assert not set(sweep.VARIES) & set(sweep.SHARED)
    assert set(sweep.VARIES + sweep.SHARED) < set(Recipe.__dataclass_fields__)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data": "digits"}, "data must be a density such as ring, got digits"),
        ({"norm_d": "spectral"}, "norm_d = 'none', got 'spectral'"),
        ({"condition": "concat"}, "condition = 'none', got 'concat'"),
        ({"precision": "bfloat16"}, "precision = 'float32', got 'bfloat16'"),
        ({"compile": True}, "compile = False, got True"),
    ],
)
def test_what_cannot_be_stacked_is_refused_in_words(change, said):
    with pytest.raises(ValueError, match=said):
        sweep.build([replace(SMALL, **change)])


def test_a_stack_needs_one_group():
    with pytest.raises(ValueError, match=r"recipes of one group .* got 2 groups"):
        sweep.build([SMALL, replace(SMALL, width_g=4)])
    with pytest.raises(ValueError, match="got 0 groups"):
        sweep.build([])


def test_a_row_is_what_the_command_line_measures_of_the_run():
    wanted = [replace(SMALL, seed=s, latent_dim=n) for s, n in ((5, 2), (1, 3), (5, 3))]
    stack = sweep.build(wanted)
    *_, last = sweep.run(stack)
    rows = sweep.measure(stack, samples=300)
    for number, recipe in enumerate(wanted):
        game = sweep.member(stack, number)
        drawn = training.generate(
            game.ema, 300, recipe.latent_dim, torch.Generator().manual_seed(recipe.seed + 1_000_003)
        )
        expected = evaluation.score(drawn, game.source)
        assert {name: rows[number][name] for name in ("modes", "perfect_modes")} == {
            name: expected[name] for name in ("modes", "perfect_modes")
        }
        assert rows[number]["high_quality"] == pytest.approx(expected["high_quality"], abs=0.004)
        assert rows[number]["loss_d"] == last.loss_d[number].item()
        assert rows[number]["loss_g"] == last.loss_g[number].item()
        assert rows[number]["diverged_at"] is None


def test_a_stack_that_has_not_played_is_not_measured():
    with pytest.raises(ValueError, match="played at least one turn to be measured, got one at step 0"):
        sweep.measure(sweep.build([SMALL]))


def test_other_densities_are_measured_by_their_distance():
    stack = sweep.build([replace(SMALL, data="gaussian", seed=s) for s in (0, 1)])
    for _ in sweep.run(stack):
        pass
    for row in sweep.measure(stack, samples=200):
        assert 1 < row["wasserstein"] < 10
        assert 0 < row["perfect_wasserstein"] < 1
        assert "overlap" not in row
    with pytest.raises(ValueError, match="samples must be at least 1, got 0"):
        sweep.measure(stack, samples=0)


def test_overlap_needs_sharpness_and_coverage():
    expected = torch.full((8,), 100.0)
    assert sweep.overlap(torch.full((8,), 100), expected) == pytest.approx(1)
    assert sweep.overlap(torch.tensor([800] + [0] * 7), expected) == pytest.approx(1 / 8)
    assert sweep.overlap(torch.full((8,), 10), expected) == pytest.approx(0.1)
    assert sweep.overlap(torch.tensor([200] * 4 + [0] * 4), expected) == pytest.approx(0.5)
    assert sweep.overlap(torch.zeros(8), expected) == 0
    real = recipes.source(SMALL).sample(20_000, torch.Generator().manual_seed(0))
    got, best = (
        evaluation.coverage(real, recipes.source(SMALL)),
        evaluation.perfect_sampler(recipes.source(SMALL), 20_000),
    )
    assert 0.97 < sweep.overlap(got.counts, best.counts) < 1


def test_collapse_is_a_sharp_generator_that_misses_modes():
    source = recipes.source(SMALL)
    stack = sweep.build([SMALL, SMALL])
    for _ in sweep.run(stack):
        pass
    stack.ema[0] = 0  # the last layer's biases end the row: this generator always answers with one mode
    stack.ema[0, -2:] = source.means[3]
    one_mode, untrained = sweep.measure(stack, samples=400)
    assert one_mode["collapsed"] is True
    assert (one_mode["modes"], one_mode["high_quality"]) == (1, 1)
    assert one_mode["overlap"] == pytest.approx(1 / 8)
    assert untrained["collapsed"] is False


def test_a_distance_is_to_real_points_of_the_gan_s_own_seed():
    """Latents and real points are drawn from the seed, shifted by two numbers of their own, GAN by GAN."""
    wanted = [replace(SMALL, data="gaussian", seed=s) for s in (3, 8)]
    stack = sweep.build(wanted)
    for _ in sweep.run(stack):
        pass
    for number, (recipe, row) in enumerate(zip(wanted, sweep.measure(stack, samples=200), strict=True)):
        game = sweep.member(stack, number)
        z = torch.randn(200, 2, generator=torch.Generator().manual_seed(recipe.seed + 1_000_003))
        generator = torch.Generator().manual_seed(recipe.seed + 2_000_003)
        real, again = (game.source.sample(200, generator).flatten().sort().values for _ in range(2))
        made = game.ema(z).detach().flatten().sort().values
        assert row["wasserstein"] == pytest.approx((made - real).abs().mean().item(), rel=1e-5)
        assert row["perfect_wasserstein"] == pytest.approx((again - real).abs().mean().item(), rel=1e-5)


@pytest.mark.parametrize(
    ("hit", "beside", "collapsed"),
    [(4, 400, True), (4, 401, False), (5, 0, False), (4, 0, True), (1, 100, True), (1, 101, False)],
)
def test_collapsed_is_half_of_the_samples_in_half_of_the_modes(hit, beside, collapsed):
    """Both halves belong to it: 100 samples on each of some of eight modes, and some far from all."""
    ring = recipes.source(SMALL)
    drawn = torch.cat([ring.means[:hit].repeat_interleave(100, dim=0), torch.full((beside, 2), 9.0)])
    row = _row(drawn, ring, 0, [0.5, 0.25], 0)
    assert (row["collapsed"], row["modes"]) == (collapsed, hit)
    assert row["high_quality"] == pytest.approx(100 * hit / len(drawn))
    assert (row["diverged_at"], row["loss_d"], row["loss_g"]) == (None, 0.5, 0.25)


def test_a_gan_whose_samples_are_no_numbers_has_no_row_but_its_end():
    ring = recipes.source(SMALL)
    drawn = ring.means.clone()
    drawn[3, 0] = math.nan
    for stopped, samples in ((0, drawn), (7, ring.means)):
        row = _row(samples, ring, stopped, [0.5, 0.5], 0)
        assert row.pop("diverged_at") == (stopped or None)
        assert set(row.values()) == {None}
    assert _row(ring.means, ring, 0, [0.5, 0.5], 0)["overlap"] == pytest.approx(1)
