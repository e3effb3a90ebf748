"""What the widget asks of the notebook's kernel; with a real one in tests/browser/test_lab.py."""

import os
import signal
import sys
import threading
from types import SimpleNamespace

import pytest

from gan_tutor.lab import Engine, kernel
from gan_tutor.recipes import Recipe

SMALL = Recipe(width_g=16, width_d=16, batch_size=16)


@pytest.fixture
def shell(monkeypatch):
    """A kernel as IPython would give it."""
    header = {"header": {"msg_id": "run-1"}, "metadata": {"cellId": "cell-1"}}
    fake = SimpleNamespace(saved_sigint_handler=signal.SIG_IGN, get_parent=lambda: header)
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=fake))
    monkeypatch.setitem(sys.modules, "IPython", shell)
    return fake


def test_without_a_kernel_there_is_no_cell_and_nobody_to_tell(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert kernel.running_cell() is None
    kernel.tell_when_interrupted(lambda: None)


def test_a_cell_and_its_run_are_known(shell):
    assert kernel.running_cell() == ("cell-1", "run-1")
    shell.get_parent = dict
    assert kernel.running_cell() is None


def test_an_interrupt_of_the_idle_kernel_is_told(shell):
    told = []
    kernel.tell_when_interrupted(lambda: told.append(1))
    shell.saved_sigint_handler(signal.SIGINT, None)
    assert told == [1]


def test_an_interrupt_does_not_break_off_a_block():
    before, done = signal.getsignal(signal.SIGINT), []
    with kernel.whole(lambda: done.append("told")):
        os.kill(os.getpid(), signal.SIGINT)
        done.append("whole")
    assert sorted(done) == ["told", "whole"]
    assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_may_use_it_too():
    done = []

    def block():
        with kernel.whole(lambda: None):
            done.append("whole")

    thread = threading.Thread(target=block)
    thread.start()
    thread.join()
    assert done == ["whole"]


def test_an_interrupted_lab_pauses_says_so_once_and_goes_on(ask):
    engine = Engine(SMALL)
    engine.interrupt()
    assert ask(engine, "tick", id=1, layers=[])[0]["type"] == "frame"
    ask(engine, "play")
    engine.interrupt()
    reply, _ = ask(engine, "tick", id=2, layers=[])
    assert (reply["type"], reply["playing"], reply["note"]) == ("state", False, "Interrupted: the lab is paused")
    assert ask(engine, "tick", id=3, layers=[])[0]["type"] == "frame"
    ask(engine, "play")
    assert ask(engine, "tick", id=4, layers=[])[0]["step"] > 0


def test_a_forgotten_lab_stops_and_holds_no_moments():
    engine = Engine(SMALL)
    engine.handle({"type": "play"})
    engine.advance(30)
    engine.forget()
    assert (engine.playing, engine.snapshots.steps) == (False, [])
