"""Exercises of chapter 9."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from gan_tutor.classroom.record import Exercise, named_numbers


class _Eyes(NamedTuple):
    """A feature network of one random layer: quick, and as particular about its range as a trained one."""

    weight: Tensor

    def features(self, images: Tensor) -> Tensor:
        return (images.flatten(1) @ self.weight + 0.3).relu()


def _report(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    eyes = _Eyes(torch.randn(16, 5, generator=generator))
    fake = torch.randn(150, 1, 4, 4, generator=generator).tanh()
    train = torch.randn(400, 1, 4, 4, generator=generator).add(0.2).tanh()
    return {"the distance of random images": answer(eyes, fake, train)}


def _accuracy(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    real = 0.6 + torch.randn(140, generator=generator)
    fake = torch.randn(90, generator=generator) - 0.4
    return {
        "the accuracy of a random D": answer(real, fake),
        "the accuracy of a D that always says real": answer(real.abs(), fake.abs()),
        "the accuracy of a D that always says generated": answer(-real.abs(), -fake.abs()),
    }


def _kernel(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    a = torch.randn(8, 6, 4, generator=generator).double()
    b = torch.randn(8, 9, 4, generator=generator).double()
    return {
        "the distance of eight pairs of heaps of one kind": [answer(x, y) for x, y in zip(a, b, strict=True)],
        "the distance of two heaps of two kinds": answer(a[0], b[0] + 0.5),
    }


def _precision(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    real = torch.randn(40, 2, generator=generator).double()
    fake = 1.5 * torch.randn(30, 2, generator=generator).double() + 0.5
    pairs = [answer(real, fake, k) for k in (2, 4)]
    return {f"k = {k}": {"precision": pair[0], "recall": pair[1]} for k, pair in zip((2, 4), pairs, strict=True)}


EXERCISES = (
    Exercise(
        "evaluation-bug",
        "Find the bugs: a strict network",
        "find-the-bug",
        _report,
        hints=(
            "Real against real is the floor. Which floor does the chapter measure with 500 and 3,000 images?",
            "Follow both heaps line by line and write down range and number of images of each.",
            "A distance between two heaps sees every difference in how they were treated, also one of scale.",
        ),
    ),
    Exercise(
        "evaluation-accuracy",
        "Find the bug: the accuracy of an introductory text",
        "find-the-bug",
        _accuracy,
        hints=(
            "Which answers of D on generated images does the function look at?",
            "D is right about a real image if it says real, and about a generated one if it says generated.",
            "A logit has its threshold where the probability is one half. Put all right-or-wrongs into one tensor.",
        ),
    ),
    Exercise(
        "evaluation-worse-model",
        "The worse model wins",
        "derive",
        named_numbers("A", "B", "floor", "needed"),
        hints=(
            "A: the covariances are equal, so only the means count. B: the means are equal, so only the trace counts.",
            "B: for s I and t I the trace term is F (sqrt(s) - sqrt(t))^2.",
            "The floor has two heaps, each with its own 1/n. For the last number solve 2 b / n = difference.",
        ),
        rtol=0.02,
        atol=1e-3,
    ),
    Exercise(
        "evaluation-kernel",
        "A kernel distance for unequal heaps",
        "modify",
        _kernel,
        hints=(
            "How many pairs of two different samples are there in a heap of N, and how many in one of M?",
            "Each of the three terms is a mean over its own pairs. Which divisor does each need?",
            "Split the line with `inside` in two, one for each heap.",
        ),
        atol=1e-7,
    ),
    Exercise(
        "evaluation-precision",
        "Balls",
        "implement",
        _precision,
        hints=(
            "Precision and recall are one function with exchanged roles: share of samples inside the balls of centres.",
            "torch.cdist(centres, centres) has a 0 in every row: the distance of a centre to itself.",
            "A sample counts once, however many balls hold it.",
        ),
        atol=1e-4,
    ),
    Exercise(
        "evaluation-never-eight",
        "The digit that never comes",
        "predict",
        named_numbers("no_eight_modes", "no_eight_kl", "same_modes", "same_kl"),
        hints=(
            "A mode is a triple. How many triples contain no 8?",
            "If M of 1,000 modes are left and equally likely, each has the share 1/M. Insert it into the sum.",
            "Same digit in all channels: list the triples that can occur.",
        ),
        rtol=1.2e-3,
        atol=5e-3,
    ),
)
