"""Chapter 6 quotes the stored results of benchmarks/conditional.py: its tables, and what it says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from gan_tutor import recipes

ROOT = Path(__file__).resolve().parents[2]
RESULT: dict[str, Any] = json.loads((ROOT / "benchmarks" / "results" / "conditional.json").read_text(encoding="utf-8"))
RUNS = RESULT["runs"]
NAMES = {
    "neither": "nobody uses $y$",
    "only_g": "only G is told",
    "concat": "concatenation",
    "embedding": "embedding",
    "projection": "projection",
    "auxiliary": "auxiliary classifier",
}
COLUMNS = {"class_accuracy": 3, "frechet_distance": 1, "variance_within_class": 2, "recall_within_class": 2}
STROKES = {"thickness_correlation": 2, "slant_correlation": 2, "thickness_error": 2, "slant_error": 1}


def source(cell_id: str) -> str:
    nb = nbformat.read(ROOT / "book" / "cgan.ipynb", as_version=4)
    text: str = next(cell.source for cell in nb.cells if cell.id == cell_id)
    return text


def last(data: str, way: str) -> list[dict[str, float]]:
    """The last measurement of every seed."""
    return [rows[-1] if isinstance(rows, list) else rows for rows in RUNS[data][way].values()]


def number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".removeprefix("0") if abs(value) < 1 and digits > 1 else f"{value:.{digits}f}"


def row(name: str, rows: list[dict[str, float]], columns: dict[str, int]) -> str:
    """Number of seeds, turns, then each mean over the seeds and, in brackets, the smallest and the largest."""
    turns = {int(measured["step"]) for measured in rows if "step" in measured}
    assert len(turns) <= 1
    cells = [str(len(rows)), str(turns.pop())] if turns else ["", ""]
    for key, digits in columns.items():
        values = [measured[key] for measured in rows]
        mean, low, high = sum(values) / len(values), min(values), max(values)
        spread = "" if len(values) == 1 else f" [{number(low, digits)}, {number(high, digits)}]"
        cells.append(number(mean, digits) + spread)
    return f"| {name} | {' | '.join(cells)} |"


@pytest.mark.parametrize("way", RUNS["digits"])
def test_the_digits_table_is_what_was_stored(way: str) -> None:
    assert row(NAMES[way], last("digits", way), COLUMNS) in source("table-digits")


@pytest.mark.parametrize("way", RUNS.get("fashion", {}))
def test_the_fashion_table_is_what_was_stored(way: str) -> None:
    assert row(NAMES[way], last("fashion", way), COLUMNS) in source("table-fashion")


def test_what_the_chapter_says_of_clothes() -> None:
    """First in accuracy, last in variety and recall on each seed; above the ceiling on two seeds of three."""
    ceiling = RESULT["real"]["fashion"]["class_accuracy"]
    above = 0
    for seed in RUNS["fashion"]["auxiliary"]:
        games = {way: runs[seed][-1] for way, runs in RUNS["fashion"].items()}
        assert max(games, key=lambda way: games[way]["class_accuracy"]) == "auxiliary"
        assert min(games, key=lambda way: games[way]["frechet_distance"]) == "projection"
        for key in ("variance_within_class", "recall_within_class"):
            assert min(games, key=lambda way: games[way][key]) == "auxiliary"
        above += games["auxiliary"]["class_accuracy"] > ceiling
        assert 0.4 < games["auxiliary"]["recall_within_class"] / games["projection"]["recall_within_class"] < 0.6
        assert (
            min(game["frechet_distance"] for game in games.values())
            > 10 * RESULT["real"]["fashion"]["frechet_distance"]
        )
    assert above == 2


@pytest.mark.parametrize("data", sorted({"digits", "fashion"} & RUNS.keys()))
def test_the_ceiling_is_held_out_real_images(data: str) -> None:
    assert row("*real images, held out*", [RESULT["real"][data]], COLUMNS) in source(f"table-{data}")


@pytest.mark.parametrize("way", RUNS.get("strokes", {}))
def test_the_strokes_table_is_what_was_stored(way: str) -> None:
    assert row(NAMES[way], last("strokes", way), STROKES) in source("strokes-reading")


def test_the_spread_of_the_real_strokes_is_quoted_rightly() -> None:
    measured = last("strokes", "concat")[0]
    thick, lean = measured["thickness_spread"], measured["slant_spread"]
    assert f"{number(thick, 2)} pixels and {lean:.0f} degrees" in source("strokes-reading")
    for told in last("strokes", "concat"):  # "about a third"
        assert 0.25 < told["thickness_error"] / thick < 0.45
        assert 0.25 < told["slant_error"] / lean < 0.45


def test_the_results_are_of_the_named_recipes() -> None:
    for data in {"digits", "fashion"} & RUNS.keys():
        recipe = recipes.named(f"{data}_projection")
        assert recipes.from_dict(RESULT["recipes"][data]) == recipe
        assert all(row["step"] <= recipe.steps for way in RUNS[data] for row in last(data, way))


TOLD = ("concat", "embedding", "projection", "auxiliary")


@pytest.mark.parametrize("seed", RUNS["digits"]["neither"])
def test_what_the_chapter_says_of_the_table(seed: str) -> None:
    """On each seed that was stored for all six games."""
    games = {way: RUNS["digits"][way][seed][-1] for way in NAMES if seed in RUNS["digits"][way]}
    assert set(games) == set(NAMES)

    def best_first(key: str, ways: tuple[str, ...], *, highest: bool) -> list[str]:
        return sorted(ways, key=lambda way: games[way][key], reverse=highest)

    everyone = tuple(NAMES)
    assert best_first("class_accuracy", everyone, highest=True)[:2] == ["projection", "auxiliary"]
    assert best_first("frechet_distance", everyone, highest=False)[0] == "projection"
    assert set(best_first("frechet_distance", everyone, highest=False)[:4]) == set(TOLD)
    assert best_first("recall_within_class", everyone, highest=True)[0] == "neither"
    assert best_first("recall_within_class", TOLD, highest=False)[0] == "auxiliary"
    assert all(0.05 < games[way]["class_accuracy"] < 0.2 for way in ("neither", "only_g"))
    ceiling = RESULT["real"]["digits"]
    for way in ("neither", "only_g", "concat", "embedding"):
        assert games[way]["variance_within_class"] > games["projection"]["variance_within_class"]
    reached = [games[way]["recall_within_class"] for way in ("concat", "embedding")]
    assert min(reached) > games["projection"]["recall_within_class"] - 0.03
    assert all(game["class_accuracy"] < ceiling["class_accuracy"] for game in games.values())
    assert games["embedding"]["class_accuracy"] > games["concat"]["class_accuracy"]
    assert games["embedding"]["frechet_distance"] < games["concat"]["frechet_distance"]


def test_the_seconds_that_a_run_took() -> None:
    spent = {way: [measured["cpu_seconds"] for measured in last("digits", way)] for way in TOLD}
    mean = {way: f"{sum(seconds) / len(seconds):.0f}" for way, seconds in spent.items()}
    sentence = (
        f"a run took {mean['projection']} CPU seconds with projection, {mean['embedding']} with embedding, "
        f"{mean['auxiliary']} with the auxiliary classifier and {mean['concat']} with concatenation"
    )
    assert sentence in source("table-reading")
