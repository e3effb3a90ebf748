"""The student's side: `check` an answer, ask for a `hint`, see the `progress`."""

import os
import sys
from typing import Any

from gan_tutor.classroom import chapters, diary, judging, observation, remote
from gan_tutor.classroom.record import Verdict

_asked: dict[str, int] = {}


class WrongAnswer(AssertionError):
    """An answer that does not behave as asked; in a notebook it shows its message without a traceback.

    Attributes:
        verdict: What was found.
    """

    def __init__(self, name: str, verdict: Verdict):
        super().__init__(f"{name}: not yet\n{verdict.hint}")
        self.verdict = verdict

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def check(name: str, answer: Any) -> None:
    """Check an answer by what it does on hidden inputs, and print one line if it is right.

    Prints and warnings of the answer are dropped. It is called with torch's settings as they are in a new process
    (float32, CPU, gradients on); afterwards these and the global generators are as they were before.

    Args:
        name: The exercise's name.
        answer: A function, an object or a value, as the exercise asks.

    Raises:
        WrongAnswer: The answer is wrong. The message has one line that says so, and one with a hint.
        ValueError: There is no such exercise.
    """
    chapter, exercise = chapters.find(name)
    if remote.SOCKET in os.environ:  # a grader's judge decides, in another process
        remote.send(os.environ[remote.SOCKET], exercise, answer)
        print(f"{name}: received")
        return
    rounds = observation.seeds(name, exercise.rounds)
    found = observation.observe(exercise, answer, rounds)
    key = judging.key(exercise, judging.answer_of(exercise, chapter.slug), rounds)
    verdict = judging.judge(exercise, key, found)
    diary.note(name, "right" if verdict.right else "tried")
    if not verdict.right:
        raise WrongAnswer(name, verdict)
    print(f"{name}: right")


def hint(name: str) -> None:
    """Print one more hint each time it is called; the last one stays.

    Raises:
        ValueError: There is no such exercise.
    """
    _, exercise = chapters.find(name)
    at = min(_asked.get(name, 0), len(exercise.hints) - 1)
    _asked[name] = at + 1
    diary.note(name, "hinted")
    print(f"{name}, hint {at + 1} of {len(exercise.hints)}: {exercise.hints[at]}")


def start(slug: str) -> None:
    """Begin a chapter's exercises: from here on this student's progress is kept in a file.

    Raises:
        ValueError: There are no exercises of this name.
    """
    known = chapters.with_exercises()
    chapter = next((chapter for chapter in known if chapter.slug == slug), None)
    if chapter is None:
        raise ValueError(f"no exercises for {slug!r:.60}; there are some for {', '.join(c.slug for c in known)}")
    diary.keep()
    print(f"{chapter.title}: {len(chapters.exercises(slug))} exercises.")
    print("One more hint each time: classroom.hint(name). How far you are: classroom.progress()")


def progress() -> None:
    """Print what is solved, chapter by chapter, and which exercises are open."""
    if remote.SOCKET in os.environ:  # nobody reads it, and it would load every chapter
        return
    done = diary.read()
    for chapter in chapters.with_exercises():
        names = [exercise.name for exercise in chapters.exercises(chapter.slug)]
        solved = [name for name in names if "right" in done.get(name, {})]
        bar = "#" * len(solved) + "-" * (len(names) - len(solved))
        print(f"{chapter.title:36s} [{bar}] {len(solved)} of {len(names)}")
        tried = [name for name in names if name in done and name not in solved]
        if tried:
            print(f"{'':36s} open: {', '.join(tried)}")
    if not diary.is_kept():
        print("Progress of this session only: classroom.start keeps it in a file.", file=sys.stderr)
