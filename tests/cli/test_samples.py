"""`gan-tutor sample` and `evaluate`: pictures, numbers, measures and classes."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from small_runs import FILES, TINY

from gan_tutor import recipes, training


def test_sample_writes_a_picture_and_the_numbers(run, folder):
    status, printed, errors = run("sample", folder, "--n", 20, "--seed", 3)
    assert status == 0, errors
    x = np.load(folder / "sample-3.npy")
    assert x.shape == (20, 2)
    assert x.dtype == np.float32
    assert np.isfinite(x).all()
    assert plt.imread(folder / "sample-3.png").std() > 0
    assert "20 samples" in printed
    run("sample", folder, "--n", 20, "--seed", 3, "--out", folder / "again.png")
    run("sample", folder / "checkpoint.safetensors", "--n", 20, "--seed", 4)
    assert np.array_equal(x, np.load(folder / "again.npy"))
    assert not np.array_equal(x, np.load(folder / "sample-4.npy"))


@pytest.mark.parametrize(
    ("out", "written"),
    [
        ("pic", "pic.png"), ("new/", "new/sample-0.png"), ("there", "there/sample-0.png"), (".hidden", ".hidden.png"),
        ("a.b.png", "a.b.png"), ("sub/v.PDF", "sub/v.PDF"), ("v.svg", "v.svg"),
    ],
)  # fmt: skip
def test_the_files_that_are_named_are_the_files_that_are_written(run, tmp_path, monkeypatch, folder, out, written):
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    status, printed, errors = run("sample", "run", "--n", 4, "--out", out)
    assert status == 0, errors
    array = str(Path(written).with_suffix(".npy"))
    assert printed == f"4 samples: {written} and {array}\n"
    assert {path for path in tmp_path.rglob("*") if path.is_file()} - before == {tmp_path / written, tmp_path / array}
    assert np.load(array).shape == (4, 2)
    with open(written, "rb") as file:
        assert file.read(5).startswith({"PDF": b"%PDF", "svg": b"<?xml", "png": b"\x89PNG"}[written[-3:]])


def test_samples_are_the_averaged_generator_s(run, folder):
    run("sample", folder, "--n", 5)
    G, recipe = recipes.load_generator(folder / "checkpoint.safetensors")
    expected = training.generate(G, 5, recipe.latent_dim, torch.Generator().manual_seed(1_000_003))
    assert np.allclose(np.load(folder / "sample-0.npy"), expected.numpy(), atol=1e-6)


def test_evaluate_prints_numbers_beside_a_perfect_sampler_s(run, folder):
    status, printed, errors = run("evaluate", folder, "--n", 200)
    assert status == 0, errors
    got = json.loads(printed)
    assert got["samples"] == 200
    assert got["perfect_modes"] == 8
    assert got["perfect_high_quality"] == pytest.approx(0.9889, abs=1e-4)
    assert set(got) >= {"modes", "high_quality", "reverse_kl"}
    assert json.loads(run("evaluate", folder, "--n", 200)[1]) == got


@pytest.fixture
def by_class(run, tmp_path):
    """A run of two steps whose generator can be asked for a digit."""
    out = tmp_path / "by_class"
    status, _, errors = run("train", "digits_projection", "--steps", 2, "--out", out, *TINY)
    assert status == 0, errors
    return out


def test_a_conditional_run_is_measured_by_its_class_accuracy_too(run, by_class):
    assert sorted(p.name for p in by_class.iterdir()) == FILES
    metrics = json.loads((by_class / "metrics.json").read_text())
    assert 0 <= metrics["class_accuracy"] <= 0.6
    assert metrics["ceiling_class_accuracy"] == 0.989
    assert metrics["frechet_distance"] > 0
    status, printed, errors = run("evaluate", by_class, "--n", 50)
    assert status == 0, errors
    got = json.loads(printed)
    assert got["class_accuracy"] == metrics["class_accuracy"]
    assert got["frechet_distance"] == pytest.approx(metrics["frechet_distance"], rel=1e-4)


def test_a_run_without_a_condition_reports_no_class_accuracy(folder):
    assert "class_accuracy" not in json.loads((folder / "metrics.json").read_text())


@pytest.mark.parametrize(("n", "each"), [(20, 2), (64, 7), (1, 1)])
def test_without_a_label_every_class_gets_a_full_row(run, by_class, n, each):
    status, printed, errors = run("sample", by_class, "--n", n)
    assert status == 0, errors
    assert f"{10 * each} samples" in printed
    G, recipe = recipes.load_generator(by_class / "checkpoint.safetensors")
    y = torch.arange(10).repeat_interleave(each)
    expected = training.generate(G, 10 * each, recipe.latent_dim, torch.Generator().manual_seed(1_000_003), y=y)
    assert np.allclose(np.load(by_class / "sample-0.npy"), expected.numpy(), atol=1e-6)
    assert plt.imread(by_class / "sample-0.png").std() > 0


def test_a_label_asks_for_one_class(run, by_class):
    status, printed, errors = run("sample", by_class, "--n", 5, "--label", 7)
    assert status == 0, errors
    assert "5 samples" in printed
    G, recipe = recipes.load_generator(by_class / "checkpoint.safetensors")
    draw = torch.Generator().manual_seed(1_000_003)
    expected = training.generate(G, 5, recipe.latent_dim, draw, y=torch.full((5,), 7))
    assert np.allclose(np.load(by_class / "sample-0.npy"), expected.numpy(), atol=1e-6)


@pytest.mark.parametrize("label", [-1, 10])
def test_an_unknown_label_is_refused(run, by_class, label):
    status, _, errors = run("sample", by_class, f"--label={label}")
    assert status == 1
    assert errors == (
        f"gan-tutor: --label must be from 0 to 9, got {label} for digits with condition projection"
    )  # fmt: skip


def test_a_label_for_an_unconditional_run_is_refused(run, folder):
    status, _, errors = run("sample", folder, "--label", 3)
    assert status == 1
    assert errors == "gan-tutor: --label needs a run with a condition, got 3 for ring with condition none"


def test_points_by_class(run, tmp_path):
    out = tmp_path / "ring"
    status, _, errors = run("train", "ring", "--condition", "concat", "--steps", 5, "--out", out, *TINY)
    assert status == 0, errors
    assert json.loads((out / "metrics.json").read_text())["perfect_modes"] == 8
    status, _, errors = run("sample", out, "--n", 20)
    assert status == 0, errors
    assert np.load(out / "sample-0.npy").shape == (24, 2)
    assert run("sample", out, "--n", 4, "--label", 7)[0] == 0
