"""The named recipes: each one is described, builds, runs, and repeats itself."""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from gan_tutor import data, recipes, training

FROM_FILES = {
    name
    for name in recipes.NAMES
    if recipes.named(name).data in ("MNIST", "FashionMNIST", "KMNIST", "CIFAR10", "CelebA")
}
READY = [name for name in recipes.NAMES if name not in FROM_FILES]


RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
RECORDED = {  # which file holds the settings of a run, and where in it
    **{name: (f"recipe_{name}", ("recipe",)) for name in
       ("ring", "grid", "digits", "digits_wide", "fashion", "digits_classical", "fashion_classical", "fashion_modern")},
    "stacked_digits": ("evaluation", ("stacked", "runs", "relativistic, R1 and R2", "recipe")),
    "digits_projection": ("conditional", ("recipes", "digits")),
    "fashion_projection": ("conditional", ("recipes", "fashion")),
}  # fmt: skip
CURE = {"loss": "relativistic", "penalty": "r1_r2", "penalty_weight": 1.0, "beta1": 0.0, "beta2": 0.99}
FACES = {"data": "CelebA", "latent_dim": 128, "width_g": 64, "width_d": 64, "batch_size": 128, "lr_g": 2e-4,
         "lr_d": 2e-4, "ema_decay": 0.999, "steps": 100_000, "precision": "auto", "channels_last": True}  # fmt: skip
# What no file holds in full: the settings that are not a recipe's defaults, as the chapters and the results use them.
TABLE = {
    "ring_slow_d": {"lr_d": 1e-4, "steps": 2500},
    "ring_small_d": {"width_d": 32, "steps": 4000},
    "ring_small_d_cured": {"width_d": 32, "steps": 4000, **CURE},
    "gaussian": {"data": "gaussian", "latent_dim": 1, "width_d": 32, "depth_g": 0, "activation_d": "tanh",
                 "lr_g": 5e-3, "lr_d": 2e-3, "steps": 2500},
    "celeba64": {**FACES, "generator": "dcgan", "discriminator": "dcgan", "norm_d": "batch"},
    "celeba64_modern": {**FACES, **CURE, "generator": "residual", "discriminator": "residual", "depth_g": 1,
                        "depth_d": 1, "penalty_weight": 2.0, "augment": "flip"},
}  # fmt: skip


def test_every_recipe_is_held_to_a_result_or_to_a_table():
    assert set(RECORDED) | set(TABLE) == set(recipes.NAMES)
    assert not set(RECORDED) & set(TABLE)


@pytest.mark.parametrize("name", RECORDED)
def test_a_recipe_is_the_one_whose_result_is_recorded(name):
    """A number for other settings would be no result of this recipe."""
    file, keys = RECORDED[name]
    found = json.loads((RESULTS / f"{file}.json").read_text(encoding="utf-8"))
    for key in keys:
        found = found[key]
    assert asdict(recipes.named(name)) == asdict(recipes.from_dict(found))
    assert found["steps"] == recipes.named(name).steps


@pytest.mark.parametrize("name", TABLE)
def test_a_recipe_without_a_file_of_its_own_is_that_of_the_table(name):
    assert asdict(recipes.named(name)) == asdict(recipes.Recipe(**TABLE[name]))


def test_the_names_of_the_book_exist():
    assert {"ring", "grid", "gaussian", "digits", "fashion"} <= set(READY)
    assert {"celeba64", "celeba64_modern"} == FROM_FILES


@pytest.mark.parametrize("name", recipes.NAMES)
def test_every_recipe_has_one_line_of_description(name):
    text = recipes.describe(name)
    assert text
    assert "\n" not in text
    assert len(text) < 120


@pytest.mark.parametrize("ask", [recipes.named, recipes.describe])
def test_an_unknown_name_is_refused_with_the_known_ones(ask):
    with pytest.raises(ValueError, match=r"there is no recipe 'rings'; the recipes are ring, .*fashion"):
        ask("rings")


@pytest.mark.parametrize("name", READY)
def test_every_ready_recipe_builds_and_runs_two_steps_the_same_way_twice(name):
    recipe = replace(recipes.named(name), steps=2)
    runs = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        before = torch.get_rng_state()
        game = recipes.build(recipe)
        records = list(recipes.run(game))
        assert torch.equal(before, torch.get_rng_state()), "the global generator was used"
        assert game.step == 2
        assert [record.step for record in records] == [1, 2]
        assert all(math.isfinite(r.loss_d) and math.isfinite(r.loss_g) for r in records)
        runs.append((records, [t for m in (game.G, game.D, game.ema) for t in m.state_dict().values()]))
    (a, first), (b, second) = runs
    assert [(r.loss_d.item(), r.loss_g.item()) for r in a] == [(r.loss_d.item(), r.loss_g.item()) for r in b]
    assert all(torch.equal(x, y) for x, y in zip(first, second, strict=True))


@pytest.mark.parametrize("name", sorted(FROM_FILES))
def test_the_face_recipes_say_what_they_need(name, tmp_path):
    with pytest.raises(FileNotFoundError, match="CelebA"):
        recipes.build(replace(recipes.named(name), data_root=str(tmp_path)))
    assert recipes.sample_shape(recipes.named(name)) == (3, 64, 64)


@pytest.mark.parametrize("name", sorted(FROM_FILES))
def test_the_face_recipes_play_two_turns_on_noise_in_place_of_faces(name):
    pixels = torch.randint(256, (8, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    noise = data.ImageSet("noise", pixels, torch.zeros(8, dtype=torch.int64), ("noise",))
    recipe = replace(recipes.named(name), batch_size=2, steps=2, width_g=8, width_d=8)
    game = recipes.build(recipe, data_source=noise)
    records = list(recipes.run(game))
    assert all(math.isfinite(r.loss_d) and math.isfinite(r.loss_g) for r in records)
    assert training.generate(game.ema, 3, recipe.latent_dim, game.generator).shape == (3, 3, 64, 64)


def test_the_modern_faces_differ_from_the_classical_ones_in_what_they_name():
    old, new = (recipes.named(name) for name in ("celeba64", "celeba64_modern"))
    assert (old.data, old.batch_size, old.steps, old.latent_dim) == (
        new.data,
        new.batch_size,
        new.steps,
        new.latent_dim,
    )
    assert (new.generator, new.discriminator, new.norm_d) == ("residual", "residual", "none")
    assert (new.loss, new.penalty, new.penalty_every) == ("relativistic", "r1_r2", 1)
    assert (new.precision, new.channels_last, new.augment) == ("auto", True, "flip")
    assert (old.loss, old.norm_d, old.penalty) == ("nonsaturating", "batch", "none")
