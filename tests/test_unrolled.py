"""`objectives.unrolled`: closed forms on the Dirac-GAN, real steps by SGD, and G's gradient by finite differences."""

import copy

import pytest
import torch
from torch import nn

from gan_tutor import losses, networks
from gan_tutor.objectives import discriminator_loss, generator_loss, unrolled

ON_LOGITS = [loss for loss in losses.LOSSES.values() if not loss.on_features]


@pytest.fixture
def players():
    G = networks.MLPGenerator(2, (2,), width=6, activation=nn.Tanh).double()
    D = networks.MLPDiscriminator((2,), width=6, activation=nn.Tanh).double()
    return G, D, torch.randn(5, 2, dtype=torch.float64), torch.randn(5, 2, dtype=torch.float64)


@pytest.mark.parametrize("loss", ON_LOGITS, ids=lambda loss: loss.name)
@pytest.mark.parametrize("steps", [0, 1, 4])
def test_it_answers_as_a_copy_of_d_after_that_many_steps_of_sgd(players, loss, steps):
    G, D, x_real, z = players
    moved = copy.deepcopy(D)
    opt = torch.optim.SGD(moved.parameters(), 0.3)
    for _ in range(steps):
        opt.zero_grad()
        discriminator_loss(G, moved, loss, x_real, z).backward()
        opt.step()
    before = [p.clone() for p in D.parameters()]
    later = unrolled(D, G, loss, x_real, z, steps=steps, lr=0.3)
    torch.testing.assert_close(later(x_real), moved(x_real))
    assert all(torch.equal(a, b) for a, b in zip(before, D.parameters(), strict=True))


@pytest.mark.parametrize("loss", ON_LOGITS, ids=lambda loss: loss.name)
def test_g_s_gradient_foresees_d_s_steps(players, loss):
    G, D, x_real, z = players

    def foreseen():
        later = unrolled(D, G, loss, x_real, z, steps=3, lr=0.3)
        if loss.sees_real:  # generator_loss would take later(x_real) as a constant
            return loss.g(later(x_real), later(G(z)))
        return generator_loss(G, later, loss, x_real, z)

    bias = G.last.bias
    foreseen().backward()
    slope = bias.grad[0].item()
    assert all(p.grad is None for p in D.parameters())
    h, values = 1e-5, []
    for sign in (1, -1):
        with torch.no_grad():
            bias[0] += sign * h
        values.append(foreseen().item())
        with torch.no_grad():
            bias[0] -= sign * h
    assert slope == pytest.approx((values[0] - values[1]) / (2 * h), rel=1e-4, abs=1e-8)


@pytest.mark.parametrize("steps", [0, 1, 5])
def test_on_the_dirac_gan_it_damps_g(steps):
    """Wasserstein: psi_k = psi - k lr theta, so d L_G / d theta = -psi + 2 k lr theta."""
    G, D, lr = networks.DiracGenerator(0.8), networks.DiracDiscriminator(0.3), 0.1
    real, z = torch.zeros(4, 1), torch.zeros(4, 1)
    later = unrolled(D, G, losses.wasserstein, real, z, steps=steps, lr=lr)
    assert later(torch.ones(1, 1)).item() == pytest.approx(0.3 - steps * lr * 0.8, abs=1e-6)
    generator_loss(G, later, losses.wasserstein, real, z).backward()
    assert G.theta.grad.item() == pytest.approx(-0.3 + 2 * steps * lr * 0.8, abs=1e-6)


def test_a_negative_number_of_steps_is_refused(players):
    G, D, x_real, z = players
    with pytest.raises(ValueError, match="steps must be at least 0, got -1"):
        unrolled(D, G, losses.minimax, x_real, z, steps=-1, lr=0.1)


@pytest.mark.parametrize("wrap", [nn.BatchNorm1d(6), None], ids=["batch norm", "spectral norm"])
def test_d_s_buffers_stay_and_its_copy_has_moved_as_far_as_real_steps_move_them(wrap):
    torch.manual_seed(0)
    first = nn.Linear(2, 6) if wrap else nn.utils.parametrizations.spectral_norm(nn.Linear(2, 6))
    D = nn.Sequential(first, wrap or nn.Tanh(), nn.Linear(6, 1), nn.Flatten(0)).double()
    G, x_real, z = nn.Linear(2, 2).double(), *torch.randn(2, 5, 2, dtype=torch.float64)
    moved, before = copy.deepcopy(D), {name: value.clone() for name, value in D.state_dict().items()}
    later = unrolled(D, G, losses.nonsaturating, x_real, z, steps=3, lr=0.3)
    later(x_real)
    assert all(torch.equal(value, before[name]) for name, value in D.state_dict().items())
    opt = torch.optim.SGD(moved.parameters(), 0.3)
    for _ in range(3):
        opt.zero_grad()
        discriminator_loss(G, moved, losses.nonsaturating, x_real, z).backward()
        opt.step()
    assert any(not torch.equal(value, before[name]) for name, value in moved.named_buffers())
    again = unrolled(D, G, losses.nonsaturating, x_real, z, steps=3, lr=0.3)
    torch.testing.assert_close(again(x_real), moved(x_real))
