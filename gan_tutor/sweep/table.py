"""A sweep on disk: one CSV with a row for each GAN, and what it was made from beside it.

The table is replaced as a whole after each chunk of GANs, so a sweep that is killed loses the chunk under way and
nothing else; started again, it plays what is missing.
"""

import csv
import io
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch

from gan_tutor import checkpoints, tables
from gan_tutor.recipes import Recipe, from_dict
from gan_tutor.sweep import stack as stacks
from gan_tutor.sweep import turn
from gan_tutor.sweep.grid import combinations
from gan_tutor.sweep.groups import alike, varying
from gan_tutor.sweep.measure import Row, measure

TABLE, CAUSE = "gans.csv", "sweep.json"
_CURE = "delete that line, and the same sweep plays the GAN again"


class Progress(NamedTuple):
    """How far a sweep is.

    Attributes:
        turns: Turns of single GANs played in this call.
        left: Turns of single GANs still to play.
        rows: GANs in the table.
    """

    turns: int
    left: int
    rows: int


def play(
    folder: str | Path,
    start: Recipe,
    grid: Sequence[str],
    *,
    device: str | torch.device = "cpu",
    at_once: int = 64,
    samples: int = 2000,
) -> Iterator[Progress]:
    """Play every GAN of a grid that the folder's table does not hold yet; yield after every turn of a stack.

    The folder gets `gans.csv`: the GAN's number, the fields in which the grid's GANs differ, what `measure` found, and
    `seconds` (its share of its stack's time); and `sweep.json`: the start, the axes and the number of samples.

    Args:
        folder: Where the table is or will be.
        start: The recipe that the axes vary.
        grid: Axes, as `grid.axis` reads them.
        device: Where to play.
        at_once: GANs in a stack at most, and GANs that a kill can cost; on a GPU thousands.
        samples: Samples that each generator is measured by.

    Raises:
        ValueError: The grid is wrong, a count is below 1, another process is in the folder, or the folder holds another
            sweep or a table that cannot be read.
    """
    if at_once < 1 or samples < 1:
        raise ValueError(f"at_once and samples must be at least 1, got {at_once} and {samples}")
    folder, wanted = Path(folder), combinations(start, grid)
    with checkpoints.claimed(folder):
        rows = _begun(folder, {"start": asdict(start), "grid": list(grid), "samples": samples}, wanted)
        yield from _play(folder, wanted, rows, device, at_once, samples)


def _play(
    folder: Path, wanted: list[Recipe], rows: dict[int, Row], device: str | torch.device, at_once: int, samples: int
) -> Iterator[Progress]:
    """Play what `rows` lacks, and add it to them and to the table."""
    names, played = varying(wanted), 0
    chunks = [chunk for group in alike(wanted) for chunk in _chunks([n for n in group if n not in rows], at_once)]
    left = sum(wanted[number].steps for chunk in chunks for number in chunk)
    for chunk in chunks:
        began = time.perf_counter()
        stack = stacks.build([wanted[number] for number in chunk], device)
        for _ in turn.run(stack):
            played, left = played + len(chunk), left - len(chunk)
            yield Progress(played, left, len(rows))
        found = measure(stack, samples)
        seconds = (time.perf_counter() - began) / len(chunk)
        for number, row in zip(chunk, found, strict=True):
            own = {name: getattr(wanted[number], name) for name in names}
            rows[number] = {"gan": number} | own | row | {"seconds": round(seconds, 3)}
        _write(folder / TABLE, [rows[number] for number in sorted(rows)])
        yield Progress(played, left, len(rows))


def read(folder: str | Path) -> list[Row]:
    """Return the rows of a folder's table, with numbers, truth values and None for what text they were; or none.

    A spreadsheet may have saved the table: see `tables.read`. A row that stands there twice counts once.

    Raises:
        ValueError: The file is no table of a sweep, or a line is cut, damaged or contradicts another one.
    """
    path = Path(folder) / TABLE
    if not path.is_file():
        return []
    names, lines = tables.read(path)
    for name in ("gan", "diverged_at"):
        if name not in names:
            raise ValueError(
                f"{path} must have a column {name!r} to be a sweep's table, got {', '.join(names)[:200]!r}: "
                "restore the file, or choose another folder"
            )
    rows: dict[int, list[str]] = {}
    for number, cells in lines.items():
        if len(cells) != len(names):
            raise ValueError(
                f"{path}, line {number} must have {len(names)} cells, got {len(cells)}: it was cut or changed; {_CURE}"
            )
        gan = value_of(cells[names.index("gan")])
        if type(gan) is not int or gan < 0:
            raise ValueError(f"{path}, line {number} must begin with a GAN's number, got {gan!r}; {_CURE}")
        if rows.setdefault(gan, cells) != cells:
            raise ValueError(f"{path}, line {number} contradicts an earlier line of GAN {gan}; {_CURE}")
    return [dict(zip(names, map(value_of, cells), strict=True)) for cells in rows.values()]


def _begun(folder: Path, cause: dict[str, Any], wanted: list[Recipe]) -> dict[int, Row]:
    """Return the rows of the folder's sweep by GAN; note what a new one is made from."""
    if (folder / CAUSE).is_file():
        _compare(folder, cause)
    elif (folder / TABLE).exists():
        raise ValueError(
            f"{folder} holds a {TABLE} but no {CAUSE} that tells what it is a table of: choose another folder"
        )
    rows = {row["gan"]: row for row in read(folder)}
    for gan, row in rows.items():
        if gan >= len(wanted):
            raise ValueError(f"{folder / TABLE} holds a GAN {gan}, but this sweep ends at {len(wanted) - 1}; {_CURE}")
        for name in varying(wanted):
            asked = getattr(wanted[gan], name)
            if row.get(name) != asked:
                raise ValueError(
                    f"{folder / TABLE} holds GAN {gan} with {name} {row.get(name)!r}, but it was played with "
                    f"{asked!r}: a spreadsheet may have rounded it; {_CURE}"
                )
    checkpoints.sweep_up(folder / TABLE, folder / CAUSE)
    if not (folder / CAUSE).is_file():
        checkpoints.write(folder / CAUSE, (json.dumps(cause, indent=2) + "\n").encode())
    return rows


def _chunks(numbers: list[int], size: int) -> list[list[int]]:
    return [numbers[k : k + size] for k in range(0, len(numbers), size)]


def _compare(folder: Path, cause: dict[str, Any]) -> None:
    """Compare what a sweep shall be made from with what the folder's is made from."""
    path = folder / CAUSE
    try:
        held = json.loads(tables.text(path))
        if not isinstance(held, dict):
            raise ValueError(f"it holds no object but {type(held).__name__}")
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} cannot be read ({error}), so nobody can tell what the table beside it is of: choose another folder"
        ) from error
    with suppress(LookupError, TypeError, ValueError):  # of an earlier version, which named a field in another way
        held |= {"start": asdict(from_dict(held["start"]))}
    different = [name for name, value in cause.items() if held.get(name) != value]
    if different:
        raise ValueError(
            f"{folder} holds a sweep with another {' and another '.join(different)}: give the same start, axes "
            "and samples to continue it, or choose another folder"
        )


def _write(path: Path, rows: list[Row]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    checkpoints.write(path, text.getvalue().encode())


def value_of(text: str) -> Any:
    """Return what a cell of the table stands for: a number, a truth value, None if it is empty, or the text."""
    if text in ("", "True", "False", "TRUE", "FALSE"):  # spreadsheets write them in capitals
        return None if not text else text.upper() == "TRUE"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
