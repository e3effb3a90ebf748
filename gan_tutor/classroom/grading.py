"""Grade a class: each submission in its own sandbox under nbval, several at once, each result kept when it is there."""

import dataclasses
import hashlib
import json
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, NamedTuple

import gan_tutor
from gan_tutor.classroom import assignment, judge, sandbox
from gan_tutor.classroom.record import Verdict
from gan_tutor.classroom.sandbox import Limits
from gan_tutor.classroom.submissions import CHECK, Submission, merged

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


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
    points: int
    of: int
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
    def points(self) -> int:
        """Points got."""
        return sum(mark.points for mark in self.marks)

    @property
    def of(self) -> int:
        """Points to get."""
        return sum(mark.of for mark in self.marks)


class Class(NamedTuple):
    """How a class is graded: its assignments by name, the judge's questions, limits, the sandbox's strength, an end."""

    assignments: dict[str, Any]
    questions: judge.Desk
    limits: Limits
    whole: bool
    hidden: tuple[Path, ...]
    stop: threading.Event


def prepare(assignments: dict[str, Any], limits: Limits, *, whole: bool, hidden: tuple[Path, ...] = ()) -> Class:
    """Prepare to grade: observe the right answers and the mistakes on this grading's secret inputs."""
    names = [name for nb in assignments.values() for names in _asked(nb).values() for name in names]
    return Class(assignments, judge.desk(names), limits, whole, hidden, threading.Event())


def _asked(nb: Any) -> dict[str, list[str]]:
    """Return, for each check cell, the exercises that it checks with `classroom.check`."""
    return {assignment.grade_id(one): CHECK.findall(one.source) for one in nb.cells if assignment.role(one) == "check"}


def fingerprint(submission: Submission, course: Class) -> str:
    """Return a hash of all that the marks depend on: a result with the same one need not be made again."""
    nb = course.assignments[submission.assignment]
    whole = [(cell.cell_type, cell.source) for cell in merged(nb, submission.answers).cells]
    parts = [gan_tutor.__version__, tuple(course.limits), course.whole, assignment.check_points(nb), whole]
    texts = [path.read_bytes() for path in sorted((sandbox.PACKAGE / "classroom").rglob("*.py"))]
    return hashlib.sha256(json.dumps(parts).encode() + b"\0".join(texts)).hexdigest()


def grade(submission: Submission, course: Class) -> Result:
    """Grade one submission: merge its answers into the assignment, run it in the sandbox, count what the judge saw."""
    import nbformat

    nb = course.assignments[submission.assignment]
    with tempfile.TemporaryDirectory(prefix="gt-", ignore_cleanup_errors=True) as folder:
        job = Path(folder).resolve()
        for name in ("home", "tmp"):
            (job / name).mkdir()
        notebook = job / "notebook.ipynb"
        nbformat.write(merged(nb, submission.answers), notebook)
        limits = course.limits
        command = [sys.executable, "-I", "-m", "gan_tutor.classroom.inside", str(notebook)]
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
    notes = [*submission.notes, *([ended.stopped] if ended.stopped else [])]
    if not cells and not ended.stopped:
        notes.append("the notebook did not run to its end")
    marks = _marks(nb, submission, cells, dict(verdicts), ended.stopped)
    return Result(
        submission.student,
        submission.assignment,
        submission.path.name,
        marks,
        notes,
        round(ended.seconds, 1),
        ended.memory,
    )


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
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "GAN_TUTOR_JUDGE": str(job / "judge"),
        "GAN_TUTOR_ALONE": "1" if whole else "",
    }


def _cells(path: Path) -> dict[int, tuple[str, str]]:
    """Read what became of each code cell; the file could be anything by now."""
    try:
        if path.is_symlink() or path.stat().st_size > 4 << 20:
            return {}
        found = json.loads(path.read_text(encoding="utf-8"))
        return {int(str(name).split()[1]): (str(value[0]), _clean(str(value[1]))) for name, value in found.items()}
    except (OSError, ValueError, AttributeError, IndexError, KeyError, TypeError, RecursionError):
        return {}


