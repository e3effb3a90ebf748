"""Ctrl-C and SIGTERM: the run is saved, says how to go on, and goes on to the same end."""

import json
import signal
import subprocess
import sys
import time

import pytest
from small_runs import TINY, same_state, told_speed

from gan_tutor import evaluation, recipes, sweep, training


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
