"""What a teacher and a student read: CSV grade books, a feedback page for each student, an overview of the class."""

import csv
import io
import re
from collections import Counter
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any

from gan_tutor.classroom import plain
from gan_tutor.classroom.grading import Result
from gan_tutor.classroom.points import shown
from gan_tutor.classroom.running import file_name
from gan_tutor.classroom.submissions import Problem

# Where a spreadsheet would begin a formula; one that takes a semicolon for a comma begins a cell after each.
FORMULA = re.compile(r"(^|;)(\s*[\"']?\s*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
TEMPLATES = Path(__file__).parent / "templates"
MOST_BARS = 100  # bars of an overview


def write(out: Path, results: list[Result], problems: list[Problem], *, whole: bool) -> list[Path]:
    """Write `grades.csv`, `checks-ASSIGNMENT.csv`, `feedback/STUDENT.html` and `overview.html`; return these files.

    Args:
        out: The folder.
        results: One for each graded submission.
        problems: The files that are not graded.
        whole: Whether the sandbox was whole; the overview says so.
    """
    (out / "feedback").mkdir(parents=True, exist_ok=True)
    results = sorted(results, key=lambda one: (one.student.lower(), one.student, one.assignment))
    written = [_put(out / "grades.csv", _csv(_grades(results, problems)))]
    for name in sorted({one.assignment for one in results}):
        same = [one for one in results if one.assignment == name]
        written.append(_put(out / f"checks-{name}.csv", _csv(_checks(same))))
    for student, theirs in groupby(results, key=lambda one: one.student):
        page = _page("feedback.html", student=student, results=list(theirs))
        written.append(_put(out / "feedback" / f"{file_name(student)}.html", page))
    facts = {"assignments": _overview(results), "problems": problems, "whole": whole, "results": results}
    return [*written, _put(out / "overview.html", _page("overview.html", file_name=file_name, **facts))]


def _put(path: Path, text: str) -> Path:
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8-sig" if path.suffix == ".csv" else "utf-8", errors="replace", newline="")
    part.replace(path)
    return path


def _csv(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([[_cell(value) for value in row] for row in rows])
    return text.getvalue()


def _cell(value: Any) -> Any:
    """Keep a spreadsheet from reading a student's text as a formula, or as more than one line."""
    return FORMULA.sub(r"\1\2'", plain.name(value)) if isinstance(value, str) else value


def _grades(results: list[Result], problems: list[Problem]) -> list[list[Any]]:
    rows: list[list[Any]] = [["student", "assignment", "points", "of", "status", "notes", "file"]]
    for one in results:
        points = [shown(one.points), shown(one.of)]
        rows.append([one.student, one.assignment, *points, "graded", "; ".join(one.notes), one.file])
    for two in problems:
        rows.append([two.student, "", "", "", "not graded", f"{two.why}; {two.cure}", two.path.name])
    return rows


def _checks(results: list[Result]) -> list[list[Any]]:
    titles = [mark.check.removesuffix("-check") for mark in results[0].marks]
    rows: list[list[Any]] = [["student", *titles, "points", "of", "seconds"]]
    for one in results:
        marks = [shown(mark.points) for mark in one.marks]
        rows.append([one.student, *marks, shown(one.points), shown(one.of), one.seconds])
    return rows


def _overview(results: list[Result]) -> list[dict[str, Any]]:
    """Return, for each assignment, the distribution of points and what went wrong at each check."""
    facts = []
    for name, group in groupby(sorted(results, key=lambda one: one.assignment), key=lambda one: one.assignment):
        same = list(group)
        spread = Counter(one.points for one in same)
        most = max(spread.values())
        checks = []
        for marks in zip(*(one.marks for one in same), strict=True):
            mistakes = Counter(mark.mistake for mark in marks if mark.mistake)
            right = sum(not mark.mistake for mark in marks)
            checks.append(
                {"title": marks[0].title, "right": right, "of": len(marks), "mistakes": mistakes.most_common(3)}
            )
        bars = [
            (shown(points), spread[points], round(100 * spread[points] / most)) for points in _bars(spread, same[0].of)
        ]
        checks.sort(key=lambda one: one["right"] / one["of"])
        points = sorted(one.points for one in same)
        median = (points[(len(points) - 1) // 2] + points[len(points) // 2]) / 2
        facts.append(
            {"name": name, "count": len(same), "of": shown(same[0].of), "median": shown(median), "bars": bars}
            | {"checks": checks}
        )
    return facts


def _bars(spread: Counter[Fraction], of: Fraction) -> list[Fraction]:
    """Return the points that get a bar: all that are possible if they are few whole ones, else those that occur."""
    if of <= MOST_BARS and all(points.denominator == 1 for points in (*spread, of)):
        return [Fraction(points) for points in range(int(max(*spread, of)) + 1)]
    return sorted({Fraction(), of, *spread})


def _page(template: str, **values: Any) -> str:
    import jinja2

    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, finalize=_shown, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["shown"] = shown
    return environment.get_template(template).render(**values)


def _shown(value: Any) -> Any:
    return plain.text(value) if type(value) is str else value  # markup of the template's own is another type
