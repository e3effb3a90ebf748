"""Shared by the tests of the command line: a call in this process, and a run folder."""

import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from small_runs import TINY

from gan_tutor import cli


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
