"""scripts/install.py: uv where it is or can be had, else pip; what is missing is named with its cure.

The installers are small programs that write down how they were called: what the script decides is tested, not uv.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# A venv's Python: notes its arguments, fails for the words in BROKEN, and puts uv beside itself when pip fetches it.
PYTHON = """#!/bin/sh
echo "python $*" >> "$CALLS"
for word in $BROKEN; do case "$*" in *"$word"*) exit 1;; esac; done
case "$*" in *requirements-uv.lock*) cp "$UV" "$(dirname "$0")/uv";; esac
"""
UV = """#!/bin/sh
echo "uv $*" >> "$CALLS"
for word in $UV_BROKEN; do case "$*" in *"$word"*) exit 1;; esac; done
[ "$1" = venv ] || exit 0
for last; do :; done
mkdir -p "$last/bin"; touch "$last/pyvenv.cfg"; cp "$STUB" "$last/bin/python"
"""


@pytest.fixture
def install(tmp_path: Path):
    """Run the script with the stubs; returns what it called, and how it ended."""
    for name, text in (("python", PYTHON), ("uv", UV)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "path").mkdir()

    def run(*, with_uv: bool, with_venv: bool, broken: str = "", uv_broken: str = "", folder: Path | None = None):
        if with_uv:
            (tmp_path / "path" / "uv").symlink_to(tmp_path / "uv")
        venv = tmp_path / "venv" if folder is None else folder
        if with_venv:
            (venv / "bin").mkdir(parents=True)
            (venv / "bin" / "python").symlink_to(tmp_path / "python")
        calls = tmp_path / "calls"
        calls.touch()
        stubs = {"CALLS": calls, "UV": tmp_path / "uv", "STUB": tmp_path / "python"}
        done = subprocess.run(
            [sys.executable, str(ROOT / "scripts" / "install.py"), str(venv), "some.lock"],
            capture_output=True, text=True, cwd=tmp_path,
            env={
                "PATH": f"{tmp_path / 'path'}:/usr/bin:/bin", "BROKEN": broken, "UV_BROKEN": uv_broken,
                **{name: str(path) for name, path in stubs.items()},
            },
        )  # fmt: skip
        return [line for line in calls.read_text().splitlines() if not line.endswith(("--version", "-c "))], done

    return run


def test_uv_on_the_path_makes_the_environment_and_installs_the_hashed_lock_first(install) -> None:
    (venv, lock, project), done = install(with_uv=True, with_venv=False)
    assert venv.startswith("uv venv")
    assert lock.startswith("uv pip install")
    assert "--require-hashes -r" in lock
    assert lock.endswith("some.lock")
    assert project.endswith(f"--no-deps --editable {ROOT}")
    assert (done.returncode, done.stderr) == (0, "")


def test_pip_fetches_a_pinned_uv_into_the_environment_which_then_installs(install) -> None:
    (fetch, lock, project), done = install(with_uv=False, with_venv=True)
    assert fetch.startswith("python -m pip")
    assert "--require-hashes" in fetch
    assert fetch.endswith("requirements-uv.lock")
    assert lock.startswith("uv pip install")
    assert project.startswith("uv pip install")
    assert done.returncode == 0


def test_without_any_uv_pip_installs(install) -> None:
    (_, lock, project), done = install(with_uv=False, with_venv=True, broken="requirements-uv.lock")
    assert lock.startswith("python -m pip")
    assert "--require-hashes -r" in lock
    assert lock.endswith("some.lock")
    assert project.startswith("python -m pip")
    assert "--no-deps" in project
    assert done.returncode == 0


def test_a_uv_that_cannot_reach_the_index_gives_way_to_pip(install) -> None:
    (_, lock, _), done = install(with_uv=True, with_venv=True, uv_broken="some.lock")
    assert lock.startswith("python -m pip")
    assert lock.endswith("some.lock")
    assert done.returncode == 0
    assert "trying pip" in done.stderr


def test_without_an_index_the_last_line_says_what_is_needed(install) -> None:
    _, done = install(with_uv=True, with_venv=True, uv_broken="some.lock", broken="some.lock")
    assert done.returncode == 1
    assert "the internet, or a mirror" in done.stderr.splitlines()[-1]


def test_a_folder_that_is_no_environment_is_left_alone(install, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    calls, done = install(with_uv=True, with_venv=False, folder=tmp_path / "mine")
    assert not calls
    assert done.returncode == 1
    assert "not a virtual environment" in done.stderr
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_an_environment_whose_python_is_gone_is_made_anew(install, tmp_path: Path) -> None:
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    (tmp_path / "venv" / "bin" / "python").symlink_to(tmp_path / "removed")
    calls, done = install(with_uv=True, with_venv=False)
    assert calls[0].startswith("uv venv")
    assert done.returncode == 0


def test_a_place_that_cannot_be_written_is_named_once(install, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    calls, done = install(with_uv=True, with_venv=False, folder=tmp_path / "a file" / "venv")
    assert not calls
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "cannot be written" in line
    assert os.fspath(tmp_path / "a file" / "venv") in line
