"""The tables of the chapter on evaluation quote results/evaluation.json, and what the text says of them holds there."""

import json
from pathlib import Path
from statistics import mean, stdev

import nbformat
import pytest

from gan_tutor import evaluation, recipes

ROOT = Path(__file__).resolve().parents[2]
STORED = json.loads((ROOT / "benchmarks" / "results" / "evaluation.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def text():
    cells = nbformat.read(ROOT / "book" / "evaluation.ipynb", as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def table(text, label):
    """Return the table under a label: its header and its rows by their first cell."""
    lines = text.split(f"({label})=\n", 1)[1].splitlines()
    found = []
    for line in lines:
        if not line.startswith("|"):
            break
        found.append([part.strip() for part in line.removeprefix("|").removesuffix("|").split("|")])
    header, _, *rows = found
    return header[1:], {row[0]: row[1:] for row in rows}


def spread(values, digits):
    middle = f"{mean(values):.{digits}f}"
    middle = middle.lstrip("-") if float(middle) == 0 else middle
    return f"{middle} ± {stdev(values):.{digits}f}"


def by_seed(rows, key):
    return [row[key] for row in rows.values()]


def test_the_bias_table(text):
    _, rows = table(text, "evaluation-bias-table")
    bias = STORED["bias"]
    assert set(rows) == set(bias["real"])
    for n, cells in rows.items():
        real, dropped = bias["real"][n], bias["dropped"][n]
        assert len(real) == len(dropped) == bias["draws"] == 10
        columns = [(real, "frechet"), (real, "infinity"), (dropped, "frechet"), (dropped, "infinity")]
        expected = [spread([row[key] for row in draws], 1) for draws, key in columns]
        expected.insert(1, f"{2 * bias['factor'] / int(n):.1f}")
        assert cells == expected, n


def test_a_floor_of_class_balanced_parts_is_lower_than_that_of_random_draws(text):
    floor = STORED["floor"]
    assert len(floor["random"]) == len(floor["balanced"]) == 10
    quoted = f"Ten random draws measure {spread(floor['random'], 2)}. "
    assert quoted in text
    assert f"Draws with exactly a tenth of each class measure {spread(floor['balanced'], 2)}" in text
    assert mean(floor["random"]) == pytest.approx(STORED["bias"]["factor"] * (1 / 1000 + 1 / 4000), rel=0.15)
    assert max(floor["balanced"]) < min(floor["random"])


def test_what_the_text_says_of_the_bias():
    bias = STORED["bias"]
    for n, draws in bias["real"].items():
        assert mean(row["frechet"] for row in draws) == pytest.approx(2 * bias["factor"] / int(n), rel=0.25)
    assert mean(r["frechet"] for r in bias["real"]["100"]) > mean(r["frechet"] for r in bias["dropped"]["1600"])
    for n in bias["real"]:
        plain, extrapolated = ([row[key] for row in bias["dropped"][n]] for key in ("frechet", "infinity"))
        assert abs(mean(extrapolated) - 8.9) < 4 < mean(plain)


VERDICTS = {
    "IS": ("inception_score", 1), "Fréchet": ("frechet", 1), "kernel": ("kernel", 2), "precision": ("precision", 2),
    "recall": ("recall", 2), "density": ("density", 2), "coverage": ("coverage", 2), "nearer": ("nearer", 2),
    "copies": ("copies", 2),
}  # fmt: skip
GENERATORS = {
    "perfect": "held-out real images", "blurry": "blurry", "collapsed": "collapsed", "copying": "copying",
}  # fmt: skip
RISES = {"frechet", "kernel", "nearer", "copies"}  # a larger value is worse


def test_the_verdict_table_and_its_bold_values(text):
    header, rows = table(text, "evaluation-verdict-table")
    bad = STORED["sensitivity"]["three_bad"]
    assert list(GENERATORS) == header
    perfect = bad["held-out real images"]
    for label, (key, digits) in VERDICTS.items():
        for cell, name in zip(rows[label], GENERATORS.values(), strict=True):
            assert cell.strip("*") == spread(by_seed(bad[name], key), digits), (label, name)
            sign = -1 if key in RISES else 1
            worse = [sign * (perfect[seed][key] - row[key]) for seed, row in bad[name].items()]
            # Bold: on every split worse by more than the perfect generator's spread.
            assert cell.startswith("**") == (min(worse) > max(4 * stdev(by_seed(perfect, key)), 0.1)), (label, name)


DAMAGES = {
    "no damage": ("blur", "0"), "blur, .5 pixels": ("blur", "0.5"), "blur, 1 pixel": ("blur", "1"),
    "noise, std .1": ("noise", "0.1"), "noise, std .2": ("noise", "0.2"),
    "1 class dropped": ("dropped classes", "1"), "4 classes dropped": ("dropped classes", "4"),
    "half are copies": ("copies", "0.5"), "shift by 1 pixel": ("shift", "1"), "shift by 2 pixels": ("shift", "2"),
}  # fmt: skip


def test_the_sensitivity_table(text):
    header, rows = table(text, "evaluation-sensitivity-table")
    assert set(rows) == set(DAMAGES)
    for label, (damage, strength) in DAMAGES.items():
        stored = STORED["sensitivity"]["damages"][damage][strength]
        expected = [f"{mean(by_seed(stored, VERDICTS[name][0])):.{VERDICTS[name][1]}f}" for name in header]
        assert rows[label] == expected, label


@pytest.mark.parametrize("damage", ["blur", "noise", "dropped classes", "shift"])
def test_the_distance_rises_with_every_damage_on_every_split(damage):
    stored = STORED["sensitivity"]["damages"][damage]
    assert len(STORED["sensitivity"]["seeds"]) >= 3
    for seed in map(str, STORED["sensitivity"]["seeds"]):
        values = [stored[strength][seed]["frechet"] for strength in stored]
        assert values == sorted(values)
        assert values[-1] > 3 * values[0]


def test_only_nearer_sees_copies():
    stored = STORED["sensitivity"]["damages"]["copies"]
    for seed in map(str, STORED["sensitivity"]["seeds"]):
        nearer = [stored[share][seed]["nearer"] for share in stored]
        assert nearer == sorted(nearer)
        assert nearer[-1] == 1
        assert stored["1"][seed]["frechet"] < stored["0"][seed]["frechet"] + 0.1


def test_the_feature_table_and_the_orders_that_it_shows(text):
    header, rows = table(text, "evaluation-features-table")
    features = STORED["choices"]["features"]
    assert set(rows) == set(features)
    assert len(STORED["choices"]["seeds"]) >= 3
    for label, cells in rows.items():
        assert cells == [spread(list(features[label][name].values()), 1) for name in header], label
    noise, one, shift, three = (
        features[name] for name in ("noise 0.1", "one class dropped", "shift by 1 pixel", "three classes dropped")
    )
    for seed in map(str, STORED["choices"]["seeds"]):
        assert noise["digits network"][seed] < one["digits network"][seed]
        assert noise["fashion network"][seed] > one["fashion network"][seed]
        assert shift["digits network"][seed] * 8 < three["digits network"][seed]
        for name in ("pixels", "untrained network"):
            assert shift[name][seed] > three[name][seed]


def test_the_pipeline_table(text):
    _, rows = table(text, "evaluation-pipeline-table")
    pipeline = STORED["choices"]["pipeline"]
    assert rows == {label: [spread(list(row["frechet"].values()), 2)] for label, row in pipeline.items()}
    plain = pipeline["as they are"]["frechet"]
    for label in ("through 32x32, nearest", "JPEG, quality 75", "JPEG, quality 50"):
        assert all(pipeline[label]["frechet"][seed] > plain[seed] + 0.1 for seed in plain), label


def test_the_stacked_table(text):
    _, rows = table(text, "evaluation-stacked-table")
    stacked, (modes, kl) = STORED["stacked"], evaluation.perfect_stacked(STORED["stacked"]["samples"])
    runs = {name: sorted(entry["rows"], key=lambda run: run["seed"]) for name, entry in stacked["runs"].items()}
    assert all([run["seed"] for run in found] == [0, 1, 2] for found in runs.values())
    assert rows == {
        name: [
            " ".join(str(run["modes"]) for run in found),
            " ".join(f"{run['kl']:.2f}" for run in found),
            " ".join(f"{run['cpu_seconds']:.0f}" for run in found),
        ]
        for name, found in runs.items()
    } | {"perfect sampler": [f"{modes:.1f}", f"{kl:.2f}", ""]}
    first, *others = runs.values()
    assert min(run["modes"] for run in first) == 996
    divergences = [run["kl"] / kl for run in first]
    assert f"{min(divergences):.1f} to {max(divergences):.1f} times the floor" in text
    missing = [1000 - run["modes"] for found in others for run in found]
    assert f"lose {min(missing)} to {max(missing)} modes" in text
    entry = stacked["runs"]["relativistic, R1 and R2"]
    assert recipes.from_dict(entry["recipe"]) == recipes.named("stacked_digits")
