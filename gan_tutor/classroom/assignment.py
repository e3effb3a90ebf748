"""From a chapter to its assignment, and from an assignment to what a student gets.

An assignment is a notebook in nbgrader's format: an answer cell has `nbgrader.solution` in its metadata, the check cell
after it `nbgrader.grade`, and what lies between `### BEGIN SOLUTION` and `### END SOLUTION` is the solution;
`regions.py` reads these marks as nbgrader does. A chapter holds the same cells inside its folded solutions, so that one
source is shown by the book, run by nbval, released and graded, and taken by nbgrader.
"""

import copy
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gan_tutor.classroom import chapters, regions
from gan_tutor.classroom.points import are_points

SETUP = "exercise-setup"  # the tag of a chapter's cells that exercises need
INSTALL_ID = "colab-install"
STUB = "# YOUR CODE HERE\nraise NotImplementedError()"
WRITTEN = "YOUR ANSWER HERE"
HEADING = re.compile(r"^`{3,}\{exercise-start\}[ ]*(.*)$", re.MULTILINE)
DIRECTIVE = re.compile(r"^`{3,}\{(exercise|solution)-(start|end)\}", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:)[^)]*\)")
MYST = re.compile(r"^(`{3,}|:{3,})\{|(?<!`)\{[a-z:]+\}`|^\([\w-]+\)=$", re.MULTILINE)

INTRODUCTION = """\
# Exercises: {title}

Write your code in the cells that say `YOUR CODE HERE`, in place of the two lines there, and run the cell below it: it
checks what your code does, not how it is written. A line "right" is a point. Otherwise there is a hint, and
`classroom.hint("name")` gives one more each time.

Leave the other cells as they are: only your answer cells are handed in, whatever else you add. Before you hand in,
restart the kernel and run all cells once."""


def read(path: Path) -> Any:
    """Read a chapter or an assignment as an assignment, with its solutions.

    Raises:
        ValueError: It has no answer cells, or they are not in order.
    """
    import nbformat

    nb = nbformat.read(path, as_version=4)
    found = from_chapter(nb, path.stem) if any(DIRECTIVE.search(cell.source) for cell in nb.cells) else nb
    if not answer_ids(found):
        raise ValueError(f"{path} has no answer cells: give them nbgrader metadata with solution = true and a grade_id")
    return checked(found, path.name)


def sources(paths: Iterable[Path]) -> list[Path]:
    """Return the notebooks among files and in folders that are chapters with exercises, or assignments.

    Raises:
        ValueError: There are none, or two have the same name.
    """
    import nbformat

    found = []
    for path in paths:
        for one in sorted(path.glob("*.ipynb")) if path.is_dir() else [path]:
            if not path.is_dir() or answer_ids(nbformat.read(one, as_version=4)):
                found.append(one)
    names = [path.stem for path in found]
    if not found or len(set(names)) < len(names):
        given = ", ".join(map(str, paths))
        raise ValueError(f"notebooks with exercises, each with a name of its own, are needed; {given} has {names}")
    return found


def write(paths: Iterable[Path], out: Path, *, solutions: bool = False) -> list[Path]:
    """Write what students get of each notebook, or the assignments with their solutions; return the files.

    Args:
        paths: As for `sources`.
        out: Folder; each assignment gets a folder in it.
        solutions: Keep the solutions.
    """
    import nbformat

    written = []
    for path in sources(paths):
        found = read(path)
        target = out / path.stem / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(found if solutions else released(found), target)
        written.append(target)
    return written


