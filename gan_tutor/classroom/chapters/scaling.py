"""Exercises of chapter 11."""

from typing import Any

import torch

from gan_tutor.classroom.record import Exercise, named_numbers


class Card:
    """A make-believe device that works on its own while its host goes on, with clocks that always say the same.

    Args:
        seconds: What a turn takes once it is warm; the first turns take longer.
        backlog: Work in seconds that somebody has left running.
    """

    HANDING_OVER = 2e-5
    COLD_TURNS = 6

    def __init__(self, seconds: float, backlog: float = 0.0) -> None:
        self.seconds = seconds
        self.host, self.busy_until, self.turns = 100.0, 100.0 + backlog, 0

    def launch(self, turn: Any) -> None:
        """Hand a turn over, and return before it is done."""
        cold = 10 if self.turns < self.COLD_TURNS else 1
        self.turns += 1
        self.host += self.HANDING_OVER
        self.busy_until = max(self.busy_until, self.host) + cold * self.seconds

    def synchronize(self) -> None:
        """Wait until everything that was handed over is done."""
        self.host = max(self.host + self.HANDING_OVER, self.busy_until)

    def clock(self) -> float:
        """Return the host's time in seconds."""
        return self.host


def _draw(generator: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def _operations(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    f_g, f_d = round(_draw(generator, 1e3, 1e5)), round(_draw(generator, 1e3, 1e5))
    return {
        "a turn with one step of D": answer(f_g, f_d, 32, 1),
        "a turn with three steps of D": answer(f_g, f_d, 32, 3),
        "a turn of twice the samples": answer(f_g, f_d, 64, 1),
    }


def _timing(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    seen = {}
    for name, backlog in (("an idle device", 0.0), ("a device with work left on it", 3.0)):
        card = Card(_draw(generator, 0.001, 0.01), backlog)
        n = int(_draw(generator, 20, 60))
        seen[f"milliseconds of a turn on {name}, in units of the true ones"] = answer(card, None, n) / card.seconds
    return seen


def _combined(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    gradients = torch.randn(4, 6, generator=generator)
    rows = torch.randint(1, 40, (4,), generator=generator)
    return {
        "the gradient of unequal shares": answer(gradients, rows),
        "of equal shares": answer(gradients, torch.full((4,), 5)),
    }


def _matching(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    real, fake = torch.randn(2, 12, 5, generator=generator)
    fake = (fake + 0.5).requires_grad_()
    loss = answer(list(real.chunk(3)), list(fake.chunk(3)))
    trains = isinstance(loss, torch.Tensor) and loss.ndim == 0 and loss.requires_grad
    gradient = torch.autograd.grad(loss, fake)[0] if trains else None
    return {"the loss of the whole batch": loss, "its gradient at the generated samples' features": gradient}


EXERCISES = (
    Exercise(
        "scaling-count",
        "Count a turn",
        "derive",
        _operations,
        hints=(
            "Write a line for each pass: which network, which batch, forward, back to the input, back to the weights?",
            "D's step: D sees two batches and is trained. G's step: D is frozen, but the gradient passes through it.",
            "G's step with its own fakes trains G: forward, input and weights. The paired loss adds one forward pass.",
        ),
    ),
    Exercise(
        "scaling-line",
        "Where is the bend?",
        "derive",
        named_numbers("a", "b", "bend", "fast"),
        hints=(
            "Two measurements and two unknowns: subtract one equation from the other.",
            "At the bend, a and b N are equal.",
            "A faster processor changes b only.",
        ),
        rtol=5e-3,
    ),
    Exercise(
        "scaling-timing",
        "Find the bug: a clock that does not wait",
        "find-the-bug",
        _timing,
        hints=(
            "What has happened on the device when the first clock is read, and when the second one is?",
            "Wait at both ends: so that nothing is running at the start, and nothing is left at the end.",
            "The warm-up comes first, and it too must be over before the clock is read.",
        ),
    ),
    Exercise(
        "scaling-ranks",
        "Find the bug: unequal shares",
        "find-the-bug",
        _combined,
        hints=(
            "A rank's mean times its rows is a sum over its rows. What is the sum over all?",
            "Weights that add up to 1: which share of all rows has a rank?",
            "rows[:, None] lets a weight for each rank multiply a row of gradients.",
        ),
    ),
    Exercise(
        "scaling-features",
        "Feature matching over ranks",
        "implement",
        _matching,
        hints=(
            "Which of the two means, over the batch and over the features, stands inside the square?",
            "The mean of all real samples' features, from the ranks' means, in equal shares, is one more mean.",
            "The result must keep its graph: no .item(), no detach.",
        ),
    ),
)
