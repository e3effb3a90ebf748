"""The numbers of a lab, against what plain training gives."""

import math

import pytest
import torch

from gan_tutor import recipes
from gan_tutor.lab import Engine
from gan_tutor.recipes import Recipe

SMALL = Recipe(width_g=16, width_d=16, batch_size=16)


def norm(network):
    return math.sqrt(sum(float(p.grad.double().square().sum()) for p in network.parameters()))


@pytest.mark.parametrize("turns", [3, 300])
def test_every_turn_has_its_losses_and_the_norms_of_its_last_gradients(turns):
    engine, game = Engine(SMALL), recipes.build(recipes.without_end(SMALL))
    engine.advance(turns)
    expected = []
    for record, _ in zip(recipes.run(game), range(turns), strict=False):
        expected.append([record.step, record.loss_d.item(), record.loss_g.item(), norm(game.D), norm(game.G)])
    engine.meter.read()
    rows = engine.meter._rows
    assert len(rows) == turns
    torch.testing.assert_close(torch.tensor(rows), torch.tensor(expected), rtol=1e-5, atol=1e-7)
    assert engine.meter.last == pytest.approx(expected[-1][1:], rel=1e-5)


def test_one_player_alone_keeps_the_numbers_of_the_other():
    engine = Engine(SMALL)
    engine.handle({"type": "step", "what": "d"})
    engine.meter.read()
    loss_d, loss_g, norm_d, norm_g = engine.meter.last
    assert math.isfinite(loss_d)
    assert math.isnan(loss_g)
    assert norm_g == 0
    assert norm_d == pytest.approx(norm(engine.game.D), rel=1e-5)
    engine.handle({"type": "step", "what": "g"})
    engine.meter.read()
    assert engine.meter.last[0] == loss_d
    assert engine.meter.last[3] == pytest.approx(norm(engine.game.G), rel=1e-5)


@pytest.mark.parametrize("changes", [{"lr_g": 1e-4}, {"width_d": 8}, {"optimizer": "sgd"}, {"data": "gaussian"}])
def test_the_norms_follow_players_and_optimisers_that_are_new(changes):
    engine = Engine(SMALL)
    engine.advance(2)
    engine.handle({"type": "set", "changes": changes})
    engine.advance(2)
    engine.meter.read()
    assert engine.meter.last[2:] == pytest.approx((norm(engine.game.D), norm(engine.game.G)), rel=1e-5)
    engine.handle({"type": "rewind", "step": 0})
    engine.advance(1)
    engine.meter.read()
    assert engine.meter.last[2:] == pytest.approx((norm(engine.game.D), norm(engine.game.G)), rel=1e-5)


def test_the_numbers_of_a_turn_wait_on_the_device(monkeypatch):
    engine = Engine(SMALL)
    read = []
    monkeypatch.setattr(engine.meter, "read", lambda: read.append(engine.game.step))
    engine.advance(255)
    assert read == []
    engine.advance(1)
    assert read == [256]