def from_chapter(nb: Any, slug: str) -> Any:
    """Take the exercises that have an answer cell, and what they need, out of a chapter.

    Kept are the install cell, the cells tagged `exercise-setup`, and of each such exercise its text and code, its
    answer cell and its check cell. The solution's prose stays in the chapter.

    Raises:
        ValueError: An exercise's text uses what only the book understands.
    """
    import nbformat

    new = nbformat.v4
    title = next((chapter.title for chapter in chapters.CHAPTERS if chapter.slug == slug), slug)
    cells = [new.new_markdown_cell(INTRODUCTION.format(title=title), id="title")]
    cells += [_locked(cell) for cell in nb.cells if cell.id == INSTALL_ID or SETUP in cell.metadata.get("tags", [])]
    start = f'from gan_tutor import classroom\n\nclassroom.start("{slug}")'
    cells.append(_locked(new.new_code_cell(start, id="classroom-start")))
    for group in _exercises(nb):
        cells += group
    cells.append(new.new_markdown_cell("## Your progress", id="progress-text"))
    cells.append(_locked(new.new_code_cell("classroom.progress()", id="progress")))
    metadata = {
        "gan_tutor": {"assignment": slug},
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return nbformat.from_dict({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def _exercises(nb: Any) -> Iterator[list[Any]]:
    """Yield the cells of each exercise that has an answer cell."""
    group: list[Any] = []
    within, solution = False, False
    for cell in nb.cells:
        found = DIRECTIVE.search(cell.source) if cell.cell_type == "markdown" else None
        if found and found[1] == "exercise":
            within = found[2] == "start"
            if within:
                group = [_heading(cell)]
        elif found:
            solution = found[2] == "start"
            if not solution and any(role(one) == "answer" for one in group):
                yield group
        elif within and cell.cell_type == "markdown":
            group.append(_text(cell))
        elif within:
            group.append(_locked(cell))
        elif solution and role(cell) in ("answer", "check"):
            group.append(_bare(cell))


def _heading(cell: Any) -> Any:
    found = HEADING.search(cell.source)
    return _with_source(cell, f"## {found[1] if found else 'Exercise'}")


def _text(cell: Any) -> Any:
    source = LINK.sub(r"\1", cell.source)
    left = MYST.search(source)
    if left:
        raise ValueError(
            f"cell {cell.id} of an exercise has {left[0]!r}, which only the book understands; "
            "move it to the solution or write it as plain Markdown"
        )
    return _with_source(cell, source)


def _with_source(cell: Any, source: str) -> Any:
    copied = copy.deepcopy(cell)
    copied.source = source
    return copied


def _bare(cell: Any) -> Any:
    """Copy a code cell without what it showed."""
    copied = copy.deepcopy(cell)
    copied.outputs, copied.execution_count = [], None
    copied.metadata.pop("mystnb", None)
    copied.metadata.pop("tags", None)
    return copied


def _locked(cell: Any) -> Any:
    copied = _bare(cell)
    if cell.cell_type == "code":
        copied.metadata["nbgrader"] = {
            "grade": False,
            "grade_id": cell.id,
            "locked": True,
            "schema_version": 3,
            "solution": False,
            "task": False,
        }
    return copied


def role(cell: Any) -> str:
    """Return "answer", "check", "text" for an answer in Markdown, "task", or "" for everything else."""
    marks = cell.metadata.get("nbgrader", {})
    if marks.get("task"):
        return "task"
    if marks.get("solution"):
        return "answer" if cell.cell_type == "code" else "text"
    return "check" if marks.get("grade") else ""


def grade_id(cell: Any) -> str:
    """Return a cell's grade id, or ""."""
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def answer_ids(nb: Any) -> list[str]:
    """Return the grade ids of the answer cells, in order."""
    return [grade_id(cell) for cell in nb.cells if role(cell) == "answer"]


def check_points(nb: Any) -> dict[str, float]:
    """Return the points of each check cell by its grade id."""
    return {grade_id(cell): cell.metadata.nbgrader.points for cell in nb.cells if role(cell) == "check"}


def checked(nb: Any, name: str) -> Any:
    """Return the assignment, if its graded cells are in order.

    Raises:
        ValueError: A grade id is missing or used twice, points are not a number from 0 on, or a region does not end,
            lies where no student's copy would be without it, or cannot be told for certain.
    """
    ids = [grade_id(cell) for cell in nb.cells if role(cell)]
    twice = sorted({one for one in ids if ids.count(one) > 1 or not one})
    if twice:
        raise ValueError(f"{name}: every answer, check and task cell needs a grade_id of its own; look at {twice}")
    for cell in nb.cells:
        points = cell.metadata.nbgrader.get("points") if role(cell) == "check" else 0
        if not are_points(points):
            raise ValueError(
                f"{name}: the check cell {grade_id(cell)} needs points in its nbgrader metadata, "
                f"a number that is 0 or more; got {points!r}"
            )
        if role(cell) == "check" and cell.cell_type != "code":
            raise ValueError(
                f"{name}: the check {grade_id(cell)} must be a code cell, or an answer to be marked by hand"
            )
        try:
            _checked_regions(cell)
        except ValueError as error:
            raise ValueError(f"{name}: cell {grade_id(cell) or cell.id}: {error}") from error
    return nb


def _checked_regions(cell: Any) -> None:
    """Refuse a cell whose regions could reach students."""
    marks = cell.metadata.get("nbgrader", {})
    allowed = {
        regions.SOLUTION: marks.get("solution"),
        regions.HIDDEN: marks.get("grade"),
        regions.SCHEME: marks.get("task"),
    }
    for kind in regions.found(cell.source):
        regions.without(cell.source, kind)
        if not allowed[kind]:
            place = {regions.SOLUTION: "an answer", regions.HIDDEN: "a check", regions.SCHEME: "a task"}[kind]
            raise ValueError(
                f"BEGIN {kind} must be in {place} cell, or students get what follows; mark the cell as one"
            )
    doubt = regions.doubtful(cell.source) if cell.cell_type == "code" or role(cell) else ""
    if doubt:
        raise ValueError(
            f"{doubt!r} looks like a mark of nbgrader and is none; "
            "marks are BEGIN or END and SOLUTION, HIDDEN TESTS or MARK SCHEME, in capitals and with one space"
        )


def released(nb: Any) -> Any:
    """Return what a student gets: stubs in place of solutions, no hidden tests or mark schemes, and no outputs."""
    student = without_outputs(nb)
    for cell in student.cells:
        before = cell.source
        if role(cell) in ("answer", "text"):
            cell.source = starter(cell.source, WRITTEN if role(cell) == "text" else STUB)
        for kind in (regions.HIDDEN, regions.SCHEME):
            if kind in regions.found(cell.source):
                cell.source = regions.without(cell.source, kind).rstrip()
        if cell.source != before:  # a picture of the solution goes with its text
            for name in [one for one in cell.get("attachments", {}) if f"attachment:{one}" not in cell.source]:
                del cell.attachments[name]
    return student


def without_outputs(nb: Any) -> Any:
    """Return a copy in which no cell has run."""
    bare = copy.deepcopy(nb)
    bare.metadata.pop("widgets", None)  # what widgets showed
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return bare


def starter(source: str, stub: str = STUB) -> str:
    """Return an answer cell's source with a stub in place of each solution; the whole cell if no region is marked."""
    return regions.without(source, regions.SOLUTION, stub) if regions.SOLUTION in regions.found(source) else stub
