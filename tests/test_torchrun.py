"""`torchrun -m gan_tutor train`: the run of one process, an orderly stop, and a rank that dies."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import torch

from gan_tutor import checkpoints, cli, recipes

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "gan_tutor")
RUN = ("train", "ring", "--width-g", "8", "--width-d", "8", "--batch-size", "16", "--samples", "51", "--device", "cpu")
LONG = (*RUN, "--steps", "1000000", "--checkpoint-every", "7")

pytestmark = pytest.mark.xdist_group("ranks")


def start(*arguments):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*TORCHRUN, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def wait_for(condition, process, what, seconds=150):
    until = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until, f"{what} took longer than {seconds} s"
        time.sleep(0.05)


def straight(recipe, step):
    """A game of one process, played to a step."""
    game = recipes.build(recipe)
    turns = recipes.run(game)
    while game.step < step:
        next(turns)
    return game


def assert_same_game(game, other):
    assert game.step == other.step
    assert torch.equal(game.generator.get_state(), other.generator.get_state())
    for part in ("G", "D", "ema"):
        ours, theirs = getattr(game, part).state_dict(), getattr(other, part).state_dict()
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


def test_two_processes_leave_the_run_folder_of_one(tmp_path, monkeypatch, capsys):
    process = start(*RUN, "--steps", 60, "--log-every", 20, "--out", tmp_path / "two")
    printed, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert printed.count("step 0 of 60 on cpu in float32, 2 processes") == 1
    alone = [*RUN, "--steps", "60", "--log-every", "20", "--out", str(tmp_path / "one")]
    monkeypatch.setattr(sys, "argv", ["gan-tutor", *alone])
    cli.main()
    one, two = ({p.name: p for p in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert sorted(one) == sorted(two)
    assert_same_game(*(recipes.resume(files["checkpoint.safetensors"]) for files in (one, two)))
    losses = [
        [[float(line["loss_d"]), float(line["loss_g"])] for line in csv.DictReader(files["log.csv"].open())]
        for files in (one, two)
    ]
    assert len(losses[0]) == 3
    assert losses[1] == [pytest.approx(line, rel=1e-4) for line in losses[0]]
    metrics = [json.loads(files["metrics.json"].read_text()) for files in (one, two)]
    assert [found["processes"] for found in metrics] == [1, 2]
    assert metrics[1]["modes"] == metrics[0]["modes"]
    assert metrics[1]["high_quality"] == pytest.approx(metrics[0]["high_quality"], abs=2 / 51)
    assert json.loads(printed[printed.index("{") :]) == metrics[1]
    assert "{" in capsys.readouterr().out


def test_ctrl_c_stops_all_at_one_turn_and_a_killed_rank_ends_the_others(tmp_path):
    out, checkpoint = tmp_path / "run", tmp_path / "run" / "checkpoint.safetensors"
    process = start(*LONG, "--out", out)
    wait_for(checkpoint.exists, process, "the first checkpoint")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    stopped = checkpoints.load(checkpoint).meta["step"]
    assert errors.count(f"stopped at step {stopped}; continue with the same command and --resume") == 1
    recipe = recipes.from_json((out / "recipe.json").read_text())
    assert_same_game(recipes.resume(checkpoint), straight(recipe, stopped))

    process = start(*LONG, "--out", out, "--resume")
    wait_for(lambda: checkpoints.load(checkpoint).meta["step"] > stopped, process, "the next checkpoint")
    victim = max(psutil.Process(process.pid).children(), key=lambda child: child.pid)
    victim.kill()
    began = time.monotonic()
    printed, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert time.monotonic() - began < 45
    assert f"step {stopped} of 1000000 on cpu in float32, 2 processes" in printed
    (line,) = [line for line in errors.replace("\r", "\n").splitlines() if "lost another one" in line]
    assert "of 2 lost another one; the run stands at its last checkpoint, start all again with --resume" in line
    assert "gan_tutor/" not in errors  # no traceback of ours
    game = recipes.resume(checkpoint)  # by one process
    assert_same_game(game, straight(recipe, game.step))


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_two_gpus_leave_the_run_folder_of_one(tmp_path):
    arguments = [word if word != "cpu" else "cuda" for word in RUN] + ["--steps", "60", "--log-every", "20"]
    process = start(*arguments, "--out", tmp_path / "two")
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    command = [sys.executable, "-m", "gan_tutor", *arguments, "--out", str(tmp_path / "one")]
    subprocess.run(command, capture_output=True, text=True, check=True)
    paths = [tmp_path / name / "checkpoint.safetensors" for name in ("one", "two")]
    assert_same_game(*(recipes.resume(path, "cuda") for path in paths))
