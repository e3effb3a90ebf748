"""The command line: run folders, resuming, Ctrl-C, and errors of one line."""

import csv
import errno
import json
import math
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from gan_tutor import checkpoints, cli, data, evaluation, recipes, sweep, training
from gan_tutor.cli import folder as folder_module
from gan_tutor.cli import rescue

TINY = ("--width-g", "8", "--width-d", "8", "--batch-size", "16", "--samples", "50")
FILES = ["checkpoint.safetensors", "log.csv", "metrics.json", "recipe.json", "samples.png"]


@pytest.fixture(autouse=True)
def figures():
    plt.switch_backend("agg")
    with mpl.rc_context():
        yield
    plt.close("all")


@pytest.fixture
def run(monkeypatch, capsys):
    """Call the command line in this process; return its exit status, output and errors."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["gan-tutor", *map(str, arguments)])
        capsys.readouterr()
        try:
            cli.main()
        except SystemExit as stop:
            status, message = (1, stop.code) if isinstance(stop.code, str) else (stop.code or 0, "")
        else:
            status, message = 0, ""
        captured = capsys.readouterr()
        return status, captured.out, captured.err + message

    return call


@pytest.fixture
def folder(run, tmp_path):
    """A run of 30 steps."""
    out = tmp_path / "run"
    status, _, errors = run("train", "ring", "--steps", 30, "--out", out, *TINY)
    assert status == 0, errors
    return out


def same_state(a, b):
    """Two checkpoints hold the same numbers."""
    a, b = checkpoints.load(a), checkpoints.load(b)
    return a.tensors.keys() == b.tensors.keys() and all(torch.equal(a.tensors[k], b.tensors[k]) for k in a.tensors)


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


def test_a_folder_that_holds_a_run_is_not_overwritten(run, folder):
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    status, _, errors = run("train", "ring", "--steps", 30, "--out", folder, *TINY)
    assert status == 1
    assert errors == f"gan-tutor: {folder} already holds a run: continue it with --resume, or choose another --out"
    assert before == {p.name: p.read_bytes() for p in folder.iterdir()}


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


def test_the_log_holds_the_losses_of_every_so_many_turns(run, tmp_path):
    out = tmp_path / "run"
    status, _, errors = run("train", "ring", "--steps", 30, "--log-every", 7, "--out", out, *TINY)
    assert status == 0, errors
    lines = list(csv.DictReader((out / "log.csv").read_text().splitlines()))
    game = recipes.build(recipes.from_json((out / "recipe.json").read_text()))
    expected = {record.step: record for record in recipes.run(game) if record.step % 7 == 0}
    assert [int(line["step"]) for line in lines] == [7, 14, 21, 28] == list(expected)
    for line in lines:
        record = expected[int(line["step"])]
        assert np.float32(line["loss_d"]) == record.loss_d.item()
        assert np.float32(line["loss_g"]) == record.loss_g.item()
        assert 16 < float(line["images_per_second"]) < 1e6


def test_a_resumed_log_is_cut_at_the_checkpoint(tmp_path):
    path = tmp_path / "log.csv"
    log = folder_module.Log(path, 0)
    for step in (1, 2, 3):
        log.line(step, 0.1 * step, 1.0, 100.0)
    with open(path, "a") as file:
        file.write("2,0.")  # killed within a line
    log = folder_module.Log(path, 2)
    log.line(3, 0.5, 1.0, 100.0)
    log.settle()
    assert path.read_text() == "step,loss_d,loss_g,images_per_second\n1,0.1,1,100\n2,0.2,1,100\n3,0.5,1,100\n"


LOGGED = "step,loss_d,loss_g,images_per_second\n5,1.25,0.5,100\n10,1.5,0.25,100\n"


@pytest.mark.parametrize(
    ("content", "kept", "said"),
    [
        (LOGGED, 2, ""),
        (LOGGED + "\n;;\n", 2, ""),
        ("\ufeff" + LOGGED.replace(",", ";").replace(".", ","), 2, ""),
        (LOGGED.replace("\n", "\r\n") + "10,1.5,0.25,100", 2, ""),
        (LOGGED + "15,1.5", 2, ""),
        (LOGGED.replace("5,1.25,", "5,1.25,x,") + "15,2,2,100\n", 1, "left out what cannot be read, line 2"),
        (LOGGED.encode("utf-16"), 2, ""),
        (b"\xff\x00\xfa", 0, "begins anew: {log} must be text"),
        ("mine\n", 0, "begins anew: its columns must be step,loss_d,loss_g,images_per_second, got mine"),
        ("", 0, "begins anew"),
    ],
)  # fmt: skip
def test_a_log_that_a_spreadsheet_saved_never_stops_a_run(tmp_path, capsys, content, kept, said):
    path = tmp_path / "log.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    folder_module.Log(path, 12)
    lines = LOGGED.splitlines(keepends=True)
    assert path.read_text() == "".join([lines[0], *lines[3 - kept :]])
    errors = capsys.readouterr().err
    assert said.format(log=path) in errors
    assert bool(errors) == bool(said)


def test_a_run_goes_on_beside_a_damaged_log_and_an_edited_recipe(run, folder):
    before = (folder / "checkpoint.safetensors").read_bytes()
    (folder / "log.csv").write_bytes(b"\xff\x00")
    (folder / "recipe.json").write_text((folder / "recipe.json").read_text(), encoding="utf-16")
    status, _, errors = run("train", "ring", "--steps", 30, "--out", folder, "--resume", *TINY)
    assert status == 0, errors
    assert f"{folder / 'log.csv'} is not a log that can be read and begins anew" in errors
    assert (folder / "checkpoint.safetensors").read_bytes() == before
    (folder / "checkpoint.safetensors").unlink()
    recipe = (folder / "recipe.json").read_text()
    (folder / "recipe.json").write_text(recipe.replace("\n", "\r\n"), encoding="utf-8-sig")
    assert run("train", "ring", "--steps", 30, "--out", folder, "--resume", *TINY)[0] == 0
    assert (folder / "recipe.json").read_text() == recipe


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


@pytest.mark.parametrize(
    ("fits", "advice"),
    [
        (5, "out of memory with batch_size 16: --batch-size 4 fits here; --precision bfloat16 about halves the memory "
            "of activations; or share the same batch between 4 GPUs with torchrun --nproc-per-node 4"),
        (0, "out of memory with batch_size 16, and a batch of one sample a process does not fit either: lower "
            "--width-g and --width-d, now 8 and 8, to half; --precision bfloat16 about halves the memory of "
            "activations"),
    ],
)  # fmt: skip
def test_out_of_memory_says_which_setting_to_change_and_by_how_much(run, tmp_path, monkeypatch, fits, advice):
    d_step = training.d_step

    def full(G, D, opt_d, loss, x_real, *rest):
        if len(x_real) > fits:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return d_step(G, D, opt_d, loss, x_real, *rest)

    monkeypatch.setattr(training, "d_step", full)
    status, _, errors = run("train", "ring", "--steps", 5, "--out", tmp_path / "run", *TINY)
    assert status == 1
    assert errors.splitlines()[-1] == f"gan-tutor: {advice}"
    assert "Traceback" not in errors


def test_resuming_a_finished_run_measures_it_again(run, folder):
    before = folder / "before.safetensors"
    before.write_bytes((folder / "checkpoint.safetensors").read_bytes())
    status, printed, errors = run("train", "ring", "--steps", 30, "--out", folder, "--resume", *TINY)
    assert status == 0, errors
    assert "step 30 of 30" in printed
    assert same_state(folder / "checkpoint.safetensors", before)


def told_speed(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    return {name: metrics.get(name) for name in ("seconds", "steps_per_second", "images_per_second")}


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


def interrupting(function):
    """The function, before which Ctrl-C is pressed."""

    def called(*arguments, **named):
        signal.raise_signal(signal.SIGINT)
        return function(*arguments, **named)

    return called


def test_ctrl_c_while_measuring_is_one_line_and_the_run_can_be_measured_later(run, tmp_path, monkeypatch, folder):
    out = tmp_path / "other"
    monkeypatch.setattr(evaluation, "score", interrupting(evaluation.score))
    status, _, errors = run("train", "ring", "--steps", 30, "--out", out, *TINY)
    assert status == 130
    assert errors.splitlines()[-1] == (
        "stopped while measuring; the run is whole at step 30: measure it by the same command with --resume"
    )
    assert "Traceback" not in errors
    assert not (out / "metrics.json").exists()
    status, _, errors = run("evaluate", folder)
    assert (status, errors) == (130, "gan-tutor: interrupted\n")
    monkeypatch.undo()
    assert run("train", "ring", "--steps", 30, "--out", out, "--resume", *TINY)[0] == 0
    same = [json.loads((where / "metrics.json").read_text()) for where in (out, folder)]
    assert same[0]["modes"] == same[1]["modes"]
    assert told_speed(out)["steps_per_second"] > 0
    monkeypatch.setattr(training, "generate", interrupting(training.generate))
    status, _, errors = run("sample", folder)
    assert (status, errors) == (130, "gan-tutor: interrupted\n")
    assert not list(folder.glob("sample-*"))
    monkeypatch.setattr(sweep, "combinations", interrupting(sweep.combinations))
    status, _, errors = run("sweep", "ring", "--grid", "seed=0..1", "--out", tmp_path / "sweep")
    assert (status, errors) == (130, "gan-tutor: interrupted\n")


def test_a_second_ctrl_c_ends_at_once_and_says_how_to_go_on(run, tmp_path, monkeypatch, folder):
    g_step, out = training.g_step, tmp_path / "stopped"

    def impatient(*arguments):
        clock = time.monotonic
        signal.raise_signal(signal.SIGINT)
        monkeypatch.setattr(time, "monotonic", lambda: clock() + 2)
        signal.raise_signal(signal.SIGINT)
        return g_step(*arguments)

    monkeypatch.setattr(training, "g_step", impatient)
    status, _, errors = run("train", "ring", "--steps", 30, "--out", out, *TINY)
    assert status == 130
    said = "interrupted; go on from the last checkpoint by the same command with --resume"
    assert errors.splitlines()[-1].endswith(said)
    monkeypatch.undo()
    assert run("train", "ring", "--steps", 30, "--out", out, "--resume", *TINY)[0] == 0
    assert same_state(out / "checkpoint.safetensors", folder / "checkpoint.safetensors")


def test_a_measurement_that_fails_says_how_to_have_it_later(run, folder, monkeypatch):
    def failing(*arguments):
        raise ValueError("no such thing")

    monkeypatch.setattr(evaluation, "score", failing)
    status, _, errors = run("train", "ring", "--steps", 30, "--out", folder, "--resume", *TINY)
    assert status == 1
    assert errors.splitlines()[-1] == (
        "gan-tutor: no such thing; the run is whole at step 30: measure it by the same command with --resume"
    )


@pytest.mark.parametrize("name", ["digits", "fashion", "ring", "swiss_roll", "gaussian", "stacked_digits"])
def test_the_least_number_of_samples_is_where_a_measure_begins_to_exist(name):
    source = getattr(data, name)(4.0, 1.25) if name == "gaussian" else getattr(data, name)()
    least = evaluation.least_samples(name)
    assert evaluation.score(source.sample(least, torch.Generator().manual_seed(0)), source)
    if least > 1:
        with pytest.raises(ValueError, match="at least"):
            evaluation.score(source.sample(least - 1, torch.Generator().manual_seed(0)), source)


def test_the_traceback_of_an_error_can_be_had_and_a_foreign_one_says_so(run, folder, monkeypatch):
    assert run("sample", "none") == (
        1,
        "",
        "gan-tutor: no checkpoint at none; a run folder holds it as checkpoint.safetensors",
    )
    monkeypatch.setattr(sys, "argv", ["gan-tutor", "sample", "--traceback", "none"])
    with pytest.raises(FileNotFoundError, match="no checkpoint at none"):
        cli.main()
    monkeypatch.setattr(evaluation, "score", lambda *arguments: int("a bug of ours"))
    status, _, errors = run("evaluate", folder)
    assert status == 1
    assert errors == "gan-tutor: invalid literal for int() with base 10: 'a bug of ours' (--traceback shows where)"
    monkeypatch.setattr(evaluation, "least_samples", [].index)  # in C: the last line of Python is the library's own
    status, _, errors = run("evaluate", folder)
    assert (status, errors) == (1, "gan-tutor: 'ring' is not in list (--traceback shows where)")


@pytest.mark.parametrize("checkpoint_every", [500, 1])
def test_ctrl_c_inside_a_step_saves_and_the_resumed_run_equals_a_straight_one(
    run, tmp_path, monkeypatch, folder, checkpoint_every
):
    """The signal arrives after D's tenth step and before G's."""
    g_step, calls = training.g_step, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 10:
            signal.raise_signal(signal.SIGINT)
        return g_step(*arguments)

    monkeypatch.setattr(training, "g_step", interrupted)
    out = tmp_path / "stopped"
    every = ("--checkpoint-every", checkpoint_every)
    status, _, errors = run("train", "ring", "--steps", 30, "--out", out, *TINY, *every)
    assert status == 130
    assert "continue with the same command and --resume" in errors
    assert "Traceback" not in errors
    monkeypatch.undo()
    assert 9 <= recipes.resume(out / "checkpoint.safetensors").step <= 10
    status, _, errors = run("train", "ring", "--steps", 30, "--out", out, "--resume", *TINY)
    assert status == 0, errors
    assert same_state(out / "checkpoint.safetensors", folder / "checkpoint.safetensors")


@pytest.mark.parametrize(("sent", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_process_that_is_asked_to_stop_saves_and_says_how_to_go_on(tmp_path, run, sent, expected):
    out = tmp_path / "run"
    command = ["train", "ring", "--steps", "600", "--out", str(out), *TINY]
    process = subprocess.Popen(
        [sys.executable, "-m", "gan_tutor", *command, "--checkpoint-every", "5"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert process.stdout.readline().endswith("step 0 of 600 on cpu in float32\n")
    while not (out / "checkpoint.safetensors").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == expected, errors
    assert "Traceback" not in errors
    assert "stopped at step" in errors
    stopped = recipes.resume(out / "checkpoint.safetensors").step
    assert 5 <= stopped < 600
    assert sorted(p.name for p in out.iterdir()) == [
        "checkpoint.safetensors", "log.csv", *(["previous.safetensors"] if stopped > 5 else []), "recipe.json",
    ]  # fmt: skip
    status, printed, errors = run(*command, "--resume")
    assert status == 0, errors
    assert f"step {stopped} of 600" in printed
    assert json.loads((out / "metrics.json").read_text())["step"] == 600


@pytest.mark.parametrize(
    ("every", "width", "way"),
    [
        (1, 128, "go on by the same command with (--previous .*): 20 turns from step 1 stay finite with it"),
        (1, 8, "go on by the same command with (--previous .*): 20 turns from step 2 stay finite with it"),
        (2, 8, "go on by the same command with (--resume .*): 20 turns from step 2 stay finite with it"),
        (
            3,
            8,
            "what {out} keeps comes too late .*: begin again with another (--out) and (.*): its first 20 turns stay .*",
        ),
        (
            9,
            8,
            "{out} holds no checkpoint yet: begin again by the same command with (.*): its first 20 turns stay finite",
        ),
    ],
)
def test_divergence_is_one_line_whose_advice_works(run, tmp_path, every, width, way):
    """A critic without any bound: its weights outgrow float32 within four turns, with no way back from the last one."""
    out = tmp_path / "run"
    wild = ("--loss", "wasserstein", "--optimizer", "sgd", "--beta1", 0, "--steps", 25, "--checkpoint-every", every)
    command = ("train", "ring", "--out", out, *TINY, "--width-g", width, "--width-d", width, *wild)
    status, _, errors = run(*command, "--lr-d", 10, "--lr-g", 10)
    assert status == 1
    assert "Traceback" not in errors
    step = 3 if width == 128 else 4
    diverged = f"gan-tutor: loss_d became nan at step {step}: the run has diverged and cannot recover; "
    told = re.fullmatch(re.escape(diverged) + way.format(out=re.escape(str(out))), errors.splitlines()[-1])
    assert told, errors
    flags = " ".join(told.groups()).replace("--out", f"--out {tmp_path / 'other'}").split()
    assert {"--lr-g", "--lr-d"} < set(flags)
    status, _, errors = run(*command, *flags)
    assert status == 0, errors
    (checkpoint,) = tmp_path.glob("other/checkpoint.safetensors" if "--out" in flags else "run/checkpoint.safetensors")
    assert recipes.resume(checkpoint).step == 25


def test_a_cure_that_cannot_be_tried_is_not_promised(tmp_path, monkeypatch):
    game = recipes.build(recipes.Recipe(width_g=4, width_d=4, batch_size=4))
    monkeypatch.setattr(recipes, "build", lambda **_: (_ for _ in ()).throw(RuntimeError("no room for a second game")))
    told = rescue.way_back(folder_module.Folder(tmp_path), game)
    assert told.endswith("begin again by the same command with much lower learning rates, or a penalty")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "rings"), "ring_slow_d"),
        (("train",), "ring"),
        (("paint",), "train"),
        (("train", "ring", "--loss", "gan"), "nonsaturating"),
        (("train", "ring", "--steps", "0"), "steps must be positive, got 0"),
        (("train", "ring", "--steps", "many"), "many"),
        (("train", "ring", "--lr-g", "-1"), "lr_g must be positive, got -1"),
        (("train", "ring", "--generator", "dcgan"), "generator must be mlp for ring, got dcgan"),
        (("train", "ring", "--norm-d", "batch"), "norm_d must be none or spectral"),
        (("train", "ring", "--stepz", "3"), "--stepz"),
        (("train", "ring", "--device", "tpu"), "cuda"),
        (("train", "ring", "--checkpoint-every", "0"), "checkpoint.every must be at least 1, got 0"),
        (("train", "ring", "--checkpoint-minutes", "0"), "checkpoint.minutes must be positive, got 0"),
        (("train", "ring", "--log-every", "0"), "log.every must be at least 1, got 0"),
        (("train", "ring", "--samples", "0"), "samples must be at least 1, got 0"),
        (("train", "ring", "--threads", "0"), "threads must be at least 1, got 0"),
        (("train", "ring", "--samples", "1000001"), "samples must be at most 1000000, got 1000001"),
        (("train", "ring", "--threads", "100000"), "threads must be at most 1024, got 100000"),
        (("train", "ring", "--checkpoint-minutes", "nan"), "checkpoint.minutes must be positive, got nan"),
        (("train", "ring", "--seed", str(10**20)), f"seed must be at most {2**53 - 1}, got {10**20}"),
        (("train", "digits", "--samples", "3"), "samples must be at least 4 to be measured against digits, got 3"),
        (("sample", "none"), "no checkpoint at none"),
        (("sample", "none", "--n", "0"), "n must be at least 1, got 0"),
        (("sample", "none", "--seed", str(10**20)), f"seed must be at most {2**53 - 1}, got {10**20}"),
        (("sample", "none", "--seed=-1"), "seed must be at least 0, got -1"),
        (("sample", "none", "--out", "v1.2"), r"out must end in .png .* got v1.2: v1.2.png would be one"),
        (("evaluate", "none", "--n", "10000000"), "n must be at most 1000000, got 10000000"),
        (("evaluate", "none", "--seed", str(10**20)), f"seed must be at most {2**53 - 1}, got {10**20}"),
        (("sweep", "ring", "--grid", "seed=0..1", "--samples", "0"), "samples must be at least 1, got 0"),
        (("sweep", "ring", "--grid", "seed=inf"), "must be whole numbers, got 'inf'"),
        (("classroom", "grade", "none", "--jobs", "0"), "jobs must be from 1 to a million, got 0"),
        (("classroom", "grade", "none", "--memory-gib", "inf"), "memory.gib must be above 0 and at most .* got inf"),
        (("evaluate", "none"), "no checkpoint at none"),
    ],
)
def test_a_wrong_argument_is_named_without_a_traceback_and_nothing_is_written(
    run, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    short = () if "--steps" in arguments or "ring" not in arguments else ("--steps", 2)
    status, _, errors = run(*arguments, *short)
    assert status in (1, 2)
    assert re.search(message, " ".join(errors.replace("│", " ").split()))  # tyro breaks lines and draws a box
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


def test_one_of_several_processes_names_itself(run, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "2")
    status, _, errors = run("train", "ring", "--samples", "0", "--out", tmp_path / "run")
    assert status == 1
    assert errors == "gan-tutor (process 2): --samples must be at least 1, got 0"


def test_a_damaged_checkpoint_is_one_line(run, folder):
    path = folder / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    for command in (
        ("sample", folder),
        ("evaluate", folder),
        ("train", "ring", "--steps", 30, "--out", folder, "--resume", *TINY),
    ):
        status, _, errors = run(*command)
        assert status == 1
        assert len(errors.splitlines()) == 1
        assert errors.startswith(f"gan-tutor: {path} is not a readable checkpoint")


def test_cuda_without_a_gpu_is_a_clear_error(run, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    status, _, errors = run("train", "ring", "--device", "cuda", "--out", tmp_path / "run")
    assert status == 1
    assert errors == "gan-tutor: device cuda was asked for but torch sees no CUDA GPU; use --device auto or cpu"
    assert list(tmp_path.iterdir()) == []


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


# Folders that are not free ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mine", "named"),
    [
        ({"log.csv": "epoch,loss\n1,0.5\n"}, "log.csv"),
        ({"metrics.json": '{"mine": 1}', "log.csv": "a\n"}, "log.csv, metrics.json"),
        ({"recipe.json": '{"flour": 500}'}, "recipe.json"),
        ({"recipe.json": "{}"}, "recipe.json"),
        ({"samples.png": "a picture"}, "samples.png"),
        ({"previous.safetensors": "mine"}, "previous.safetensors"),
        ({"a": "", "b": "", "c": "", "d": "", "e": ""}, "a, b, c and 2 more"),
    ],
)
def test_a_folder_with_files_of_the_user_is_refused_and_left_as_it_is(run, tmp_path, monkeypatch, mine, named):
    for name, text in mine.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    status, _, errors = run("train", "ring", "--steps", 4, "--out", ".", *TINY)
    assert status == 1
    assert errors == (
        f"gan-tutor: a run needs a folder of its own, but . holds {named}: choose a new or empty folder with --out"
    )
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == mine
    if "recipe.json" not in mine:
        assert run("train", "ring", "--steps", 4, "--out", ".", "--resume", *TINY)[0] == 1
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == mine


def test_hidden_files_are_no_obstacle_and_stay(run, tmp_path):
    kept = {".gitignore": "*", ".log.csv.backup.tmp": "mine"}
    for name, text in kept.items():
        (tmp_path / name).write_text(text)
    status, _, errors = run("train", "ring", "--steps", 4, "--out", tmp_path, *TINY)
    assert status == 0, errors
    assert {name: (tmp_path / name).read_text() for name in kept} == kept
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*FILES, *kept])


def test_a_run_that_left_no_checkpoint_may_be_begun_anew(run, folder):
    for name in ("checkpoint.safetensors", "metrics.json", "samples.png"):
        (folder / name).unlink()
    assert run("train", "ring", "--steps", 5, "--out", folder, *TINY)[0] == 0
    (folder / "checkpoint.safetensors").unlink()  # to save space: the results stay
    status, _, errors = run("train", "ring", "--steps", 5, "--out", folder, *TINY)
    assert status == 1
    assert "already holds a run" in errors


def test_a_file_in_the_folder_s_place_is_named(run, tmp_path):
    (tmp_path / "file").write_text("mine")
    status, _, errors = run("train", "ring", "--steps", 4, "--out", tmp_path / "file", *TINY)
    assert status == 1
    assert errors == f"gan-tutor: {tmp_path / 'file'} must be a folder, but is a file: choose another"


def test_a_second_run_in_the_folder_is_refused_until_the_first_has_ended_or_was_killed(run, tmp_path):
    out = tmp_path / "run"
    command = ["train", "ring", "--steps", "1000000", "--out", str(out), *TINY]
    process = subprocess.Popen([sys.executable, "-m", "gan_tutor", *command], stdout=subprocess.PIPE, text=True)
    assert "step 0 of" in process.stdout.readline()
    for more in ((), ("--resume",), ("--seed", 5)):
        status, _, errors = run(*command, *more)
        assert status == 1
        assert errors.startswith(f"gan-tutor: {out} is in use by another process (process {process.pid} on ")
    process.kill()
    process.communicate(timeout=60)
    assert (out / ".lock").exists()  # which binds nobody any more
    command[3] = "5"
    status, _, errors = run(*command)
    assert status == 0, errors
    assert sorted(p.name for p in out.iterdir()) == FILES


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_a_run_tells_its_share_of_peak(run, tmp_path):
    out = tmp_path / "run"
    status, _, errors = run("train", "digits", "--steps", 30, "--device", "cuda", "--out", out, "--samples", 64)
    assert status == 0, errors
    assert 0 < json.loads((out / "metrics.json").read_text())["share_of_peak"] < 1
    assert recipes.resume(out / "checkpoint.safetensors", "cuda").step == 30


# Conditional runs ------------------------------------------------------------------------------------


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


def test_compile_without_a_compiler_is_one_line(run, tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "/nonexistent")
    status, _, errors = run("train", "ring", "--compile", "--device", "cpu", "--out", tmp_path / "a", *TINY)
    assert status == 1
    assert errors.splitlines()[-1].startswith("gan-tutor: compile needs a C++ compiler, but CXX names /nonexistent")
    assert not (tmp_path / "a").exists()


def test_a_compiler_that_fails_at_the_first_turn_is_one_line(run, tmp_path, monkeypatch):
    """As torch says it where Python's headers are missing; to make it say so takes a minute."""
    failed = type("InductorError", (RuntimeError,), {"__module__": "torch._inductor.exc"})

    def played(*arguments):
        raise failed("CppCompileError: C++ compile error\n\nOutput:\nPython.h: No such file or directory")

    monkeypatch.setattr("gan_tutor.cli.session.play", played)
    status, _, errors = run("train", "ring", "--out", tmp_path / "a", *TINY)
    assert status == 1
    assert errors.splitlines()[-1] == (
        "gan-tutor: --compile does not work here (CppCompileError: C++ compile error); "
        "without it the results are the same"
    )


def test_a_place_that_cannot_be_written_is_named_with_its_cure(run, folder, tmp_path, monkeypatch):
    """As for another user, or on a read-only disk; the superuser of a container may write everywhere."""
    mkdir = Path.mkdir

    def refused(path, *arguments, **keywords):
        if path.name == "forbidden":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        mkdir(path, *arguments, **keywords)

    monkeypatch.setattr(Path, "mkdir", refused)
    place = tmp_path / "forbidden"
    for command in (
        ("train", "ring", "--out", place, *TINY),
        ("sweep", "ring", "--grid", "seed=0..1", "--steps", 2, "--out", place),
        ("sample", folder, "--out", place / "a.png"),
    ):
        status, _, errors = run(*command)
        assert status == 1
        last = errors.splitlines()[-1]
        assert (
            last == f"gan-tutor: {place} cannot be written (Permission denied): choose a folder of your own with --out"
        )


def test_errors_of_the_program_itself_keep_their_traceback(run, monkeypatch):
    def broken(*arguments, **keywords):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("gan_tutor.cli.runs.host.tune", broken)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        run("train", "ring", *TINY)
