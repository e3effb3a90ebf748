"""The numbers that the WGAN chapter quotes are those of benchmarks/results/wasserstein.json."""

import json
import re
from pathlib import Path
from statistics import median

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
RESULT = json.loads((ROOT / "benchmarks" / "results" / "wasserstein.json").read_text(encoding="utf-8"))
CELLS = nbformat.read(ROOT / "book" / "wgan.ipynb", as_version=4).cells
TEXT = "\n".join(cell.source for cell in CELLS if cell.cell_type == "markdown")


def column(runs, key):
    return [run[key] for run in runs]


def spread(values):
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def short(value):
    return f"{value:.2g}" if value < 100 else f"{value:.0f}"


def curve_row(name, runs):
    first, middle = (short(median(column(runs, key))) for key in ("ratio_first", "ratio"))
    return f"| {name} | {spread(column(runs, 'pearson'))} | {first} | {middle} | {spread(column(runs, 'last'))} |"


def quoted_rows():
    """Names and runs of the two tables, in their order; ten critic steps are the games of the first row."""
    steps = {name: row["runs"] for name, row in RESULT["n_critic"].items()}
    curves = {name: row["runs"] for name, row in RESULT["curves"].items()}
    return curves | steps | {"n_critic 10": curves["gradient penalty, lambda 1"]}


@pytest.mark.parametrize("name", quoted_rows())
def test_a_row_of_a_table_is_the_stored_result(name):
    assert curve_row(name, quoted_rows()[name]) in TEXT


def test_no_row_is_quoted_that_is_not_stored():
    quoted = re.findall(r"^\| ([^|$]+?) \| -?\d.*\d\) \|$", TEXT, flags=re.MULTILINE)
    assert quoted == list(quoted_rows())


def test_every_row_has_five_seeds():
    assert RESULT["seeds"] == [0, 1, 2, 3, 4]
    assert all(len(runs) == 5 for runs in quoted_rows().values())


def correlations(*names):
    values = [run["pearson"] for name in names for run in RESULT["curves"][name]["runs"]]
    return f"{min(values):.2f}", f"{max(values):.2f}"


def test_the_correlations_in_the_prose_are_the_stored_ones():
    assert correlations("gradient penalty, lambda 1")[0] == "0.98"
    assert correlations("gradient penalty, lambda 10") == ("0.38", "0.80")
    assert TEXT.count("0.38 to 0.80") == 3  # twice in the prose, once in the table
    assert correlations("weights clipped at 0.1", "weights clipped at 0.01", "spectral norm") == ("0.88", "0.96")
    assert "0.88 to 0.96" in TEXT
    unconstrained = ("no constraint", "least squares, targets +1 and -1", "non-saturating")
    for names in (unconstrained, unconstrained[1:2]):
        assert correlations(*names)[1] == "0.91"
    assert correlations(unconstrained[1])[0] == "-0.48"
    assert TEXT.count("$-0.48$ to $0.91$") == 3


def test_the_stiff_critic_of_seed_0_reports_a_negative_distance():
    run = RESULT["curves"]["gradient penalty, lambda 10"]["runs"][0]
    lowest = min(run["value"])
    assert lowest < -0.3
    assert max(run["exact"][20:40]) == pytest.approx(1.8, abs=0.05)


def test_the_floor_is_quoted():
    low, high = min(RESULT["floor"]), max(RESULT["floor"])
    assert TEXT.count(f"{low:.2f} to {high:.2f}") == 2
