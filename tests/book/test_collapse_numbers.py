"""The tables of chapter 8 are the stored results, and the grid's recipe holds what the chapter promises."""

import json
import math
import re
import statistics
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
SETTINGS = {"Slow D": "slow D", "Small D": "small D"}


def result(name):
    return json.loads((RESULTS / f"{name}.json").read_text())


def cell(id_):
    notebook = nbformat.read(ROOT / "book" / "collapse.ipynb", as_version=4)
    return next(c.source for c in notebook.cells if c.id == id_)


def table(text):
    """Return the rows of the first table of a text, as lists of cells, without its header."""
    lines = text[text.index("|") :].split("\n\n")[0].splitlines()
    return [[part.strip(" *") for part in line.strip("|").split("|")] for line in lines[2:]]


def numbers(text):
    return [float(part.replace("∞", "inf")) for part in re.findall(r"∞|-?\d+\.?\d*", text)]


def spread(values):
    return [statistics.median(values), min(values), max(values)]


@pytest.mark.parametrize("heading", SETTINGS)
def test_the_cures_tables_are_the_stored_results(heading):
    stored = result("collapse_cures")
    runs, cost, turns = stored["runs"][SETTINGS[heading]], stored["cost"], stored["turns"]
    rows = table(cell("benchmark").split(f"### {heading}")[1])
    assert {row[0] for row in rows} == {*runs, "moving average of none", "perfect sampler"}
    for name, near, strict, quality, kl, fair, ratio in rows[:-1]:
        source, who = ("none", "ema") if name == "moving average of none" else (name, "G")
        seeds = [runs[source][seed] for seed in sorted(runs[source], key=int)]
        assert len(seeds) >= 5
        last = [rows[-1][who] for rows in seeds]
        assert all(rows[-1]["turn"] == turns for rows in seeds)
        assert numbers(near) == [x["near"] for x in last]
        assert numbers(strict.replace("–", " ")) == [f([x["strict"] for x in last]) for f in (min, max)]
        for text, key in ((quality, "quality"), (kl, "reverse_kl")):
            expected = spread([math.inf if x[key] is None else x[key] for x in last])
            assert numbers(text.replace("–", " ")) == pytest.approx(expected, abs=0.0051), (name, key)
        assert numbers(ratio) == pytest.approx([cost[source]["ratio"]], abs=0.051)
        limit = max(250, turns / max(cost[source]["ratio"], 1))
        within = [max((x for x in rows if x["turn"] <= limit), key=lambda x: x["turn"]) for rows in seeds]
        assert numbers(fair) == [x[who]["near"] for x in within]


def test_the_tables_name_their_budget():
    turns = result("collapse_cures")["turns"]
    assert f"{turns:,} turns" in cell("benchmark")


def test_the_grid_s_recipe_keeps_the_chapter_s_promise():
    runs = result("recipe_grid")["runs"]
    assert sorted(runs) == ["0", "1", "2", "3", "4"]
    text = cell("grid-text")
    assert "25 of 25 modes on each of five seeds, quality at least 95 %, reverse KL at most 0.005" in text
    rows = table(text)
    assert [row[0] for row in rows] == [*runs, "perfect sampler"]
    for seed, modes, quality, kl in rows[:-1]:
        last = runs[seed][-1]
        assert float(modes) == last["modes"] == last["perfect_modes"] == 25
        assert float(quality) == pytest.approx(last["high_quality"], abs=5.1e-4)
        assert float(kl) == pytest.approx(last["reverse_kl"], abs=5.1e-5)
        assert 0.95 <= last["high_quality"] <= last["perfect_high_quality"]
        assert 0 < last["reverse_kl"] <= 0.005
    assert numbers(" ".join(rows[-1])) == [25, 0.989, 0.0012]


def test_the_grid_s_recipe_takes_less_than_two_minutes():
    seconds = [rows[-1]["cpu_seconds"] for rows in result("recipe_grid")["runs"].values()]
    assert "in less than two minutes of one CPU core a seed" in cell("grid-text")
    assert max(seconds) <= 120


def test_the_table_of_the_grid_s_parts_is_the_stored_result():
    stored = result("collapse_grid")["runs"]
    assert all(sorted(runs) == ["0", "1", "2"] for runs in stored.values())
    for name, runs in stored.items():  # what the text reads from the square of loss and penalty
        balanced = [run["modes"] == 25 and run["reverse_kl"] < 0.005 for run in runs.values()]
        assert balanced == [name.endswith("R1 + R2")] * 3
    divergences = [run["reverse_kl"] for run in stored["relativistic"].values()]
    assert f"from {min(divergences):.2f} to {max(divergences):.2f}" in cell("grid-reading")
    rows = {row[0]: row[1:] for row in table(cell("grid-parts"))}
    assert set(rows) == set(stored)
    for name, runs in stored.items():
        modes, quality, kl, rarest, commonest = rows[name]
        runs = [runs[seed] for seed in sorted(runs, key=int)]
        assert numbers(modes) == [run["modes"] for run in runs]
        shares = [[25 * count / sum(run["counts"]) for count in run["counts"]] for run in runs]
        for text, values, tolerance in (
            (quality, [run["high_quality"] for run in runs], 5.1e-4),
            (kl, [run["reverse_kl"] for run in runs], 5.1e-5),
            (rarest, [min(share) for share in shares], 5.1e-3),
            (commonest, [max(share) for share in shares], 5.1e-3),
        ):
            assert numbers(text) == pytest.approx(values, abs=tolerance), (name, text)
