"""A game played in a run folder: progress, log and checkpoints, and an orderly end whatever ends it."""

import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from tqdm import tqdm

from gan_tutor import networks, parallel, recipes, training
from gan_tutor.cli import gauge
from gan_tutor.cli.folder import Folder, Log
from gan_tutor.share import Share

# Turns after which the processes ask each other whether to stop. On a GPU the hosts would wait for one another.
_ASK = {"cpu": 1, "cuda": 10}
_LOST = re.compile(r"gloo|nccl|connection (closed|reset|refused)|broken pipe", re.IGNORECASE)


class Every(NamedTuple):
    """How often to store.

    Attributes:
        turns: Turns between two checkpoints.
        seconds: Seconds between two checkpoints, if so many turns take longer.
        log: Turns between two lines of the log.
    """

    turns: int
    seconds: float
    log: int


def play(game: recipes.Game, folder: Folder, every: Every) -> dict[str, float]:
    """Play the game to its last step, with a checkpoint there; return how fast it went, by the metrics' names.

    The speed is that of all sessions of the run, each of which adds its turns and seconds to `game.timed`.

    Raises:
        SystemExit: The run was asked to stop, by Ctrl-C (status 130) or SIGTERM (143), and stands at a checkpoint; or
            another process is gone (1).
    """
    share, steps, leads = game.share, game.recipe.steps, game.share.rank == 0
    ask = _ASK[game.generator.device.type] if share.ranks > 1 else 1
    saved = time.perf_counter()
    with _asked_to_stop() as asked, _telling(game, folder, every.log) as teller, _losing_nobody(share):
        for record in recipes.run(game):
            teller.turn(record)
            wishes = (asked() > 0, leads and time.perf_counter() - saved > every.seconds)
            stopping, late = parallel.agree(share, *wishes) if record.step % ask == 0 else (False, False)
            if stopping or late or record.step % every.turns == 0 or record.step == steps:
                saved = time.perf_counter()
                game.timed = teller.timed()
                if leads:
                    teller.settle()
                    folder.save(game)
                else:
                    recipes.check_finite(game)  # as the first process does before it saves: all stop or none
            if stopping:
                break
        speed = teller.speed()
    if game.step < steps:
        if leads:
            print(f"stopped at step {game.step}; continue with the same command and --resume", file=sys.stderr)
        raise SystemExit(128 + (asked() or signal.SIGTERM))
    return speed


@contextmanager
def _asked_to_stop() -> Iterator[Callable[[], int]]:
    """Let Ctrl-C and SIGTERM end the run after the turn under way, not within it; a second one interrupts at once.

    The function returns the number of the signal, or 0. What comes within a second is the same request: torchrun
    passes on a Ctrl-C that its processes got themselves.
    """
    asked: list[tuple[int, float]] = []

    def note(number: int, frame: object) -> None:
        if asked and time.monotonic() - asked[0][1] > 1:
            raise KeyboardInterrupt
        asked.append((number, time.monotonic()))

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked[0][0] if asked else 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _losing_nobody(share: Share) -> Iterator[None]:
    """Say in one line that another process is gone, for which the libraries between them have many."""
    try:
        yield
    except RuntimeError as error:
        if share.ranks == 1 or not (isinstance(error, torch.distributed.DistError) or _LOST.search(str(error))):
            raise
        # Said at once: torchrun is about to end this process too.
        print(
            f"gan-tutor: process {share.rank} of {share.ranks} lost another one; the run stands at its last "
            f"checkpoint, start all again with --resume ({_reason(error)})",
            file=sys.stderr,
            flush=True,
        )
        raise SystemExit(1) from error


def _reason(error: RuntimeError) -> str:
    """Return the first sentence of a library's message, without the place in its source that it begins with."""
    return re.sub(r"^\[[^]]*\]\s*", "", str(error).splitlines()[0]).split(". ")[0]


@contextmanager
def _telling(game: recipes.Game, folder: Folder, log_every: int) -> Iterator["Teller"]:
    teller = Teller(game, folder, log_every)
    try:
        yield teller
    finally:
        teller.close()


class Teller:
    """What the first process tells while it plays: a progress bar, and lines of the log. The others are silent.

    Args:
        game: The game, before its first turn here.
        folder: Where the log goes.
        log_every: Turns between two lines; only then are losses read from the device.
    """

    def __init__(self, game: recipes.Game, folder: Folder, log_every: int) -> None:
        recipe, device, self.leads = game.recipe, game.generator.device, game.share.rank == 0
        self.log_every = log_every
        self.images = recipe.batch_size * recipe.n_critic
        self.of_peak = gauge.share_of_peak(game) if self.leads and device.type == "cuda" else None
        if self.leads:
            precision = networks.precision_on(device, recipe.precision)
            others = f", {game.share.ranks} processes" if game.share.ranks > 1 else ""
            place = f"step {game.step} of {recipe.steps} on {device} in {precision}{others}"
            print(f"{folder.path}: {recipe.data}, {recipe.loss}, {place}", flush=True)
            self.log = Log(folder.log, game.step)
        self.bar = tqdm(
            total=recipe.steps,
            initial=game.step,
            unit="turn",
            mininterval=0.5 if sys.stderr.isatty() else 10,  # a job's output keeps every line
            file=sys.stderr,
            disable=not self.leads,
        )
        self.before = game.timed
        self.first = self.last = (game.step, time.perf_counter())
        self.now = self.first

    def turn(self, record: training.Record) -> None:
        """Note a turn."""
        self.bar.update()
        self.now = (record.step, time.perf_counter())
        if not self.leads or record.step % self.log_every:
            return
        loss_d, loss_g = record.loss_d.item(), record.loss_g.item()
        self.now = (record.step, time.perf_counter())  # a GPU has played the turn only now
        rate = _rate(self.last, self.now)
        self.last = self.now
        self.log.line(record.step, loss_d, loss_g, rate * self.images)
        shown = {"loss_d": f"{loss_d:.3f}", "loss_g": f"{loss_g:.3f}", "images/s": f"{rate * self.images:.0f}"}
        if self.of_peak is not None:
            shown["of_peak"] = f"{100 * rate * self.of_peak:.0f}%"
        self.bar.set_postfix(shown, refresh=False)

    def settle(self) -> None:
        """Put the log on the disk."""
        self.log.settle()

    def timed(self) -> tuple[int, float]:
        """Return the turns of all sessions that were timed, and their seconds."""
        return self.before[0] + self.now[0] - self.first[0], self.before[1] + self.now[1] - self.first[1]

    def speed(self) -> dict[str, float]:
        """Return seconds, turns and images a second, and the share of the device's peak where it is known.

        All are those of the turns that were timed; of a finished run whose checkpoint tells no times, none are known.
        """
        turns, seconds = self.timed()
        if not turns:
            return {}
        rate = turns / max(seconds, 1e-9)
        told = {"seconds": seconds, "steps_per_second": rate, "images_per_second": rate * self.images}
        if self.of_peak is not None:
            told["share_of_peak"] = rate * self.of_peak
        return {name: float(f"{value:.4g}") for name, value in told.items()}

    def close(self) -> None:
        """Close the bar."""
        self.bar.close()


def _rate(since: tuple[int, float], now: tuple[int, float]) -> float:
    """Return turns a second between two (step, seconds)."""
    return (now[0] - since[0]) / max(now[1] - since[1], 1e-9)
