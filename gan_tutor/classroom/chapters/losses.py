"""Exercises of chapter 4."""

from typing import Any

import torch
from torch import Tensor

from gan_tutor.classroom.record import Exercise, named_numbers


def _logits(generator: torch.Generator, n: int = 7) -> tuple[Tensor, Tensor]:
    """Draw real and fake logits that differ in mean and spread, so that no exchange goes unseen."""
    real = 1.5 + torch.randn(n, generator=generator)
    return real, 2 * torch.randn(n, generator=generator) - 1


def _loss_of_d(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    real, fake = (logits.requires_grad_() for logits in _logits(generator))
    loss = answer(real, fake)
    slopes: Any = (None, None)
    if isinstance(loss, Tensor) and loss.ndim == 0 and loss.requires_grad:
        slopes = torch.autograd.grad(loss, (real, fake), allow_unused=True)
    return {
        "the loss of random logits": loss,
        "the gradient in the real logits": slopes[0],
        "the gradient in the fake logits": slopes[1],
    }


def _best_probability(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    p, q, a, b = (0.1 + 0.8 * torch.rand(4, generator=generator)).tolist()
    return {"the probability at a random point": answer(p, q, a, b)}


EXERCISES = (
    Exercise(
        "losses-too-convincing",
        "Too convincing",
        "derive",
        named_numbers("minimax", "nonsaturating", "least_squares", "hinge"),
        hints=(
            "The table's fourth column has the formula of each slope; here the batch is one logit, 5.",
            "sigma(5) = 1 / (1 + exp(-5)) is about 0.993, and sigma(-5) = 1 - sigma(5).",
            "G lowers its loss: a negative slope raises the logit. One of the four is positive.",
        ),
        rtol=0.01,
        atol=6e-4,
    ),
    Exercise(
        "losses-ragan",
        "The average relativistic loss",
        "implement",
        _loss_of_d,
        hints=(
            "There are two terms of the same form. Each compares every logit of one kind with one number.",
            "Where does the mean of the other kind stand: inside softplus, or outside?",
            "D wants real logits above the mean fake one: the first term has to fall as a real logit rises.",
        ),
    ),
    Exercise(
        "losses-two-sided",
        "Derive the two-sided optimum",
        "derive",
        _best_probability,
        hints=(
            "Write what D pays at one point: p times the cross-entropy with target a, plus q times that with target b.",
            "In the logit l the cross-entropy with target t is softplus(l) - t l. What is its derivative?",
            "Set p (s - a) + q (s - b) = 0 with s = sigma(l), and solve for s.",
        ),
    ),
    Exercise(
        "losses-scale",
        "A loss without a bottom",
        "predict",
        named_numbers("nonsaturating", "least_squares", "hinge", "wasserstein", "relativistic"),
        hints=(
            "Take one right pair, real logit k and fake logit -k, and write each loss as a function of k.",
            "softplus(-k) goes to 0. max(0, 1 - k) is 0 from k = 1 on. (k - 1)^2 grows.",
            "Infinity is math.inf, and a loss that falls for ever has the limit -math.inf.",
        ),
    ),
    Exercise(
        "losses-published-wgan",
        "Find the bug: a published Wasserstein loss",
        "find-the-bug",
        _loss_of_d,
        hints=(
            "What is the slope of a Wasserstein loss in a logit? Compare it with the symptom.",
            "A critic's answer is no probability and has no target: neither a sigmoid nor a square belongs here.",
            "D minimises; it wants real logits high and fake logits low.",
        ),
    ),
)
