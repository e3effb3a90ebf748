"""The lab without its face: messages in, replies and buffers out. The contract is `web/src/protocol.ts`.

Nothing is computed unless it is asked for: a `tick` trains one slice and is answered with one frame. So a lab that
nobody looks at costs nothing, and every setting acts on the next step.
"""

import json
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gan_tutor import recipes, training
from gan_tutor.lab.controls import CONTROLS, PRESETS, preset_of
from gan_tutor.lab.journal import Journal
from gan_tutor.lab.snapshots import Snapshots
from gan_tutor.lab.view import Arrays, View
from gan_tutor.recipes import Recipe
from gan_tutor.recipes.record import CLASSES

PROTOCOL = 1
IMAGES_EVERY = 0.06  # seconds between two pictures of a game of images that plays
MEASURED_SHARE = 0.05  # of the time goes into metrics and D*, at most
INTERRUPTED = "Interrupted: the lab is paused"
DIVERGED = "The run diverged: the loss of {} is {} at step {}. Rewind or reset, then lower a rate or add a penalty"
Reply = tuple[dict[str, Any], list[memoryview]]


class Engine:
    """A game that a reader plays, stops, steers, and takes back.

    Args:
        recipe: Where to start; its `steps` are ignored, a lab runs until it is stopped.
        device: Where to train.
        lock: Fields that the reader sees and cannot change.
        hide: Fields that the reader does not see and cannot change.
        group: Labs with the same group tick on one clock.
        memory_mb: What snapshots may hold, in megabytes.

    Raises:
        ValueError: A field to lock or hide is no field of a recipe.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        device: str | torch.device = "cpu",
        lock: tuple[str, ...] = (),
        hide: tuple[str, ...] = (),
        group: str | None = None,
        memory_mb: float = 200.0,
    ) -> None:
        unknown = sorted({*lock, *hide} - set(Recipe.__dataclass_fields__))
        if unknown:
            raise ValueError(f"lock and hide must name fields of a Recipe, got {', '.join(unknown)}")
        self.device, self.lock, self.hide, self.group = torch.device(device), tuple(lock), tuple(hide), group
        self.memory_mb = memory_mb
        self.playing, self._interrupted = False, False
        self._begin(recipe)

    def handle(self, message: dict[str, Any]) -> Reply:
        """Answer one message; an expected error becomes a reply, and then nothing has changed."""
        handler = getattr(self, f"_on_{message.get('type')}", None)
        if handler is None:
            return _refusal(f"the lab does not know the message {message.get('type')!r}", message)
        try:
            reply: Reply = handler(message)
        except (ValueError, OSError) as error:
            return _refusal(str(error), message)
        except training.NonFinite as error:
            self.playing = False
            return _refusal(DIVERGED.format(error.quantity[-1].upper(), error.value, error.step), message)
        except KeyboardInterrupt:
            self.playing = False
            return self._state(INTERRUPTED)
        if self._interrupted:
            self._interrupted = False
            return self._state(INTERRUPTED)
        return reply

    def interrupt(self) -> None:
        """Pause after the present turn, and say so with the next answer; may be called from another thread."""
        self._interrupted = self._interrupted or self.playing
        self.playing = False

    def forget(self) -> None:
        """Stop, and let go of all moments but the present: nobody can go back to them any more."""
        self.playing, self.snapshots = False, Snapshots(0.0)

    def state(self, note: str | None = None) -> dict[str, Any]:
        """Return everything that changes only when someone acts: settings, controls, presets, snapshots."""
        source: Any = self.game.source
        modes = len(source.means) if hasattr(source, "means") else None
        return {
            "type": "state", "protocol": PROTOCOL, "engine": "kernel", "playing": self.playing, "step": self.game.step,
            "recipe": asdict(self.recipe), "controls": [control.message() for control in CONTROLS],
            "presets": [{"name": p.name, "label": p.label, "about": p.about} for p in PRESETS],
            "source": {
                "kind": self.view.kind, "shape": source.shape, "range": source.range, "extent": self.view.extent,
                "name": source.name, "modes": modes, "density": hasattr(source, "log_prob"),
                "labels": self.view.labels,
            },
            "preset": preset_of(self.recipe), "locked": self.lock, "hidden": self.hide, "compare": self.group,
            "snapshots": self.snapshots.steps, "memory": self._memory(), "note": note,
        }  # fmt: skip

    def python(self) -> str:
        """Return the program that repeats this session exactly, up to the present step."""
        return self.journal.program(self.game.step)

    def advance(self, turns: int) -> None:
        """Play a number of turns, whatever the clock says."""
        for _ in range(turns):
            self._turn()

    def begin(self, recipe: Recipe) -> Reply:
        """Begin another recipe at step 0, and return the new state.

        Raises:
            ValueError: It changes what is locked or hidden here, or cannot be built.
        """
        return self._begin_named(recipe, "recipe", recipe.loss.replace("_", " "))

    def _begin_named(self, recipe: Recipe, kind: str, name: str) -> Reply:
        barred = sorted({*self.lock, *self.hide} & set(recipes.changes(self.recipe, recipe)))
        if barred:
            raise ValueError(f"this {kind} changes {', '.join(barred)}, which cannot be changed in this lab")
        self._begin(recipe)
        return self._state(f"{name}: at step 0 with seed {recipe.seed}")

    def _begin(self, recipe: Recipe) -> None:
        game = recipes.build(recipes.without_end(recipe), self.device)
        self.recipe, self.game = recipe, game
        self._turns = recipes.run(game)
        self.view = View(game)
        self.journal = Journal(recipe)
        self.snapshots = Snapshots(self.memory_mb)
        self.snapshots.take(game, self.journal)
        self._history: list[tuple[float, float, float, float, float]] = []
        self._losses = (math.nan, math.nan)
        self._metrics: list[dict[str, Any]] = []
        self._optimal: tuple[Any, float] | None = None
        self._measured_at, self._measuring_took, self._measured_step = -math.inf, 0.0, -1
        self._turns_lately, self._seconds_lately = 0.0, 0.0
        self._changed, self._drawn_at = True, -math.inf

    def _turn(self) -> None:
        try:
            record = next(self._turns)
        except BaseException:
            self._turns = recipes.run(self.game)  # one that was broken off is spent
            raise
        self._note_losses(record.loss_d.item(), record.loss_g.item())
        if self.snapshots.due(self.game.step):
            self.snapshots.take(self.game, self.journal)

    def _note_losses(self, loss_d: float, loss_g: float) -> None:
        self._losses = (loss_d, loss_g)
        self._history.append((self.game.step, loss_d, loss_g, _norm(self.game.D), _norm(self.game.G)))

    def _on_hello(self, message: dict[str, Any]) -> Reply:
        if message.get("protocol") != PROTOCOL:
            raise ValueError(
                f"the page speaks protocol {message.get('protocol')!r} and the kernel {PROTOCOL}: reload the page"
            )
        return self._state()

    def _on_play(self, message: dict[str, Any]) -> Reply:
        self.playing = True
        return self._state()

    def _on_pause(self, message: dict[str, Any]) -> Reply:
        self.playing = False
        return self._state()

    def _on_step(self, message: dict[str, Any]) -> Reply:
        what = message.get("what")
        if what == "turn":
            self._turn()
            self.snapshots.take(self.game, self.journal)  # who goes step by step wants to go back so
        elif what in ("d", "g"):
            loss = (recipes.step_d if what == "d" else recipes.step_g)(self.game).item()
            self.journal.single(self.game.step, what)
            self._note_losses(*((loss, self._losses[1]) if what == "d" else (self._losses[0], loss)))
        else:
            raise ValueError(f"what must be d, g or turn, got {what!r}")
        return self._state()

    def _on_set(self, message: dict[str, Any]) -> Reply:
        changed = message.get("changes")
        if not isinstance(changed, dict):
            raise ValueError(f"changes must be an object of fields and values, got {changed!r}")
        barred = sorted({*self.lock, *self.hide} & set(changed))
        if barred:
            raise ValueError(f"{', '.join(barred)} cannot be changed in this lab")
        return self._go_on_under(_adapted(self.recipe, changed))

    def _go_on_under(self, recipe: Recipe) -> Reply:
        fresh = recipes.rebuilt(self.recipe, recipe)
        self.game = recipes.steer(self.game, recipes.without_end(recipe))
        self.journal.steered(self.game.step, self.recipe, recipe)
        reseeded = recipe.seed != self.recipe.seed
        self.recipe, self._turns, self._changed = recipe, recipes.run(self.game), True
        if fresh:
            self.view, self._metrics, self._optimal, self._measured_step = View(self.game), [], None, -1
        note = f"New: {', '.join(fresh)}; everything else goes on" if fresh else None
        return self._state("The seed is used at the next reset" if reseeded else note)

    def _on_reset(self, message: dict[str, Any]) -> Reply:
        self._begin(self.recipe)
        return self._state(f"Back at step 0 with seed {self.recipe.seed}")

    def _on_preset(self, message: dict[str, Any]) -> Reply:
        found = [preset for preset in PRESETS if preset.name == message.get("name")]
        if not found:
            raise ValueError(f"there is no preset {message.get('name')!r}")
        return self._begin_named(found[0].recipe, "preset", found[0].label)

    def _on_rewind(self, message: dict[str, Any]) -> Reply:
        self.game, self.journal = self.snapshots.back_to(message.get("step"), self.device)
        self.recipe = self.journal.recipe
        self._turns, self.view = recipes.run(self.game), View(self.game)
        self._history.clear()
        self._metrics, self._optimal, self._measured_step = [], None, -1
        return self._state(f"Back at step {self.game.step}, with the settings of that moment")

    def _on_code(self, message: dict[str, Any]) -> Reply:
        return {
            "type": "code", "python": self.python(), "link": recipes.to_link(self.recipe),
            "recipe_json": recipes.to_json(self.recipe),
        }, []  # fmt: skip

    def _on_save(self, message: dict[str, Any]) -> Reply:
        path = Path(f"lab-{self.recipe.data}-{self.recipe.seed}-{self.game.step}.safetensors")
        recipes.save(self.game, path)
        loss_d, loss_g = self._losses
        measured = {
            "step": self.game.step, "loss_d": _json(loss_d), "loss_g": _json(loss_g),
            "metrics": self.view.metrics(self.game), "recipe": asdict(self.recipe), "python": self.python(),
        }  # fmt: skip
        path.with_suffix(".json").write_text(json.dumps(measured, indent=2))
        return {"type": "saved", "path": str(path), "metrics_path": str(path.with_suffix(".json"))}, []

    def _on_tick(self, message: dict[str, Any]) -> Reply:
        """Train one slice, as long as `budget_ms`, or exactly `steps` turns for labs that keep pace; send a frame."""
        if self.playing:
            self._train_slice(message.get("steps"), message.get("budget_ms", 40))
        wanted = set(message.get("layers", ()))
        self._measure("optimal" in wanted)
        arrays = self._recent()
        now = time.perf_counter()
        # Images cost a quarter of a turn and change slowly: while a game of images plays, some frames leave them out.
        if not self.playing or self.view.kind != "images" or self._changed or now - self._drawn_at >= IMAGES_EVERY:
            arrays |= self.view.layers(self.game, wanted)
            self._changed, self._drawn_at = False, now
        gap = None
        if "optimal" in wanted and self._optimal is not None:
            arrays["optimal"], gap = self._optimal
        loss_d, loss_g = self._losses
        rate = self._turns_lately / self._seconds_lately if self._turns_lately else 0.0
        header = {
            "type": "frame", "id": message.get("id"), "step": self.game.step, "steps_per_second": round(rate, 1),
            "playing": self.playing, "snapshots": self.snapshots.steps, "memory": self._memory(),
            "finite": True, "loss_d": _json(loss_d), "loss_g": _json(loss_g), "grad_d": _norm(self.game.D),
            "grad_g": _norm(self.game.G), "gap": gap, "metrics": self._metrics,
            "arrays": [{"name": k, "dtype": _dtype(a), "shape": a.shape} for k, a in arrays.items()],
        }  # fmt: skip
        return header, [memoryview(array.tobytes()) for array in arrays.values()]

    def _train_slice(self, steps: Any, budget_ms: Any) -> None:
        if steps is not None and (not isinstance(steps, int) or steps < 1):
            raise ValueError(f"steps must be a whole number from 1, got {steps!r}")
        budget = min(max(float(budget_ms), 1.0), 1000.0) / 1e3
        began, first = time.perf_counter(), self.game.step
        while self.playing and (steps is None or self.game.step - first < steps):
            self._turn()
            spent = time.perf_counter() - began
            if steps is None and spent + spent / (self.game.step - first) > budget:  # one more would be too late
                break
        self._turns_lately = 0.9 * self._turns_lately + self.game.step - first
        self._seconds_lately = 0.9 * self._seconds_lately + time.perf_counter() - began

    def _measure(self, optimal: bool) -> None:
        """Refresh metrics and D*, rarely enough that they take a small share of the time."""
        now = time.perf_counter()
        stale = self.game.step != self._measured_step or (optimal and self._optimal is None)
        if not stale or (self.playing and now - self._measured_at < self._measuring_took / MEASURED_SHARE):
            return
        self._metrics = self.view.metrics(self.game)
        can = self.view.kind != "images" and not self.view.classes
        self._optimal = self.view.optimal(self.game) if optimal and can else None
        self._measured_at, self._measured_step = time.perf_counter(), self.game.step
        self._measuring_took = self._measured_at - now

    def _recent(self) -> Arrays:
        rows = self._history[:: max(1, math.ceil(len(self._history) / 200))]
        self._history.clear()
        return {"history": torch.tensor(rows, dtype=torch.float32).view(-1, 5).numpy()}

    def _memory(self) -> dict[str, float]:
        return {"used_mb": round(self.snapshots.used_mb, 1), "budget_mb": self.memory_mb}

    def _state(self, note: str | None = None) -> Reply:
        return self.state(note), []


def _adapted(recipe: Recipe, changed: dict[str, Any]) -> Recipe:
    """Return the recipe with the changes; networks follow when the data goes from points to images or back."""
    values = asdict(recipe) | changed
    known = Recipe(data=changed["data"], points=changed.get("points", "")) if "data" in changed else recipe
    if len(recipes.sample_shape(known)) != len(recipes.sample_shape(recipe)):
        model = recipes.named("digits" if len(recipes.sample_shape(known)) == 3 else "ring")
        values |= {field: getattr(model, field) for field in recipes.ARCHITECTURE}
    if "data" in changed and changed["data"] != "drawn":
        values["points"] = ""
    if "data" in changed and changed["data"] not in CLASSES:
        values["condition"] = "none"
    return recipes.from_dict(values)


def _refusal(words: str, message: dict[str, Any]) -> Reply:
    return {"type": "error", "message": words} | ({"id": message["id"]} if "id" in message else {}), []


@torch.no_grad()
def _norm(network: nn.Module) -> float:
    """Return the L2 norm of the last gradient over all parameters, 0 before the first step."""
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    return torch.cat([gradient.flatten() for gradient in gradients]).norm().item() if gradients else 0.0


def _json(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _dtype(array: Any) -> str:
    return {"float32": "f32", "uint8": "u8"}[str(array.dtype)]
