"""The latent explorer as a notebook widget: a trained generator that runs in the page, while its reader moves z.

Nothing is computed in the kernel: it hands over a file of weights and the program that uses them.
"""

import base64
import html
import json
from pathlib import Path
from typing import Any

try:
    import anywidget
except ImportError as error:
    raise ImportError('the latent explorer needs anywidget: pip install "gan-tutor[lab]"') from error

STATIC = Path(__file__).parent / "static"
FILES = Path(__file__).parent / "explorers"
LARGEST_SEED = 2**32 - 1


class Explorer(anywidget.AnyWidget):
    """A trained generator to explore: `lab.explore("digits")` as the last line of a cell.

    Args:
        model: The generator; each is the averaged G of the recipe of that name.
        seed: Of the first z: `torch.randn(1, 64, generator=torch.Generator().manual_seed(seed))`.
        a: Seed of the sample from which the way between two samples starts.
        b: Seed of the sample where it ends.
        y: The class asked for first, by its number; for conditional generators.

    Raises:
        ValueError: There is no such generator or class, or a seed is not in [0, 2^32).
    """

    _esm = STATIC / "explorer.js"
    _css = STATIC / "lab.css"
    _ipython_display_ = None  # ipywidgets 7 would otherwise not show the bundle below

    def __init__(self, model: str = "digits", *, seed: int = 0, a: int = 1, b: int = 2, y: int = 0) -> None:
        self.file = _read(model)
        classes = max(1, len(self.file["classes"]))
        if not 0 <= y < classes:
            raise ValueError(f"y must be the number of one of {classes} classes of {model}, got {y}")
        for name, value in (("seed", seed), ("a", a), ("b", b)):
            if not 0 <= value <= LARGEST_SEED:
                raise ValueError(f"{name} must be a seed from 0 to 2^32 - 1, got {value}")
        self.attributes = {"model": model, "seed": str(seed), "a": str(a), "b": str(b), "class": str(y)}
        super().__init__()
        self.on_msg(self._answer)

    def _answer(self, widget: object, message: dict[str, Any], buffers: list[memoryview]) -> None:
        attributes = {f"data-{name}": value for name, value in self.attributes.items()}
        self.send({"type": "file", "attributes": attributes, "file": self.file})

    def _repr_mimebundle_(self, **options: Any) -> Any:
        shown = super()._repr_mimebundle_(**options)
        bundle, metadata = shown if isinstance(shown, tuple) else (shown, {})
        return dict(bundle or {}) | {"text/plain": self.plain(), "text/html": self.html()}, metadata

    def plain(self) -> str:
        """Return the explorer as one line of text."""
        return f"Explorer({self.attributes['model']}, seed {self.attributes['seed']})"

    def html(self) -> str:
        """Return the element for a page without a kernel, around a figure for a page without JavaScript."""
        attributes = "".join(f' data-{name}="{html.escape(value)}"' for name, value in self.attributes.items())
        picture = base64.b64encode((FILES / f"{self.attributes['model']}.png").read_bytes()).decode()
        each = "; each column is one class" if self.file["classes"] else ""
        alt = f"Forty images made by the trained generator {self.attributes['model']}, in rows of ten{each}."
        return (
            f'<gan-latent{attributes}><img class="gan-latent-figure" alt="{html.escape(alt)}" '
            f'src="data:image/png;base64,{picture}"></gan-latent>'
        )


def explore(model: str = "digits", *, seed: int = 0, a: int = 1, b: int = 2, y: int = 0) -> Explorer:
    """Return a trained generator to explore; the arguments are those of `Explorer`."""
    return Explorer(model, seed=seed, a=a, b=b, y=y)


def models() -> tuple[str, ...]:
    """Return the names of the generators that can be explored."""
    return tuple(sorted(path.stem for path in FILES.glob("*.json")))


def _read(model: str) -> dict[str, Any]:
    if model not in models():
        raise ValueError(f"there is no generator {model!r} to explore; there are {', '.join(models())}")
    return dict(json.loads((FILES / f"{model}.json").read_text(encoding="utf-8")))
