"""Exercises of chapter 10."""

from typing import Any

import torch

from gan_tutor.classroom.record import Exercise, named_numbers


def _rows(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    theta, m, gradient = torch.randn(3, 5, 5, generator=generator)
    v = torch.rand(5, 5, generator=generator)
    lr = 0.1 * 10 ** -torch.rand(5, generator=generator)
    moved, new_m, new_v = answer(theta.clone(), m.clone(), v.clone(), gradient.clone(), lr.clone(), 3)
    return {"theta after the step": moved, "m after the step": new_m, "v after the step": new_v}


def _coupled(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    w = torch.randn(4, 4, generator=generator)
    sizes = torch.tensor([4.0, 2.0, 0.4, 0.2])  # the limit acts on two of the four
    x_real, x_fake = sizes[:, None, None] * torch.randn(2, 4, 6, 4, generator=generator)
    lr = torch.rand(4, generator=generator) + 0.1
    return {"the weights of four critics after one step": answer(w, x_real, x_fake, lr)}


def _overlap(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    p = torch.rand(6, generator=generator) + 0.1
    p = 0.97 * p / p.sum()
    counts = torch.randint(0, 60, (6,), generator=generator)
    counts[0] = 0
    n = int(counts.sum()) + 50
    return {"the overlap of random counts": answer(counts, n, p)}


def _ratios(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    return {"the means of a random panel of five rates": answer(torch.rand(5, 5, generator=generator))}


EXERCISES = (
    Exercise(
        "map-rows",
        "Adam for a stack",
        "implement",
        _rows,
        hints=(
            "theta, m, v and gradient have the shape (B, P). Which shape must lr have to scale the rows?",
            "(B, P) times (B,) multiplies the columns, and says nothing if B = P. (B, 1) multiplies the rows.",
            "At step t the averages hold only 1 - 0.5^t and 1 - 0.999^t of their weight: divide by that first.",
        ),
    ),
    Exercise(
        "map-coupled",
        "Find the bugs: GANs that feel each other",
        "find-the-bug",
        _coupled,
        hints=(
            "Write the shape of every tensor behind its line. Which operations mix rows of different critics?",
            "What is the gradient of a mean over B critics in the weights of one of them?",
            "A norm over the whole stack ties every critic to the wildest one. Which axis does lr run along?",
        ),
    ),
    Exercise(
        "map-overlap",
        "The colour of a pixel",
        "implement",
        _overlap,
        hints=(
            "q_k is a share of *all* n samples, also of those that lie in no mode.",
            "A mode that gets more than its share earns nothing for the rest: take the smaller of q_k and p_k.",
            "A perfect sampler must get 1, so divide by what it gets.",
        ),
    ),
    Exercise(
        "map-ratios",
        "The map along its diagonals",
        "implement",
        _ratios,
        hints=(
            "Rates in equal ratios: the pixels with one ratio of lr_d to lr_g lie on one diagonal.",
            "means.diagonal(k) holds the pixels [i, i + k]. For which k is G's rate the largest and D's the smallest?",
            "There are 2 n - 1 diagonals, and a mean over each has its own number of pixels.",
        ),
    ),
    Exercise(
        "map-luck",
        "The luckiest pixel",
        "predict",
        named_numbers("error", "best", "fresh", "seeds"),
        hints=(
            "The mean of n independent numbers varies with their standard deviation divided by the root of n.",
            "All pixels are equally good. What singles out the brightest, and does that come back on other seeds?",
            "An error six times smaller than one seed's: how many seeds?",
        ),
        rtol=1e-3,
        atol=2e-3,
    ),
)
