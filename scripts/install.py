"""Install a lock and this project into a virtual environment: `make book` and `make test` call it.

    python3 scripts/install.py .venv requirements.lock

uv is several times faster than pip. If it is not on the PATH, pip fetches the one that requirements-uv.lock names into
the environment itself and checks its hash. Where uv fails, pip installs: its settings may name a mirror that uv does
not know. Needs nothing but Python's standard library.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UV_LOCK = ROOT / "requirements-uv.lock"
OLDEST = (3, 11)


def works(*command: str | Path) -> bool:
    """Whether a command can be run and succeeds; what it prints is not shown."""
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def done(*command: str | Path) -> bool:
    """Run a command before the reader's eyes; whether it succeeded."""
    return subprocess.run(command, cwd=ROOT).returncode == 0


def quiet() -> list[str]:
    """A terminal gets the installer's progress, a log file does not."""
    return [] if sys.stderr.isatty() else ["--quiet"]


def environment(folder: Path) -> Path:
    """Make the virtual environment if it is not there, and return its Python."""
    python = folder / "bin" / "python"
    if works(python, "-c", ""):
        return python
    if folder.exists() and any(folder.iterdir()):
        if not (folder / "pyvenv.cfg").is_file():
            sys.exit(f"{folder} is not a virtual environment: move it away, then try again.")
        shutil.rmtree(folder)  # its Python is gone
    folder.mkdir(parents=True, exist_ok=True)  # the error that names the cause, where nothing can be written
    if (works("uv", "--version") and done("uv", "venv", "--quiet", "--python", sys.executable, folder)) or done(
        sys.executable, "-m", "venv", folder
    ):
        return python
    shutil.rmtree(folder, ignore_errors=True)  # half made
    sys.exit(f"{sys.executable} cannot make {folder}: install python3-venv (Debian, Ubuntu) or uv, then try again.")


def pip(python: Path) -> list[str | Path]:
    """The environment's pip, put there first if uv made the environment without it."""
    if not works(python, "-m", "pip", "--version"):
        done(python, "-m", "ensurepip", "--default-pip")
    return [python, "-m", "pip", "--disable-pip-version-check"]


def uv(python: Path) -> str | None:
    """The uv on the PATH or in the environment; else the one that pip can fetch; None if there is none."""
    own = str(python.parent / "uv")
    for command in ("uv", own):
        if works(command, "--version"):
            return command
    fetched = works(*pip(python), "install", "--require-hashes", "--only-binary=:all:", "-r", UV_LOCK)
    return own if fetched and works(own, "--version") else None


def install(python: Path, lock: Path) -> bool:
    """Install the lock's versions, then this project so that edits count; whether it succeeded."""
    wanted: tuple[list[str | Path], ...] = (["--require-hashes", "-r", lock], ["--no-deps", "--editable", ROOT])
    fast = uv(python)
    if fast is not None:
        start: list[str | Path] = [fast, "pip", "install", *quiet(), "--compile-bytecode", "--python", python]
        if all(done(*start, *what) for what in wanted):
            return True
        print("uv could not install it (see above); trying pip, which is slower.", file=sys.stderr)
    return all(done(*pip(python), "install", *quiet(), *what) for what in wanted)


def main(folder: Path, lock: Path) -> None:
    """Install, or end with one line that says what is missing and how to get it."""
    if sys.version_info < OLDEST:
        version = ".".join(map(str, sys.version_info[:3]))
        sys.exit(
            f"Python {'.'.join(map(str, OLDEST))} or newer is needed, but '{sys.executable}' is Python {version}.\n"
            "Install one and name it: make book PYTHON=python3.12"
        )
    print(f"Installing {lock.name} into {folder}; this can take some minutes the first time.", flush=True)
    try:
        python = environment(folder)
    except OSError as error:
        sys.exit(f"{folder} cannot be written ({error.strerror}): copy the repository to a folder of your own.")
    if not install(python, lock):
        sys.exit(
            "The packages could not be installed: what failed is above. They come from a package index, so this step"
            " needs the internet, or a mirror named by PIP_INDEX_URL, and about 7 GB of disk."
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute())
