"""`gan-tutor train`: the run folder, its numbers, checkpoints by the clock, and what is told of speed."""

import json
import math
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch
from small_runs import FILES, TINY, same_state, told_speed

from gan_tutor import recipes


def test_training_leaves_a_run_folder(folder):
    assert sorted(p.name for p in folder.iterdir()) == FILES
    recipe = recipes.from_json((folder / "recipe.json").read_text())
    assert (recipe.steps, recipe.width_g, recipe.data) == (30, 8, "ring")
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["step"] == 30
    assert metrics["seconds"] >= 0
    assert metrics["steps_per_second"] > 0
    assert metrics["torch"] == torch.__version__
    assert metrics["device"] == "cpu, 1 thread(s)"
    assert metrics["perfect_modes"] == 8
    assert 0 <= metrics["modes"] <= 8
    picture = plt.imread(folder / "samples.png")
    assert picture.shape[:2] == (500, 500)
    assert picture[..., :3].std() > 0.01
    assert recipes.resume(folder / "checkpoint.safetensors").step == 30


def test_metrics_are_json_that_every_reader_accepts(folder):
    """Infinity and NaN are not JSON: browsers refuse a file that holds them."""

    def refuse(constant):
        raise AssertionError(f"metrics.json holds {constant}")

    json.loads((folder / "metrics.json").read_text(), parse_constant=refuse)


def test_images_become_a_run_folder_too(run, tmp_path):
    out = tmp_path / "digits"
    status, printed, errors = run(
        "train", "digits", "--steps", 2, "--out", out, "--samples", 64, "--width-g", 4, "--width-d", 4
    )
    assert status == 0, errors
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["frechet_distance"] > 10 * metrics["floor_frechet_distance"] > 0
    assert json.loads(printed[printed.index("{") :]) == metrics


def test_training_equals_the_library(folder):
    game = recipes.build(recipes.from_json((folder / "recipe.json").read_text()))
    assert all(math.isfinite(record.loss_d) for record in recipes.run(game))
    recipes.save(game, folder / "other.safetensors")
    assert same_state(folder / "checkpoint.safetensors", folder / "other.safetensors")


def test_checkpoints_are_written_by_the_clock_too(run, tmp_path, monkeypatch):
    saved = []
    save = recipes.save
    monkeypatch.setattr(recipes, "save", lambda game, path: saved.append(game.step) or save(game, path))
    out = ("--out", tmp_path / "run")
    assert run("train", "ring", "--steps", 6, "--checkpoint-minutes", 1e-9, *out, *TINY)[0] == 0
    assert saved == [1, 2, 3, 4, 5, 6]
    saved.clear()
    assert run("train", "ring", "--steps", 6, "--out", tmp_path / "other", *TINY)[0] == 0
    assert saved == [6]


def test_the_speed_that_is_told_is_that_of_all_sessions_of_a_run(run, folder):
    first = told_speed(folder)
    command = ("train", "ring", "--out", folder, "--resume", *TINY)
    assert run(*command, "--steps", 30)[0] == 0
    assert told_speed(folder) == first  # nothing was played
    assert run(*command, "--steps", 50)[0] == 0
    longer = told_speed(folder)
    assert longer["seconds"] > first["seconds"] > 0
    for told, turns in ((first, 30), (longer, 50)):
        assert told["seconds"] * told["steps_per_second"] == pytest.approx(turns, rel=1e-3)
        assert told["images_per_second"] == pytest.approx(16 * told["steps_per_second"], rel=1e-3)
    game = recipes.resume(folder / "checkpoint.safetensors")
    assert game.timed == (50, pytest.approx(longer["seconds"], rel=1e-3))
    assert recipes.steer(game, replace(game.recipe, width_d=9)).timed == game.timed
    game.timed = (0, 0.0)  # a checkpoint of before
    recipes.save(game, folder / "checkpoint.safetensors")
    assert run(*command, "--steps", 50)[0] == 0
    assert told_speed(folder) == dict.fromkeys(first)


def test_help_describes_every_command_and_recipe(run):
    status, printed, _ = run("--help")
    assert status == 0
    assert all(word in printed for word in ("train", "sample", "evaluate"))
    status, printed, _ = run("train", "--help")
    assert status == 0
    assert all(name in printed for name in recipes.NAMES)


def test_the_default_folder_is_named_by_recipe_and_seed(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("ring", "ring_slow_d"):  # of the same data
        assert run("train", name, "--steps", 2, "--seed", 7, *TINY)[0] == 0
        assert sorted(p.name for p in Path(f"runs/{name}-7").iterdir()) == FILES
        kept = recipes.from_json(Path(f"runs/{name}-7/recipe.json").read_text())
        assert kept == replace(recipes.named(name), steps=2, seed=7, width_g=8, width_d=8, batch_size=16)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_a_run_tells_its_share_of_peak(run, tmp_path):
    out = tmp_path / "run"
    status, _, errors = run("train", "digits", "--steps", 30, "--device", "cuda", "--out", out, "--samples", 64)
    assert status == 0, errors
    assert 0 < json.loads((out / "metrics.json").read_text())["share_of_peak"] < 1
    assert recipes.resume(out / "checkpoint.safetensors", "cuda").step == 30
