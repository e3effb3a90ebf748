"""Spoilers: right answers and classic mistakes of chapter 11."""

from typing import Any

import torch
from torch import Tensor

from gan_tutor.classroom.record import Answer, Mistake


def operations(
    f_g: float, f_d: float, batch: int, k: int, *, in_d: float = 6, made: float = 1, in_g: float = 3, through: float = 3
) -> float:
    """Count a turn; the keywords are how many passes of D and G each player's step takes."""
    return batch * (k * (made * f_g + in_d * f_d) + in_g * f_g + through * f_d)


def _count(**passes: float) -> Any:
    return lambda f_g, f_d, batch, k: operations(f_g, f_d, batch, k, **passes)


def timed(
    card: Any, turn: Any, n: int, *, warm: int = 10, before: bool = True, after: bool = True, each: bool = False
) -> float:
    """Time n turns on a device; the keywords leave out one precaution each."""
    for _ in range(warm):
        card.launch(turn)
    if before:
        card.synchronize()
    began = card.clock()
    for _ in range(n):
        card.launch(turn)
        if each:
            card.synchronize()
    if after:
        card.synchronize()
    seconds: float = (card.clock() - began) / n
    return seconds


def _timer(**left_out: Any) -> Any:
    return lambda card, turn, n: timed(card, turn, n, **left_out)


def combined(gradients: Tensor, rows: Tensor) -> Tensor:
    """Return the gradient of the mean over all rows."""
    return (gradients * (rows / rows.sum())[:, None]).sum(0)


def matching(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """Return the feature-matching loss of the whole batch."""
    return (torch.cat(real).mean(0) - torch.cat(fake).mean(0)).square().mean()


def local_matching(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """Return the mean of the ranks' own losses."""
    return torch.stack([matching([a], [b]) for a, b in zip(real, fake, strict=True)]).mean()


_A, _B = 0.904, 0.006

ANSWERS = {
    "scaling-count": Answer(
        operations,
        (
            Mistake(
                "one-batch",
                _count(in_d=3),
                "D's step is trained on real and on generated samples. How many batches is that?",
            ),
            Mistake(
                "one-way-back",
                _count(in_d=4, in_g=2, through=3),
                "Backward there are two products for each layer: one for its input, one for its weights.",
            ),
            Mistake(
                "not-frozen",
                _count(through=4),
                "In G's step D is frozen. Does anyone need the gradient of its weights there?",
            ),
            Mistake(
                "shared-fakes",
                _count(in_g=2),
                "This program's G step makes its own fakes: a forward pass of G that the equation does not have.",
            ),
            Mistake(
                "unpaired",
                _count(through=2),
                "The loss is paired: what does D do with the real batch in G's step?",
            ),
            Mistake(
                "free-fakes",
                _count(made=0),
                "D's step needs fakes, and somebody has to make them.",
            ),
            Mistake(
                "g-trains-with-d",
                _count(made=3),
                "In D's step G is a constant: its fakes cost a forward pass and nothing more.",
            ),
        ),
    ),
    "scaling-line": Answer(
        {"a": _A, "b": _B, "bend": _A / _B, "fast": _A + 16 * _B / 100},
        (
            Mistake(
                "a-is-the-smallest",
                {"a": 1.0, "b": _B, "bend": 1.0 / _B, "fast": 1.0 + 16 * _B / 100},
                "At N = 16 the turn already does some arithmetic: a is what is left at N = 0.",
            ),
            Mistake(
                "in-proportion",
                {"a": 0.0, "b": 25 / 4016, "bend": 0.0, "fast": 16 * 25 / 4016 / 100},
                "In proportion, N = 16 would take a tenth of a millisecond. It took 1.0: a is not 0.",
            ),
            Mistake(
                "all-faster",
                {"a": _A, "b": _B, "bend": _A / _B, "fast": 0.01},
                "The arithmetic becomes faster, Python does not. Which of a and b is divided by 100?",
            ),
            Mistake(
                "bend-upside-down",
                {"a": _A, "b": _B, "bend": _B / _A, "fast": _A + 16 * _B / 100},
                "At the bend a = b N. Solve for N.",
            ),
        ),
    ),
    "scaling-timing": Answer(
        timed,
        (
            Mistake(
                "no-wait-at-the-end",
                _timer(after=False),
                "This is the time of handing the turns over. When the clock is read, the device is still busy.",
            ),
            Mistake(
                "no-wait-at-the-start",
                _timer(before=False),
                "What was still running when you came, and the warm-up, is on your bill.",
            ),
            Mistake("cold", _timer(warm=0), "The first turns are slow, and they are counted here."),
            Mistake(
                "cold-and-no-wait-at-the-start",
                _timer(warm=0, before=False),
                "The first turns are slow, and what was still running when you came is counted too.",
            ),
            Mistake(
                "waits-each-turn",
                _timer(each=True),
                "Host and device work one after the other here. Wait when all turns are handed over.",
            ),
        ),
    ),
    "scaling-ranks": Answer(
        combined,
        (
            Mistake(
                "plain-mean",
                lambda gradients, rows: gradients.mean(0),
                "Each rank counts the same, whatever its rows: samples of small shares weigh more.",
            ),
            Mistake(
                "sum",
                lambda gradients, rows: gradients.sum(0),
                "These are means of the ranks. With four ranks, their sum is about four times too long.",
            ),
            Mistake(
                "not-divided",
                lambda gradients, rows: (gradients * rows[:, None]).sum(0),
                "This is the gradient of the sum over all rows, not of their mean.",
            ),
            Mistake(
                "inverse",
                lambda gradients, rows: (gradients * ((1 / rows) / (1 / rows).sum())[:, None]).sum(0),
                "The rank with few rows weighs most here. It should weigh least.",
            ),
            Mistake(
                "mean-of-weighted",
                lambda gradients, rows: combined(gradients, rows) / len(rows),
                "The weights add up to 1 already; a mean over the ranks divides once more.",
            ),
        ),
    ),
    "scaling-features": Answer(
        matching,
        (
            Mistake(
                "local-losses",
                local_matching,
                "This is the mean of the ranks' own losses, each with its own noise. What is squared too early?",
            ),
            Mistake(
                "summed-over-features",
                lambda real, fake: (torch.cat(real).mean(0) - torch.cat(fake).mean(0)).square().sum(),
                "The squared differences are to be averaged over the features, not added up.",
            ),
            Mistake(
                "summed-over-ranks",
                lambda real, fake: matching(real, fake) * len(real) ** 2,
                "The means of the ranks are added up. In equal shares, what is the whole batch's mean?",
            ),
            Mistake(
                "sample-by-sample",
                lambda real, fake: (torch.cat(real) - torch.cat(fake)).square().mean(),
                "This compares one real sample with one generated sample. The loss compares batch means.",
            ),
            Mistake(
                "detached",
                lambda real, fake: matching(real, fake).detach(),
                "The value is right, but nothing can be learned from it: its graph was cut.",
            ),
        ),
    ),
}
