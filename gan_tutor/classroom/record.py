"""What an exercise is: what is asked and observed (`Exercise`), and what is right and usually goes wrong (`Answer`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch

Kind = Literal["derive", "implement", "modify", "predict", "find-the-bug"]
Probe = Callable[[Any, torch.Generator], Any]


@dataclass(frozen=True)
class Exercise:
    """One exercise, without its answer: this record may lie in the same process as the student's code.

    Attributes:
        name: Its name in `classroom.check`, its label in the chapter, and the `grade_id` of its answer cell.
        title: Its heading.
        kind: What the student does.
        probe: Maps (answer, generator) to what is observed: numbers, strings and tensors, in a dict whose keys say in
            words what they are. It draws every input from the generator, so that inputs are new in each round, and it
            returns numbers, never a verdict: a verdict can be faked by code that runs beside it.
        hints: Hints that `classroom.hint` gives one by one, from a nudge to the last step before the solution.
        rounds: How many seeds an answer is probed with.
        rtol: Relative tolerance of a number.
        atol: Absolute tolerance of a number.
        points: Points of its check in the grade book.
    """

    name: str
    title: str
    kind: Kind
    probe: Probe
    hints: tuple[str, ...]
    rounds: int = 3
    rtol: float = 1e-3
    atol: float = 1e-5
    points: int = 1


def named_numbers(*names: str) -> Probe:
    """Return the probe of a dict of numbers that the student worked out."""
    return lambda answer, generator: {name: float(answer[name]) for name in names}


class Mistake(NamedTuple):
    """A classic mistake: a wrong answer, recognised by what it does.

    Attributes:
        key: A short name, unique in its exercise; tests call it so.
        answer: The answer of somebody who makes this mistake.
        hint: What to think about, in a sentence or two; never the solution.
    """

    key: str
    answer: Any
    hint: str


class Answer(NamedTuple):
    """What the check compares with.

    Attributes:
        right: A right answer, as a student would hand it in.
        mistakes: Classic mistakes; the first one that behaves like the student's answer gives its hint.
    """

    right: Any
    mistakes: tuple[Mistake, ...] = ()


class Verdict(NamedTuple):
    """What came out of a check.

    Attributes:
        right: Whether the answer behaves as asked.
        mistake: The key of the recognised mistake, of a general one such as "nothing-returned", or "" if right.
        hint: What to think about; "" if right.
    """

    right: bool
    mistake: str = ""
    hint: str = ""
