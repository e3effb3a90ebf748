"""Find what students handed in: whose it is, which assignment, and the answers in it, or what is wrong with a file.

A student's file is data: it is parsed here and never trusted. A file in a folder belongs to the student that the first
folder names, a file that lies bare to the one that its name names.
"""

import json
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from gan_tutor.classroom import assignment, finding, plain

LARGEST = 30 << 20  # bytes of a notebook
DEEPEST = 40  # folders in folders
NO_NOTEBOOK = "not a notebook but"
IGNORED = {".ipynb_checkpoints", "__MACOSX", "__pycache__"}


@dataclass(frozen=True)
class Submission:
    """One student's answers to one assignment.

    Attributes:
        student: From the folder's or file's name.
        assignment: Its name.
        path: The file.
        answers: Source of each answer cell that is there, by grade id.
        notes: What a teacher may want to know.
    """

    student: str
    assignment: str
    path: Path
    answers: dict[str, str]
    notes: list[str] = field(default_factory=list)


class Problem(NamedTuple):
    """A file that is not graded: whose, where, why, and what to do."""

    student: str
    path: Path
    why: str
    cure: str


class Found(NamedTuple):
    """All that lies in a folder of submissions."""

    submissions: list[Submission]
    problems: list[Problem]


def collect(folder: Path, assignments: dict[str, Any]) -> Found:
    """Read every file below a folder.

    Args:
        folder: With `anna.ipynb`, `anna/losses.ipynb`, or as nbgrader collects, `anna/losses/losses.ipynb`.
        assignments: The assignments by name.

    Raises:
        ValueError: The folder is not there, or holds nothing.
    """
    if not folder.is_dir():
        raise ValueError(f"submissions must be a folder of notebooks, got {folder}, which is none")
    read = [_read(path, folder, assignments) for path in _files(folder)]
    if not read:
        raise ValueError(f"{folder} holds no files; expected anna.ipynb or anna/losses.ipynb for each student")
    handed_in = {one.student for one in read if isinstance(one, Submission)}
    problems = [one for one in read if isinstance(one, Problem)]
    # What lies beside a notebook, such as nbgrader's timestamp.txt, needs no attention.
    problems = [one for one in problems if not (one.why.startswith(NO_NOTEBOOK) and one.student in handed_in)]
    by_work: dict[tuple[str, str], list[Submission]] = {}
    for one in read:
        if isinstance(one, Submission):
            by_work.setdefault((one.student, one.assignment), []).append(one)
    chosen = []
    for same in by_work.values():
        if all(one.answers == same[0].answers for one in same):
            chosen.append(same[0])
            same[0].notes.extend(f"the same answers are in {_place(one.path, folder)}" for one in same[1:])
        else:
            names = ", ".join(_place(one.path, folder) for one in same)
            cure = "keep the one that counts, remove the others, and grade again"
            problems += [
                Problem(one.student, one.path, f"duplicates with different answers: {names}", cure) for one in same
            ]
    return Found(sorted(chosen, key=lambda one: (one.student, one.assignment)), sorted(problems))


def _place(path: Path, folder: Path) -> str:
    return plain.name(str(path.relative_to(folder)))


def _files(folder: Path, depth: int = 0) -> Iterator[Path]:
    """Walk without following links; a folder that cannot be looked into, or lies too deep, is given as it is."""
    try:
        inside = sorted(folder.iterdir())
    except OSError:
        yield folder
        return
    for path in inside:
        if path.name in IGNORED or path.name.startswith("."):
            continue
        if path.is_dir() and not path.is_symlink() and depth < DEEPEST:
            yield from _files(path, depth + 1)
        else:
            yield path


def _read(path: Path, folder: Path, assignments: dict[str, Any]) -> Submission | Problem:
    student = _student(path, folder, list(assignments))
    try:
        cells = _cells(path)
    except OSError as error:
        why = f"cannot be opened: {plain.line(error.strerror or type(error).__name__)}"
        return Problem(student, path, why, "see that you may read it, or ask for the notebook itself")
    except ValueError as error:
        why, _, cure = str(error).partition("; ")
        return Problem(student, path, why, cure)
    return _matched(student, path, cells, assignments, bare=path.parent == folder)


