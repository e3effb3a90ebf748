"""Kill a run again and again, at random moments and inside a write, until it ends: `python kills.py FOLDER KILLS SEED`.

Runs are forked from this process, which has imported everything: a kill costs a fraction of a second. FOLDER/straight
is the same run undisturbed. Prints what happened as JSON.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from gan_tutor import cli

TURNS = 480
COMMAND = (
    "gan-tutor train ring --loss relativistic --penalty r1_r2 --penalty-every 2 --schedule cosine --width-g 8 "
    f"--width-d 8 --batch-size 16 --samples 50 --steps {TURNS} --checkpoint-every 4 --log-every 3 --device cpu"
)  # fmt: skip


def begin(folder, prepare=lambda: None):
    """Fork a run in the folder, resumed as a job script would, and return its process id."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        sys.argv = [*COMMAND.split(), "--out", str(folder)]
        if (folder / "recipe.json").exists():
            sys.argv.append("--resume")
        with open(folder.with_suffix(".txt"), "a") as told:
            os.dup2(told.fileno(), 1)
            os.dup2(told.fileno(), 2)
        prepare()
        cli.main()
        status = 0
    except SystemExit as stop:
        print(stop.code, file=sys.stderr)
    finally:
        sys.stderr.flush()
        os._exit(status)


def ended(child, signals=(signal.SIGKILL,)):
    """Wait for a run; return whether it was killed. Any other end than a kill or success is an error."""
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in signals:
        return True
    assert status == 0, f"a run ended with status {status}"
    return False


def dying(name, call):
    """Return a preparation that kills the run in its `call`-th call of an `os` function, before anything is done."""

    def prepare():
        function, calls = getattr(os, name), []

        def last(*arguments):
            calls.append(1)
            if len(calls) == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments)

        setattr(os, name, last)

    return prepare


def reached(run):
    """Return the last step in a run's log."""
    lines = (run / "log.csv").read_text().split("\n")[1:-1]
    return int(lines[-1].split(",")[0]) if lines else 0


def main():
    """Play the straight run, then the killed one."""
    torch.set_num_threads(1)
    torch.optim.SGD([torch.zeros(1)])  # imports much at its first use
    folder, kills, chance = Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))
    began = time.perf_counter()
    assert not ended(begin(folder / "straight"))
    run = folder / "killed"
    left = []
    for name, call in (("fsync", 1), ("replace", 1), ("fsync", 2), ("replace", 2), ("fsync", 3), ("fsync", 6)) * 2:
        assert ended(begin(run, dying(name, call))), f"the run never came to call {call} of os.{name}"
        left.append(sorted(path.name.split(".")[1] for path in run.glob(".*.tmp")))
    steps = []
    while len(steps) < kills:
        k = len(steps)
        child, far = begin(run), TURNS * (k + 1) / (kills + 1)
        # One in five before or while it begins, the others when the log has come so far, and up to 20 ms later.
        while k % 5 and reached(run) < far:
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.02 if k % 5 else 0.15))
        os.kill(child, signal.SIGKILL)
        if ended(child):  # near its end a run may have been faster
            steps.append(reached(run))
    assert not ended(begin(run))
    print(json.dumps({"left": left, "steps": steps, "seconds": round(time.perf_counter() - began, 1)}))


if __name__ == "__main__":
    main()
