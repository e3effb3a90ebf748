"""What chapter 10 says of its maps holds in the stored maps, and its lab does what the text tells the reader to see."""

import json
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from gan_tutor import lab, sweep

CELLS = {cell.id: cell for cell in nbformat.read(Path(__file__).resolve().parents[2] / "book" / "map.ipynb", 4).cells}
TEXT = "\n".join(cell.source for cell in CELLS.values() if cell.cell_type == "markdown")
RATES = sweep.atlas("rates")
LR = np.array(sorted({row["lr_d"] for row in RATES["nonsaturating"].rows}))
ratio = LR[:, None] / LR


def table(panel, names=("lr_d", "lr_g", "seed")):
    axes = [sorted({row[name] for row in panel.rows}) for name in names]
    values = np.full([len(axis) for axis in axes], np.nan)
    for row in panel.rows:
        values[tuple(axis.index(row[n]) for axis, n in zip(axes, names, strict=True))] = row["overlap"] or 0.0
    assert not np.isnan(values).any()
    return values


TABLES = {name: table(panel) for name, panel in RATES.items()}
BRIGHT = {name: values.mean(-1) >= 0.6 for name, values in TABLES.items()}
COUNTS = {name: (values >= 0.6).sum((0, 1)) for name, values in TABLES.items()}
TOTAL = sum(BRIGHT.values())


@pytest.mark.parametrize("name", TABLES)
def test_a_row_of_the_table_is_the_stored_map(name):
    means, counts = TABLES[name].mean(-1), COUNTS[name]
    d, g = np.unravel_index(means.argmax(), means.shape)
    row = f"| `{name}` | {BRIGHT[name].sum()} | {counts.min()} to {counts.max()} | {means.max():.2f} at "
    assert row + f"$\\eta_D$ = {LR[d]:.2g}, $\\eta_G$ = {LR[g]:.2g} |" in TEXT


def test_the_map_is_as_large_as_the_text_says():
    assert f"{sum(len(panel.rows) for panel in RATES.values()):,} GANs" in TEXT
    assert {panel.start.steps for panel in RATES.values()} == {1500}
    assert len(LR) == 9


def test_the_band():
    assert TOTAL[ratio < 1 / 7].sum() == 0
    high = (LR[:, None] > 0.03) | (LR[None] > 0.03)
    assert f"{TOTAL[high].sum()} of all {TOTAL.sum()} bright pixels are left" in TEXT
    lit = np.argwhere(TOTAL)
    assert LR[lit.min()] > 5e-4
    shares = {}
    for k in range(-8, 9):
        inside = np.isclose(np.log(ratio), k * np.log(LR[1] / LR[0]), atol=0.1)
        shares[k] = TOTAL[inside].sum() / (len(BRIGHT) * inside.sum())
    assert all(share == 0 for k, share in shares.items() if k <= -3)
    assert f"{shares[0]:.0%}" == f"{shares[1]:.0%}" == f"{max(shares.values()):.0%}" == "29%"
    assert shares[-1] / shares[0] == pytest.approx(0.5, abs=0.05)
    assert shares[2] > shares[3] > shares[4]


def test_every_column_goes_from_bright_to_black_within_two_steps():
    for name, lit in BRIGHT.items():
        for column, means in zip(lit.T, TABLES[name].mean(-1).T, strict=True):
            if column.any():
                lowest = column.argmax()
                assert means[max(0, lowest - 2) : lowest].min() < 0.1


def test_the_dots_of_five_games_overlap_and_two_games_have_none():
    assert {name for name, lit in BRIGHT.items() if not lit.any()} == {"wasserstein", "wasserstein_gp"}
    five = [counts for name, counts in COUNTS.items() if BRIGHT[name].any()]
    assert max(counts.min() for counts in five) <= min(counts.max() for counts in five)
    said = CELLS["losses-text"].source
    assert f"between {min(counts.min() for counts in five)} and {max(counts.max() for counts in five)}." in said
    totals = [lit.sum() for lit in BRIGHT.values() if lit.any()]
    assert f"between {min(totals)} and {max(totals)} bright pixels" in said
    for name in ("wasserstein", "wasserstein_gp"):
        assert f"{TABLES[name].mean(-1).max():.2f}" in CELLS["losses-reading"].source


def test_no_gan_became_nan_and_an_unbounded_critic_s_loss_passes_a_million():
    assert all(row["diverged_at"] is None for panel in RATES.values() for row in panel.rows)
    assert max(abs(row["loss_d"]) for row in RATES["wasserstein"].rows) > 1e6


def test_what_the_text_says_of_seeds():
    means = np.concatenate([values.mean(-1).ravel() for values in TABLES.values()])
    ranges = np.concatenate([np.ptp(values, axis=-1).ravel() for values in TABLES.values()])
    middle, top, said = (means > 0.3) & (means < 0.6), means > 0.75, CELLS["seed-reading"].source
    assert f"a median of {np.median(ranges[top]):.2f}" in said
    assert f"is {np.median(ranges[middle]):.2f} and the largest {ranges[middle].max():.2f}" in said
    seeds = np.concatenate([TABLES[name][lit].ravel() for name, lit in BRIGHT.items()])
    assert f"{(seeds >= 0.6).sum()} of the {len(seeds)} that make up the bright pixels" in CELLS["summary"].source
    chosen = {name: values[..., :2].mean(-1) for name, values in TABLES.items()}
    best = {name: np.unravel_index(values.argmax(), values.shape) for name, values in chosen.items()}
    fresh = {name: TABLES[name][at][2] for name, at in best.items()}
    darker = sum(fresh[name] < chosen[name][at] for name, at in best.items())
    assert f"In {darker} of {len(best)} panels" in CELLS["luck-reading"].source
    assert f"from {chosen['minimax'][best['minimax']]:.2f} to {fresh['minimax']:.2f}" in CELLS["luck-reading"].source