def _student(path: Path, folder: Path, names: list[str]) -> str:
    """Return whose file it is, as a plain name; it has at least one character."""
    parts = path.relative_to(folder).parts
    if len(parts) > 1:
        return plain.name(parts[0])
    stem = re.sub(r" ?\(\d+\)$", "", path.stem)
    for name in names:
        known = re.escape(name)
        stem = re.sub(rf"(^{known}[-_ ]+|[-_ ]+{known}$)", "", stem, flags=re.IGNORECASE)
    return plain.name(stem if stem.strip() else path.stem)


def _cells(path: Path) -> list[dict[str, Any]]:
    """Return the code cells of a file, each with `id`, `marks` and `source`.

    Raises:
        ValueError: It is no notebook; the message says why, and after a semicolon what to do.
    """
    about = path.lstat()
    if stat.S_ISDIR(about.st_mode):
        raise ValueError("a folder that cannot be looked into, or lies too deep; ask for the notebook itself")
    if stat.S_ISLNK(about.st_mode):
        raise ValueError("a link, not a file; ask for the notebook itself")
    if not stat.S_ISREG(about.st_mode):
        raise ValueError("not an ordinary file; ask for the notebook itself")
    if path.suffix != ".ipynb":
        raise ValueError(
            f"{NO_NOTEBOOK} {plain.name(path.suffix) or 'a file without ending'}; unpack it, or ask for the .ipynb file"
        )
    if about.st_size > LARGEST:
        raise ValueError(f"{about.st_size >> 20} MB large; ask to clear all outputs, save and hand in again")
    text = path.read_bytes().decode("utf-8", errors="replace").strip("\ufeff \r\n\t\0")
    if not text:
        raise ValueError("an empty file; ask to save the notebook and hand in again")
    try:
        nb = json.loads(text)
    except (ValueError, RecursionError) as error:
        if text[0] == "{" and not text.endswith("}"):
            raise ValueError("half-saved: it breaks off; ask to save it again and hand in the whole file") from error
        raise ValueError("unreadable: not a notebook's JSON; ask to save it in Jupyter or Colab as .ipynb") from error
    cells = nb.get("cells") if isinstance(nb, dict) else None
    if isinstance(nb, dict) and "worksheets" in nb:
        raise ValueError("a notebook in an old format; open it in JupyterLab, save it, and grade again")
    if not isinstance(cells, list):
        raise ValueError("not a notebook: it has no cells; ask to save it in Jupyter or Colab as .ipynb")
    code = [_cell(one) for one in cells if isinstance(one, dict) and one.get("cell_type") == "code"]
    if not any(one["source"].strip() for one in code):
        raise ValueError("an empty notebook; ask to hand in the one that was worked in")
    return code


def _cell(cell: dict[str, Any]) -> dict[str, Any]:
    source, metadata = cell.get("source", ""), cell.get("metadata", {})
    lines = source if isinstance(source, list) else [source]
    marks = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return {
        "id": _string(cell.get("id")),
        "marks": _string(marks.get("grade_id")) if isinstance(marks, dict) else "",
        "source": "".join(line for line in lines if isinstance(line, str)).encode("utf-8", "replace").decode(),
    }


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _matched(
    student: str, path: Path, cells: list[dict[str, Any]], assignments: dict[str, Any], bare: bool
) -> Submission | Problem:
    """Find the assignment that most answer cells belong to."""
    best = ""
    answers: dict[str, str] = {}
    notes: list[str] = []
    for name, nb in assignments.items():
        found, remarks = finding.answers(cells, nb)
        if len(found) > len(answers):
            best, answers, notes = name, found, remarks
    if not answers:
        known = ", ".join(assignments)
        why = f"wrong assignment: no answer cell of {known} is in it"
        return Problem(student, path, why, "ask for the right notebook, or name its assignment with --notebooks")
    missing = [one for one in assignment.answer_ids(assignments[best]) if one not in answers]
    if missing:
        notes.append(f"answer cells that are missing: {', '.join(missing)}")
    if not bare and path.stem != best:
        notes.append(f"renamed to {plain.name(path.name)}; recognised as {best} by its cells")
    return Submission(student, best, path, answers, notes)


def merged(nb: Any, answers: dict[str, str]) -> Any:
    """Return the assignment with a student's answers in its answer cells, and starters where one is missing.

    Nothing else of a submission gets in: neither checks, nor metadata, nor outputs.
    """
    whole = assignment.without_outputs(nb)
    for cell in whole.cells:
        if assignment.role(cell) == "answer":
            cell.source = answers.get(assignment.grade_id(cell), assignment.starter(cell.source))
    return whole
