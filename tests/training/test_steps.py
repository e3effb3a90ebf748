"""One step: who moves, which loss is told, what is frozen, and the terms beside a loss."""

import pytest
import torch
from torch import nn
from toy_game import BATCH, LATENT, equal, play, state, toy

from gan_tutor import data, losses, networks, objectives, penalties, training


def test_d_s_step_moves_d_only(generator):
    G, D, _, opt_d = toy()
    x_real, z = data.ring().sample(BATCH, generator), training.sample_z(BATCH, LATENT, generator)
    before_g, before_d = state(G), state(D)
    loss_d = training.d_step(G, D, opt_d, losses.hinge, x_real, z, penalties.r1, 0.1)
    assert equal(state(G), before_g)
    assert not equal(state(D), before_d)
    assert all(p.grad is None and p.requires_grad for p in G.parameters())
    assert loss_d.ndim == 0
    assert not loss_d.requires_grad


@pytest.mark.parametrize("loss", losses.LOSSES.values(), ids=lambda loss: loss.name)
def test_g_s_step_moves_g_only(generator, loss):
    G, D, opt_g, opt_d = toy()
    x_real, z = data.ring().sample(BATCH, generator), training.sample_z(BATCH, LATENT, generator)
    training.d_step(G, D, opt_d, loss, x_real, z)
    before_g, before_d, gradients = state(G), state(D), [p.grad.clone() for p in D.parameters()]
    loss_g = training.g_step(G, D, opt_g, loss, x_real, z)
    assert not equal(state(G), before_g)
    assert equal(state(D), before_d)
    assert equal([p.grad for p in D.parameters()], gradients)
    assert all(p.requires_grad for p in D.parameters())
    assert loss_g.ndim == 0
    assert not loss_g.requires_grad


def test_steps_return_the_loss_before_the_step(generator):
    G, D, opt_g, opt_d = toy()
    x_real, z = data.ring().sample(BATCH, generator), training.sample_z(BATCH, LATENT, generator)
    before = objectives.discriminator_loss(G, D, losses.hinge, x_real, z, penalties.r2, 0.3).item()
    assert training.d_step(G, D, opt_d, losses.hinge, x_real, z, penalties.r2, 0.3).item() == before
    before = objectives.generator_loss(G, D, losses.hinge, x_real, z).item()
    assert training.g_step(G, D, opt_g, losses.hinge, x_real, z).item() == before


def test_old_gradients_do_not_leak_into_a_step(generator):
    x_real, z = data.ring().sample(BATCH, generator), training.sample_z(BATCH, LATENT, generator)
    results = []
    for dirt in (None, 1e3):
        G, D, opt_g, opt_d = toy(optimizer=torch.optim.SGD)
        if dirt:
            for p in (*G.parameters(), *D.parameters()):
                p.grad = torch.full_like(p, dirt)
        training.d_step(G, D, opt_d, losses.hinge, x_real, z)
        training.g_step(G, D, opt_g, losses.hinge, x_real, z)
        results.append(state(G, D))
    assert equal(*results)


def test_parts_of_d_that_were_frozen_stay_frozen():
    G, D, opt_g, _ = toy()
    D.hidden[0].requires_grad_(False)
    opt_d = torch.optim.Adam([p for p in D.parameters() if p.requires_grad], 1e-2)
    first = state(D.hidden[0])
    play(G, D, opt_g, opt_d)
    assert not any(p.requires_grad for p in D.hidden[0].parameters())
    assert all(p.requires_grad for p in D.hidden[2].parameters())
    assert equal(state(D.hidden[0]), first)


def test_d_is_thawed_when_g_s_step_fails(generator):
    G, D, opt_g, _ = toy()
    frozen = next(D.parameters()).requires_grad_(False)
    x_real, z = data.ring().sample(BATCH, generator), training.sample_z(BATCH, LATENT, generator)
    with pytest.raises(ValueError, match="must both have shape"):
        training.g_step(G, D, opt_g, losses.relativistic, x_real[:3], z)
    assert not frozen.requires_grad
    assert all(p.requires_grad for p in D.parameters() if p is not frozen)


