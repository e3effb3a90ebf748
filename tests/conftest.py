"""Shared by all tests: one thread, a fixed global seed, and the built site for `book/` and `browser/`."""

from __future__ import annotations

import collections
import fcntl
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

# Started in the background of a script, a process ignores Ctrl-C, and so would all that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Results repeat bit for bit only with a fixed thread count, and tiny networks are slower with several.
torch.set_num_threads(1)

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_build" / "html"
SOURCES = [ROOT / "_config.yml", ROOT / "_toc.yml", ROOT / "book", ROOT / "gan_tutor" / "lab" / "explorers"]


@pytest.fixture(autouse=True)
def seed() -> None:
    """Give every test the same initial weights, whatever ran before it."""
    torch.manual_seed(0)


@pytest.fixture
def generator() -> torch.Generator:
    """A generator of the test's own, seeded."""
    return torch.Generator().manual_seed(1)


def is_stale() -> bool:
    """Whether a source is newer than the built site."""
    index = SITE / "book" / "index.html"
    if not index.exists():
        return True
    files = [f for source in SOURCES for f in ([source] if source.is_file() else source.rglob("*"))]
    sources = [f for f in files if f.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(f.parts)]
    return max(f.stat().st_mtime for f in sources) > index.stat().st_mtime


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built site, built with warnings as errors if a source has changed."""
    pytest.importorskip("jupyter_book", reason="jupyter-book is not installed: pip install 'gan-tutor[book]'")
    SITE.parent.mkdir(exist_ok=True)
    with open(SITE.parent / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one build, however many test processes
        if is_stale():
            tool = Path(sys.executable).parent / "jupyter-book"
            command = [str(tool), "build", "-W", "-n", "--keep-going", "--all", str(ROOT)]
            build = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
            assert build.returncode == 0, f"the site does not build:\n{build.stdout}\n{build.stderr}"
    return SITE


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of an xdist group in one process, which makes what they share once.

    pytest-xdist 3.8 writes the group into `_nodeid`, which pytest 9.2 no longer reads: each process then made the
    graded class, the killed runs and the compiled programs anew, ten minutes of a whole run.
    """
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        groups = sorted({str(mark.args[0]) for mark in item.iter_markers("xdist_group")})
        suffix = f"@{'_'.join(groups)}"
        if groups and not item.nodeid.endswith(suffix):
            item._id = type(item._id).parse(item.nodeid + suffix)  # type: ignore[attr-defined]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name each thing that is missing once, with its cure and the number of tests that wait for it."""
    skipped = [report.longrepr for report in terminalreporter.stats.get("skipped", [])]
    reasons = collections.Counter(str(why[2] if isinstance(why, tuple) else why) for why in skipped)
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"SKIPPED [{count}] {reason.removeprefix('Skipped: ')}")
