"""A sweep on disk: one CSV with a row for each GAN, and what it was made from beside it.

The table is replaced as a whole after each chunk of GANs, so a sweep that is killed loses the chunk under way and
nothing else; started again, it plays what is missing.
"""

import csv
import io
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch

from gan_tutor import checkpoints
from gan_tutor.recipes import Recipe
from gan_tutor.sweep import stack as stacks
from gan_tutor.sweep import turn
from gan_tutor.sweep.grid import combinations
from gan_tutor.sweep.groups import alike, varying
from gan_tutor.sweep.measure import Row, measure

TABLE, CAUSE = "gans.csv", "sweep.json"


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
        ValueError: The grid is wrong, a count is below 1, or the folder holds another sweep.
    """
    if at_once < 1 or samples < 1:
        raise ValueError(f"at_once and samples must be at least 1, got {at_once} and {samples}")
    folder, wanted = Path(folder), combinations(start, grid)
    _claim(folder, {"start": asdict(start), "grid": list(grid), "samples": samples})
    checkpoints.sweep_up(folder / TABLE, folder / CAUSE)
    rows = {int(row["gan"]): row for row in read(folder)}
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
    """Return the rows of a folder's table, with numbers, truth values and None for what text they were; or none."""
    path = Path(folder) / TABLE
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as lines:
        return [{name: value_of(text) for name, text in row.items()} for row in csv.DictReader(lines)]


def _chunks(numbers: list[int], size: int) -> list[list[int]]:
    return [numbers[k : k + size] for k in range(0, len(numbers), size)]


def _claim(folder: Path, cause: dict[str, Any]) -> None:
    """Note what the folder's sweep is made from, or compare with what is noted."""
    path = folder / CAUSE
    if path.is_file():
        held = json.loads(path.read_text(encoding="utf-8"))
        different = [name for name, value in cause.items() if held.get(name) != value]
        if different:
            raise ValueError(
                f"{folder} holds a sweep with another {' and another '.join(different)}: give the same start, axes "
                "and samples to continue it, or choose another folder"
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    checkpoints.write(path, (json.dumps(cause, indent=2) + "\n").encode())


def _write(path: Path, rows: list[Row]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    checkpoints.write(path, text.getvalue().encode())


def value_of(text: str) -> Any:
    """Return what a cell of the table stands for: a number, a truth value, None if it is empty, or the text."""
    if text in ("", "True", "False"):
        return {"": None, "True": True, "False": False}[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
