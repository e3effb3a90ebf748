"""What the widget asks of the notebook's kernel: to hear of interrupts, and which run of which cell goes on."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def running_cell() -> tuple[str, str] | None:
    """Return the running cell's id and the id of this run of it, or None where the front end does not tell."""
    kernel = _kernel()
    parent = kernel.get_parent() if kernel is not None else {}
    cell = parent.get("metadata", {}).get("cellId")
    return (cell, parent["header"]["msg_id"]) if cell else None


def tell_when_interrupted(told: Callable[[], None]) -> None:
    """Call `told` when the kernel is interrupted while it runs no cell; it would take no notice of that.

    Newer kernels answer the page on a thread of its own, which no interrupt reaches: the main thread must tell.
    """
    kernel = _kernel()
    if hasattr(kernel, "saved_sigint_handler"):
        # The kernel puts this handler back when the present cell ends, and so after every later one.
        kernel.saved_sigint_handler = lambda *_: told()


@contextmanager
def whole(told: Callable[[], None]) -> Iterator[None]:
    """Let an interrupt call `told` instead of breaking off this block, which may be in the middle of a step."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda *_: told())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _kernel() -> Any:
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None)