def test_gradients_reach_g_through_a_frozen_d():
    D = networks.MLPDiscriminator((2,), width=8)
    x = torch.zeros(4, 2, requires_grad=True)
    with training.frozen(D):
        assert not any(p.requires_grad for p in D.parameters())
        D(x).sum().backward()
    assert x.grad.abs().sum() > 0
    assert all(p.grad is None for p in D.parameters())


@pytest.mark.parametrize("step", [training.d_step, training.g_step])
def test_a_step_without_a_weight_takes_its_term_once(step):
    x, z = torch.randn(8, 2), torch.randn(8, LATENT)

    def loss(*given):
        G, D, opt_g, opt_d = toy()
        optimizer = opt_d if step is training.d_step else opt_g
        return step(G, D, optimizer, losses.nonsaturating, x, z, *given).item()

    bare, once, thrice = loss(), loss(penalties.r2), loss(penalties.r2, 3.0)
    assert once - bare > 1e-4
    assert thrice - bare == pytest.approx(3 * (once - bare), rel=5e-3)


def test_a_term_of_g_sees_d_and_both_batches_and_moves_g():
    """Its weighted gradient is added to the loss's: with plain descent, the step is the sum of the two."""
    seen = []

    def term(D, x_real, x_fake):
        seen.append((D, x_real, x_fake))
        return (x_fake.mean(0) - x_real.mean(0)).square().sum()

    def moved(**given):
        G, D, opt_g, opt_d = toy(optimizer=torch.optim.SGD, lr=0.1)
        before = state(G)
        (record,) = play(G, D, opt_g, opt_d, steps=1, **given)
        return record.loss_g.item(), [b - a for a, b in zip(before, state(G), strict=True)], (G, D)

    loss, plain, _ = moved()
    with_term, both, (_, D) = moved(term=term, term_weight=0.5)
    (judge, x_real, x_fake) = seen[0]
    assert judge is D
    generator = torch.Generator().manual_seed(1)
    assert torch.equal(x_real, data.ring().sample(BATCH, generator))
    G = toy()[0]
    z = torch.randn(BATCH, LATENT, generator=generator)
    assert torch.equal(x_fake.detach(), G(z).detach())
    value = (G(z).mean(0) - x_real.mean(0)).square().sum()
    assert with_term == pytest.approx(loss + 0.5 * value.item(), rel=1e-5)
    for a, b, slope in zip(plain, both, torch.autograd.grad(value, list(G.parameters())), strict=True):
        assert torch.allclose(b, a - 0.1 * 0.5 * slope, atol=1e-6)


@pytest.mark.parametrize("held", ["all", "trained"])
def test_frozen_parts_of_a_player_may_be_held_by_its_optimizer_or_not(held):
    G, D, *_ = toy()
    for network in (G, D):
        network.hidden[0].requires_grad_(False)
    frozen = state(G.hidden[0], D.hidden[0])
    opt_g, opt_d = (
        torch.optim.Adam([p for p in network.parameters() if held == "all" or p.requires_grad], 0.01)
        for network in (G, D)
    )
    before = state(G.last, D.last)
    assert len(play(G, D, opt_g, opt_d)) == 5
    assert equal(frozen, state(G.hidden[0], D.hidden[0]))
    assert not any(torch.equal(a, b) for a, b in zip(before, state(G.last, D.last), strict=True))
    assert not any(p.requires_grad for network in (G, D) for p in network.hidden[0].parameters())


@pytest.mark.parametrize("player", ["g", "d"])
def test_a_parameter_that_takes_no_part_in_a_step_rests(player):
    """It has no gradient, which is not a gradient of zero: Adam would carry it on by its momentum."""
    G, D, opt_g, opt_d = toy(lr=0.1)
    own = {"g": G, "d": D}[player]
    x, z = torch.randn(8, 2), torch.randn(8, LATENT)

    def step():
        if player == "g":
            training.g_step(G, D, opt_g, losses.nonsaturating, x, z)
        else:
            training.d_step(G, D, opt_d, losses.nonsaturating, x, z)

    step()
    first = own.hidden[0]
    own.hidden = nn.Linear(first.in_features, 8).requires_grad_(False)  # the hidden layers are bypassed
    before, last = state(first), state(own.last)
    step()
    assert equal(before, state(first))
    assert not equal(last, state(own.last))
