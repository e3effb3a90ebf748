"""The state of torch, numpy and the process that an answer is judged in, whatever an earlier answer has left behind.

Without it one answer decides over the next: after `torch.set_default_dtype(torch.float64)` a probe would draw other
inputs than the judge, and after `torch.set_grad_enabled(False)` every right loss would lack its gradient.
"""

import contextlib
import locale
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

_entered: list[Any] = []  # contexts that `reset` enters for good must not be collected


@contextlib.contextmanager
def known(seed: int) -> Iterator[None]:
    """Within it torch, numpy and `random` are as in a new process, with this seed; afterwards as they were before."""
    device = torch.get_default_device()
    dtype, precision = torch.get_default_dtype(), torch.get_float32_matmul_precision()
    strict, warn_only = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    states, folder = (random.getstate(), np.random.get_state()), _folder()
    with contextlib.ExitStack() as stack:
        for context in _contexts():
            stack.enter_context(context)
        stack.enter_context(torch.random.fork_rng(devices=[]))
        try:
            _defaults(seed)
            yield
        finally:
            if torch.get_default_device() != device:
                torch.set_default_device(None if device.type == "cpu" else device)
            torch.set_default_dtype(dtype)
            torch.set_float32_matmul_precision(precision)
            _deterministic(strict, warn_only)
            random.setstate(states[0])
            np.random.set_state(states[1])
            if folder and folder != _folder():
                os.chdir(folder)


def reset(folder: str) -> None:
    """Make the state of this process that of a new one, for good; the grader does so before each graded cell.

    Args:
        folder: The working folder.
    """
    if threading.current_thread() is threading.main_thread():  # handlers can be set in no other
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with contextlib.suppress(locale.Error):
        locale.setlocale(locale.LC_ALL, "C.UTF-8")
    sys.settrace(None)
    sys.setrecursionlimit(max(1000, sys.getrecursionlimit()))
    warnings.resetwarnings()
    os.chdir(folder)
    for context in _contexts():
        context.__enter__()
        _entered.append(context)
    _defaults(0)
    _keep_the_kernel()


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it has been removed
        return ""


def _contexts() -> list[Any]:
    """Return what has to be entered to leave the modes that are on, and to come back to them."""
    return [
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast("cpu", enabled=False),
        torch.autograd.set_detect_anomaly(False),
        np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"),
    ]


def _defaults(seed: int) -> None:
    if torch.get_default_device().type != "cpu":
        torch.set_default_device(None)
    torch.set_default_dtype(torch.float32)
    torch.set_float32_matmul_precision("highest")
    _deterministic(False)
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


def _deterministic(strict: bool, warn_only: bool = False) -> None:
    """Set it only where it is another: torch then loads its compiler, which takes seconds."""
    now = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    if now != (strict, warn_only):
        torch.use_deterministic_algorithms(strict, warn_only=warn_only)


def _keep_the_kernel() -> None:
    """Let `exit()` and `quit()` cost the answer that calls them, and not the answers after it."""
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = get_ipython() if get_ipython else None
    if shell is not None:
        shell.user_ns["exit"] = shell.user_ns["quit"] = _refuse


def _refuse(*given: object) -> None:
    raise SystemExit("exit() and quit() would end the notebook: leave them out")
