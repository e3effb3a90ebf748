"""Exercises of chapter 6."""

from typing import Any

import torch
from torch import nn

from gan_tutor.classroom.record import Exercise


def _listing(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    classes = int(torch.randint(3, 8, (), generator=generator))
    x = torch.randn(20, 2, generator=generator)
    y = torch.randint(classes, (20,), generator=generator)
    D = answer(classes)
    if not isinstance(D, nn.Module):
        return {"how many weights D has": D}
    with torch.no_grad():
        for parameter in D.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
        logits, others = D(x, y), D(x, (y + 1) % classes)
    return {
        "how many weights D has": sum(parameter.numel() for parameter in D.parameters()),
        "the logits of random pairs": logits,
        "the change if every condition changes": others - logits,
    }


def _batch(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    points = 3 * torch.randn(5, 2, generator=generator)
    labels = 10 + torch.randperm(5, generator=generator)
    size = int(torch.randint(2000, 3000, (), generator=generator))
    seed = int(torch.randint(2**31, (), generator=generator))
    x, y = answer(points, labels, size, torch.Generator().manual_seed(seed))
    again, _ = answer(points, labels, size, torch.Generator().manual_seed(seed))
    seen = {"dimensions of the points": x.ndim, "dimensions of the labels": y.ndim}
    if x.ndim != 2 or y.ndim != 1:
        return seen
    rows = torch.cdist(x, points).argmin(1)
    n = min(len(x), len(y))
    return seen | {
        "how many points a batch of random size has": len(x),
        "how many labels a batch of random size has": len(y),
        "share of pairs that the data has, to one digit": _tenths(labels[rows][:n] == y[:n]),
        "how many different labels occur": len(y.unique()),
        "share of points that come again from a generator in the same state, to one digit": _tenths(
            (x[: len(again)] == again[: len(x)]).all(dim=1)
        ),
    }


def _tenths(right: torch.Tensor) -> float:
    return round(right.double().mean().item(), 1)


def _chance(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    asked, made = (1.5 * torch.randn(2, 6, generator=generator)).softmax(1)
    return {"the accuracy for random shares": answer(asked, made)}


def _variance(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    labels = torch.arange(4).repeat(12)
    place, made_place = 3 * torch.randn(2, 4, 3, generator=generator)
    width, made_width = 0.3 + 2 * torch.rand(2, 4, 3, generator=generator)
    real = place[labels] + width[labels] * torch.randn(48, 3, generator=generator)
    asked = labels[torch.randperm(48, generator=generator)]
    made = made_place[asked] + made_width[asked] * torch.randn(48, 3, generator=generator)
    return {"the ratio for random features": answer(made, asked, real, labels)}


def _codes(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    a, b = 2 * torch.randn(2, 5, generator=generator)
    return {"the vectors of five random classes": answer(a, b)}


EXERCISES = (
    Exercise(
        "cgan-listing",
        "Find the bug: a condition that is an argument",
        "find-the-bug",
        _listing,
        hints=(
            "Follow c through the listing. In which line does it meet the point?",
            "one_hot(c, classes) gives whole numbers, one row a sample. A linear layer wants floats.",
            "How many inputs has the first layer now, if a point has two numbers and the code one for each class?",
        ),
    ),
    Exercise(
        "cgan-bug",
        "Find the bug: a game that is won by not listening",
        "find-the-bug",
        _batch,
        hints=(
            "What does the symptom say about *real* pairs? No network was involved.",
            "How many draws decide about one pair, and how many should?",
            "Shuffle the rows of a table, and the pairs stay. Shuffle one column, and they do not.",
        ),
    ),
    Exercise(
        "cgan-chance",
        "What is chance?",
        "derive",
        _chance,
        hints=(
            "When is an order for class k fulfilled by somebody who does not listen?",
            "Order and sample are independent: what is the probability that both are k?",
            "Sum it over the classes. Check it with equal shares of orders: it must be 1/K.",
        ),
    ),
    Exercise(
        "cgan-variance",
        "Variety, class by class",
        "implement",
        _variance,
        hints=(
            "features[asked == k] are the samples ordered as class k. In which dimension is their variance taken?",
            "One ratio for each class: summed variance over summed variance.",
            "Only the ratios are averaged, at the very end.",
        ),
    ),
    Exercise(
        "cgan-projection",
        "What projection can hold",
        "derive",
        _codes,
        hints=(
            "The best logit is log p(x | y) - log q(x | y). The normalising constants cancel.",
            "Multiply both squares out. Which terms are left, and with which power of x?",
            "The first column goes with x, the second with the constant 1.",
        ),
    ),
)
