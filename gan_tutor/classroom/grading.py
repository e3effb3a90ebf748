"""Grade one submission: its answers in the assignment, in a sandbox, under nbval, before a judge outside."""

import dataclasses
import hashlib
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from gan_tutor.classroom import assignment, judge, plain, sandbox
from gan_tutor.classroom.finding import CHECK
from gan_tutor.classroom.points import total
from gan_tutor.classroom.record import Verdict
from gan_tutor.classroom.sandbox import Limits
from gan_tutor.classroom.submissions import Submission, merged

# Modules that, with the exercises and answers, decide over right and wrong.
DECIDE = ("judging.py", "observation.py", "plain.py", "state.py", "inside.py")


@dataclasses.dataclass(frozen=True)
class Mark:
    """What became of one check.

    Attributes:
        check: Grade id of the check cell.
        title: Heading of its exercise.
        points: Points got.
        of: Points to get.
        mistake: Key of the mistake, "" if right.
        hint: What the student is told, "" if right.
        answer: The student's code.
    """

    check: str
    title: str
    points: float
    of: float
    mistake: str
    hint: str
    answer: str


@dataclasses.dataclass(frozen=True)
class Result:
    """One graded submission."""

    student: str
    assignment: str
    file: str
    marks: list[Mark]
    notes: list[str]
    seconds: float
    memory: int

    @property
    def points(self) -> Fraction:
        """Points got."""
        return total(mark.points for mark in self.marks)

    @property
    def of(self) -> Fraction:
        """Points to get."""
        return total(mark.of for mark in self.marks)


class Class(NamedTuple):
    """How a class is graded.

    Attributes:
        assignments: By name.
        questions: The judge's.
        limits: Of one submission.
        whole: Whether there are namespaces.
        hidden: Folders that no graded code may see.
        version: A hash of what decides over right and wrong.
        stop: Ends the grading when it is set.
    """

    assignments: dict[str, Any]
    questions: judge.Desk
    limits: Limits
    whole: bool
    hidden: tuple[Path, ...]
    version: str
    stop: threading.Event


def prepare(assignments: dict[str, Any], limits: Limits, *, whole: bool, hidden: tuple[Path, ...] = ()) -> Class:
    """Prepare to grade: observe the right answers and the mistakes on this grading's secret inputs."""
    names = [name for nb in assignments.values() for names in _asked(nb).values() for name in names]
    return Class(assignments, judge.desk(names), limits, whole, hidden, _version(), threading.Event())


def _version() -> str:
    """Return a hash of what decides over right and wrong."""
    room = sandbox.PACKAGE / "classroom"
    texts = [path.read_bytes() for path in (*room.glob("*/*.py"), *(room / name for name in DECIDE))]
    return hashlib.sha256(b"\0".join(sorted(texts))).hexdigest()


def _asked(nb: Any) -> dict[str, list[str]]:
    """Return, for each check cell, the exercises that it checks with `classroom.check`."""
    return {assignment.grade_id(one): CHECK.findall(one.source) for one in nb.cells if assignment.role(one) == "check"}


def grade(submission: Submission, course: Class) -> Result:
    """Grade one submission: merge its answers into the assignment, run it in the sandbox, count what the judge saw."""
    import nbformat

    nb = course.assignments[submission.assignment]
    with _job() as job:
        notebook = job / "notebook.ipynb"
        nbformat.write(merged(nb, submission.answers), notebook)
        limits = course.limits
        command = [sys.executable, "-I", str(sandbox.PACKAGE / "classroom" / "inside.py"), str(notebook)]
        command += [str(number) for number in (limits.cell, 2 * limits.memory, limits.file, limits.processes)]
        with judge.listening(job / "judge", course.questions) as verdicts:
            ended = sandbox.run(
                command,
                job,
                limits,
                _environment(job, course.whole),
                whole=course.whole,
                hidden=course.hidden,
                stop=course.stop,
            )
        cells = _cells(job / "cells.json")
        if not ended.stopped:
            _must_have_begun(nb, cells, bool(verdicts), job / "output")
    notes = [*submission.notes, *([ended.stopped] if ended.stopped else [])]
    if not cells and not ended.stopped:
        notes.append("the notebook did not run to its end")
    marks = _marks(nb, submission, cells, dict(verdicts), ended.stopped)
    return Result(
        submission.student,
        submission.assignment,
        plain.name(submission.path.name),
        marks,
        notes,
        round(ended.seconds, 1),
        ended.memory,
    )


@contextmanager
def _job() -> Iterator[Path]:
    """Make a job's folder, and remove it however deep and odd it has become."""
    job = Path(tempfile.mkdtemp(prefix="gt-")).resolve()
    for name in ("home", "tmp"):
        (job / name).mkdir()
    try:
        yield job
    finally:
        subprocess.run(["rm", "-rf", str(job)], stderr=subprocess.DEVNULL)


