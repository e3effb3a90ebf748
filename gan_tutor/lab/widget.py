"""The lab as a notebook widget. Training happens in the handler of the page's ticks: no thread, no task, no orphan."""

import html
import json
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

try:
    import anywidget
    import ipywidgets
except ImportError as error:
    raise ImportError('the live lab needs anywidget and ipywidgets: pip install "gan-tutor[lab]"') from error
import torch

from gan_tutor import recipes
from gan_tutor.lab.engine import Engine
from gan_tutor.recipes import Recipe

STATIC = Path(__file__).parent / "static"


class Lab(anywidget.AnyWidget):
    """A GAN that trains in this notebook while its reader steers it.

    `lab = Lab(recipes.named("ring"))` shows it as the last line of a cell. It trains only while it is seen and
    playing; interrupting the kernel pauses it. `lab.engine.game` is the game itself.

    Args:
        recipe: Where to start: a Recipe, or the name of one.
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
        recipe = recipes.named(recipe) if isinstance(recipe, str) else recipe
        where = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        self.engine = Engine(recipe, device=where, lock=lock, hide=hide, group=group, memory_mb=memory_mb)
        # Newer kernels may call the handler from another thread, and two views from two.
        self._turnstile = threading.Lock()
        super().__init__()
        self.on_msg(self._answer)

    def _answer(self, widget: object, message: dict[str, Any], buffers: list[memoryview]) -> None:
        with self._turnstile:
            reply, arrays = self.engine.handle(message)
        self.send(reply, arrays)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        shown = super()._repr_mimebundle_(**options)
        bundle, metadata = shown if isinstance(shown, tuple) else (shown, {})
        recipe = self.engine.recipe
        settings = html.escape(json.dumps(asdict(recipe)), quote=True)
        bundle = dict(bundle or {})
        bundle["text/plain"] = f"Lab({recipe.data}, {recipe.loss}, seed {recipe.seed})"
        bundle["text/html"] = (
            f'<gan-lab data-recipe="{settings}"><p>The live lab: {recipe.data}, {recipe.loss} loss. '
            "It runs where this notebook runs.</p></gan-lab>"
        )
        return bundle, metadata


def compare(first: Recipe, second: Recipe, **options: Any) -> ipywidgets.Box:
    """Return two labs side by side on one clock, from one seed.

    Args:
        first: The recipe on the left.
        second: The recipe on the right; its seed must be the same.
        options: As for `Lab`.

    Raises:
        ValueError: The seeds differ: then nothing could be learned from the difference.
    """
    if first.seed != second.seed:
        raise ValueError(f"both labs must start from one seed, got {first.seed} and {second.seed}")
    group = f"pair-{id(first)}-{id(second)}"
    labs = [Lab(recipe, group=group, **options) for recipe in (first, second)]
    return ipywidgets.Box(labs, layout={"flex_flow": "row wrap", "align_items": "flex-start"})
