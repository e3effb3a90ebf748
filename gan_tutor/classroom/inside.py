"""Inside the sandbox: set this process's limits and run one notebook with nbval.

    python -I -m gan_tutor.classroom.inside NOTEBOOK CELL_SECONDS MEMORY FILE_SIZE PROCESSES

The notebook is deleted as soon as pytest has read it; the result of each cell goes to `cells.json`, cell by cell.
"""

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 30  # seconds that a cell's outputs may take to arrive


class Recorder:
    """A pytest plugin that hides the notebook and writes down what became of each cell."""

    def __init__(self, notebook: Path):
        self.notebook = notebook
        self.cells: dict[str, list[str]] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: Any) -> None:
        """Delete the notebook: its cells are in memory. Be patient with a machine that is busy."""
        self.notebook.unlink()
        for cell in session.items:
            cell.output_timeout = PATIENCE

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Write down a cell's outcome and the end of its message."""
        if report.when == "call" or report.failed:
            self.cells[report.nodeid.rpartition("::")[2]] = [report.outcome, str(report.longreprtext)[-3000:]]
            part = Path("cells.part")
            part.write_text(json.dumps(self.cells), encoding="utf-8")
            os.replace(part, "cells.json")


def limit(kind: int, size: int) -> None:
    """Lower a limit for this process and all it starts."""
    most = resource.getrlimit(kind)[1]
    size = size if most == resource.RLIM_INFINITY else min(size, most)
    resource.setrlimit(kind, (size, size))


def main() -> int:
    """Run the notebook; returns pytest's exit status."""
    notebook = Path(sys.argv[1])
    seconds, memory, file, processes = map(int, sys.argv[2:6])
    if sys.platform == "linux":  # elsewhere address space is no measure of memory
        limit(resource.RLIMIT_AS, memory)
        if os.environ.get("GAN_TUTOR_ALONE"):  # its processes are counted apart from the teacher's own
            limit(resource.RLIMIT_NPROC, processes)
    limit(resource.RLIMIT_FSIZE, file)
    limit(resource.RLIMIT_CORE, 0)
    options = ["--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={seconds}", "-p", "nbval.plugin"]
    options += ["-p", "no:cacheprovider", "-q", "--color=no", "-c", os.devnull, "--rootdir", str(notebook.parent)]
    return int(pytest.main([*options, str(notebook)], plugins=[Recorder(notebook)]))


if __name__ == "__main__":
    raise SystemExit(main())
