"""The live labs of the chapters: 2 to 8, 10 and 11 show one, and what the text tells the reader to see happens.

The engine plays the recipe that the chapter's cell opens, on the seeds that the text speaks of.
"""

import math
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import nbformat
import pytest
import torch

from gan_tutor import lab, recipes

BOOK = Path(__file__).resolve().parents[2] / "book"
CHAPTERS = ("objective", "training_loop", "losses", "dcgan", "cgan", "wgan", "collapse", "scaling")


def cells(chapter):
    """Return the chapter's cells by id."""
    return {cell.id: cell for cell in nbformat.read(BOOK / f"{chapter}.ipynb", as_version=4).cells}


def labs(chapter, seed=0):
    """Return engines for what the chapter's lab cell opens."""
    opened = []
    with (
        patch.object(lab, "Lab", opened.append, create=True),
        patch.object(lab, "compare", lambda *pair: opened.extend(pair), create=True),
    ):
        exec(cells(chapter)["lab-run"].source, {"replace": replace, "recipes": recipes})
    named = (recipes.named(recipe) if isinstance(recipe, str) else recipe for recipe in opened)
    return [lab.Engine(replace(recipe, seed=seed)) for recipe in named]


def frame(engine, *layers):
    """Return the engine's picture of the moment, without playing on."""
    reply, _ = engine.handle({"type": "tick", "id": 1, "budget_ms": 1, "layers": list(layers)})
    assert reply["type"] == "frame", reply
    return reply | {metric["name"]: metric["value"] for metric in reply["metrics"]}


def press(engine, what, times):
    for _ in range(times):
        assert engine.handle({"type": "step", "what": what})[0]["type"] == "state"


def change(engine, **changes):
    assert engine.handle({"type": "set", "changes": changes})[0]["type"] == "state"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_asks_shows_and_answers(chapter):
    found = cells(chapter)
    order = list(found)
    at = order.index("lab-run")
    assert order[at - 1 : at + 3] == ["lab", "lab-run", "lab-reading", "exercises"]
    assert "*Predict first:*" in found["lab"].source
    (output,) = found["lab-run"].outputs
    assert "<gan-lab" in output["data"]["text/html"]
    assert "application/vnd.jupyter.widget-view+json" not in output["data"]


def test_objective_d_is_near_its_optimum_and_its_loss_rises():
    for seed in range(3):
        (engine,) = labs("objective", seed)
        engine.advance(100)
        early = frame(engine, "optimal")
        assert early["gap"] < 0.05
        assert early["wasserstein"] > 2.5
        assert early["loss_d"] < 0.7
        engine.advance(900)
        late = frame(engine, "optimal")
        assert 0.9 * 2 * math.log(2) < late["loss_d"] < 1.1 * 2 * math.log(2)
        assert late["wasserstein"] > 0.5


def test_training_loop_one_player_alone_gets_nowhere():
    for seed in range(3):
        (engine,) = labs("training_loop", seed)
        z = torch.randn(100, 2, generator=torch.Generator().manual_seed(1))
        before = engine.game.G(z)
        press(engine, "d", 1)
        assert frame(engine)["loss_d"] == pytest.approx(1.4, abs=0.1)
        press(engine, "d", 29)
        assert frame(engine)["loss_d"] == pytest.approx(0.3, abs=0.1)
        assert torch.equal(engine.game.G(z), before)
        press(engine, "g", 30)
        after = frame(engine)
        assert after["loss_g"] < 0.05
        assert after["modes"] == 0
    (engine,) = labs("training_loop")
    engine.advance(200)
    assert frame(engine)["modes"] == 8
    assert frame(engine)["high_quality"] < 0.2


def test_losses_another_formula_gives_the_gradient_back():
    for seed in range(3):
        (engine,) = labs("losses", seed)
        engine.advance(10)
        first = frame(engine)["grad_g"]
        engine.advance(290)
        saturated = frame(engine)
        assert saturated["grad_g"] < first / 10
        assert saturated["loss_d"] < 0.01
        change(engine, loss="nonsaturating")
        press(engine, "turn", 1)
        assert frame(engine)["grad_g"] > 100 * saturated["grad_g"]
        change(engine, lr_g=1e-3)
        z = torch.randn(500, 2, generator=torch.Generator().manual_seed(1))
        mean = engine.game.G(z).norm(dim=1).mean().item()
        engine.advance(200)
        assert engine.game.G(z).norm(dim=1).mean().item() > 2 * mean


def test_wgan_clipping_starves_g_of_gradient_and_adam_hides_it():
    for seed in range(2):
        clipped, penalised = labs("wgan", seed)
        for engine in (clipped, penalised):
            engine.advance(200)
            assert frame(engine)["modes"] == 8
        assert frame(penalised)["grad_g"] > 100 * frame(clipped)["grad_g"]


def test_wgan_without_adam_the_size_of_the_gradient_matters():
    for seed in range(2):
        moved = []
        for engine in labs("wgan", seed):
            change(engine, optimizer="sgd")
            z = torch.randn(200, 2, generator=torch.Generator().manual_seed(1))
            before = engine.game.G(z)
            engine.advance(100)
            moved.append((engine.game.G(z) - before).norm(dim=1).mean().item())
        assert moved[1] > 50 * moved[0] > 0


def test_collapse_a_faster_d_brings_the_modes_back():
    for seed in range(3):
        (engine,) = labs("collapse", seed)
        for _ in range(2):
            engine.advance(500)
            assert frame(engine)["modes"] == 0
        change(engine, lr_d=1e-3)
        engine.advance(1000)
        assert frame(engine)["modes"] == 8


def test_a_lab_runs_without_a_front_end():
    widget = lab.Lab("ring")
    widget.run(5)
    widget.run(0)
    assert widget.engine.game.step == 5
    with pytest.raises(ValueError, match="steps must be at least 0, got -1"):
        widget.run(-1)
    pair = lab.compare("ring", "ring_slow_d")
    bundle, _ = pair._repr_mimebundle_()
    assert bundle["text/plain"] == "Lab(ring, nonsaturating, seed 0) beside Lab(ring, nonsaturating, seed 0)"
