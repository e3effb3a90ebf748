"""Send observations to a judge in another process, over a Unix socket, one JSON line each way.

The judge chooses the seeds and says nothing about its verdict: code that is graded cannot learn from it.
"""

import json
import socket
from typing import Any

from gan_tutor.classroom import observation
from gan_tutor.classroom.record import Exercise

SOCKET = "GAN_TUTOR_JUDGE"  # the environment variable that names the socket
LONGEST = 4 << 20  # bytes of a line


def send(path: str, exercise: Exercise, answer: Any) -> None:
    """Ask the judge at `path` for seeds, probe the answer with them, and hand in what was observed.

    Raises:
        OSError: Nobody answers there.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line, line.makefile("rwb") as channel:
        line.connect(path)
        _write(channel, {"name": exercise.name})
        rounds = [int(seed) for seed in _read(channel)["seeds"]]
        found = observation.observe(exercise, answer, rounds)
        _write(channel, {"found": observation.to_json(found)})
        _read(channel)


def _write(channel: Any, message: dict[str, Any]) -> None:
    channel.write(json.dumps(message).encode() + b"\n")
    channel.flush()


def _read(channel: Any) -> dict[str, Any]:
    line = channel.readline(LONGEST)
    if not line.endswith(b"\n"):
        raise OSError("the judge does not answer")
    message: dict[str, Any] = json.loads(line)
    return message
