"""Judge observations: right, a classic mistake, or a mistake of a general kind."""

import importlib
import math
import statistics
from typing import NamedTuple

from gan_tutor.classroom import observation
from gan_tutor.classroom.observation import Observation, Seen
from gan_tutor.classroom.record import Answer, Exercise, Mistake, Verdict

UNFINISHED = "The starter's NotImplementedError is still there: put your answer in its place."


def answer_of(exercise: Exercise, chapter: str) -> Answer:
    """Return what an exercise's answers are compared with; its module is loaded here and nowhere else."""
    module = importlib.import_module(f"gan_tutor.classroom.answers.{chapter}")
    answers: dict[str, Answer] = module.ANSWERS
    return answers[exercise.name]


class Key(NamedTuple):
    """What the right answer and each mistake do in given rounds.

    Attributes:
        right: Observations of the right answer.
        mistakes: Each mistake with its observations.
    """

    right: list[Observation]
    mistakes: tuple[tuple[Mistake, list[Observation]], ...]


def key(exercise: Exercise, answer: Answer, rounds: list[int]) -> Key:
    """Observe the right answer and the mistakes in rounds with these seeds."""
    return Key(
        observation.observe(exercise, answer.right, rounds),
        tuple((mistake, observation.observe(exercise, mistake.answer, rounds)) for mistake in answer.mistakes),
    )


def judge(exercise: Exercise, key: Key, found: list[Observation]) -> Verdict:
    """Compare what was observed of a student's answer with the right one, then with the classic mistakes."""
    if _all_agree(exercise, key.right, found):
        return Verdict(True)
    for mistake, observations in key.mistakes:
        if _all_agree(exercise, observations, found):
            return Verdict(False, mistake.key, mistake.hint)
    return _general(exercise, key.right, found)


def _all_agree(exercise: Exercise, ours: list[Observation], theirs: list[Observation]) -> bool:
    if len(ours) != len(theirs):
        return False
    return all(observation.agree(a, b, exercise.rtol, exercise.atol) for a, b in zip(ours, theirs, strict=True))


def _general(exercise: Exercise, wanted: list[Observation], found: list[Observation]) -> Verdict:
    """Say what can be said of any wrong answer: the first thing that differs, and how."""
    for ours, theirs in zip(wanted, found, strict=False):
        if len(theirs) == 1 and theirs[0].kind == "raised":
            return _raised(*[str(value) for value in theirs[0].values][:2])
        for k, (a, b) in enumerate(zip(ours, theirs, strict=False)):
            if not observation.same(a, b, exercise.rtol, exercise.atol):
                form = _form(a, b)
                return form or Verdict(False, *_numbers(a.path, _column(wanted, k), _column(found, k)))
        if len(ours) != len(theirs):
            return Verdict(False, "count", f"{len(ours)} values are needed, {len(theirs)} came.")
    return Verdict(False, "incomplete", "The answer could not be observed to the end.")


def _raised(name: str = "", sentence: str = "") -> Verdict:
    if name == "NotImplementedError":
        return Verdict(False, "unfinished", UNFINISHED)
    return Verdict(False, "raised", f"Your answer raised {name}: {sentence}")


def _form(ours: Seen, theirs: Seen) -> Verdict | None:
    """Name a difference that is not one of numbers."""
    where = _where(ours.path)
    if theirs.kind == "nothing":
        return Verdict(
            False, "nothing-returned", f"{where}nothing came. Does your function end with return, and use its input?"
        )
    if ours.path != theirs.path:
        return Verdict(False, "kind", f"{ours.path or 'one value'} is needed, {theirs.path or 'one value'} came.")
    if ours.kind != theirs.kind:
        kinds = {"number": "a number or tensor", "text": "a string", "nothing": "None"}
        came = theirs.values[0] if theirs.kind == "other" and theirs.values else kinds.get(theirs.kind, theirs.kind)
        return Verdict(False, "kind", f"{where}{kinds.get(ours.kind, ours.kind)} is needed, {came} came.")
    if ours.shape != theirs.shape:
        return Verdict(False, "shape", f"{where}shape {ours.shape} is needed, {theirs.shape} came.")
    return None if ours.kind == "number" else Verdict(False, "other", f"{where}another answer is right.")


def _numbers(path: str, ours: list[float], theirs: list[float]) -> tuple[str, str]:
    """Name a difference of numbers, over all rounds: not finite, or one factor between all of them."""
    where = _where(path)
    if not all(map(math.isfinite, theirs)) and all(map(math.isfinite, ours)):
        return "not-finite", f"{where}infinite or not a number. Is there a logarithm or a root of 0?"
    ratios = [y / x for x, y in zip(ours, theirs, strict=False) if abs(x) > 1e-6]
    if ratios and max(ratios) - min(ratios) <= 1e-3 * max(map(abs, ratios)):
        factor = statistics.median(ratios)  # a mean of large numbers could overflow
        if abs(factor + 1) < 1e-3:
            return "sign", f"{where}the sign is the opposite of the right one."
        if len(set(ours)) > 1 and abs(factor) > 1e-6:
            return "factor", f"{where}every number is {factor:.3g} times the right one."
    return "other", f"{where}other numbers are right. classroom.hint has a hint."


def _column(observations: list[Observation], k: int) -> list[float]:
    seen = (observation[k] for observation in observations if len(observation) > k)
    return [value for one in seen if one.kind == "number" for value in one.values]


def _where(path: str) -> str:
    return f"{path}: " if path else ""
