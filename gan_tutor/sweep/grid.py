"""What a sweep is asked for: axes as text, `lr_d=1e-5..1e-1:9:log`, and the recipes of all their combinations.

An axis is `field=values`. Values are a list `hinge,wasserstein`, whole numbers `0..4` (both ends belong to it), or
numbers between two ends: `0..1:5` are five in equal steps, `1e-4..1e-1:7:log` seven in equal ratios. Fields joined
by `+` take the same value: `lr_g+lr_d=1e-4..1e-1:7:log`.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, get_type_hints

from gan_tutor.recipes import Recipe
from gan_tutor.sweep.groups import check

_HINTS = get_type_hints(Recipe)
MOST = 100_000
"""GANs that a sweep can have: more would take days, and minutes before the first of them is played."""
Axis = tuple[tuple[str, ...], list[Any]]


def axis(text: str) -> Axis:
    """Return the fields that an axis moves together, and its values in order.

    Raises:
        ValueError: The text is no axis, names an unknown field, or holds no, equal or too many values.
    """
    left, equals, right = text.partition("=")
    names = tuple(left.split("+"))
    known = [field.name for field in fields(Recipe)]
    for name in names:
        if name not in known:
            raise ValueError(
                f"an axis must name a field of a recipe, got {name!r} in {text!r}; they are {', '.join(known)}"
            )
    if not equals or not right:
        raise ValueError(f"an axis must be field=values, such as lr_d=1e-5..1e-1:9:log or seed=0..4, got {text!r}")
    values = _range(right, text) if ".." in right else right.split(",")
    converted = [_as(_HINTS[names[0]], value, text) for value in values]
    if not converted:
        raise ValueError(f"a range must go up, {text!r} holds none")
    if len(set(converted)) < len(converted):
        raise ValueError(f"the values of an axis must differ, got {', '.join(map(str, converted))} from {text!r}")
    return names, converted


def combinations(start: Recipe, grid: Sequence[str]) -> list[Recipe]:
    """Return the recipe of every combination of the axes' values; the last axis changes fastest.

    Raises:
        ValueError: An axis is wrong, two axes move one field, there are too many combinations, or a recipe is
            impossible or cannot be part of a sweep.
    """
    axes = [axis(text) for text in grid]
    moved = [name for names, _ in axes for name in names]
    twice = sorted({name for name in moved if moved.count(name) > 1})
    if twice:
        raise ValueError(f"a field can be on one axis only, got {', '.join(twice)} on two")
    _check_count(math.prod(len(values) for _, values in axes), " x ".join(grid))
    found = []
    for values in itertools.product(*(values for _, values in axes)):
        chosen = {name: value for (names, _), value in zip(axes, values, strict=True) for name in names}
        recipe = replace(start, **chosen)
        check(recipe)
        found.append(recipe)
    return found


def _range(right: str, text: str) -> list[Any]:
    ends, *rest = right.split(":")
    low, high = ends.split("..", 1)
    try:
        if not rest:
            whole = range(int(low), int(high) + 1)
        else:
            first, last, count = float(low), float(high), int(rest[0])
    except ValueError as error:
        raise ValueError(f"a range must be 0..4, 0..1:5 or 1e-4..1e-1:7:log, got {right!r} in {text!r}") from error
    if not rest:
        _check_count(whole.stop - whole.start, text)
        return list(whole)
    _check_count(count, text)
    scale = ":".join(rest[1:])
    if scale not in ("", "log") or count < 2 or not math.isfinite(first + last) or (scale and min(first, last) <= 0):
        raise ValueError(
            f"a range needs at least 2 values, finite ends and, with :log, positive ones, got {right!r} in {text!r}"
        )
    shares = [k / (count - 1) for k in range(count)]
    if scale:
        return [_digits(first ** (1 - share) * last**share) for share in shares]
    return [_digits((1 - share) * first + share * last) for share in shares]


def _check_count(count: int, text: str) -> None:
    if count > MOST:
        raise ValueError(
            f"a sweep can have at most {MOST:,} GANs, got {count:,} from {text[:80]!r}: give fewer values, or several "
            "sweeps"
        )


def _digits(value: float) -> float:
    """Return the value with four digits: what a table shows is what was played."""
    return float(f"{value:.4g}")


def _as(hint: Any, value: Any, text: str) -> Any:
    if hint is bool:
        if value not in ("True", "False"):
            raise ValueError(f"a switch must be True or False, got {value!r} in {text!r}")
        return value == "True"
    if hint not in (int, float):
        return value
    try:
        return float(value) if hint is float else _whole(value)
    except (ValueError, OverflowError) as error:
        kind = "numbers" if hint is float else "whole numbers"
        raise ValueError(f"the values must be {kind}, got {value!r} in {text[:80]!r}") from error


def _whole(value: Any) -> int:
    """Return the whole number that a text stands for, also as 1e3; exactly, also beyond what a float can tell apart."""
    try:
        return int(value)
    except ValueError:
        number = float(value)
        if number != int(number):
            raise
        return int(number)
