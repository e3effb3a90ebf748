"""What chapter 10 says of its maps holds in the stored maps, and its lab does what the text tells the reader to see."""

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
    shares = []
    for low, top in ((0, 0.1), (0.1, 0.3), (0.3, 1), (1, 3), (3, 1e9)):
        inside = (ratio > low * 1.01) & (ratio <= top * 1.01)
        shares.append(TOTAL[inside].sum() / inside.sum())
    assert shares[0] == 0
    assert max(shares) == shares[3]


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
