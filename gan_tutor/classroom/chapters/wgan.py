"""Exercises of chapter 7."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gan_tutor import networks
from gan_tutor.classroom.record import Exercise, named_numbers


def _sliced(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    x = torch.randn(9, 3, generator=generator)
    y = 2 * torch.randn(9, 3, generator=generator) + 1
    directions = 3 * torch.randn(3, 5, generator=generator)
    return {"the distance of two random samples": answer(x, y, directions)}


def _certified(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    D = networks.MLPDiscriminator((2,), width=16, depth=1)
    x_real = torch.randn(8, 2, generator=generator) + 3
    x_fake = torch.randn(6, 2, generator=generator)
    with torch.no_grad():
        upwards = (D(x_real).mean() - D(x_fake).mean()).sign()

    def critic(x: Tensor) -> Tensor:
        return 5 * upwards * D(x)

    return {"the bound of a random critic": answer(critic, x_real, x_fake)}


def _linear(weight: Tensor, asked: list[Tensor]) -> Callable[[Tensor], Tensor]:
    """A critic with the gradient `weight` everywhere, which writes down where it is asked."""

    def D(x: Tensor) -> Tensor:
        asked.append(x.detach())
        return x @ weight

    return D


def _penalty(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    asked: list[Tensor] = []
    seen: dict[str, Any] = {}
    for name, length in (("gentle", 0.5), ("steep", 2.0)):
        direction = torch.randn(2, generator=generator)
        weight = (length * direction / direction.norm()).requires_grad_()
        value = answer(_linear(weight, asked), torch.ones(32, 2), torch.zeros(32, 2))
        seen[f"the penalty of a {name} critic"] = value
        trains = isinstance(value, Tensor) and value.ndim == 0 and value.requires_grad
        gradient = torch.autograd.grad(value, weight, allow_unused=True)[0] if trains else None
        seen[f"its gradient in the {name} critic's weight"] = gradient
    shares = asked[0] if asked else torch.full((1,), -1.0)
    seen["shares of the real sample, how many different ones for 32 points"] = len(shares.unique())
    seen["coordinates between real and generated, how many of 64"] = ((shares >= 0) & (shares <= 1)).sum()
    return seen


EXERCISES = (
    Exercise(
        "wgan-gaussians",
        "Gaussians by quantiles",
        "derive",
        named_numbers("shifted", "wider", "uniform", "times_w", "times_jsd"),
        hints=(
            "The quantile function of N(mu, s^2) is mu + s z(u), where z is that of N(0, 1). Subtract two of them.",
            "Wider: the integral of |z(u)| over u is the mean of |x| for a standard normal x.",
            "A divergence integrates densities, a distance integrates ways. Which of the two has a unit?",
        ),
        rtol=1e-3,
        atol=6e-4,
    ),
    Exercise(
        "wgan-sliced",
        "Slices",
        "implement",
        _sliced,
        hints=(
            "x @ directions has the shape (N, P): a column holds the projections on one direction.",
            "On a line the cheapest plan pairs the k-th smallest with the k-th smallest: sort each column of both.",
            "A direction twice as long must not change the distance.",
        ),
    ),
    Exercise(
        "wgan-certified",
        "A number that no critic can inflate",
        "implement",
        _certified,
        hints=(
            "There are N times M pairs. real[:, None] - fake is the matrix of all rises.",
            "torch.cdist(x_real, x_fake) is the matrix of all ways, in the same order.",
            "Divide rise by way pair by pair. The inequality needs a slope that none of the pairs exceeds.",
        ),
    ),
    Exercise(
        "wgan-bug",
        "Find the bugs: a penalty put together from public code",
        "find-the-bug",
        _penalty,
        hints=(
            "Every line but the first has at most one fault. Say for each tensor which shape it has.",
            "The penalty is differentiated twice: once in the samples, and again in the weights by backward.",
            "The condition is about each point. How many shares and how many norms does a batch of N have?",
        ),
    ),
    Exercise(
        "wgan-valley",
        "The wrong valley",
        "predict",
        named_numbers("stiff", "stiff_value", "soft", "threshold", "one_sided"),
        hints=(
            "For s below 0 the absolute value is -s. Write J without it, and take the derivative.",
            "A stationary point belongs to that branch only if it is itself below 0.",
            "Where the fine is 0, the derivative is d, and the critic climbs on.",
        ),
        rtol=1e-3,
        atol=0.02,
    ),
)
