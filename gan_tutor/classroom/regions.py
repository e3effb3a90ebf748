"""Regions of a cell that students do not get, marked as nbgrader marks them: by words anywhere in a line.

A line with BEGIN HIDDEN TESTS begins such a region and a line with END HIDDEN TESTS ends it, whatever else stands in
these lines. What nbgrader refuses is refused here too, and so is what only looks like such a line: a region that is not
recognised would be handed out.
"""

import re

SOLUTION, HIDDEN, SCHEME = "SOLUTION", "HIDDEN TESTS", "MARK SCHEME"
KINDS = (SOLUTION, HIDDEN, SCHEME)
# A comment that begins with such words, in other letters, numbers or distances; or a test that nbgrader would write.
ALMOST = re.compile(
    r"^\s*(?:#+|//+|%+|/\*+|--+|<!--+)\s*"
    r"(?:(?:begin|end|start|stop)\W*_*\W*(?:of\W+)?(?:the\W+)?"
    r"(?:model\W+)?(?:solutions?|hidden\W*_*\W*tests?|mark(?:ing)?\W*_*\W*schemes?)\b|(?:hashed\s+)?autotest\b)",
    re.IGNORECASE,
)


def without(source: str, kind: str, stub: str | None = None) -> str:
    """Return a cell's source without its regions of a kind; a stub stands in place of each, indented like its mark.

    Args:
        source: Of the cell.
        kind: SOLUTION, HIDDEN or SCHEME.
        stub: Lines to put in place of a region, or None for nothing.

    Raises:
        ValueError: A region does not begin, does not end, or lies in another.
    """
    kept: list[str] = []
    inside = False
    for line in source.split("\n"):
        if f"BEGIN {kind}" in line:
            if inside:
                raise ValueError(f"a region begins within another: BEGIN {kind} comes twice before END {kind}")
            inside = True
            indent = line[: len(line) - len(line.lstrip())]
            kept += [indent + one for one in stub.split("\n")] if stub is not None else []
        elif f"END {kind}" in line:
            if not inside:
                raise ValueError(f"a region does not begin: END {kind} comes without BEGIN {kind}")
            inside = False
        elif not inside:
            kept.append(line)
    if inside:
        raise ValueError(f"a region does not end: BEGIN {kind} comes without END {kind}")
    return "\n".join(kept)


def found(source: str) -> list[str]:
    """Return the kinds of regions that a cell has marks of."""
    return [kind for kind in KINDS if f"BEGIN {kind}" in source or f"END {kind}" in source]


def doubtful(source: str) -> str:
    """Return the first line that looks like a mark and is none, or ""."""
    marks = [f"{edge} {kind}" for edge in ("BEGIN", "END") for kind in KINDS]
    lines = (line for line in source.split("\n") if not any(mark in line for mark in marks))
    return next((line.strip() for line in lines if ALMOST.match(line)), "")
