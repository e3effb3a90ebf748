"""The memory of a recipe: parts known by arithmetic, and the peak of batches that it was not counted at."""

from dataclasses import replace

import pytest
import torch

from gan_tutor import recipes
from gan_tutor.recipes import Recipe
from gan_tutor.recipes.memory import _Live, _played

RING = Recipe(width_g=32, width_d=16)
IMAGES = replace(
    RING, data="fashion", generator="dcgan", discriminator="dcgan", latent_dim=8, width_g=8, width_d=8, norm_d="batch"
)
CASES = {
    "ring": RING,
    "lazy": replace(RING, loss="relativistic", penalty="r1_r2", penalty_every=8),
    "critic": replace(RING, loss="wasserstein", penalty="wgan_gp", n_critic=3),
    "classical": IMAGES,
    "fast": recipes.named("digits"),
    "residual": replace(
        IMAGES, generator="residual", discriminator="residual", norm_d="none", penalty="r1_r2", loss="relativistic",
        diffaugment="color,cutout", augment="flip",
    ),
    "projection": recipes.named("fashion_projection"),
}  # fmt: skip


def test_the_count_sees_what_is_made_and_what_is_freed():
    old = torch.zeros(100)
    held = torch.zeros(10)
    with _Live([held]) as counted:
        a = torch.ones(1000)  # 4000 bytes
        view = a[:10].view(2, 5)
        b = a + 1
        old.add_(1)
        del a
        c = b * 2
        del view, b, held
        d = c.sum()
    assert max(counted.after) == 40 + 3 * 4000
    assert counted.after[0] == 40 + 4000
    assert counted.after[-1] == 4000 + 4
    del c, d
    assert counted.live == 0


@pytest.mark.parametrize("recipe", CASES.values(), ids=CASES)
@pytest.mark.parametrize("batch_size", [2, 24])
def test_the_peak_of_another_batch_is_foretold_exactly(recipe, batch_size):
    assert recipes.memory(recipe).turn(batch_size) == max(_played(recipe, batch_size)[0])


def test_parameters_and_state_are_those_of_the_arithmetic():
    need = recipes.memory(RING)
    g = 2 * 32 + 32 + 32 * 32 + 32 + 32 * 2 + 2
    d = 2 * 16 + 16 + 16 * 16 + 16 + 16 + 1
    assert need.parameters == 4 * (g + d)
    assert need.state == 4 * (g + 2 * (g + d) + 12)  # average, two moments, a step for each of twelve parameters
    assert need.data == 0
    assert need.total(100) == need.parameters + need.state + need.turn(100)
    assert recipes.memory(replace(RING, optimizer="sgd", beta1=0.0)).state == 4 * g


def test_data_on_the_device_counts():
    assert recipes.memory(recipes.named("digits")).data == 4000 * (784 + 8)
    assert recipes.memory(recipes.named("stacked_digits")).data == 4000 * (784 + 8)
    assert recipes.memory(replace(IMAGES, data="CIFAR10", width_g=2, width_d=2)).data == 50_000 * (3072 + 8)


def test_a_turn_holds_the_gradients_and_grows_with_the_batch_and_the_penalty():
    plain, penal = (recipes.memory(replace(IMAGES, norm_d="none", penalty=name)) for name in ("none", "r1_r2"))
    assert plain.turn(1) > plain.parameters * 0.9
    assert plain.turn(64) > 3 * plain.turn(8)
    assert penal.turn(64) > 1.2 * plain.turn(64)
    sgd, adam = (recipes.memory(replace(IMAGES, optimizer=name, beta1=0.0)) for name in ("sgd", "adam"))
    assert adam.state == pytest.approx(sgd.state + 2 * adam.parameters, rel=0.01)


def test_the_largest_batch_just_fits_four_fifths():
    recipe = recipes.named("fashion_classical")
    need = recipes.memory(recipe)
    for n in (1, 8, 512):
        assert recipes.largest_batch(recipe, int(need.total(n) / 0.8) + 1) == n
        assert recipes.largest_batch(recipe, int(need.total(2 * n) / 0.8) - 1) == n
    assert recipes.largest_batch(recipe, int(need.total(1) / 0.8) - 1) == 0


def test_counting_leaves_torch_s_generator_alone():
    before = torch.get_rng_state()
    recipes.memory(replace(RING, compile=True))
    assert torch.equal(before, torch.get_rng_state())
