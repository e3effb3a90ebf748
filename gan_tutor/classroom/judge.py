"""The grader's side of a check: choose the seeds, receive observations over a Unix socket, keep the verdicts.

It runs outside the process that is graded, and answers nothing but "received".
"""

import json
import os
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from gan_tutor.classroom import chapters, judging, observation
from gan_tutor.classroom.record import Exercise, Verdict
from gan_tutor.classroom.remote import LONGEST

PATIENCE = 120.0  # seconds that one message may take
CONNECTIONS = 500  # of one submission
BEGUN = Verdict(False, "unfinished", "The check did not come to its end.")  # until an observation comes


class Question(NamedTuple):
    """An exercise, the seeds of this grading, and what its right answer and mistakes do with them."""

    exercise: Exercise
    seeds: list[int]
    key: judging.Key


Desk = dict[str, Question]


def desk(names: Iterable[str]) -> Desk:
    """Prepare the questions of one grading, on seeds that nobody can know before."""
    secret, ready = os.urandom(16), {}
    for name in names:
        chapter, exercise = chapters.find(name)
        seeds = observation.seeds(name, exercise.rounds, secret)
        answer = judging.answer_of(exercise, chapter.slug)
        ready[name] = Question(exercise, seeds, judging.key(exercise, answer, seeds))
    return ready


@contextmanager
def listening(path: Path, questions: Desk) -> Iterator[dict[str, Verdict]]:
    """Listen at `path` while one submission is graded; the last verdict of each exercise is in the dict."""
    verdicts: dict[str, Verdict] = {}
    over = threading.Event()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        path.chmod(0o666)
        server.listen(8)
        server.settimeout(0.2)
        thread = threading.Thread(target=_serve, args=(server, questions, verdicts, over), daemon=True)
        thread.start()
        try:
            yield verdicts
        finally:
            over.set()
            thread.join(5)


def _serve(server: socket.socket, questions: Desk, verdicts: dict[str, Verdict], over: threading.Event) -> None:
    for _ in range(CONNECTIONS):
        line = _accepted(server, over)
        if line is None:
            return
        with line:
            line.settimeout(PATIENCE)
            try:
                _hear(line, questions, verdicts)
            except Exception:  # whatever was sent is no observation: no verdict, and the next message is heard
                continue


def _accepted(server: socket.socket, over: threading.Event) -> socket.socket | None:
    while not over.is_set():
        try:
            return server.accept()[0]
        except TimeoutError:
            continue
        except OSError:  # the caller has gone again, or there is no descriptor left for a moment
            over.wait(0.2)
    return None


def _hear(line: socket.socket, questions: Desk, verdicts: dict[str, Verdict]) -> None:
    with line.makefile("rwb") as channel:
        question = questions[str(_message(channel.readline(1000))["name"])]
        name = question.exercise.name
        verdicts[name] = BEGUN
        channel.write(json.dumps({"seeds": question.seeds}).encode() + b"\n")
        channel.flush()
        found = observation.from_json(_message(channel.readline(LONGEST))["found"])
        verdicts[name] = judging.judge(question.exercise, question.key, found)
        channel.write(b'{"received": true}\n')
        channel.flush()


def _message(line: bytes) -> dict[str, Any]:
    found = json.loads(line)
    if not isinstance(found, dict):
        raise ValueError("a message is a JSON object")
    return found