def rows_of(panel, name):
    values = sorted({row[name] for row in panel.rows})
    rates = sorted({row["lr_g"] for row in panel.rows})
    return dict(zip(values, table(panel, (name, "lr_g", "seed")).mean(-1), strict=True)), rates


def test_what_the_text_says_of_penalties():
    said, panels = CELLS["penalty-reading"].source, sweep.atlas("penalties")
    rows, rates = rows_of(panels["relativistic_r1_r2"], "penalty_weight")
    weak = [row.max() for weight, row in rows.items() if weight < 0.2]
    fast = rates.index(0.03162)
    assert f"lies between {min(weak):.2f} and {max(weak):.2f}" in said
    assert f"{rows[10].max():.2f} at weight 10" in said
    assert f"is {rows[0.001][fast]:.2f} with weight 0.001, and " in said
    assert f"and {max(row[fast] for weight, row in rows.items() if weight > 0.2):.2f} or less" in said
    rows, _ = rows_of(panels["wasserstein_gp"], "penalty_weight")
    assert f"no pixel exceeds {max(row.max() for weight, row in rows.items() if weight < 0.05):.2f}" in said
    assert f"none exceeds {rows[10].max():.2f}" in said
    assert f"weight 0.46, reaches {max(row.max() for row in rows.values()):.2f}" in said
    assert max(rows, key=lambda weight: rows[weight].max()) == 0.4642


def test_what_the_text_says_of_latents():
    said = CELLS["latent-reading"].source
    rows, rates = rows_of(sweep.atlas("latents")["nonsaturating"], "latent_dim")
    middle = [row.max() for size, row in rows.items() if 2 <= size <= 12]
    assert f"shows {rows[1].max():.2f}" in said
    assert f"between {min(middle):.2f} and {max(middle):.2f}" in said
    at = rates.index(0.001)
    assert f"is {rows[2][at]:.2f} with two dimensions and {rows[16][at]:.2f} with sixteen" in said


def test_what_the_text_says_of_time_is_the_stored_benchmark():
    results = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
    stored = json.loads((results / "sweep.json").read_text(encoding="utf-8"))
    found = {n: sorted(stored[f"{n} units, {seeds} seeds"]["ratio"] for seeds in (4, 64)) for n in (128, 64, 32)}
    assert [[round(ratio, 1) for ratio in found[n]] for n in (64, 128, 32)] == [[2.7, 3.0], [1.5, 1.7], [4.6, 5.0]]
    assert "2.7 to 3 times" in TEXT
    assert "of 128 units 1.5 to 1.7, of 32 units 4.6 to 5 " in TEXT
    rates = json.loads((results / "map.json").read_text(encoding="utf-8"))["rates"]
    assert round(sum(panel["seconds"] for panel in rates.values()) / 60) == 35


def test_the_lab_of_the_chapter_shows_what_its_text_says():
    start = RATES["nonsaturating"].start
    for seed in range(3):
        engine = lab.Engine(replace(start, lr_g=3.162e-3, lr_d=2.371e-4, seed=seed))
        z, widths = torch.randn(300, 2, generator=torch.Generator().manual_seed(1)), []
        for _ in range(4):
            engine.advance(125)
            widths.append(engine.game.G(z).std(0).mean().item())
        assert np.median(widths) < 0.8  # the ring's is 1.4
        assert measured(engine)["modes"] == 0
        assert engine.handle({"type": "set", "changes": {"lr_d": 3.162e-3}})[0]["type"] == "state"
        engine.advance(1000)
        assert measured(engine)["modes"] == 8


def measured(engine):
    reply, _ = engine.handle({"type": "tick", "id": 1, "budget_ms": 1, "layers": []})
    return {metric["name"]: metric["value"] for metric in reply["metrics"]}


def test_the_chapter_asks_shows_and_answers():
    order = list(CELLS)
    at = order.index("lab-run")
    assert order[at - 1 : at + 3] == ["lab", "lab-run", "lab-reading", "exercises"]
    assert "*Predict first:*" in CELLS["lab"].source
    (output,) = CELLS["lab-run"].outputs
    assert "<gan-lab" in output["data"]["text/html"]


@pytest.mark.parametrize(("cell", "links"), [("map-rates", 7 * 81), ("penalty-map", 2 * 49), ("latent-map", 8 * 7)])
def test_every_pixel_of_a_map_is_a_link(cell, links):
    (output,) = CELLS[cell].outputs
    shown = "".join(output["data"]["text/html"])
    assert shown.count('<a href="#lab=') == links
    assert "application/vnd.jupyter.widget-view+json" not in output["data"]
