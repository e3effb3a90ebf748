"""The numbers of a lab: losses and gradients of every turn, metrics now and then, and how fast it goes."""

import math
import time
from typing import Any

import torch
from torch import Tensor, nn

from gan_tutor.lab.view import Arrays, View
from gan_tutor.recipes import Game

MEASURED_SHARE = 0.05  # of the time goes into metrics and D*, at most
READ_EVERY = 256  # turns whose numbers wait on the device: reading one makes the host wait for it


class Meter:
    """What is measured of one game, from its start on.

    Attributes:
        last: D's and G's loss, and the L2 norms of their last gradients; losses are NaN and norms 0 before the first
            step. Up to date after `read`.
        metrics: The latest metrics, see `View.metrics`.
        optimal: The latest D* and its distance from D, see `View.optimal`, or None.
    """

    def __init__(self, game: Game) -> None:
        self.last = (math.nan, math.nan, 0.0, 0.0)
        self._watched: dict[str, torch.optim.Optimizer] = {}
        self._norms: dict[str, Tensor] = {}
        self._losses = torch.full((2,), math.nan, device=game.generator.device)
        self._waiting: list[tuple[int, Tensor]] = []
        self._rows: list[tuple[float, ...]] = []
        self._turns_lately, self._seconds_lately = 0.0, 0.0
        self.forget_metrics()
        self._measured_at, self._measuring_took = -math.inf, 0.0
        self.watch(game)

    def watch(self, game: Game) -> None:
        """Take the norms of this game's gradients from now on.

        They are taken as the optimiser steps, into memory that stays: a CUDA graph replays that too, while the
        gradients that it leaves in `p.grad` belong to the graph that was recorded last.
        """
        for name, optimizer, network in (("d", game.opt_d, game.D), ("g", game.opt_g, game.G)):
            if self._watched.get(name) is not optimizer:
                self._watched[name] = optimizer
                self._norms[name] = torch.zeros((), device=game.generator.device)
                optimizer.register_step_post_hook(_noting_norm(network, self._norms[name]))

    def note(self, step: int, loss_d: Tensor | None = None, loss_g: Tensor | None = None) -> None:
        """Note the losses of a turn, or of one player that moved alone; nothing waits for the device."""
        losses = [old if new is None else new for old, new in zip(self._losses.unbind(), (loss_d, loss_g), strict=True)]
        now = torch.stack([*losses, self._norms["d"], self._norms["g"]])
        self._losses = now[:2]
        self._waiting.append((step, now))
        if len(self._waiting) == READ_EVERY:
            self.read()

    def recent(self) -> Arrays:
        """Return step, losses and norms of the turns since the last call, at most some 200 of them."""
        self.read()
        rows = self._rows[:: max(1, math.ceil(len(self._rows) / 200))]
        self.forget_turns()
        return {"history": torch.tensor(rows, dtype=torch.float32).view(-1, 5).numpy()}

    def forget_turns(self) -> None:
        """Let go of the turns that nobody has seen yet: the game went back."""
        self._waiting.clear()
        self._rows.clear()

    def forget_metrics(self) -> None:
        """Let go of what was measured: the game has other players or other data."""
        self.metrics: list[dict[str, Any]] = []
        self.optimal: tuple[Any, float] | None = None
        self._measured_step = -1

    def measure(self, view: View, game: Game, *, playing: bool, optimal: bool) -> None:
        """Refresh metrics and D*, rarely enough that they take a small share of the time."""
        now = time.perf_counter()
        stale = game.step != self._measured_step or (optimal and self.optimal is None)
        if not stale or (playing and now - self._measured_at < self._measuring_took / MEASURED_SHARE):
            return
        self.metrics = view.metrics(game)
        can = view.kind != "images" and not view.classes
        self.optimal = view.optimal(game) if optimal and can else None
        self._measured_at, self._measured_step = time.perf_counter(), game.step
        self._measuring_took = self._measured_at - now

    def took(self, turns: int, seconds: float) -> None:
        """Note how long a slice of turns took."""
        self._turns_lately = 0.9 * self._turns_lately + turns
        self._seconds_lately = 0.9 * self._seconds_lately + seconds

    @property
    def per_second(self) -> float:
        """Turns a second over the last slices, 0 before the first."""
        return self._turns_lately / self._seconds_lately if self._turns_lately else 0.0

    def read(self) -> None:
        """Read the numbers of the turns that wait on the device."""
        if not self._waiting:
            return
        values = torch.stack([numbers for _, numbers in self._waiting]).tolist()
        self._rows += [(step, *row) for (step, _), row in zip(self._waiting, values, strict=True)]
        self._waiting.clear()
        loss_d, loss_g, norm_d, norm_g = values[-1]
        self.last = (loss_d, loss_g, norm_d, norm_g)


def _noting_norm(network: nn.Module, norm: Tensor) -> Any:
    parameters = list(network.parameters())

    @torch.no_grad()
    def note(*_: Any) -> None:
        gradients = [p.grad for p in parameters if p.grad is not None]
        norm.copy_(torch.stack(torch._foreach_norm(gradients)).norm())

    return note
