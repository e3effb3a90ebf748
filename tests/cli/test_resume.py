"""`--resume` and `--previous`: the run that goes on is the run that never stopped, or says what is another."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from small_runs import FILES, TINY, same_state

from gan_tutor import recipes


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--width-g", 9), "width_g 9 (was 8)"),
        (("--data", "grid", "--seed", 2), "data grid (was ring), seed 2 (was 0)"),
        (("--norm-d", "spectral", "--lr-g", 0.1), "norm_d spectral (was none)"),
        (("--condition", "concat"), "condition concat (was none)"),
    ],
)
def test_resuming_with_other_networks_data_or_seed_is_refused_with_the_difference(run, folder, flags, told):
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    status, _, errors = run("train", "ring", "--steps", 30, "--out", folder, "--resume", *TINY, *flags)
    assert status == 1
    assert errors == (
        f"gan-tutor: {folder} was trained with another recipe and cannot go on with {told}: leave networks, data and "
        "seed as they were, or choose another --out"
    )
    assert before == {p.name: p.read_bytes() for p in folder.iterdir()}


def test_a_finished_run_goes_on_for_longer_and_with_other_rates_and_says_so(run, folder):
    flags = ("--steps", 40, "--lr-g", 1e-4, "--beta1", 0.2, "--loss", "hinge", "--penalty", "r1", "--batch-size", 8)
    command = ("train", "ring", "--out", folder, "--resume", *TINY, *flags)
    status, printed, errors = run(*command)
    assert status == 0, errors
    assert "step 30 of 40" in printed
    (line,) = [line for line in errors.splitlines() if " goes on at " in line]
    assert line == (
        f"{folder} goes on at step 30 with loss hinge (was nonsaturating), penalty r1 (was none), lr_g 0.0001 (was "
        "0.001), beta1 0.2 (was 0.5), batch_size 8 (was 16), steps 40 (was 30)"
    )
    small = replace(recipes.named("ring"), steps=30, width_g=8, width_d=8, batch_size=16)
    game = recipes.build(small)
    recipes.play(game, until=30)
    new = replace(small, steps=40, lr_g=1e-4, beta1=0.2, loss="hinge", penalty="r1", batch_size=8)
    game = recipes.steer(game, new)
    recipes.play(game, until=40)
    recipes.save(game, folder / "expected.safetensors")
    assert same_state(folder / "checkpoint.safetensors", folder / "expected.safetensors")
    assert recipes.from_json((folder / "recipe.json").read_text()) == new
    assert " goes on at " not in run(*command)[2]
    status, _, errors = run(*command, "--steps", 39)
    assert status == 1
    assert errors.endswith(f"--steps must be at least 40, the turns that {folder} has played, got 39")


def test_the_checkpoint_before_the_last_is_kept_and_can_be_gone_on_from(run, folder, tmp_path):
    out = tmp_path / "other"
    command = ("train", "ring", "--steps", 30, "--out", out, *TINY)
    status, _, errors = run(*command, "--checkpoint-every", 12)
    assert status == 0, errors
    assert sorted(p.name for p in out.iterdir()) == sorted([*FILES, "previous.safetensors"])
    assert recipes.resume(out / "previous.safetensors").step == 24
    status, printed, errors = run(*command, "--previous")
    assert status == 0, errors
    assert "step 24 of 30" in printed
    assert same_state(out / "checkpoint.safetensors", folder / "checkpoint.safetensors")
    assert recipes.resume(out / "previous.safetensors").step == 24
    (out / "checkpoint.safetensors").write_bytes(b"damaged")
    status, _, errors = run(*command, "--resume")
    assert status == 1
    assert errors.endswith("the one before it may be whole: go on from it by --previous")
    (out / "checkpoint.safetensors").unlink()
    status, _, errors = run(*command, "--resume")
    assert status == 1
    assert errors.endswith("holds previous.safetensors but no checkpoint: go on from it by --previous")
    assert run(*command, "--previous")[0] == 0
    assert same_state(out / "checkpoint.safetensors", folder / "checkpoint.safetensors")
    (out / "previous.safetensors").unlink()
    status, _, errors = run(*command, "--previous")
    assert status == 1
    assert "no checkpoint at" in errors


def test_resuming_nothing_is_an_error(run, tmp_path):
    status, _, errors = run("train", "ring", "--out", tmp_path / "none", "--resume")
    assert status == 1
    assert errors.startswith("gan-tutor: no checkpoint at ")
    assert list(tmp_path.iterdir()) == []


def test_resuming_a_run_without_a_checkpoint_starts_from_the_beginning_and_says_so(run, folder):
    expected = folder / "expected.safetensors"
    (folder / "checkpoint.safetensors").rename(expected)
    (folder / ".checkpoint.safetensors.1.tmp").write_bytes(b"half")
    status, printed, errors = run("train", "ring", "--steps", 30, "--out", folder, "--resume", *TINY)
    assert status == 0, errors
    assert f"{folder} holds no checkpoint yet: starting from the beginning" in errors
    assert "step 0 of 30" in printed
    assert same_state(folder / "checkpoint.safetensors", expected)
    expected.unlink()
    assert sorted(p.name for p in folder.iterdir()) == FILES


def test_resuming_a_run_without_a_checkpoint_refuses_another_recipe_too(run, folder):
    (folder / "checkpoint.safetensors").unlink()
    status, _, errors = run("train", "ring", "--steps", 30, "--out", folder, "--resume", *TINY, "--width-g", 9)
    assert status == 1
    assert "cannot go on with width_g 9 (was 8)" in errors
    (folder / "recipe.json").write_text('{"flour": 500}')
    status, _, errors = run("train", "ring", "--steps", 30, "--out", folder, "--resume", *TINY)
    assert status == 1
    assert errors.startswith(
        f"gan-tutor: {folder / 'recipe.json'} is not a run's recipe (a recipe has no field 'flour'"
    )


def test_resuming_a_finished_run_measures_it_again(run, folder):
    before = folder / "before.safetensors"
    before.write_bytes((folder / "checkpoint.safetensors").read_bytes())
    status, printed, errors = run("train", "ring", "--steps", 30, "--out", folder, "--resume", *TINY)
    assert status == 0, errors
    assert "step 30 of 30" in printed
    assert same_state(folder / "checkpoint.safetensors", before)


def mnist_files(root):
    """Write 40 random images of each part in MNIST's own format."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    numbers = np.random.default_rng(0)
    for part in ("train", "t10k"):
        images = numbers.integers(0, 256, (40, 28, 28), dtype=np.uint8)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 2051, 40, 28, 28) + images.tobytes())
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, 40) + bytes(k % 10 for k in range(40)))


def test_a_run_whose_data_have_moved_goes_on_and_is_measured_where_they_are(run, tmp_path):
    pytest.importorskip("torchvision", reason="torchvision is not installed: pip install 'gan-tutor[book]'")
    old, new, out = tmp_path / "old", tmp_path / "new", tmp_path / "run"
    mnist_files(old)
    players = ("--generator", "dcgan", "--discriminator", "dcgan")
    command = ("train", "ring", "--data", "MNIST", *players, "--out", out, *TINY)
    assert run(*command, "--steps", 2, "--data-root", old)[0] == 0
    old.rename(new)
    status, _, errors = run(*command, "--steps", 3, "--resume")
    assert status == 1
    assert str(old / "MNIST") in errors
    assert "--data-root" in errors
    status, printed, errors = run(*command, "--steps", 3, "--resume", "--data-root", new)
    assert status == 0, errors
    assert "step 2 of 3" in printed
    assert json.loads((out / "recipe.json").read_text())["data_root"] == str(new)
    new.rename(tmp_path / "third")
    assert run("evaluate", out, "--n", 20)[0] == 1
    status, printed, errors = run("evaluate", out, "--n", 20, "--data-root", tmp_path / "third")
    assert status == 0, errors
