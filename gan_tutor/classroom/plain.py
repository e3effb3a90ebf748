"""Strings of a submission made plain: safe to store, to print and to show, whatever they hold.

A notebook, an error or a file's name can hold half a character, which no file can store, a code that clears the
terminal, or a line break that forges a line of the grade book. Such characters are shown by their number, as Python
writes them: nothing is hidden, and nothing acts.
"""

import re

LONGEST = 500  # characters of a line

ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")  # colours and movements, of which tracebacks are full
# Control characters, line and paragraph ends, overrides of the writing direction, halves of characters.
ODD = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
ODD_BUT_LINES = re.compile(ODD.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))


def name(value: str) -> str:
    """Return a name or a path with every odd character shown by its number; unlike names stay unlike."""
    return ODD.sub(_shown, value)


def line(value: str, longest: int = LONGEST) -> str:
    """Return a message on one line of at most `longest` characters, with single blanks and without colours."""
    words = ANSI.sub("", value[: 4 * longest]).split()
    return cut(ODD.sub(_shown, " ".join(words)), longest)


def text(value: str) -> str:
    """Return a text of several lines without colours."""
    return ODD_BUT_LINES.sub(_shown, ANSI.sub("", value).replace("\r\n", "\n"))


def cut(value: str, longest: int) -> str:
    """Return the beginning of a text, with dots where some of it is left out."""
    return value if len(value) <= longest else f"{value[: longest - 3]}..."


def _shown(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
