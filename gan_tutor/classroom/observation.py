"""Observe an answer: run its probe on seeded inputs, and write down what it did as plain numbers and strings.

An observation can leave the process as JSON, and nothing in it is an object of the student's.
"""

import contextlib
import hashlib
import io
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from gan_tutor.classroom import plain, state
from gan_tutor.classroom.record import Exercise

LIMIT = 20_000  # numbers in one observation
LONGEST = 200  # characters of a string
DIMENSIONS = 64  # of a tensor


class Seen(NamedTuple):
    """One observed thing.

    Attributes:
        path: Where it stands in what the probe returned, in words.
        kind: "number", "text", "nothing", "raised" or "other".
        shape: Shape of a tensor, () for a single number.
        values: Numbers in row order; or one string.
    """

    path: str
    kind: str
    shape: tuple[int, ...]
    values: tuple[Any, ...]


Observation = tuple[Seen, ...]


def seeds(name: str, rounds: int, secret: bytes = b"") -> list[int]:
    """Return the seeds of an exercise's rounds; `secret` makes them unknown to whoever does not hold it."""
    digests = (hashlib.sha256(secret + f"{name}:{k}".encode()).digest() for k in range(rounds))
    return [int.from_bytes(digest[:6], "big") for digest in digests]


def observe(exercise: Exercise, answer: Any, rounds: Sequence[int]) -> list[Observation]:
    """Probe an answer once for each seed.

    What the answer prints or warns is dropped, what it raises is observed, and torch's settings and the global
    generators are those of a new process, seeded: neither an earlier answer nor the notebook around it plays a part.
    """
    return [_once(exercise, answer, seed) for seed in rounds]


def _once(exercise: Exercise, answer: Any, seed: int) -> Observation:
    own = torch.Generator().manual_seed(seed)
    with _quiet(), state.known(seed + 1):
        try:
            found = exercise.probe(answer, own)
            return tuple(_flatten(found, ""))
        except (Exception, SystemExit) as error:  # any error of the answer is an observation
            return (Seen("", "raised", (), (plain.line(type(error).__name__, LONGEST), _sentence(error))),)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield


def _flatten(found: Any, path: str) -> Iterator[Seen]:
    if isinstance(found, dict):
        for key, value in found.items():
            yield from _flatten(value, f"{path}, {key}" if path else str(key))
    elif isinstance(found, list | tuple):
        for k, value in enumerate(found, start=1):
            yield from _flatten(value, f"{path}, number {k}" if path else f"number {k}")
    else:
        yield _leaf(found, path)


def _leaf(found: Any, path: str) -> Seen:
    path = plain.line(path, LONGEST)
    if isinstance(found, torch.Tensor | np.ndarray | np.generic):
        # Not torch.as_tensor: it would follow a default device that the answer has set.
        tensor = found if isinstance(found, torch.Tensor) else torch.from_numpy(np.asarray(found))
        numbers = tensor.detach().to("cpu", torch.float64)
        if numbers.numel() > LIMIT:
            return Seen(path, "other", (), (f"{numbers.numel()} numbers",))
        return Seen(path, "number", tuple(numbers.shape), tuple(numbers.flatten().tolist()))
    if isinstance(found, bool | int | float):
        return Seen(path, "number", (), (float(found),))
    if isinstance(found, str):
        return Seen(path, "text", (), (plain.text(str(found)[:LONGEST])[:LONGEST].strip().lower(),))
    if found is None:
        return Seen(path, "nothing", (), ())
    return Seen(path, "other", (), (plain.line(type(found).__name__, LONGEST),))


def _sentence(error: BaseException) -> str:
    try:
        return plain.line(str(error), LONGEST)
    except Exception:  # an exception of the student's may not even have a text
        return ""


def to_json(observations: list[Observation]) -> list[Any]:
    """Return what `from_json` reads back."""
    return [[list(seen) for seen in observation] for observation in observations]


def from_json(data: Any) -> list[Observation]:
    """Read observations that came from another, perhaps hostile, process; their strings are made plain here.

    Raises:
        ValueError: The data do not have an observation's form, or a number in them is none that a tensor can hold.
    """
    try:
        return [tuple(_checked(*seen) for seen in observation) for observation in data]
    except (TypeError, OverflowError) as error:
        raise ValueError(f"an observation must be a list of [path, kind, shape, values]: {error}") from error


def _checked(path: Any, kind: Any, shape: Any, values: Any) -> Seen:
    if kind not in ("number", "text", "nothing", "raised", "other") or not isinstance(path, str):
        raise ValueError(f"an observation has a path and a kind, got {path!r:.50} and {kind!r:.50}")
    if not all(type(size) is int and 0 <= size < 2**63 for size in shape) or len(shape) > DIMENSIONS:
        raise ValueError(f"a shape has at most {DIMENSIONS} sizes, whole numbers from 0 on")
    path = plain.line(path, LONGEST)
    if kind == "number":
        if not all(type(value) in (int, float) for value in values):
            raise ValueError("values of kind number must be int or float, got others")
        return Seen(path, kind, tuple(shape), tuple(map(float, values)))
    if len(values) > 2 or not all(isinstance(value, str) for value in values):
        raise ValueError(f"values of kind {kind} must be at most two strings, got others")
    return Seen(path, kind, tuple(shape), tuple(plain.text(value[:LONGEST])[:LONGEST] for value in values))


def agree(ours: Observation, theirs: Observation, rtol: float, atol: float) -> bool:
    """Whether two observations are the same up to rounding."""
    return len(ours) == len(theirs) and all(map(lambda a, b: same(a, b, rtol, atol), ours, theirs))


def same(a: Seen, b: Seen, rtol: float, atol: float) -> bool:
    """Whether two observed things are the same up to rounding; errors are the same if their types are."""
    if (a.path, a.kind, a.shape) != (b.path, b.kind, b.shape) or len(a.values) != len(b.values):
        return False
    if a.kind == "number":
        return all(map(lambda x, y: _close(x, y, rtol, atol), a.values, b.values))
    return a.values[:1] == b.values[:1]


def _close(x: float, y: float, rtol: float, atol: float) -> bool:
    return math.isclose(x, y, rel_tol=rtol, abs_tol=atol)  # nan is close to nothing, an infinity only to itself
