"""An answer is judged in the state that the judge sets, whatever an earlier answer or the notebook left behind."""

import os
import random
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from torch.nn.functional import softplus

from gan_tutor.classroom import chapters, desk, judging, observation, state
from gan_tutor.classroom.record import Exercise


def right(real, fake):
    return softplus(fake.mean() - real).mean() + softplus(fake - real.mean()).mean()


LEFT = {
    "float64": "torch.set_default_dtype(torch.float64)",
    "no gradient": "torch.set_grad_enabled(False)",
    "inference mode": "kept = torch.inference_mode(); kept.__enter__()",
    "no gradient, entered": "kept = torch.no_grad(); kept.__enter__()",
    "default device": "torch.set_default_device('meta')",
    "autocast": "torch.autocast('cpu', dtype=torch.bfloat16).__enter__()",
    "numpy raises": "np.seterr(all='raise')",
    "warnings raise": "warnings.simplefilter('error')",
    "deterministic": "torch.use_deterministic_algorithms(True)",
    "anomalies": "torch.autograd.set_detect_anomaly(True)",
    "precision": "torch.set_float32_matmul_precision('medium')",
    "seeds": "torch.manual_seed(7); random.seed(7); np.random.seed(7)",
    "folder": "os.chdir('/')",
}
PROBED = """
import os, random, sys, warnings
import numpy as np
import torch
from gan_tutor.classroom import chapters, observation, state
from test_state import SEEN, right, drawn
"""


def drawn(answer, generator):
    """Observe what settings decide: draws, products, gradients, types."""
    x = torch.randn(3, 4, generator=generator, requires_grad=True)
    (slope,) = torch.autograd.grad((x @ x.T).square().sum(), x)
    with np.errstate():
        small = np.float32(1e-30) * np.float32(1e-30)
    warnings.warn("a warning", stacklevel=1)
    return {
        "slope": slope,
        "torch": torch.rand(2),
        "numpy": np.random.rand(2),
        "random": random.random(),
        "type": str(torch.ones(1).dtype),
        "small": small,
    }


SEEN = Exercise("drawn", "Drawn", "derive", drawn, ("a", "b"))


@pytest.fixture(scope="module")
def wanted():
    return observation.observe(SEEN, None, [1, 2])


def run(code):
    """Run code in a new process, in which settings can be left as they are."""
    folder = os.path.dirname(os.path.abspath(__file__))
    return subprocess.run([sys.executable, "-c", PROBED + code], cwd=folder, capture_output=True, text=True)


def test_no_setting_that_is_left_behind_reaches_an_observation(wanted):
    done = run(f"""
before = set(sys.modules)
wanted = observation.observe(SEEN, None, [1, 2])
state.reset(os.getcwd())
slow = [name for name in set(sys.modules) - before if name.startswith(("torch._inductor", "sympy"))]
assert not slow, "torch's compiler takes seconds to load, and nothing is to be set here"
for name, left in {LEFT!r}.items():
    exec(left)
    found = observation.observe(SEEN, None, [1, 2])
    assert found == wanted, (name, found, wanted)
print(found)
""")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(wanted)


def test_a_reset_undoes_all_of_them_at_once_and_again():
    done = run(f"""
import signal
folder = os.getcwd()
for _ in range(2):
    for left in {list(LEFT.values())!r}:
        exec(left)
    sys.setrecursionlimit(200)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    state.reset(folder)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert sys.getrecursionlimit() >= 1000
    assert os.getcwd() == folder
    assert torch.ones(1, requires_grad=True).mul(2).requires_grad
    assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.float32
    assert torch.ones(1).device.type == "cpu"
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    assert not torch.are_deterministic_algorithms_enabled()
    warnings.warn("not an error", stacklevel=1)
    assert np.float32(1) / np.float32(0) == np.inf
    draws = torch.rand(1).item(), random.random(), np.random.rand()
    state.reset(folder)
    assert draws == (torch.rand(1).item(), random.random(), np.random.rand())
""")
    assert done.returncode == 0, done.stderr


def test_what_a_call_changes_does_not_reach_the_next_round_or_the_notebook(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exercise = Exercise("calls", "Calls", "derive", lambda answer, generator: answer(), ("a", "b"))
    (tmp_path / "deeper").mkdir()

    def changes():
        found = {"type": str(torch.ones(1).dtype), "draw": torch.rand(1), "folder": os.path.basename(os.getcwd())}
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.set_default_device("meta")
        os.chdir("deeper")
        return found

    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    with warnings.catch_warnings():
        first, second = observation.observe(exercise, changes, [5, 5])
    assert first == second
    assert first[0].values == ("torch.float32",)
    assert torch.get_default_dtype() is torch.float32
    assert torch.is_grad_enabled()
    assert torch.empty(0).device.type == "cpu"
    assert os.getcwd() == str(tmp_path)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (random.getstate(), np.random.get_state()[1].tolist())


def test_the_student_s_own_settings_stay(capsys):
    try:
        torch.set_default_dtype(torch.float64)
        with torch.no_grad():
            desk.check("losses-ragan", right)
            assert torch.get_default_dtype() is torch.float64
            assert not torch.is_grad_enabled()
    finally:
        torch.set_default_dtype(torch.float32)
    assert capsys.readouterr().out == "losses-ragan: right\n"


def test_a_loss_without_gradient_is_wrong_also_where_gradients_are_off():
    exercise = chapters.find("losses-ragan")[1]
    answer = judging.answer_of(exercise, "losses")
    rounds = observation.seeds(exercise.name, exercise.rounds)
    with torch.no_grad():
        key = judging.key(exercise, answer, rounds)
        found = observation.observe(exercise, lambda real, fake: right(real, fake).detach(), rounds)
        assert not judging.judge(exercise, key, found).right
        assert judging.judge(exercise, key, observation.observe(exercise, right, rounds)).right


def test_signals_are_left_alone_outside_the_main_thread(tmp_path, monkeypatch):
    import threading

    monkeypatch.chdir(tmp_path)
    before, failed = signal.getsignal(signal.SIGINT), []

    def work():
        try:
            with state.known(1):
                failed.append(signal.getsignal(signal.SIGINT) is not before)
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert failed == [False]
