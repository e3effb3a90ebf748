"""Hostile submissions: none gains a point, the grader survives, and honest ones beside them are graded.

All are graded once, as one class, with the answer to the first exercise hostile and that to the second honest.
"""

import copy
import shutil
import socket
import sys
import threading
from pathlib import Path

import nbformat
import psutil
import pytest

from gan_tutor.classroom import assignment, course, grading, sandbox, submissions

pytestmark = pytest.mark.xdist_group("hostile")  # one class for all of them
ROOT = Path(__file__).resolve().parents[2]
FIRST, SECOND = "losses-two-sided", "losses-ragan"
WRONG = "def best_probability(p, q, a, b):\n    return 0.5\n"
SETUP = "import math\nimport torch\nfrom torch.nn.functional import softplus\nfrom gan_tutor import classroom"
LIMITS = sandbox.Limits(cell=16, wall=120, memory=2 << 30, processes=200, disk=200 << 20)

HOSTILE = {
    "endless": "while True:\n    pass",
    "deaf": "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    pass",
    "exits": WRONG + "import sys\nsys.exit(0)",
    "quits": WRONG + "exit()",
    "sets": WRONG + """
import os, random, signal, warnings
import numpy as np
import torch
torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)
torch.set_default_device("meta")
kept = torch.inference_mode()
kept.__enter__()
np.seterr(all="raise")
warnings.simplefilter("error")
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.chdir("/")""",
    "dies": WRONG + "import os\nos._exit(0)",
    "kills-parent": WRONG + "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)",
    "kills-all": WRONG + "import os\nos.kill(-1, 9)",
    "grabs-memory": WRONG + "import torch\nhoard = torch.ones(100 << 30, dtype=torch.uint8)",
    "memory-by-parts": """\
import os, time
for _ in range(8):
    if os.fork() == 0:
        hoard = b"x" * (600 << 20)
        time.sleep(60)
        os._exit(0)
time.sleep(60)""",
    "forks": "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
    "syntax": "def best_probability(p, q, a, b) return 1",
    "asks": WRONG + "input('the answer?')",
    "prints": WRONG + "for _ in range(400):\n    print('x' * 500_000)",
    "fills-disk": """\
for number in range(1000):
    with open(f"file{number}", "wb") as file:
        file.write(b"x" * (20 << 20))""",
    "deep-folders": """\
import os
for _ in range(3000):
    os.mkdir("d")
    os.chdir("d")""",
    "pipes-and-links": WRONG + """
import os
for name in ("cells.part", "cells.json", "output"):
    if os.path.exists(name):
        os.unlink(name)
os.mkfifo("cells.part")
os.symlink("/etc/passwd", "output")""",
    "patches-check": """\
from gan_tutor import classroom
from gan_tutor.classroom import desk
def check(name, answer):
    print(f"{name}: right")
classroom.check = desk.check = check
best_probability = None""",
    "patches-judging": """\
from gan_tutor.classroom import judging, observation, record, remote
judging.judge = lambda *rest: record.Verdict(True)
observation.agree = observation.same = lambda *rest: True
remote.send = lambda *rest: None
best_probability = None""",
    "unplugs-judge": """\
import os
os.environ.pop("GAN_TUTOR_JUDGE")
def best_probability(p, q, a, b):
    return 0.5""",
    "fakes-comparison": """\
class Anything(float):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    def __abs__(self): return 0.0
    def __hash__(self): return 0
    def __format__(self, form): return "right"
    def __str__(self): return "losses-two-sided: right"
    __repr__ = __str__
def best_probability(p, q, a, b):
    return Anything(0.5)""",
    "fakes-tensor": """\
import torch
class Anything(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, arguments=(), keywords=None):
        return cls()
    def tolist(self): return [True]
def best_probability(p, q, a, b):
    return Anything()""",
    "imports-answers": """\
from gan_tutor.classroom.answers.losses import ANSWERS
best_probability = ANSWERS["losses-two-sided"].right""",
    "searches-answers": """\
import os
found = []
for folder, _, files in os.walk("/"):
    if folder.startswith(("/proc", "/sys")):
        continue
    for name in files:
        path = os.path.join(folder, name)
        if "answers" in folder or name.endswith(".ipynb") and "site-packages" not in folder:
            found.append(path)
texts = "".join(open(path, errors="replace").read() for path in found)
if "(a * p + b * q) / (p + q)" in texts or found:
    def best_probability(p, q, a, b):
        return (a * p + b * q) / (p + q)""",
    "forges-results": """\
import json, os, time
for number in range(200):
    with open("cells.json", "w") as file:
        json.dump({f"Cell {k}": ["passed", ""] for k in range(40)}, file)
def best_probability(p, q, a, b):
    return 0.5""",
    "talks-to-judge": """\
import json, os, socket
def say(*messages):
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(os.environ["GAN_TUTOR_JUDGE"])
        channel = line.makefile("rwb")
        for message in messages:
            channel.write(message if isinstance(message, bytes) else json.dumps(message).encode() + b"\\n")
            channel.flush()
            channel.readline()
name = {"name": "losses-two-sided"}
seen = ["the probability at a random point", "number", [], [0.5]]
say(name, {"found": [[seen]] * 3})
say(name, {"found": [[]] * 3})
say(name, {"found": []})
say(name, {"found": "right"})
say(name, {"right": True})
say(name, b"[" * 100_000 + b"\\n")
say(b"x" * 5_000_000)
say({"name": "../../answers"})
def best_probability(p, q, a, b):
    return math.nan""",
    "guesses": """\
for guess in [k / 1000 for k in range(1001)]:
    try:
        classroom.check("losses-two-sided", lambda *rest: guess)
    except Exception:
        continue
    best_probability = lambda *rest: guess
    break""",
    "network": """\
import socket
reached = []
for address in (("127.0.0.1", PORT), ("1.1.1.1", 53)):
    try:
        socket.create_connection(address, timeout=2).close()
        reached.append(address)
    except OSError:
        pass
if reached:
    def best_probability(p, q, a, b):
        return (a * p + b * q) / (p + q)""",
    "writes-outside": """\
import os
written = []
for path in ("OUTSIDE/written", "PACKAGE/written", os.path.expanduser("~root/written"), "/etc/written", "/written"):
    try:
        open(path, "w").close()
        written.append(path)
    except OSError:
        pass
os.symlink("/etc/passwd", "cells.part")
os.symlink("OUTSIDE", "link")
if [path for path in written if not path.startswith("/tmp")]:
    def best_probability(p, q, a, b):
        return (a * p + b * q) / (p + q)""",
    "stays-behind": WRONG + """
import os, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(987654)"], start_new_session=True, env={})
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(987654)"])
    os._exit(0)""",
    "raises-oddly": """\
class Odd(BaseException):
    def __str__(self): raise SystemExit
def best_probability(p, q, a, b):
    raise Odd""",
}  # fmt: skip
LOSES_ALL = {
    "kills-parent", "kills-all", "memory-by-parts", "forks", "fills-disk", "unplugs-judge",
    "patches-judging", "patches-check", "deep-folders", "pipes-and-links", "writes-outside", "prints",
}  # fmt: skip