def _environment(job: Path, whole: bool) -> dict[str, str]:
    home = str(job / "home")
    return {
        "PATH": os.defpath,
        "HOME": home,
        "USER": "student",
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp" if whole else str(job / "tmp"),
        "IPYTHONDIR": home,
        "JUPYTER_DATA_DIR": home,
        "JUPYTER_CONFIG_DIR": home,
        "JUPYTER_RUNTIME_DIR": home,
        "MPLCONFIGDIR": home,
        "MPLBACKEND": "agg",
        "CUDA_VISIBLE_DEVICES": "",  # checks are small, and a GPU would be one for all
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "GAN_TUTOR_JUDGE": str(job / "judge"),
        "GAN_TUTOR_ALONE": "1" if whole else "",
    }


def _must_have_begun(nb: Any, cells: dict[int, tuple[str, str]], heard: bool, output: Path) -> None:
    """Refuse to give marks if the cells before the first answer did not run: that is no fault of the student's.

    Raises:
        RuntimeError: They did not.
    """
    code = [assignment.role(cell) for cell in nb.cells if cell.cell_type == "code"]
    for number in range(code.index("answer")):
        outcome, message = cells.get(number, ("missing", ""))
        if outcome != "passed" and not heard:
            printed = plain.text(_read(output)[:2000])
            raise RuntimeError(
                f"cell {number}, before any answer, did not run: {_last_line(message) or _last_line(printed)}; "
                "a busy machine needs a larger --cell-seconds or fewer --jobs"
            )


def _cells(path: Path) -> dict[int, tuple[str, str]]:
    """Read what became of each code cell; the file could hold anything by now."""
    try:
        found = json.loads(_read(path))
        return {int(str(name).split()[1]): (str(value[0]), plain.text(str(value[1]))) for name, value in found.items()}
    except (OSError, ValueError, AttributeError, IndexError, KeyError, TypeError, RecursionError):
        return {}


def _read(path: Path) -> str:
    """Read a file that a student's code could have replaced: not a link, not a pipe, not large."""
    try:
        about = path.lstat()
        if stat.S_ISREG(about.st_mode) and about.st_size <= 4 << 20:
            return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        pass
    return ""


def _marks(
    nb: Any, submission: Submission, cells: dict[int, tuple[str, str]], verdicts: dict[str, Verdict], stopped: str
) -> list[Mark]:
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    checks, marks, answer, failure = _asked(nb), [], "", ""
    for number, cell in enumerate(code):
        outcome, message = cells.get(number, ("missing", ""))
        if assignment.role(cell) == "answer":
            answer = submission.answers.get(assignment.grade_id(cell), "")
            failure = _last_line(message) if outcome == "failed" else ""
        elif assignment.role(cell) == "check":
            name = assignment.grade_id(cell)
            reason = _last_line(message) if outcome == "failed" else ""
            verdict = _verdict(checks[name], verdicts, outcome, failure, reason or stopped)
            of = cell.metadata.nbgrader.points
            hint = plain.line(verdict.hint)
            marks.append(Mark(name, _title(nb, cell), of * verdict.right, of, verdict.mistake, hint, answer))
    return marks


def _verdict(asked: list[str], verdicts: dict[str, Verdict], outcome: str, failure: str, reason: str) -> Verdict:
    """Join what the judge saw with what nbval saw; a check without the judge counts as nbval saw it.

    Args:
        asked: The exercises that the check asks for.
        verdicts: The judge's.
        outcome: Of the check cell.
        failure: Why the answer cell failed, "" if it did not.
        reason: Why the check cell failed or was not reached.
    """
    for name in asked:
        verdict = verdicts.get(name)
        if verdict is None:
            why = failure or reason or "the check was not reached"
            if "NotImplementedError" in why or "is not defined" in why:
                return Verdict(False, "unfinished", f"There is no answer that runs to its end: {why.rstrip(': ')}.")
            return Verdict(False, "not-run", f"The answer did not run: {why}")
        if verdict == judge.BEGUN and reason:
            return verdict._replace(hint=f"{judge.BEGUN.hint} {reason}")
        if not verdict.right:
            return verdict
    if outcome == "failed" or (not asked and outcome != "passed"):
        return Verdict(False, "failed", f"The check failed: {failure or reason or 'it was not reached'}")
    return Verdict(True)


def _last_line(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return plain.line(lines[-1], 300) if lines else ""


def _title(nb: Any, check: Any) -> str:
    """Return the last heading before a check."""
    title = assignment.grade_id(check)
    for cell in nb.cells:
        if cell is check:
            return title
        found = re.match(r"#+ +(.*)", cell.source) if cell.cell_type == "markdown" else None
        title = found[1] if found else title
    return title