def _clean(text: str) -> str:
    return CONTROL.sub("", ANSI.sub("", text))


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
            verdict = _verdict(checks[name], verdicts, outcome, failure or _last_line(message), stopped)
            of = int(cell.metadata.nbgrader.points)
            marks.append(Mark(name, _title(nb, cell), of * verdict.right, of, verdict.mistake, verdict.hint, answer))
    return marks


def _verdict(asked: list[str], verdicts: dict[str, Verdict], outcome: str, message: str, stopped: str) -> Verdict:
    """Join what the judge saw with what nbval saw; a check without the judge counts as nbval saw it."""
    for name in asked:
        verdict = verdicts.get(name)
        if verdict is None:
            reason = message or stopped or "the check was not reached"
            if "NotImplementedError" in reason or "is not defined" in reason:
                return Verdict(False, "unfinished", f"There is no answer that runs to its end: {reason.rstrip(': ')}.")
            return Verdict(False, "not-run", f"The answer did not run: {reason}")
        if not verdict.right:
            return verdict
    if outcome == "failed" or (not asked and outcome != "passed"):
        return Verdict(False, "failed", f"The check failed: {message or stopped or 'it was not reached'}")
    return Verdict(True)


def _last_line(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def _title(nb: Any, check: Any) -> str:
    """Return the last heading before a check."""
    title = assignment.grade_id(check)
    for cell in nb.cells:
        if cell is check:
            return title
        found = re.match(r"#+ +(.*)", cell.source) if cell.cell_type == "markdown" else None
        title = found[1] if found else title
    return title


class Step(NamedTuple):
    """One step of the grading of a class.

    Attributes:
        done: How many are done.
        total: Of how many.
        left: Seconds that the others will take.
        submission: What was graded.
        result: Its result, or None if the grader failed.
        failure: Why it failed.
    """

    done: int
    total: int
    left: float
    submission: Submission
    result: Result | None
    failure: str = ""


def grade_all(submissions: list[Submission], course: Class, out: Path, *, jobs: int) -> Iterator[Step]:
    """Grade what has no result in `out` yet, `jobs` at once; every result is a file there before it is yielded."""
    waiting = [one for one in submissions if stored(one, course, out) is None]
    done, began = len(submissions) - len(waiting), time.monotonic()
    running: dict[Future[Result], Submission] = {}
    queue = iter(waiting)
    pool = ThreadPoolExecutor(jobs)
    try:
        for number in range(1, len(waiting) + 1):
            while len(running) < jobs and (one := next(queue, None)) is not None:
                running[pool.submit(_grade_and_store, one, course, out)] = one
            first = wait(running, return_when=FIRST_COMPLETED).done.pop()
            left = (time.monotonic() - began) / number * (len(waiting) - number)
            error = first.exception()  # one submission that breaks the grader must not end the others
            result, failure = (None, f"{type(error).__name__}: {error}") if error else (first.result(), "")
            yield Step(done + number, len(submissions), left, running.pop(first), result, failure)
    finally:
        course.stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _grade_and_store(submission: Submission, course: Class, out: Path) -> Result:
    result = grade(submission, course)
    if course.stop.is_set():
        raise InterruptedError("the grading was stopped")
    path = _place(submission, out)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    content = {"fingerprint": fingerprint(submission, course), **dataclasses.asdict(result)}
    part.write_text(json.dumps(content, indent=1), encoding="utf-8")
    os.replace(part, path)
    return result


def _place(submission: Submission, out: Path) -> Path:
    return out / "results" / submission.assignment / f"{file_name(submission.student)}.json"


def file_name(student: str) -> str:
    """Return a file's name for a student: the same for the same student, never that of another."""
    plain = re.sub(r"[^\w.-]+", "_", student)[:80].strip(".") or "student"
    if plain == student and plain == plain.lower():
        return plain
    return f"{plain}-{hashlib.sha256(student.encode('utf-8', 'surrogateescape')).hexdigest()[:6]}"


def stored(submission: Submission, course: Class, out: Path) -> Result | None:
    """Return the result that an earlier grading left, if nothing that it depends on has changed."""
    path = _place(submission, out)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # none yet, or the machine went down while it was written
    if content.pop("fingerprint", None) != fingerprint(submission, course):
        return None
    result = Result(**{**content, "marks": [Mark(**mark) for mark in content["marks"]]})
    return dataclasses.replace(result, file=submission.path.name)
