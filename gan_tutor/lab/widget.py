"""The lab as a notebook widget. Training happens in the handler of the page's ticks: no thread, no task, no orphan."""

import html
import json
import secrets
import threading
import weakref
from pathlib import Path
from typing import Any

try:
    import anywidget
    import ipywidgets
except ImportError as error:
    raise ImportError('the live lab needs anywidget and ipywidgets: pip install "gan-tutor[lab]"') from error
import torch

from gan_tutor import recipes
from gan_tutor.lab import kernel
from gan_tutor.lab.engine import Engine
from gan_tutor.recipes import Recipe

STATIC = Path(__file__).parent / "static"


class Lab(anywidget.AnyWidget):
    """A GAN that trains in this notebook while its reader steers it.

    `lab = Lab(recipes.named("ring"))` shows it as the last line of a cell. It trains only while it is seen and
    playing; interrupting the kernel pauses it. `lab.engine.game` is the game itself.

    An exported page shows `html` if the notebook does not hold the widget's state; nbconvert prefers the state, which
    draws nothing offline. Export with `--ExecutePreprocessor.store_widget_state=False`.

    Args:
        recipe: Where to start: a Recipe, the name of one, or a link to a lab.
        device: "auto" takes a CUDA GPU if there is one.
        lock: Fields of the recipe shown but not changeable.
        hide: Fields neither shown nor changeable.
        group: Labs of one group tick on one clock.
        memory_mb: Megabytes for the moments to go back to.

    Raises:
        ValueError: An unknown recipe, field or device.
    """

    _esm = STATIC / "lab.js"
    _css = STATIC / "lab.css"
    _ipython_display_ = None  # ipywidgets 7 would otherwise not show the bundle below

    def __init__(
        self,
        recipe: Recipe | str = "ring",
        *,
        device: str = "auto",
        lock: tuple[str, ...] = (),
        hide: tuple[str, ...] = (),
        group: str | None = None,
        memory_mb: float = 200.0,
    ) -> None:
        recipe = _recipe(recipe) if isinstance(recipe, str) else recipe
        where = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        self.engine = Engine(recipe, device=where, lock=lock, hide=hide, group=group, memory_mb=memory_mb)
        # Newer kernels may call the handler from another thread, and two views from two.
        self._turnstile = threading.Lock()
        super().__init__()
        self.on_msg(self._answer)
        _take_over(self)
        kernel.tell_when_interrupted(_interrupt)

    def close(self) -> None:
        """Take the lab off the page for good, and let go of its moments."""
        if self.comm is not None:
            self.engine.forget()
            self.layout.close()
        super().close()

    def _answer(self, widget: object, message: dict[str, Any], buffers: list[memoryview]) -> None:
        with kernel.whole(_interrupt), self._turnstile:
            reply, arrays = self.engine.handle(message)
            self.send(reply, arrays)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        shown = super()._repr_mimebundle_(**options)
        bundle, metadata = shown if isinstance(shown, tuple) else (shown, {})
        bundle = dict(bundle or {})
        bundle["text/plain"] = self.plain()
        bundle["text/html"] = self.html()
        return bundle, metadata

    def run(self, steps: int) -> None:
        """Play a number of turns now, with or without a front end; what is open shows them when it next asks.

        An interrupt stops it after the present turn, so that the game and its program are those of a whole turn.

        Raises:
            ValueError: `steps` is negative.
            FloatingPointError: The run diverged; it can be reset or rewound.
            KeyboardInterrupt: It was interrupted; the turn that was being played is whole.
        """
        if steps < 0:
            raise ValueError(f"steps must be at least 0, got {steps}")
        stopped = threading.Event()
        with kernel.whole(stopped.set), self._turnstile:
            for _ in range(steps):
                self.engine.advance(1)
                if stopped.is_set():
                    break
        if stopped.is_set():
            raise KeyboardInterrupt

    def begin(self, recipe: Recipe | str) -> None:
        """Begin another recipe in this lab, at step 0: a Recipe, the name of one, or a link. What is shown follows.

        Raises:
            ValueError: There is no such recipe, or it changes a field that is locked or hidden here.
        """
        with self._turnstile:
            reply, arrays = self.engine.begin(_recipe(recipe) if isinstance(recipe, str) else recipe)
            self.send(reply, arrays)

    def plain(self) -> str:
        """Return the lab as one line of text."""
        recipe = self.engine.recipe
        return f"Lab({recipe.data}, {recipe.loss}, seed {recipe.seed})"

    def html(self) -> str:
        """Return the element for a page without a kernel, with recipe and teacher's options for the page's engine."""
        engine, recipe = self.engine, self.engine.recipe
        options = {
            "recipe": json.dumps(recipes.changes(Recipe(), recipe)), "lock": " ".join(engine.lock),
            "hide": " ".join(engine.hide), "group": engine.group or "",
        }  # fmt: skip
        attributes = "".join(f' data-{name}="{html.escape(text)}"' for name, text in options.items() if text)
        return (
            f"<gan-lab{attributes}><p>The live lab ({recipe.data}, {recipe.loss} loss) plays here when this chapter is "
            "open in Colab or JupyterLab and the cell above has been run.</p></gan-lab>"
        )


# Every lab that is open, and the cell and its run that made it.
_open: "weakref.WeakKeyDictionary[Any, tuple[str, str] | None]" = weakref.WeakKeyDictionary()


def _take_over(widget: ipywidgets.DOMWidget) -> None:
    """Close what an earlier run of the same cell has made: its place on the page is gone."""
    here = kernel.running_cell()
    for other, made in list(_open.items()):
        if here and made and made[0] == here[0] and made[1] != here[1]:
            del _open[other]
            other.close()
    _open[widget] = here


def _interrupt() -> None:
    for widget in list(_open):
        if isinstance(widget, Lab):
            widget.engine.interrupt()


def _recipe(text: str) -> Recipe:
    at = text.find("#lab=")
    return recipes.named(text) if at < 0 else recipes.from_link(text[at:])


class Pair(ipywidgets.Box):
    """Labs beside each other where there is room, below each other where there is none."""

    _ipython_display_ = None

    def __init__(self, labs: list[Lab]) -> None:
        super().__init__(labs)
        self.add_class("gan-lab-pair")
        _take_over(self)

    def close(self) -> None:
        """Take the pair off the page; its labs are closed for themselves."""
        if self.comm is not None:
            self.layout.close()
        super().close()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        shown = super()._repr_mimebundle_(**options)
        bundle, metadata = shown if isinstance(shown, tuple) else (shown, {})
        labs = "".join(lab.html() for lab in self.children)
        plain = " beside ".join(lab.plain() for lab in self.children)
        return dict(bundle or {}) | {
            "text/plain": plain,
            "text/html": f'<div class="gan-lab-pair">{labs}</div>',
        }, metadata


def compare(first: Recipe | str, second: Recipe | str, **options: Any) -> Pair:
    """Return two labs on one clock, from one seed: at every moment both have taken as many steps.

    Args:
        first: The recipe on the left, or its name.
        second: The recipe on the right; its seed must be the same.
        options: As for `Lab`.

    Raises:
        ValueError: The seeds differ: then nothing could be learned from the difference.
    """
    group = f"pair-{secrets.token_hex(4)}"
    labs = [Lab(recipe, group=group, **options) for recipe in (first, second)]
    seeds = [lab.engine.recipe.seed for lab in labs]
    if seeds[0] != seeds[1]:
        raise ValueError(f"both labs must start from one seed, got {seeds[0]} and {seeds[1]}")
    return Pair(labs)