def small(nb):
    """The assignment with two of its exercises and few imports."""
    new, keep = copy.deepcopy(nb), False
    cells = [cell for cell in new.cells if cell.id in ("title", "exercises-setup")]
    for cell in new.cells:
        if cell.source.startswith("## "):
            keep = any(name in cell.id for name in (FIRST, SECOND))
        if keep:
            cells.append(cell)
    new.cells = sorted(cells, key=lambda cell: SECOND in cell.id)  # the hostile one first
    next(cell for cell in new.cells if cell.id == "exercises-setup").source = SETUP
    return new


def filled(nb, first, second):
    """A student's copy with two answers."""
    mine = assignment.released(nb)
    for cell in mine.cells:
        if assignment.grade_id(cell) in (FIRST, SECOND):
            cell.source = first if assignment.grade_id(cell) == FIRST else second
    return mine


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Every result by student, the messages, and the folder beside that nobody may write to."""
    place = tmp_path_factory.mktemp("hostile")
    nb = small(assignment.read(ROOT / "book" / "losses.ipynb"))
    solution = {assignment.grade_id(c): c.source for c in nb.cells if assignment.role(c) == "answer"}
    (place / "source").mkdir()
    nbformat.write(nb, place / "source" / "small.ipynb")
    outside, handed_in = place / "outside", place / "handed-in"
    outside.mkdir()
    handed_in.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server,), daemon=True).start()
        for name, code in HOSTILE.items():
            code = code.replace("PORT", str(server.getsockname()[1])).replace("OUTSIDE", str(outside))
            code = code.replace("PACKAGE", str(sandbox.PACKAGE))
            nbformat.write(filled(nb, code, solution[SECOND]), handed_in / f"{name}.ipynb")
        nbformat.write(filled(nb, solution[FIRST], solution[SECOND]), handed_in / "honest.ipynb")
        nbformat.write(_tampered(filled(nb, WRONG, solution[SECOND])), handed_in / "tampers.ipynb")
        out = place / "graded"
        told = list(
            course.grade(handed_in, out, (place / "source" / "small.ipynb",), jobs=2, limits=LIMITS, required=False)
        )
    results = {path.stem: _result(path) for path in (out / "results" / "small").glob("*.json")}
    return results, told, outside, out


def _accept(server):
    while True:
        try:
            server.accept()[0].close()
        except OSError:
            return


def _result(path):
    import json

    return json.loads(path.read_text())


def _tampered(nb):
    """Checks deleted and edited, another kernel, outputs that claim success, and a solution cell more."""
    nb.metadata["kernelspec"] = {"name": "bash", "display_name": "Bash", "language": "bash"}
    nb.metadata["gan_tutor"] = {"assignment": "none", "points": 100}
    for cell in nb.cells:
        if assignment.role(cell) == "check":
            cell.source = "print('losses-two-sided: right')"
            cell.metadata.nbgrader["points"] = 100
            cell.outputs = [nbformat.v4.new_output("stream", text="losses-two-sided: right\n")]
    nb.cells.append(nbformat.v4.new_code_cell("import os; os._exit(1)"))
    return nb


whole = pytest.mark.skipif(not sandbox.is_whole(), reason="bubblewrap does not work here: apt install bubblewrap")


@whole
@pytest.mark.parametrize("name", [*HOSTILE, "tampers"])
def test_a_hostile_answer_gains_nothing(graded, name):
    results = graded[0]
    assert name in results, graded[1]
    first, second = results[name]["marks"]
    assert first["points"] == 0, first
    assert first["hint"]
    if name not in LOSES_ALL:
        assert second["points"] == 1, (second, results[name]["notes"])


@whole
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("endless", "TimeoutError: it took more than 16 seconds"),
        ("deaf", "TimeoutError: it took more than 16 seconds"),
        ("dies", "KernelEnded: the program was ended by this cell"),
    ],
)
def test_why_an_answer_did_not_run_is_told(graded, name, told):
    assert told in graded[0][name]["marks"][0]["hint"]


@whole
def test_honest_work_beside_it_gets_its_points(graded):
    assert [mark["points"] for mark in graded[0]["honest"]["marks"]] == [1, 1]
    assert graded[0]["honest"]["notes"] == []


@whole
def test_every_submission_is_told_once_and_in_the_books(graded):
    results, told, _, out = graded
    assert len(results) == len(HOSTILE) + 2
    assert told[-1].startswith(f"{len(HOSTILE) + 2} graded, 0 files not graded")
    assert (out / "grades.csv").read_text(encoding="utf-8-sig").count("\n") == len(HOSTILE) + 3
    assert len(list((out / "feedback").glob("*.html"))) == len(HOSTILE) + 2


def test_time_is_limited_however_the_command_behaves(tmp_path):
    code = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)]; time.sleep(60)"
    limits = sandbox.Limits(wall=3)
    ended = sandbox.run([sys.executable, "-c", code], tmp_path, limits, {}, whole=sandbox.is_whole())
    assert ended.stopped == "stopped after 3 seconds"
    assert ended.status != 0


@whole
def test_nothing_is_written_outside_and_nothing_stays_behind(graded):
    assert list(graded[2].iterdir()) == []
    assert not (sandbox.PACKAGE / "written").exists()
    left = [one for one in psutil.process_iter(["cmdline"]) if "987654" in " ".join(one.info["cmdline"] or [])]
    assert left == []


@whole
@pytest.mark.parametrize(
    ("name", "why"),
    [("memory-by-parts", "memory"), ("forks", ""), ("fills-disk", "files")],  # a fork bomb may reach memory first
)
def test_the_limit_that_was_reached_is_named(graded, name, why):
    assert any(note.startswith("stopped") and why in note for note in graded[0][name]["notes"]), graded[0][name][
        "notes"
    ]


def test_without_namespaces_limits_hold_and_nothing_stays_behind(tmp_path):
    nb = small(assignment.read(ROOT / "book" / "losses.ipynb"))
    solution = {assignment.grade_id(c): c.source for c in nb.cells if assignment.role(c) == "answer"}
    naked = grading.prepare({"small": nb}, sandbox.Limits(cell=30, wall=120), whole=False)
    code = solution[FIRST] + HOSTILE["stays-behind"].removeprefix(WRONG).replace(", env={}", "")
    one = submissions.Submission("anna", "small", tmp_path / "anna.ipynb", {**solution, FIRST: code})
    result = grading.grade(one, naked)
    assert result.points == 2, result
    left = [one for one in psutil.process_iter(["cmdline"]) if "987654" in " ".join(one.info["cmdline"] or [])]
    assert left == []


def test_a_missing_bubblewrap_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert not sandbox.is_whole()
    with pytest.raises(ValueError, match="bubblewrap"):
        list(course.grade(tmp_path, tmp_path, (ROOT / "book" / "losses.ipynb",), jobs=1, limits=LIMITS, required=True))
    (tmp_path / "anna.ipynb").write_text("")
    told = course.grade(
        tmp_path, tmp_path / "out", (ROOT / "book" / "losses.ipynb",), jobs=1, limits=LIMITS, required=False
    )
    assert "open to the graded code" in next(told)
