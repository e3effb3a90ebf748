"""Grade a class: several submissions at once, and each result a file as soon as it is there."""

import dataclasses
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple

import gan_tutor
from gan_tutor.classroom import assignment, plain
from gan_tutor.classroom.grading import Class, Mark, Result, grade
from gan_tutor.classroom.submissions import Submission, merged


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
            result, failure = (None, plain.line(f"{type(error).__name__}: {error}")) if error else (first.result(), "")
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
    safe = re.sub(r"[^\w.-]+", "_", student)[:80].encode()[:200].decode(errors="ignore").strip(".") or "student"
    if safe == student and safe == safe.lower():
        return safe
    return f"{safe}-{hashlib.sha256(student.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"


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
    return dataclasses.replace(result, file=plain.name(submission.path.name))


def fingerprint(submission: Submission, course: Class) -> str:
    """Return a hash of all that the marks depend on: a result with the same one need not be made again."""
    nb = course.assignments[submission.assignment]
    whole = [(cell.cell_type, cell.source) for cell in merged(nb, submission.answers).cells]
    parts = [gan_tutor.__version__, course.version, course.limits, course.whole, assignment.check_points(nb), whole]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
