"""Inside the sandbox: set this process's limits and run one notebook with nbval.

    python -I inside.py NOTEBOOK CELL_SECONDS MEMORY FILE_SIZE PROCESSES

It runs as a file, not as a module of the package: the package would load PyTorch, seconds that only the kernel needs.

The notebook is deleted as soon as pytest has read it; the result of each cell goes to `cells.json`, cell by cell.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path
from queue import Empty
from typing import Any

import pytest

PATIENCE = 30  # seconds that a cell's outputs, or its end after an interrupt, may take; at most half its own time
KERNELS = 4  # of one submission
ENDED = "KernelEnded: the program was ended by this cell (os._exit, a crash in compiled code, or too much memory)"
# At its import jsonschema builds a grammar of web addresses if it finds this package: two seconds of each submission,
# and no schema of a notebook asks for it. None means "not installed".
UNUSED = "rfc3987_syntax"
# A notebook that does not use the library need not wait for it.
RESET = """\
import sys as _sys
if "gan_tutor.classroom" in _sys.modules:
    from gan_tutor.classroom import state as _state
    _state.reset({folder!r})
"""


class Recorder:
    """A pytest plugin that hides the notebook and writes down what became of each cell."""

    def __init__(self, notebook: Path, seconds: int):
        self.notebook, self.seconds, self.kernels = notebook, seconds, 1
        self.cells: dict[str, list[str]] = {}
        self.passed: list[str] = []  # sources of the cells that a new kernel must run again

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: Any) -> None:
        """Delete the notebook: its cells are in memory. Be patient with a machine that is busy."""
        self.notebook.unlink()
        for cell in session.items:
            cell.output_timeout = min(PATIENCE, self.seconds / 2)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: Any) -> None:
        """Forget that an earlier cell took too long: it says nothing of this one."""
        item.parent.timed_out = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: Any) -> None:
        """Give a graded cell a living kernel in a state that no earlier answer has chosen."""
        _watch(item.parent.kernel)
        marks = item.cell.metadata.get("nbgrader", {})
        if not (marks.get("solution") or marks.get("grade")):
            return
        if not self._reset(item.parent.kernel) and self.kernels < KERNELS:
            self.kernels += 1
            if hasattr(item.parent.kernel, "km"):
                item.parent.kernel.stop()
            item.parent.setup()
            _watch(item.parent.kernel)
            for source in self.passed:
                _run(item.parent.kernel, source, self.seconds)
            self._reset(item.parent.kernel)

    def _reset(self, kernel: Any) -> bool:
        return _run(kernel, RESET.format(folder=str(self.notebook.parent)), PATIENCE)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Any:
        """Say at a message's end, where it is looked for, that time was up or that the cell ended its kernel."""
        report = yield
        if report.when == "call":
            report.sections.append(("why", self._why(item, report)))
            marks = item.cell.metadata.get("nbgrader", {})
            if report.passed and not (marks.get("grade") and not marks.get("solution")):
                self.passed.append(item.cell.source)
        return report

    def _why(self, item: Any, report: Any) -> str:
        if report.passed:
            return ""
        if report.longreprtext.startswith("Notebook cell") and "Timeout of" in report.longreprtext[:100]:
            return f"TimeoutError: it took more than {self.seconds} seconds, the limit of a cell, and was stopped"
        return "" if item.parent.kernel.is_alive() else ENDED

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Write down a cell's outcome and the end of its message."""
        if report.when == "call" or report.failed:
            why = dict(report.sections).get("why", "")
            message = f"{report.longreprtext[-3000:]}\n{why}"
            self.cells[report.nodeid.rpartition("::")[2]] = [report.outcome, message]
            part = Path("cells.part")
            part.write_text(json.dumps(self.cells), encoding="utf-8")
            os.replace(part, "cells.json")


def _watch(kernel: Any) -> None:
    """Let whoever waits for the kernel's reply know at once that it has ended; nbval would wait for the time limit."""
    inner = kernel.await_reply
    if hasattr(inner, "watches"):
        return

    def await_reply(asked: str, timeout: float) -> None:
        until = time.monotonic() + timeout
        while True:
            alive = kernel.is_alive()  # asked first: a reply may have come just before the end
            try:
                inner(asked, timeout=min(1.0, timeout))
                return
            except Empty:
                if not alive:
                    raise RuntimeError(ENDED) from None
                if time.monotonic() > until:
                    raise

    await_reply.watches = True  # type: ignore[attr-defined]
    kernel.await_reply = await_reply


def _run(kernel: Any, source: str, seconds: float) -> bool:
    """Run a source in the kernel, beside the cells; return whether it came to its end."""
    try:
        if not kernel.is_alive():
            return False
        asked = kernel.kc.execute(source, silent=True, store_history=False, allow_stdin=False, stop_on_error=False)
        kernel.await_reply(asked, timeout=seconds)
    except (Empty, RuntimeError):
        return False
    return bool(kernel.is_alive())


def limit(kind: int, size: int) -> None:
    """Lower a limit for this process and all it starts."""
    most = resource.getrlimit(kind)[1]
    size = size if most == resource.RLIM_INFINITY else min(size, most)
    resource.setrlimit(kind, (size, size))


def main() -> int:
    """Run the notebook; returns pytest's exit status."""
    sys.modules[UNUSED] = None  # type: ignore[assignment]
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
    return int(pytest.main([*options, str(notebook)], plugins=[Recorder(notebook, seconds)]))


if __name__ == "__main__":
    raise SystemExit(main())
