"""The field of the Dirac-GAN against formulas by hand, its eigenvalues against closed forms, its play against SGD."""

import math

import pytest
import torch

from gan_tutor import data, evaluation, losses, networks, penalties, training
from gan_tutor.evaluation.dynamics import dirac_eigenvalues, dirac_field, eigenvalues

ON_LOGITS = [loss for loss in losses.LOSSES.values() if not loss.on_features]
SMOOTHED = losses.label_smoothing(losses.nonsaturating, 0.9)
SLOPES = {
    "minimax": 0.5, "nonsaturating": 0.5, "least_squares": 0.5, "hinge": 1.0, "wasserstein": 1.0, "relativistic": 0.5,
    SMOOTHED.name: 0.5,
}  # fmt: skip
DAMPINGS = {"r1": 1, "r2": 1, "r1_r2": 2}
STATES = torch.tensor([[1.0, 0.5], [-0.3, 2.0], [0.0, 0.0], [0.7, -1.1]], dtype=torch.float64)


def constant(loss):
    return 0.5 if loss.name == "least_squares" else 0.0


def assert_same(found, expected, tolerance=1e-9):
    assert len(found) == len(expected) == 2
    # A pair may come in either order where the real parts agree but for rounding.
    straight = max(abs(a - b) for a, b in zip(found, expected, strict=True))
    crossed = max(abs(a - b) for a, b in zip(found, reversed(expected), strict=True))
    assert min(straight, crossed) < tolerance, (found, expected)


def s(t):
    return torch.sigmoid(t)


BY_HAND = {  # d theta / dt, d psi / dt at states theta, psi
    "minimax": lambda t, p: (p * s(p * t), -t * s(p * t)),
    "nonsaturating": lambda t, p: (p * s(-p * t), -t * s(p * t)),
    "least_squares": lambda t, p: (p * (0.5 - p * t), -t * (0.5 + p * t)),
    "hinge": lambda t, p: (p, -t * (p * t > -1)),
    "wasserstein": lambda t, p: (p, -t),
    "relativistic": lambda t, p: (p * s(-p * t), -t * s(p * t)),
}


@pytest.mark.parametrize("loss", ON_LOGITS, ids=lambda loss: loss.name)
def test_the_field_is_the_one_by_hand(loss):
    theta, psi = STATES.T
    expected = torch.stack(BY_HAND[loss.name](theta, psi), dim=1)
    torch.testing.assert_close(dirac_field(loss, constant=constant(loss))(STATES), expected)
    faster = dirac_field(loss, constant=constant(loss), rate_d=3.0)(STATES)
    torch.testing.assert_close(faster, expected * torch.tensor([1.0, 3.0]))


@pytest.mark.parametrize("loss", [*ON_LOGITS, SMOOTHED], ids=lambda loss: loss.name)
@pytest.mark.parametrize("rate_d", [0.25, 1.0, 4.0])
def test_without_penalty_every_loss_circles(loss, rate_d):
    found = eigenvalues(dirac_field(loss, constant=constant(loss), rate_d=rate_d))
    assert_same(found, dirac_eigenvalues(SLOPES[loss.name], rate_d=rate_d))
    assert all(abs(value.real) < 1e-9 and abs(value.imag) > 0.2 for value in found)


@pytest.mark.parametrize("loss", ON_LOGITS, ids=lambda loss: loss.name)
@pytest.mark.parametrize("name", DAMPINGS)
@pytest.mark.parametrize("gamma", [0.1, 0.3, 3.0])
def test_with_r1_and_r2_every_loss_has_the_closed_form_and_converges(loss, name, gamma):
    found = eigenvalues(dirac_field(loss, penalties.PENALTIES[name], gamma, constant=constant(loss)))
    assert_same(found, dirac_eigenvalues(SLOPES[loss.name], DAMPINGS[name] * gamma), 1e-6)
    assert all(value.real < -0.02 for value in found)


def test_the_closed_forms_of_the_paper():
    """Written in the paper with f(t) = -log(1 + exp(-t)): f'(0) = 1/2 and f''(0) = -1/4."""
    assert_same(dirac_eigenvalues(0.5), [-0.5j, 0.5j])
    gamma = 0.3
    root = math.sqrt(0.25 - gamma**2 / 4)
    assert_same(dirac_eigenvalues(0.5, gamma), [-gamma / 2 - 1j * root, -gamma / 2 + 1j * root])
    assert_same(dirac_eigenvalues(0.5, 1.0), [-0.5, -0.5])  # critical damping
    noise = 0.7
    root = math.sqrt(0.25 - noise**4 / 16)
    assert_same(dirac_eigenvalues(0.5, noise**2 / 2), [-(noise**2) / 4 - 1j * root, -(noise**2) / 4 + 1j * root])
    assert dirac_eigenvalues(0.5, 3.0)[0].real < dirac_eigenvalues(0.5, 3.0)[1].real < 0


