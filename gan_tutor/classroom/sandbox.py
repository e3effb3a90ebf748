"""Run a command that is not trusted: bubblewrap's namespaces where they are to be had, and limits everywhere.

In the sandbox there is no network, no process but its own, and no file but Python, the library without its answers, and
the job's folder; nothing but that folder can be written. Without bubblewrap only the limits hold.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

import gan_tutor

PACKAGE = Path(gan_tutor.__file__).resolve().parent
ANSWERS = PACKAGE / "classroom" / "answers"
TOKEN = "GAN_TUTOR_JOB"  # what a job's processes carry in their environment
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts")
DEEPEST = 40  # folders in folders
EVERY = 0.2  # seconds between two looks at a job


class Limits(NamedTuple):
    """What one submission may use.

    Attributes:
        cell: Seconds of a cell.
        wall: Seconds of the whole notebook.
        memory: Bytes, of all processes together.
        processes: Processes and threads.
        disk: Bytes in the job's folder.
        file: Bytes of one file.
    """

    cell: int = 60
    wall: int = 300
    memory: int = 4 << 30
    processes: int = 300
    disk: int = 300 << 20
    file: int = 100 << 20


class Ended(NamedTuple):
    """How a job ended: its exit status, why it was stopped ("" if it was not), seconds, and bytes at its highest."""

    status: int
    stopped: str
    seconds: float
    memory: int


def is_whole() -> bool:
    """Whether namespaces can be had here."""
    program = shutil.which("bwrap")
    if program is None:
        return False
    test = [program, "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
    return subprocess.run(test, capture_output=True).returncode == 0


_SPACE = ("--size", str(256 << 20), "--tmpfs")


def wrapped(command: list[str], job: Path, hidden: Iterable[Path]) -> list[str]:
    """Return the command inside bubblewrap, with `job` as its only writable folder, at the same path."""
    shown = [Path(path) for path in SYSTEM if Path(path).exists()]
    shown += [Path(sys.prefix), Path(sys.base_prefix), PACKAGE]
    line = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    line += ["--uid", "1000", "--gid", "1000", "--hostname", "classroom"]
    line += [*_SPACE, "/tmp"]  # first: what is shown may itself lie below it
    for path in shown:
        line += (
            ["--symlink", os.readlink(path), str(path)] if path.is_symlink() else ["--ro-bind", str(path), str(path)]
        )
    line += ["--proc", "/proc", "--dev", "/dev"]
    masks = [ANSWERS, *(path.resolve() for path in hidden)]
    for mask in masks:
        if any(mask.is_relative_to(path) for path in shown):
            line += ["--tmpfs", str(mask), "--remount-ro", str(mask)]
    line += [*_SPACE, "/dev/shm"]
    line += ["--bind", str(job), str(job), "--chdir", str(job), "--remount-ro", "/dev", "--remount-ro", "/"]
    return [*line, "--", *command]


def run(
    command: list[str],
    job: Path,
    limits: Limits,
    env: dict[str, str],
    *,
    whole: bool,
    hidden: Iterable[Path] = (),
    stop: threading.Event | None = None,
) -> Ended:
    """Run a command in a job's folder until it ends or reaches a limit; nothing of it is left running.

    Args:
        command: The command; its first word a path.
        job: Its folder. What it prints goes to `output` in it.
        limits: What it may use.
        env: Its environment.
        whole: Use namespaces.
        hidden: Folders that must not be seen even if they lie in one that Python needs.
        stop: Ends the job when it is set.
    """
    token = job.name
    line = wrapped(command, job, hidden) if whole else command
    began, highest, stopped = time.monotonic(), 0, ""
    with open(job / "output", "wb") as output:
        process = subprocess.Popen(
            line,
            cwd=job,
            env={**env, TOKEN: token},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while process.poll() is None and not stopped:
                memory, count = _used(process.pid)
                highest = max(highest, memory)
                stopped = _beyond(limits, time.monotonic() - began, memory, count, job)
                if stop is not None and stop.is_set():
                    stopped = "interrupted"
                if not stopped:
                    _wait(process)
        finally:
            _end(process, token)
    return Ended(process.returncode, stopped, time.monotonic() - began, highest)


def _wait(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(EVERY)
    except subprocess.TimeoutExpired:
        return


def _beyond(limits: Limits, seconds: float, memory: int, count: int, job: Path) -> str:
    if seconds > limits.wall:
        return f"stopped after {limits.wall} seconds"
    if memory > limits.memory:
        return f"stopped: more than {limits.memory / 2**30:.3g} GiB of memory"
    if count > limits.processes:
        return f"stopped: more than {limits.processes} processes and threads"
    if _size(job) > limits.disk:
        return f"stopped: more than {limits.disk >> 20} MiB of files"
    return ""


def _used(pid: int) -> tuple[int, int]:
    """Return bytes and the number of threads of a process and all below it."""
    memory, count = 0, 0
    for process in _family(pid):
        try:
            used = process.memory_info()
            memory += max(0, used.rss - getattr(used, "shared", 0))
            count += process.num_threads()
        except psutil.Error:
            continue  # it has just ended
    return memory, count


def _family(pid: int) -> list[psutil.Process]:
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.Error:
        return []


def _size(job: Path) -> int:
    """Return the bytes below a folder; more levels than any notebook makes count as too many bytes."""
    total, folders = 0, [(str(job), 0)]
    while folders:
        folder, depth = folders.pop()
        if depth > DEEPEST:
            return sys.maxsize
        with contextlib.suppress(OSError), os.scandir(folder) as entries:  # it may have just gone
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append((entry.path, depth + 1))
                else:
                    total += entry.stat(follow_symlinks=False).st_size + 512
    return total


def _end(process: "subprocess.Popen[bytes]", token: str) -> None:
    """Kill the group, and whoever has left it; with namespaces the first kill ends them all."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it may have ended by itself
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for _ in range(50):
        left = list(_carrying(token))
        if not left:
            return
        for one in left:
            try:
                one.kill()
            except psutil.Error:
                continue


def _carrying(token: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.environ().get(TOKEN) == token and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except (psutil.Error, OSError):
            continue  # not ours, or just gone
