"""Exercises of chapter 1."""

from typing import Any

import torch
from torch import Tensor

from gan_tutor.classroom.record import Exercise, named_numbers


def _density(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    return {"the density at five points": answer(0.2 + 3 * torch.rand(5, generator=generator))}


def _nats_lost(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    wider, narrower = (0.5 * torch.rand(2, generator=generator)).tolist()
    d = int(torch.randint(3, 50, (), generator=generator))
    return {
        "nats lost by a model that is too wide": answer(1.3 + wider, d),
        "nats lost by one that is too narrow": answer(0.8 - wider * narrower, d + 1),
    }


def _stock(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    """Draw samples from a stock of pictures that share pixels; no two of them are equal."""
    pictures = torch.randint(2, (40, 1, 2, 3), generator=generator).float()
    pictures[:, 0, 0, 0] = torch.arange(40)
    rows = torch.randint(40, (60,), generator=generator)
    rows[1] = rows[0]  # at least one pair is equal
    return {"the estimate from 60 samples": answer(pictures[rows])}


def _accuracy(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    def logits(n: int, mean: float) -> Tensor:
        return mean + 1.5 * torch.randn(n, generator=generator)

    return {
        "the accuracy on 30 real and 50 generated samples": answer(logits(30, 0.6), logits(50, -0.2)),
        "the accuracy on 70 real and 40 generated samples": answer(logits(70, -0.3), logits(40, -0.9)),
    }


EXERCISES = (
    Exercise(
        "gan-square",
        "A function that takes values twice",
        "derive",
        _density,
        hints=(
            "Which two latents does G send to x? Each brings its own share of the density.",
            "A share is the density of z, divided by the steepness of G, both taken at that latent and not at x.",
            "At z = sqrt(x) the normal density is exp(-x / 2) / sqrt(2 pi), and |G'(z)| is 2 sqrt(x). How many shares?",
        ),
    ),
    Exercise(
        "gan-price",
        "The price of a tenth",
        "derive",
        _nats_lost,
        hints=(
            "Dimensions are independent: work out one of them. What is lost is the mean of log p - log q under p.",
            "For two normal densities log p(x) - log q(x) is log s, less a part with x squared, plus another one.",
            "Under p the mean of x squared is sigma squared: the two parts become 1/2 and 1 / (2 s^2). Which signs?",
        ),
    ),
    Exercise(
        "gan-thread",
        "A sheet has no volume",
        "predict",
        named_numbers("1 to 2", "2 to 2", "3 to 2", "2 to 3", "64 to 784"),
        hints=(
            "How many boxes of half the side does a segment need, how many a filled square, how many a filled cube?",
            "The samples fill at most as many dimensions as the latent has, and at most as many as the data have.",
            "In k dimensions that are filled the factor is 2 for each of them.",
        ),
    ),
    Exercise(
        "gan-birthday",
        "Catching a repeater without its training set",
        "implement",
        _stock,
        hints=(
            "Two draws are equal with probability 1/N. How many pairs of draws are there among n samples?",
            "Compare whole pictures. A sample is no pair with itself, and (i, j) is the same pair as (j, i).",
            "Set (number of pairs) / N equal to the equal pairs that you counted, and solve for N.",
        ),
    ),
    Exercise(
        "gan-accuracy",
        "Find the bug: a published accuracy",
        "find-the-bug",
        _accuracy,
        hints=(
            "What would this function say of a D that calls everything real? What does it know about the real samples?",
            "On a real sample D is right with a logit above 0. When is it right on a generated one?",
            "Take the share of right answers on each of the two batches by itself, then their mean.",
        ),
    ),
)
