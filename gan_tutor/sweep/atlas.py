"""The book's maps: sweeps that were played once, stored with the package."""

import csv
import json
from importlib.resources import files
from typing import NamedTuple

from gan_tutor.recipes import Recipe, from_dict
from gan_tutor.sweep.measure import Row
from gan_tutor.sweep.table import value_of

NAMES = ("rates", "penalties", "latents")


class Panel(NamedTuple):
    """One sweep of a map.

    Attributes:
        start: The recipe that its axes vary.
        grid: The axes.
        rows: A row for each GAN: the fields on the axes, and what was measured.
    """

    start: Recipe
    grid: list[str]
    rows: list[Row]


def atlas(name: str) -> dict[str, Panel]:
    """Return a stored map by name: "rates", "penalties" or "latents"; panels by their titles.

    Made by benchmarks/map.py, which says how; the machine is in benchmarks/results/map.json.

    Raises:
        ValueError: There is no such map.
    """
    if name not in NAMES:
        raise ValueError(f"there is no map {name!r}; the maps are {', '.join(NAMES)}")
    folder = files("gan_tutor.sweep").joinpath("maps")
    causes = json.loads(folder.joinpath(f"{name}.json").read_text(encoding="utf-8"))
    lines = folder.joinpath(f"{name}.csv").read_text(encoding="utf-8").splitlines()
    rows = [{field: value_of(text) for field, text in row.items()} for row in csv.DictReader(lines)]
    return {
        title: Panel(from_dict(cause["start"]), cause["grid"], [row for row in rows if row["panel"] == title])
        for title, cause in causes.items()
    }
