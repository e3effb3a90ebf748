"""What accompanies the steps: the average of G, schedules, and penalties at every k-th turn."""

import copy

import pytest
import torch
from torch import nn
from toy_game import equal, play, real_batches, settings, state, toy

from gan_tutor import penalties, training


def test_the_average_follows_its_formula():
    G, D, opt_g, opt_d = toy(lr=0.1)
    ema, options = copy.deepcopy(G), settings(steps=12)
    expected = [p.detach().double().clone() for p in G.parameters()]
    for record in training.train(
        G, D, real_batches(options), opt_g=opt_g, opt_d=opt_d, ema=ema, ema_decay=0.8, **options
    ):
        kept = min(0.8, record.step / (record.step + 1))
        expected = [kept * e + (1 - kept) * p.detach().double() for e, p in zip(expected, G.parameters(), strict=True)]
    for got, want, now in zip(ema.parameters(), expected, G.parameters(), strict=True):
        assert torch.allclose(got.double(), want, rtol=1e-5, atol=1e-7)
        assert not torch.allclose(got, now, rtol=1e-3)


def test_a_decay_of_zero_makes_the_average_g_itself():
    G, D, opt_g, opt_d = toy()
    ema = copy.deepcopy(G)
    play(G, D, opt_g, opt_d, ema=ema, ema_decay=0.0)
    assert all(torch.allclose(a, b, rtol=1e-6, atol=1e-8) for a, b in zip(state(ema), state(G), strict=True))


def test_the_average_does_not_steer_the_run():
    with_ema, without = toy(), toy()
    play(*with_ema, ema=copy.deepcopy(with_ema[0]))
    play(*without)
    assert equal(state(*with_ema[:2]), state(*without[:2]))


def test_update_ema_copies_buffers_and_leaves_g_alone():
    G = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    ema = copy.deepcopy(G)
    for _ in range(3):
        G(torch.randn(16, 3))
    with torch.no_grad():
        G[0].weight.add_(1)
    before, old = state(G), ema[0].weight.clone()
    training.update_ema(ema, G, 0.75)
    assert equal(state(G), before)
    assert torch.allclose(ema[0].weight, 0.75 * old + 0.25 * G[0].weight)
    assert equal(list(ema.buffers()), list(G.buffers()))
    assert ema[1].num_batches_tracked.item() == 3


def test_a_schedule_scales_both_learning_rates_and_the_penalty(monkeypatch):
    weights, d_step = [], training.d_step

    def watched(*arguments):
        weights.append(arguments[-1])
        return d_step(*arguments)

    monkeypatch.setattr(training, "d_step", watched)
    G, D, opt_g, opt_d = toy(lr=0.01)
    opt_d.param_groups[0]["lr"] = 0.04
    options = settings(steps=3, penalty=penalties.r1, penalty_weight=2.0, schedule=lambda step: 1 / 2**step)
    rates = []
    for _ in training.train(G, D, real_batches(options), opt_g=opt_g, opt_d=opt_d, **options):
        rates += [opt_g.param_groups[0]["lr"], opt_d.param_groups[0]["lr"]]
    assert rates == pytest.approx([0.005, 0.02, 0.0025, 0.01, 0.00125, 0.005])
    assert weights == pytest.approx([1.0, 0.5, 0.25])


@pytest.mark.parametrize("optimizer", ["adam", "adam fused", "sgd"])
def test_a_schedule_scales_a_tensor_learning_rate_from_its_first_value(optimizer):
    G, D, *_ = toy()
    make = {
        "adam": lambda ps, lr: torch.optim.Adam(ps, lr=lr, capturable=False, foreach=False),
        "adam fused": lambda ps, lr: torch.optim.Adam(ps, lr=lr, fused=True),
        "sgd": lambda ps, lr: torch.optim.SGD(ps, lr=lr, fused=True),
    }[optimizer]
    opt_g, opt_d = make(G.parameters(), torch.tensor(1e-3)), make(D.parameters(), torch.tensor(4e-3))
    kept = opt_g.param_groups[0]["lr"]
    options, rates = settings(steps=6, schedule=lambda step: 0.5 if step < 5 else 1.0), []
    for _ in training.train(G, D, real_batches(options), opt_g=opt_g, opt_d=opt_d, **options):
        rates.append([float(opt.param_groups[0]["lr"]) for opt in (opt_g, opt_d)])
    assert [rate for pair in rates for rate in pair] == pytest.approx([5e-4, 2e-3] * 4 + [1e-3, 4e-3] * 2)
    assert opt_g.param_groups[0]["lr"] is kept  # written in place: a graph holds this tensor


def test_a_constant_schedule_changes_nothing():
    scheduled, plain = toy(), toy()
    play(*scheduled, schedule=lambda step: 1.0, penalty=penalties.r1)
    play(*plain, penalty=penalties.r1)
    assert equal(state(*scheduled[:2]), state(*plain[:2]))


def test_a_lazy_penalty_is_taken_every_kth_turn_with_k_times_the_weight(monkeypatch):
    taken, d_step = [], training.d_step

    def watched(*arguments):
        taken.append((arguments[-2] is not None, arguments[-1]))
        return d_step(*arguments)

    monkeypatch.setattr(training, "d_step", watched)
    play(*toy(), steps=8, n_critic=2, penalty=penalties.r1, penalty_weight=0.5, penalty_every=3)
    assert [due for due, _ in taken] == [step % 3 == 0 for step in range(1, 9) for _ in range(2)]
    assert {weight for due, weight in taken if due} == {1.5}


def test_a_decay_on_the_device_is_the_decay_as_a_number():
    G = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    first, second = copy.deepcopy(G), copy.deepcopy(G)
    with torch.no_grad():
        for p in G.parameters():
            p.add_(torch.randn_like(p))
    G(torch.randn(16, 3))
    kept = state(G)
    training.update_ema(first, G, 0.75)
    training.update_ema(second, G, torch.tensor(0.75))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(state(first), state(second), strict=True))
    assert not torch.allclose(second[0].weight, G[0].weight, atol=1e-2)
    assert equal(state(G), kept)


def test_a_schedule_scales_every_group_from_its_own_rate():
    G, D, _, opt_d = toy()
    opt_g = torch.optim.Adam([{"params": G.hidden.parameters(), "lr": 0.01}, {"params": G.last.parameters()}], 0.04)
    play(G, D, opt_g, opt_d, steps=3, schedule=lambda step: 1 / step)
    assert [group["lr"] for group in opt_g.param_groups] == pytest.approx([0.01 / 3, 0.04 / 3])