@pytest.mark.parametrize(
    ("loss", "damping"),
    [(losses.minimax, 0.5), (losses.nonsaturating, 0.5), (losses.relativistic, 0.5), (losses.least_squares, 2.0),
     (losses.wasserstein, 0.0)],
    ids=lambda value: getattr(value, "name", None),
)  # fmt: skip
def test_instance_noise_damps_what_is_curved(loss, damping):
    noise = 0.6
    found = eigenvalues(dirac_field(loss, noise=noise, constant=constant(loss)))
    assert_same(found, dirac_eigenvalues(SLOPES[loss.name], damping * noise**2))


@pytest.mark.parametrize("loss", [losses.minimax, losses.wasserstein], ids=lambda loss: loss.name)
def test_consensus_damps_both_players(loss):
    gamma, slope = 0.3, SLOPES[loss.name]
    found = eigenvalues(evaluation.consensus(dirac_field(loss), gamma))
    assert_same(found, [complex(-gamma * slope**2, -slope), complex(-gamma * slope**2, slope)])


def test_wgan_gp_pushes_away_from_the_equilibrium_to_slope_one():
    field, weight = dirac_field(losses.wasserstein, penalties.wgan_gp, 0.3), 0.3
    theta, psi = STATES[[0, 1, 3]].T
    expected = torch.stack([psi, -theta - 2 * weight * (psi.abs() - 1) * psi.sign()], dim=1)
    torch.testing.assert_close(field(STATES[[0, 1, 3]]), expected)
    states = evaluation.play(field, (0.01, 0.01), steps=300, lr=0.2)
    assert states[-150:].norm(dim=1).min() > 0.3  # it never settles


# Least squares needs a constant in D, which the players of `networks` do not have.
@pytest.mark.parametrize("loss", [x for x in ON_LOGITS if x.name != "least_squares"], ids=lambda loss: loss.name)
@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_play_is_what_the_ordinary_steps_do(loss, gamma):
    G, D = networks.DiracGenerator(1.0), networks.DiracDiscriminator(1.0)
    generator = torch.Generator().manual_seed(0)
    turns = training.train(
        G, D, data.batches(data.point([0.0]), 4, generator), loss=loss, latent_dim=1, steps=50,
        opt_g=torch.optim.SGD(G.parameters(), 0.1), opt_d=torch.optim.SGD(D.parameters(), 0.1),
        generator=generator, penalty=penalties.r1, penalty_weight=gamma,
    )  # fmt: skip
    seen = [(G.theta.item(), D.psi.item()) for _ in turns]
    states = evaluation.play(dirac_field(loss, penalties.r1, gamma), steps=50, lr=0.1)
    torch.testing.assert_close(states[1:], torch.tensor(seen, dtype=torch.float64), atol=1e-4, rtol=0)


def test_simultaneous_steps_spiral_outwards_and_alternating_ones_do_not():
    field = dirac_field(losses.wasserstein)
    together = evaluation.play(field, steps=100, lr=0.1, alternating=False).norm(dim=1)
    torch.testing.assert_close(together, math.sqrt(2) * 1.01 ** (torch.arange(101).double() / 2))
    in_turn = evaluation.play(field, steps=100, lr=0.1).norm(dim=1)
    assert 1.3 < in_turn.min() < in_turn.max() < 1.6


def test_without_a_brake_minimax_circles_and_the_nonsaturating_loss_only_creeps():
    """d(theta^2 + psi^2)/dt = -2 u tanh(u / 2) with u = theta psi; over a turn r(t) = 1 / sqrt(1 / r0^2 + t / 8)."""
    circle = evaluation.play(dirac_field(losses.minimax), steps=120, lr=0.2).norm(dim=1)
    assert 1.2 < circle.min() < circle.max() < 1.5
    creep = evaluation.play(dirac_field(losses.nonsaturating), steps=250, lr=0.2)[-1].norm().item()
    assert creep == pytest.approx(1 / math.sqrt(1 / 2 + 50 / 8), rel=0.05)


def test_states_may_have_any_leading_shape():
    field = dirac_field(losses.minimax)
    grid = torch.randn(3, 4, 2, dtype=torch.float64)
    assert field(grid).shape == grid.shape
    torch.testing.assert_close(field(grid)[1, 2], field(grid[1, 2]))
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 2\), got \(4, 3\)"):
        field(torch.zeros(4, 3))


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="feature_matching compares features"):
        dirac_field(losses.feature_matching)
    with pytest.raises(ValueError, match="got -1 and 1"):
        dirac_field(losses.minimax, noise=-1)
    with pytest.raises(ValueError, match="got 0 and 0"):
        dirac_field(losses.minimax, noise=0, rate_d=0)
