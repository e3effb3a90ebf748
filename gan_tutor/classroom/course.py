"""A class from its folder of submissions to its grade book, told line by line."""

from collections.abc import Iterator
from pathlib import Path

from gan_tutor.classroom import assignment, gradebook, grading, plain, running, sandbox, submissions
from gan_tutor.classroom.points import shown
from gan_tutor.classroom.sandbox import Limits
from gan_tutor.classroom.submissions import Problem

__all__ = ["Limits", "grade"]

NAKED = (
    "warning: no bubblewrap here, so only limits of time, memory, processes and files hold; "
    "network and files of this account are open to the graded code"
)


def grade(
    folder: Path, out: Path, notebooks: tuple[Path, ...], *, jobs: int, limits: Limits, required: bool
) -> Iterator[str]:
    """Grade a folder of submissions, and yield what a teacher should read while it goes on.

    Args:
        folder: The submissions.
        out: Where results go; what an earlier grading left there is used again.
        notebooks: The assignments, or folders of them.
        jobs: Submissions at once.
        limits: What one submission may use.
        required: Refuse to grade without a whole sandbox.

    Raises:
        ValueError: A folder or an assignment is not as it must be, or the sandbox is required and not to be had.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, got {jobs}")
    paths = assignment.sources(notebooks)
    whole = sandbox.is_whole()
    if not whole and required:
        raise ValueError("bubblewrap (bwrap) does not work here: install it on Linux, or leave --sandbox out")
    if not whole:
        yield NAKED
    found = submissions.collect(folder, {path.stem: assignment.read(path) for path in paths})
    for problem in found.problems:
        yield f"not graded: {plain.name(str(problem.path.relative_to(folder)))}: {problem.why}; {problem.cure}"
    used = {one.assignment for one in found.submissions}
    hidden = (folder, out, *{path.parent for path in paths})
    known = {path.stem: assignment.read(path) for path in paths if path.stem in used}
    course = grading.prepare(known, limits, whole=whole, hidden=tuple(hidden))
    stopped = False
    try:
        for step in running.grade_all(found.submissions, course, out, jobs=jobs):
            if step.result is None:
                cure = "grade again; if it comes back, look at this file"
                found.problems.append(Problem(step.submission.student, step.submission.path, step.failure, cure))
            yield f"[{step.done}/{step.total}] {_told(step)}; about {_minutes(step.left)} left"
    except KeyboardInterrupt:
        stopped = True
    results = [running.stored(one, course, out) for one in found.submissions]
    complete = [one for one in results if one is not None]
    gradebook.write(out, complete, found.problems, whole=whole)
    counts = f"{len(complete)} graded, {len(found.problems)} files not graded"
    yield f"{counts}: {out / 'overview.html'}, {out / 'grades.csv'}"
    if stopped:
        yield f"stopped; the same command grades the other {len(found.submissions) - len(complete)}"
        raise SystemExit(130)


def _told(step: running.Step) -> str:
    who = f"{step.submission.student}, {step.submission.assignment}"
    if step.result is None:
        return f"{who}: not graded: {step.failure}"
    notes = f" ({'; '.join(step.result.notes)})" if step.result.notes else ""
    return f"{who}: {shown(step.result.points)} of {shown(step.result.of)}, {step.result.seconds:.0f} s{notes}"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"
