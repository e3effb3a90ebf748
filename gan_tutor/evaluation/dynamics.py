"""The dynamics of the smallest game: its vector field, the eigenvalues at its equilibrium, and its trajectories.

The Dirac-GAN: data at 0, G makes the point theta, D answers psi x (+ a constant). The state of the game is the point
(theta, psi), and the equilibrium is (0, 0). Both players move downhill, each on its own loss:

    d theta / dt = -d L_G / d theta,    d psi / dt = -d L_D / d psi.

Near the equilibrium the eigenvalues of this field decide. A negative real part: the game converges, like exp(Re t).
A real part of 0: to first order it circles for ever, and discrete steps add an outward push if both players move at
once. Source: mescheder2018convergence.
"""

import cmath
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Field = Callable[[Tensor], Tensor]
NODES = 32  # a side of the square of (real, generated) noise


def dirac_field(
    loss: Any,
    penalty: Callable[[Any, Tensor, Tensor], Tensor] | None = None,
    weight: float = 1.0,
    *,
    constant: float = 0.0,
    noise: float = 0.0,
    rate_d: float = 1.0,
) -> Field:
    """Return the velocity of the Dirac-GAN as a function of states (..., 2), by automatic differentiation.

    Args:
        loss: A `losses.GanLoss` of logits.
        penalty: A penalty of `penalties`, or None.
        weight: gamma of R1/R2, lambda of WGAN-GP. WGAN-GP mixes at random, which a linear D does not notice.
        constant: D's answer at 0, which it does not learn. Cross-entropies and differences of logits do not need it;
            least squares with targets 0 and 1 has its equilibrium at 0.5.
        noise: Standard deviation of Gaussian noise added to real and generated samples, in data units.
        rate_d: D's learning rate divided by G's.

    Raises:
        ValueError: The loss compares features; `noise` is negative or `rate_d` is not positive.
    """
    if loss.on_features:
        raise ValueError(f"{loss.name} compares features, which the Dirac-GAN's D does not have; use a loss of logits")
    if noise < 0 or rate_d <= 0:
        raise ValueError(f"noise must be at least 0 and rate_d positive, got {noise} and {rate_d}")
    nodes = noise * _normal_nodes() if noise else torch.zeros(1, dtype=torch.float64)
    noise_real, noise_fake = torch.cartesian_prod(nodes, nodes).T[..., None]  # independent of each other

    def sides(theta: Tensor, psi: Tensor) -> tuple[Field, Tensor, Tensor]:
        return lambda x: (psi * x + constant).flatten(), noise_real, noise_fake + theta

    def loss_g(theta: Tensor, psi: Tensor) -> Tensor:
        D, x_real, x_fake = sides(theta, psi)
        value: Tensor = loss.g(D(x_real) if loss.sees_real else None, D(x_fake))
        return value

    def loss_d(theta: Tensor, psi: Tensor) -> Tensor:
        D, x_real, x_fake = sides(theta, psi)
        value: Tensor = loss.d(D(x_real), D(x_fake))
        return value if penalty is None else value + weight * penalty(D, x_real, x_fake)

    def velocity(state: Tensor) -> Tensor:
        uphill_g = torch.func.grad(loss_g)(state[0], state[1])
        uphill_d = torch.func.grad(loss_d, argnums=1)(state[0], state[1])
        return torch.stack([-uphill_g, -rate_d * uphill_d])

    return lambda states: _over_points(velocity, states)


def consensus(field: Field, gamma: float) -> Field:
    """Return v - gamma grad |v|^2 / 2: each player also slows the game down. Source: mescheder2017numerics."""

    def velocity(state: Tensor) -> Tensor:
        return field(state) - gamma * torch.func.grad(lambda s: field(s).square().sum() / 2)(state)

    return lambda states: _over_points(velocity, states)


def eigenvalues(field: Field, state: tuple[float, float] = (0.0, 0.0)) -> list[complex]:
    """Return the two eigenvalues of a field's Jacobian at a state, per unit of time, smaller real part first."""
    jacobian = torch.func.jacrev(field)(torch.tensor(state, dtype=torch.float64))
    return sorted(torch.linalg.eigvals(jacobian).tolist(), key=lambda value: (value.real, value.imag))


def dirac_eigenvalues(slope: float, damping: float = 0.0, rate_d: float = 1.0) -> list[complex]:
    """Return the closed form -c/2 +- sqrt(c^2/4 - rate_d slope^2) with c = rate_d damping, smaller real part first.

    It belongs to d theta / dt = slope psi, d psi / dt = rate_d (-slope theta - damping psi), which is the Dirac-GAN
    near (0, 0).

    Args:
        slope: 1/2 for cross-entropies, the relativistic pair and least squares; 1 for hinge and Wasserstein.
        damping: gamma for R1 or R2, 2 gamma for both; noise^2 / 2 for noise under a cross-entropy.
        rate_d: D's learning rate divided by G's.
    """
    half = rate_d * damping / 2
    root = cmath.sqrt(half**2 - rate_d * slope**2)
    return sorted([0 - half - root, 0 - half + root], key=lambda value: (value.real, value.imag))


def play(
    field: Field, start: tuple[float, float] = (1.0, 1.0), *, steps: int, lr: float, alternating: bool = True
) -> Tensor:
    """Return the states (steps + 1, 2) of gradient descent with step size lr: what SGD does with the two players.

    Args:
        field: The velocity of the game.
        start: First state (theta, psi).
        steps: Number of turns, 0 or more.
        lr: G's learning rate; D's is part of the field.
        alternating: D moves first and G answers the moved D, as `training.train` does; else both move at once.
    """
    state = torch.tensor(start, dtype=torch.float64)
    states = [state]
    for _ in range(steps):
        if alternating:
            state = torch.stack([state[0], state[1] + lr * field(state)[1]])
            state = torch.stack([state[0] + lr * field(state)[0], state[1]])
        else:
            state = state + lr * field(state)
        states.append(state)
    return torch.stack(states)


def _over_points(velocity: Field, states: Tensor) -> Tensor:
    if states.shape[-1] != 2:
        raise ValueError(f"states must have shape (..., 2), got {tuple(states.shape)}")
    if states.ndim == 1:
        return velocity(states)
    return torch.func.vmap(velocity, randomness="different")(states.reshape(-1, 2)).reshape(states.shape)


def _normal_nodes() -> Tensor:
    """Return equally likely nodes of N(0, 1), shape (NODES,), scaled to variance 1."""
    levels = (torch.arange(NODES, dtype=torch.float64) + 0.5) / NODES
    nodes = math.sqrt(2) * torch.erfinv(2 * levels - 1)
    return nodes / nodes.square().mean().sqrt()
