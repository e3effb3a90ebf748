"""A student's own record of what is solved: in memory, and in one small JSON file once `keep` was called.

The file is `progress.json` in the folder that GAN_TUTOR_HOME names, else in `.gan-tutor` in the home folder.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Literal

Event = Literal["right", "tried", "hinted"]
Progress = dict[str, dict[str, int]]

_CURE = "name a folder that can be written in the environment variable GAN_TUTOR_HOME"
_session: Progress = {}
_kept: list[Path] = []


def place() -> Path:
    """Return where the file of this user is."""
    return Path(os.environ.get("GAN_TUTOR_HOME") or Path.home() / ".gan-tutor") / "progress.json"


def keep() -> None:
    """Keep the progress of this session, and what an earlier one left, in the file from now on."""
    try:
        path = place()
    except RuntimeError:  # HOME is not set, and the system does not know this user
        print(f"progress is not kept: this user has no home folder; {_CURE}", file=sys.stderr)
        return
    if path not in _kept:
        _kept[:] = [path]
        _write(_merged(_stored(), _session))


def is_kept() -> bool:
    """Whether progress goes into a file."""
    return bool(_kept)


def note(name: str, event: Event) -> None:
    """Count an event of an exercise."""
    progress = read()
    events = progress.setdefault(name, {})
    events[event] = events.get(event, 0) + 1
    _write(progress)


def read() -> Progress:
    """Return how often each event of each exercise has happened."""
    return _stored() if _kept else _session


def _stored() -> Progress:
    if not _kept or not _kept[0].exists():
        return {}
    try:
        found = json.loads(_kept[0].read_text(encoding="utf-8"))
        return {str(name): {str(e): int(n) for e, n in events.items()} for name, events in found.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        print(f"{_kept[0]} cannot be read and is begun anew: {error}", file=sys.stderr)
        return {}


def _write(progress: Progress) -> None:
    if not _kept:
        return
    path = _kept[0]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            json.dump(progress, file, indent=1, sort_keys=True)
        os.replace(file.name, path)
    except OSError as error:  # a read-only home must not keep a student from an answer
        print(f"progress is not kept: {error}; {_CURE}", file=sys.stderr)
        _kept.clear()
        _session.update(progress)


def _merged(a: Progress, b: Progress) -> Progress:
    names = {*a, *b}
    return {
        name: {e: a.get(name, {}).get(e, 0) + b.get(name, {}).get(e, 0) for e in {*a.get(name, {}), *b.get(name, {})}}
        for name in names
    }
