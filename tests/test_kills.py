"""kill -9 at 50 random moments and in the middle of writes: the run that goes on equals one never disturbed."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gan_tutor import checkpoints

pytestmark = pytest.mark.xdist_group("kills")  # one process makes the runs for all tests

PROGRAM = Path(__file__).parent / "kills.py"
KILLS = 50


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kills")


@pytest.fixture(scope="module")
def told(folder):
    command = [sys.executable, str(PROGRAM), str(folder), str(KILLS), "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    texts = "\n".join(path.read_text()[-3000:] for path in folder.glob("*.txt"))
    assert done.returncode == 0, done.stderr + texts
    return json.loads(done.stdout.splitlines()[-1])


def test_the_run_was_killed_all_along_and_in_the_middle_of_its_writes(told):
    assert told["left"] == [["recipe"], ["recipe"], ["log"], ["log"], [], ["checkpoint", "previous"]] * 2
    assert len(told["steps"]) == KILLS
    assert len({step for step in told["steps"] if 0 < step < 480}) >= KILLS // 3


def test_its_checkpoint_equals_the_undisturbed_run_s(told, folder):
    killed, straight = (checkpoints.load(folder / run / "checkpoint.safetensors") for run in ("killed", "straight"))
    for checkpoint in (killed, straight):  # the machine's time, which is no part of the game
        turns, seconds = checkpoint.meta.pop("timed")
        assert 0 < turns <= 480
        assert seconds > 0
    assert straight.meta["step"] == 480
    assert killed.meta == straight.meta
    assert killed.groups == straight.groups
    assert killed.tensors.keys() == straight.tensors.keys()
    assert all(torch.equal(value, straight.tensors[name]) for name, value in killed.tensors.items())


def test_its_metrics_and_its_log_do_too(told, folder):
    def metrics(run):
        found = json.loads((folder / run / "metrics.json").read_text())
        return {k: v for k, v in found.items() if "second" not in k}

    def log(run):
        with open(folder / run / "log.csv", newline="") as file:
            return [(line["step"], line["loss_d"], line["loss_g"]) for line in csv.DictReader(file)]

    assert metrics("killed") == metrics("straight")
    assert metrics("killed")["step"] == 480
    assert log("killed") == log("straight")
    assert [int(line[0]) for line in log("killed")] == list(range(3, 481, 3))


def test_nothing_is_left_over(told, folder):
    assert sorted(path.name for path in (folder / "killed").iterdir()) == [
        "checkpoint.safetensors", "log.csv", "metrics.json", "previous.safetensors", "recipe.json", "samples.png",
    ]  # fmt: skip


def test_a_run_without_a_checkpoint_says_that_it_starts_from_the_beginning(told, folder):
    assert "killed holds no checkpoint yet: starting from the beginning" in (folder / "killed.txt").read_text()
