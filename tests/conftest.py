"""The built site, shared by the tests of `book/` and `browser/`."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_build" / "html"
SOURCES = [ROOT / "_config.yml", ROOT / "_toc.yml", ROOT / "book"]


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
            command = [tool, "build", "-W", "-n", "--keep-going", "--all", ROOT]
            build = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
            assert build.returncode == 0, f"the site does not build:\n{build.stdout}\n{build.stderr}"
    return SITE
