"""The student's side: one stable line, a hint for the mistake, graded hints, progress in a file."""

import json
import os
import subprocess
import sys
import warnings

import pytest
import torch
from torch.nn.functional import softplus

from gan_tutor import classroom
from gan_tutor.classroom import desk, diary, judging
from gan_tutor.classroom.observation import Seen

ONE = "losses-ragan"


@pytest.fixture(autouse=True)
def own_diary(tmp_path, monkeypatch):
    """A student who begins."""
    monkeypatch.setenv("GAN_TUTOR_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(diary, "_session", {})
    monkeypatch.setattr(diary, "_kept", [])
    monkeypatch.setattr(desk, "_asked", {})
    return tmp_path / "home" / "progress.json"


def right(real, fake):
    return softplus(fake.mean() - real).mean() + softplus(fake - real.mean()).mean()


def told(answer, name=ONE):
    with pytest.raises(classroom.WrongAnswer) as found:
        classroom.check(name, answer)
    return found.value.verdict


def test_prints_warnings_and_draws_of_an_answer_do_not_matter(capsys):
    def noisy(real, fake):
        print("debug", real)
        print("oh", file=sys.stderr)
        warnings.warn("careful", stacklevel=1)
        torch.manual_seed(5)
        torch.rand(3)
        return right(real, fake)

    before = torch.get_rng_state()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classroom.check(ONE, noisy)
    assert tuple(capsys.readouterr()) == (f"{ONE}: right\n", "")
    assert torch.equal(torch.get_rng_state(), before)


def test_behaviour_is_checked_not_text():
    class Loss:
        def __call__(self, real, fake):
            first = -torch.sigmoid(real - fake.mean()).log().mean()
            return first - torch.sigmoid(real.mean() - fake).log().mean()

    classroom.check(ONE, Loss())


def test_a_wrong_answer_has_one_line_and_a_hint():
    with pytest.raises(classroom.WrongAnswer) as found:
        classroom.check(ONE, lambda real, fake: right(fake, real))
    first, hint = str(found.value).splitlines()
    assert first == "losses-ragan: not yet"
    assert "right order" in hint
    assert found.value._render_traceback_() == [f"{first}\n{hint}"]


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (lambda real, fake: None, "nothing-returned"),
        (lambda real, fake: "1.3", "kind"),
        (lambda real, fake: softplus(fake.mean() - real), "shape"),
        (lambda real, fake: -right(real, fake), "sign"),
        (lambda real, fake: 3 * right(real, fake), "factor"),
        (lambda real, fake: right(real, fake) * math_nan(), "not-finite"),
        (lambda real, fake: right(real, fake).detach(), "nothing-returned"),
        (lambda real, fake: right(real, fake) ** 2, "other"),
        (lambda real: real, "raised"),
        (lambda real, fake: sys.exit(), "raised"),
        (None, "raised"),
    ],
)
def test_general_mistakes_are_named(answer, key):
    verdict = told(answer)
    assert (verdict.right, verdict.mistake) == (False, key)
    assert verdict.hint


def test_a_value_in_another_place_is_named_by_both_places():
    ours, theirs = Seen("mean", "number", (), (1.0,)), Seen("variance", "number", (), (1.0,))
    verdict = judging._form(ours, theirs)
    assert (verdict.right, verdict.mistake, verdict.hint) == (False, "kind", "mean is needed, variance came.")
    alone = judging._form(ours._replace(path=""), ours._replace(path="number 0"))
    assert alone.hint == "one value is needed, number 0 came."


def math_nan():
    return float("nan")


def test_the_starter_is_called_unfinished():
    def starter(real, fake):
        raise NotImplementedError

    assert told(starter).mistake == "unfinished"


def test_the_same_answer_gets_the_same_words_twice():
    assert told(lambda real, fake: real.sum()) == told(lambda real, fake: real.sum())


def test_hints_come_one_by_one_and_the_last_stays(capsys):
    for _ in range(5):
        classroom.hint(ONE)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"{ONE}, hint {k} of 3" for k in (1, 2, 3, 3, 3)]
    assert len(set(lines)) == 3


def test_an_unknown_name_is_refused_with_the_known_ones():
    for call in (classroom.hint, lambda name: classroom.check(name, 1)):
        with pytest.raises(ValueError, match="losses-ragan"):
            call("losses-rgan")
        with pytest.raises(ValueError, match="there is no exercise 'nothing'"):
            call("nothing")
    with pytest.raises(ValueError, match="losses"):
        classroom.start("nothing")


def test_progress_of_a_session_and_across_sessions(own_diary, capsys, monkeypatch):
    classroom.check(ONE, right)
    told(lambda *rest: 1.0, "losses-two-sided")
    assert not own_diary.exists()
    classroom.start("losses")
    assert capsys.readouterr().out.startswith(f"{ONE}: right\n4 · Loss variants: 5 exercises.\n")
    stored = json.loads(own_diary.read_text())
    assert stored == {ONE: {"right": 1}, "losses-two-sided": {"tried": 1}}
    classroom.hint("losses-scale")
    monkeypatch.setattr(diary, "_session", {})
    monkeypatch.setattr(diary, "_kept", [])  # another day
    classroom.start("losses")
    classroom.check(ONE, right)
    capsys.readouterr()
    classroom.progress()
    out = capsys.readouterr().out.splitlines()
    row = next(k for k, line in enumerate(out) if line.startswith("4 · "))
    assert out[row].endswith("[#----] 1 of 5")
    assert out[row + 1].strip() == "open: losses-two-sided, losses-scale"
    assert json.loads(own_diary.read_text())[ONE] == {"right": 2}


def test_an_unreadable_diary_is_said_and_begun_anew(own_diary, capsys):
    own_diary.parent.mkdir()
    own_diary.write_text("{half")
    classroom.start("losses")
    assert "cannot be read" in capsys.readouterr().err
    classroom.check(ONE, right)
    assert json.loads(own_diary.read_text()) == {ONE: {"right": 1}}


def test_a_home_that_cannot_be_written_does_not_keep_from_an_answer(own_diary, capsys):
    own_diary.parent.write_text("a file where the folder should be")
    classroom.start("losses")
    classroom.check(ONE, right)
    captured = capsys.readouterr()
    assert f"{ONE}: right" in captured.out
    assert captured.err.count("progress is not kept") == 1
    assert captured.err.count("GAN_TUTOR_HOME") == 1
    classroom.progress()
    assert "1 of 5" in capsys.readouterr().out


def test_a_user_without_a_home_is_told_once_and_can_answer(monkeypatch, capsys):
    """As in a container that runs under a number: no HOME, and no entry for the user from which to take it."""
    for name in ("HOME", "USERPROFILE", "GAN_TUTOR_HOME"):
        monkeypatch.delenv(name, raising=False)
    if sys.platform != "win32":
        monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    classroom.start("losses")
    classroom.check(ONE, right)
    captured = capsys.readouterr()
    assert f"{ONE}: right" in captured.out
    assert captured.err.splitlines() == [
        "progress is not kept: this user has no home folder; name a folder that can be written in the environment "
        "variable GAN_TUTOR_HOME"
    ]
    classroom.progress()
    assert "1 of 5" in capsys.readouterr().out


def test_plain_python_shows_the_hint_last(tmp_path):
    code = f"from gan_tutor import classroom\nclassroom.check({ONE!r}, lambda real, fake: None)\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == [
        "gan_tutor.classroom.desk.WrongAnswer: losses-ragan: not yet",
        "the loss of random logits: nothing came. Does your function end with return, and use its input?",
    ]
