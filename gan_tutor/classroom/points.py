"""Points of checks: numbers from 0 on, as in nbgrader's format, added exactly, shown without needless zeros."""

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

Points = int | float | Fraction


def total(points: Iterable[Points]) -> Fraction:
    """Return the exact sum: ten checks of 0.1 points are worth 1, which they are not in floating point."""
    return sum(map(exact, points), start=Fraction())


def exact(points: Points) -> Fraction:
    """Return the number that is written in the file: 1/10 for 0.1, not the float closest to it."""
    return Fraction(str(points))


def shown(points: Points) -> str:
    """Return points as text for a page or a table: 2, 0.5 or 12.25."""
    number = exact(points)
    for digits in range(400):  # a float's decimals end before
        shifted = number * 10**digits
        if shifted.denominator == 1:
            text = str(shifted.numerator).rjust(digits + 1, "0")
            return f"{text[:-digits]}.{text[-digits:]}" if digits else text
    return str(number)


def are_points(value: Any) -> bool:
    """Tell whether a value of a cell's metadata is allowed as its points: a finite number, 0 or more."""
    return type(value) in (int, float) and math.isfinite(value) and value >= 0
