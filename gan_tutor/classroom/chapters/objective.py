"""Exercises of chapter 2."""

from typing import Any

import torch
from torch import Tensor

from gan_tutor.classroom.record import Exercise, named_numbers


def _best_answer(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    p, q = (0.1 + torch.rand(2, generator=generator)).tolist()
    k = 1.5 + 3 * torch.rand((), generator=generator).item()
    return {"the best answer at a random point": answer(p, q, k)}


def _gap(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    p, q, y = 0.05 + 0.9 * torch.rand(3, 50, generator=generator, dtype=torch.float64)
    return {"how far below the bound": answer(p, q, y, 0.05)}


def _boxes(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    near, far = torch.rand(2, generator=generator).tolist()
    return {"the JSD at a shift below 1": answer(0.1 + 0.8 * near), "the JSD at a shift above 1": answer(1.2 + 2 * far)}


def _zero_sum(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    real = (1 + torch.randn(7, generator=generator)).requires_grad_()
    fake = (torch.randn(5, generator=generator) - 1).requires_grad_()
    sure = torch.full((3,), 50.0)
    seen: dict[str, Any] = {}
    for who, loss in zip(("D", "G"), _pair(answer(real, fake)), strict=True):
        seen[f"{who}'s loss"] = loss
        seen[f"the gradient of {who}'s loss in the fake logits"] = _slope(loss, fake)
    for who, loss in zip(("D", "G"), _pair(answer(-sure, sure)), strict=True):
        seen[f"{who}'s loss where D is wrong by logits of 50"] = loss
    return seen


def _pair(found: Any) -> tuple[Any, Any]:
    return tuple(found) if isinstance(found, tuple | list) and len(found) == 2 else (found, None)


def _slope(loss: Any, logits: Tensor) -> Tensor | None:
    if not (isinstance(loss, Tensor) and loss.ndim == 0 and loss.requires_grad):
        return None
    return torch.autograd.grad(loss, logits, retain_graph=True, allow_unused=True)[0]


EXERCISES = (
    Exercise(
        "objective-unbalanced",
        "More real samples than generated ones",
        "derive",
        _best_answer,
        hints=(
            "Up to a factor D maximises k E_p log y + E_q log(1 - y). What stands in front of log y at one point x?",
            "Step 3 of the derivation maximises a log y + b log(1 - y). What are a and b here?",
            "a = k p(x) and b = q(x). At q = p your formula must say k / (k + 1).",
        ),
    ),
    Exercise(
        "objective-gap",
        "How far below the bound?",
        "implement",
        _gap,
        hints=(
            "Write V as a sum over points of p log y + q log(1 - y), times the cell, once with y* and once with y.",
            "In the difference p meets log(y* / y). What does q meet?",
            "For y = y* nothing is lost, and an error where p + q is large costs more than the same error elsewhere.",
        ),
    ),
    Exercise(
        "objective-boxes",
        "Two boxes",
        "derive",
        _boxes,
        hints=(
            "Cut the line in three: only p, both, only q. What is p / m on each piece, and how much mass lies there?",
            "In the overlap p = q = m, so the logarithm is 0. Outside it is log 2.",
            "JSD is the mean of the two KL, each of them mass times log 2. From t = 1 on there is no overlap left.",
        ),
    ),
    Exercise(
        "objective-reading",
        "Reading a log",
        "predict",
        named_numbers("sum in bits", "mean over the batch", "two bits"),
        hints=(
            "JSD >= log 2 - L_D / 2, where L_D is the sum of two means, in nats. Bring each loss to that form first.",
            "One bit is log 2 nats. A mean over as many real as generated samples is half of the sum of two means.",
            "0.505 bits are 0.350 nats; a mean of 0.25 belongs to L_D = 0.5; two bits are the loss of a blind D.",
        ),
        rtol=0.002,
        atol=6e-4,
    ),
    Exercise(
        "objective-total-loss",
        "Find the bug: the total loss of a GAN",
        "find-the-bug",
        _zero_sum,
        hints=(
            "An optimiser makes what it gets small. Who wants V small, and who wants it large?",
            "The game is zero-sum: what one player pays the other gets. So the two losses add to 0, with all terms.",
            "The sigmoid of 50 is rounded to 1, and log(1 - 1) is infinite. Which function is log(1 + exp(l))?",
        ),
    ),
)
