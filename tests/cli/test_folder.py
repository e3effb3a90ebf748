"""Folders that are not free: other runs, files of the user, a second process."""

import subprocess
import sys

import pytest
from small_runs import FILES, TINY


def test_a_folder_that_holds_a_run_is_not_overwritten(run, folder):
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    status, _, errors = run("train", "ring", "--steps", 30, "--out", folder, *TINY)
    assert status == 1
    assert errors == f"gan-tutor: {folder} already holds a run: continue it with --resume, or choose another --out"
    assert before == {p.name: p.read_bytes() for p in folder.iterdir()}


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
