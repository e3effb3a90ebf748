"""What the judge hears over its socket: verdicts for honest observations, silence for everything else."""

import json
import math
import socket

import numpy as np
import pytest
import torch

from gan_tutor.classroom import chapters, judge, judging, observation, remote
from gan_tutor.classroom.observation import Seen

ONE = "losses-two-sided"
EXERCISE = chapters.find(ONE)[1]


def right(p, q, a, b):
    return (a * p + b * q) / (p + q)


@pytest.fixture(scope="module")
def desk():
    return judge.desk([ONE])


@pytest.fixture
def listening(desk, tmp_path):
    with judge.listening(tmp_path / "judge", desk) as verdicts:
        yield str(tmp_path / "judge"), verdicts


def send_raw(path, *lines):
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(10)
        line.connect(path)
        channel = line.makefile("rwb")
        answers = []
        try:
            for one in lines:
                channel.write(one)
                channel.flush()
                answers.append(channel.readline() if one else b"")  # who says nothing hangs up
        except OSError:
            answers.append(b"")
        return answers


def ask(name=ONE):
    return json.dumps({"name": name}).encode() + b"\n"


def test_a_right_and_a_wrong_answer_and_the_last_one_counts(listening):
    path, verdicts = listening
    remote.send(path, EXERCISE, right)
    assert verdicts[ONE].right
    remote.send(path, EXERCISE, lambda p, q, a, b: right(p, q, b, a))
    assert verdicts[ONE].mistake == "targets-exchanged"
    remote.send(path, EXERCISE, lambda *rest: 1 / 0)
    assert verdicts[ONE].mistake == "raised"
    assert "ZeroDivisionError" in verdicts[ONE].hint


def test_the_judge_says_nothing_of_its_verdict(listening):
    found = {"found": observation.to_json(observation.observe(EXERCISE, right, [1, 2, 3]))}
    for message in (found, {"found": [[["", "number", [], [0.5]]]] * 3}):
        answers = send_raw(listening[0], ask(), json.dumps(message).encode() + b"\n")
        assert answers[1] == b'{"received": true}\n'


def test_seeds_are_new_in_each_grading_and_not_those_of_the_notebook(desk):
    known = observation.seeds(ONE, EXERCISE.rounds)
    again = judge.desk([ONE])[ONE].seeds
    assert len({*known, *again, *desk[ONE].seeds}) == 3 * EXERCISE.rounds


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\n",
        b"[]\n",
        b'{"found": 1}\n',
        b'{"found": [[1]]}\n',
        b'{"found": [["x", "number", [], [0.5]]]}\n',
        b'{"found": [[["x", "number", [], ["0.5"]]]]}\n',
        b'{"found": [[["x", "verdict", [], [true]]]]}\n',
        b'{"found": [[["x", "number", ["a"], []]]]}\n',
        b'{"found": null}\n',
        b'{"right": true}\n',
        b'{"found": [[["x", "number", [], [1' + b"0" * 400 + b"]]]]}\n",
        b'{"found": [[["x", "number", [1' + b"0" * 400 + b"], []]]]}\n",
        b'{"found": [[["x", "number", [], [1' + b"0" * 5000 + b"]]]]}\n",
        b'{"found": [[["\\ud800", "raised", [], ["\\ud800", "' + b"x" * 3_000_000 + b'"]]]]}\n',
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
    ],
)
def test_whatever_else_is_sent_gives_no_point_and_the_next_is_heard(listening, said):
    path, verdicts = listening
    send_raw(path, ask(), said)
    remote.send(path, EXERCISE, right)
    assert verdicts[ONE].right, "the judge still listens"
    send_raw(path, ask(), said)
    send_raw(path, ask("losses-ragan"))
    send_raw(path, b"x" * 5000)
    with pytest.raises(OSError, match="does not answer"):
        remote.send(path, chapters.find("losses-ragan")[1], right)
    assert not verdicts[ONE].right


def test_a_hint_of_whatever_was_sent_is_short_and_plain(listening):
    path, verdicts = listening
    raised = [[["\x1b[2J\ud800", "raised", [], ["E\ud800", "\ud800\n\x1b[2J" + "x" * 1_000_000]]]] * EXERCISE.rounds
    send_raw(path, ask(), json.dumps({"found": raised}).encode() + b"\n")
    assert verdicts[ONE].hint.startswith("Your answer raised E\\ud800: \\ud800")
    assert len(verdicts[ONE].hint) < 500
    verdicts[ONE].hint.encode()


def test_numbers_near_the_largest_have_a_hint():
    one = Seen("x", "number", (3,), (1.0, 2.0, 3.0))
    many = Seen("x", "number", (3,), (5e307, 1e308, 1.5e308))
    key = judging.Key([(one,)], ())
    assert judging.judge(EXERCISE, key, [(many,)]).hint == "x: every number is 5e+307 times the right one."


def test_an_observation_travels_as_it_is():
    def probe(answer, generator):
        return {"a": torch.ones(2, 2), "b": [1, 2.5], "c": "Yes ", "d": None, "e": np.float32(math.inf), "f": {1, 2}}

    from dataclasses import replace

    found = observation.observe(replace(EXERCISE, probe=probe), None, [1])
    back = observation.from_json(json.loads(json.dumps(observation.to_json(found))))
    assert back == found
    assert found[0][:3] == (
        Seen("a", "number", (2, 2), (1.0,) * 4),
        Seen("b, number 1", "number", (), (1.0,)),
        Seen("b, number 2", "number", (), (2.5,)),
    )
    assert found[0][3:] == (
        Seen("c", "text", (), ("yes",)),
        Seen("d", "nothing", (), ()),
        Seen("e", "number", (), (math.inf,)),
        Seen("f", "other", (), ("set",)),
    )


def test_numbers_agree_up_to_the_tolerance_and_nan_with_nothing():
    def seen(*values, shape=(2,)):
        return (Seen("x", "number", shape, values),)

    assert observation.agree(seen(1.0, 2.0), seen(1.0005, 2.0), 1e-3, 0)
    assert not observation.agree(seen(1.0, 2.0), seen(1.002, 2.0), 1e-3, 0)
    assert observation.agree(seen(0.0, 2.0), seen(1e-6, 2.0), 0, 1e-5)
    assert not observation.agree(seen(math.nan, 2.0), seen(math.nan, 2.0), 1, 1)
    assert observation.agree(seen(math.inf, 2.0), seen(math.inf, 2.0), 0, 0)
    assert not observation.agree(seen(math.inf, 2.0), seen(-math.inf, 2.0), 1, 1)
    assert not observation.agree(seen(1.0, 2.0), seen(1.0, 2.0, shape=(1, 2)), 1, 1)
    assert not observation.agree(seen(1.0, 2.0), seen(1.0), 1, 1)


def test_a_tensor_with_too_many_numbers_is_not_written_down():
    from dataclasses import replace

    large = replace(EXERCISE, probe=lambda answer, generator: {"x": torch.zeros(observation.LIMIT + 1)})
    assert observation.observe(large, None, [1])[0][0].kind == "other"
