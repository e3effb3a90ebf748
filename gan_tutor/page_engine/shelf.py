"""Where made files are looked for: those of this machine, and those that are kept in the repository.

A file is named by its contents, or by a graph and a compiler that give no other contents. `causes.json` in the same
folder says which causes are known to give which file, so that unchanged causes need no second look.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

CAUSES = "causes.json"


@dataclass(frozen=True)
class Shelf:
    """Folders with made files.

    Attributes:
        own: Gets what is made; it need not exist yet.
        others: Are only read.
    """

    own: Path
    others: tuple[Path, ...] = ()

    def find(self, name: str) -> Path | None:
        """Return a file by its name, None if no folder has it."""
        paths = [folder / name for folder in (self.own, *self.others)]
        return next((path for path in paths if path.is_file()), None)

    def made_from(self, cause: str) -> Path | None:
        """Return the file that is known to come of these causes; None if there is none."""
        for folder in (self.own, *self.others):
            name = causes(folder).get(cause)
            if name is not None and (path := self.find(name)):
                return path
        return None

    def all(self, pattern: str) -> list[Path]:
        """Return the files whose names match, the own first."""
        return [path for folder in (self.own, *self.others) for path in sorted(folder.glob(pattern))]

    def note(self, cause: str, path: Path) -> None:
        """Note that these causes give this file."""
        write_causes(self.own, causes(self.own) | {cause: path.name})


def causes(folder: Path) -> dict[str, str]:
    """Return which causes gave which file in a folder."""
    path = folder / CAUSES
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def write_causes(folder: Path, known: dict[str, str]) -> None:
    """Write which causes gave which file, one a line in the order of the files, so that a change can be read."""
    ordered = sorted(known.items(), key=lambda item: item[::-1])
    lines = [f"  {json.dumps(cause)}: {json.dumps(name)}" for cause, name in ordered]
    put(folder / CAUSES, ("{\n" + ",\n".join(lines) + "\n}\n").encode())


def put(path: Path, contents: bytes) -> Path:
    """Write a file whole or not at all, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(contents)
    part.replace(path)
    return path


def sweep(folder: Path, used: Iterable[str], known: Iterable[str]) -> list[str]:
    """Drop every made file that is not used and every cause that is not known; return the names of what is gone."""
    used, known = set(used), set(known)
    gone = [path for path in sorted(folder.glob("*")) if path.name not in used | {CAUSES}]
    for path in gone:
        path.unlink()
    write_causes(folder, {cause: name for cause, name in causes(folder).items() if cause in known and name in used})
    return [path.name for path in gone]
