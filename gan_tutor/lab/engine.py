"""The lab without its face: messages in, replies and buffers out. The contract is `web/src/protocol.ts`.

Nothing is computed unless it is asked for: a `tick` trains one slice and is answered with one frame. So a lab that
nobody looks at costs nothing, and every setting acts on the next step.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from gan_tutor import recipes
from gan_tutor.lab import refusals
from gan_tutor.lab.controls import CONTROLS, PRESETS, adapted, preset_of
from gan_tutor.lab.journal import Journal
from gan_tutor.lab.meter import Meter
from gan_tutor.lab.snapshots import Snapshots
from gan_tutor.lab.view import View
from gan_tutor.recipes import Recipe

PROTOCOL = 1
IMAGES_EVERY = 0.06  # seconds between two pictures of a game of images that plays
INTERRUPTED = "Interrupted: the lab is paused"
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
        ValueError: A field to lock or hide is no field of a recipe, the device is not here, or the networks are larger
            than a lab may hold.
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
        self.device, self.lock, self.hide, self.group = recipes.placed(device), tuple(lock), tuple(hide), group
        self.memory_mb = memory_mb
        self.playing, self._interrupted = False, False
        self._begin(recipe)

    def handle(self, message: dict[str, Any]) -> Reply:
        """Answer one message. An error becomes a reply too, and then nothing has changed.

        The one exception is an error in the middle of a turn: the lab pauses and must be rewound or reset before it
        plays again. The traceback of an error that is not foreseen goes to stderr.
        """
        try:
            if not isinstance(message, dict):
                raise ValueError(f"a message must be an object, got {type(message).__name__}")
            reply: Reply = self._handler(message.get("type"))(message)
        except KeyboardInterrupt:
            self.playing = False
            return self._state(INTERRUPTED)
        except Exception as error:
            self.playing = self.playing and self._broken is None
            return refusals.answer(self._words(error), message)
        if self._interrupted:
            self._interrupted = False
            return self._state(INTERRUPTED)
        return reply

    def _handler(self, kind: Any) -> Callable[[dict[str, Any]], Reply]:
        handler: Callable[[dict[str, Any]], Reply] | None = getattr(self, f"_on_{kind}", None)
        if handler is None:
            raise ValueError(f"the lab does not know the message {kind!r}")
        return handler

    def _words(self, error: Exception) -> str:
        said = refusals.words(error)
        return said if self._broken is None or isinstance(error, ValueError) else refusals.words(self._broken)

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
        return self.journal.program(self.game.step, str(self.device))

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
        refusals.check_size(recipe)
        game = recipes.build(recipes.without_end(recipe), self.device)
        view = View(game)  # what can fail comes first: until here nothing has changed
        self.recipe, self.game, self.view = recipe, game, view
        self._turns = recipes.run(game)
        self._broken: Exception | None = None
        self.journal = Journal(recipe)
        self.snapshots = Snapshots(self.memory_mb)
        self.snapshots.take(game, self.journal)
        self.meter = Meter(game)
        self._changed, self._drawn_at = True, -math.inf

    def _turn(self) -> None:
        with self._moving():
            record = next(self._turns)
        self.meter.note(self.game.step, record.loss_d, record.loss_g)
        if self.snapshots.due(self.game.step):
            self.snapshots.take(self.game, self.journal)

    @contextmanager
    def _moving(self) -> Iterator[None]:
        """Refuse to move players after a turn that was broken off: D may have moved without G.

        Nothing could repeat that state, so the lab must go back to a whole one.
        """
        self._check_whole()
        try:
            yield
        except BaseException as error:
            self._turns = recipes.run(self.game)  # a generator that raised cannot be resumed
            self._broken = refusals.broken_off(error, self.game.step)
            raise

    def _check_whole(self) -> None:
        if self._broken is not None:
            raise self._broken.with_traceback(None) from None

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
            with self._moving():
                loss = (recipes.step_d if what == "d" else recipes.step_g)(self.game)
            self.journal.single(self.game.step, what)
            self.meter.note(self.game.step, **{f"loss_{what}": loss})
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
        return self._go_on_under(adapted(self.recipe, changed))

    def _go_on_under(self, recipe: Recipe) -> Reply:
        fresh = recipes.rebuilt(self.recipe, recipe)
        if fresh:
            refusals.check_size(recipe)
        game = recipes.steer(self.game, recipes.without_end(recipe))
        view = View(game) if fresh else self.view
        self.game = game
        self.meter.watch(game)
        self.journal.steered(self.game.step, self.recipe, recipe)
        reseeded = recipe.seed != self.recipe.seed
        self.recipe, self._turns, self._changed = recipe, recipes.run(self.game), True
        if fresh:
            self.view = view
            self.meter.forget_metrics()
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
        game, journal = self.snapshots.back_to(message.get("step"), self.device)
        view = View(game)
        self.game, self.journal, self.view, self.recipe = game, journal, view, journal.recipe
        self._turns, self._broken = recipes.run(game), None
        self.meter.watch(game)
        self.meter.forget_turns()
        self.meter.forget_metrics()
        return self._state(f"Back at step {self.game.step}, with the settings of that moment")

    def _on_code(self, message: dict[str, Any]) -> Reply:
        return {
            "type": "code", "python": self.python(), "link": recipes.to_link(self.recipe),
            "recipe_json": recipes.to_json(self.recipe),
        }, []  # fmt: skip

    def _on_save(self, message: dict[str, Any]) -> Reply:
        self._check_whole()
        path = Path(f"lab-{self.recipe.data}-{self.recipe.seed}-{self.game.step}.safetensors")
        recipes.save(self.game, path)
        self.meter.read()
        loss_d, loss_g, _, _ = self.meter.last
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
        optimal = "optimal" in wanted
        self.meter.measure(self.view, self.game, playing=self.playing, optimal=optimal)
        arrays = self.meter.recent()
        now = time.perf_counter()
        # Images cost a quarter of a turn and change slowly: while a game of images plays, some frames leave them out.
        if not self.playing or self.view.kind != "images" or self._changed or now - self._drawn_at >= IMAGES_EVERY:
            arrays |= self.view.layers(self.game, wanted)
            self._changed, self._drawn_at = False, now
        gap = None
        if optimal and self.meter.optimal is not None:
            arrays["optimal"], gap = self.meter.optimal
        loss_d, loss_g, grad_d, grad_g = self.meter.last
        header = {
            "type": "frame", "id": message.get("id"), "step": self.game.step,
            "steps_per_second": round(self.meter.per_second, 1),
            "playing": self.playing, "snapshots": self.snapshots.steps, "memory": self._memory(),
            "finite": True, "loss_d": _json(loss_d), "loss_g": _json(loss_g), "grad_d": _json(grad_d),
            "grad_g": _json(grad_g), "gap": gap, "metrics": self.meter.metrics,
            "arrays": [{"name": k, "dtype": _dtype(a), "shape": a.shape} for k, a in arrays.items()],
        }  # fmt: skip
        return header, [memoryview(array.tobytes()) for array in arrays.values()]

    def _train_slice(self, steps: Any, budget_ms: Any) -> None:
        if steps is not None and (not isinstance(steps, int) or steps < 1):
            raise ValueError(f"steps must be a whole number from 1, got {steps!r}")
        if not isinstance(budget_ms, (int, float)):
            raise ValueError(f"budget_ms must be a number of milliseconds, got {budget_ms!r}")
        budget = min(max(budget_ms, 1), 1000) / 1e3
        began, first = time.perf_counter(), self.game.step
        while self.playing and (steps is None or self.game.step - first < steps):
            self._turn()
            spent = time.perf_counter() - began
            if steps is None and spent + spent / (self.game.step - first) > budget:  # one more would be too late
                break
        self.meter.took(self.game.step - first, time.perf_counter() - began)

    def _memory(self) -> dict[str, float]:
        return {"used_mb": round(self.snapshots.used_mb, 1), "budget_mb": self.memory_mb}

    def _state(self, note: str | None = None) -> Reply:
        return self.state(note), []


def _json(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _dtype(array: Any) -> str:
    return {"float32": "f32", "uint8": "u8"}[str(array.dtype)]
