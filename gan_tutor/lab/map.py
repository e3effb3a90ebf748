"""A map of GAN training that opens what it shows: every pixel is a link to the recipe behind it.

On a page the link goes to the page's lab, in a notebook to the lab that the map was given. `pixels` needs nothing but
rows of a sweep, `picture` nothing but pixels; the widget needs anywidget.
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

try:
    import anywidget
except ImportError as error:
    raise ImportError('the map needs anywidget: pip install "gan-tutor[lab]"') from error

from gan_tutor import recipes
from gan_tutor.recipes import Recipe

SIDE, LEFT, BELOW = 20, 50, 34  # of a pixel, and room for the numbers, in SVG units
# Viridis: its lightness rises evenly, so it is the same picture without colour.
COLOURS = ("440154", "482878", "3e4989", "31688e", "26828e", "1f9e89", "35b779", "6ece58", "b5de2b", "fde725")
STYLE = """<style>
.gan-map { display: grid; grid-template-columns: repeat(auto-fill, minmax(12.5rem, 1fr)); gap: .75rem; }
.gan-map figure { margin: 0; }
.gan-map figcaption { text-align: center; font-size: .9em; }
.gan-map svg { width: 100%; height: auto; display: block; font: 9px sans-serif; fill: currentColor; }
.gan-map a:focus-visible rect, .gan-map a[aria-current] rect { stroke: currentColor; stroke-width: 2.5; }
.gan-map a:focus { outline: none; }
.gan-map text { pointer-events: none; }
</style>"""
# Arrow keys move within a panel, which is one stop of the tab key; what is opened is marked.
STEER = """
function steer(root, open) {
  const steps = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  const pixel = (event) => event.target.closest(".gan-map a");
  root.addEventListener("keydown", (event) => {
    const from = pixel(event), step = steps[event.key];
    if (!from || !step) return;
    event.preventDefault();
    event.stopPropagation();
    const [x, y] = from.dataset.at.split(",").map(Number);
    const to = from.ownerSVGElement.querySelector(`a[data-at="${x + step[0]},${y + step[1]}"]`);
    if (!to) return;
    from.setAttribute("tabindex", "-1");
    to.setAttribute("tabindex", "0");
    to.focus();
  });
  root.addEventListener("click", (event) => {
    const chosen = pixel(event);
    if (!chosen) return;
    for (const other of root.querySelectorAll("a[aria-current]")) other.removeAttribute("aria-current");
    chosen.setAttribute("aria-current", "true");
    if (!open) return;
    event.preventDefault();
    open(chosen.getAttribute("href"));
  });
}
"""
WIDGET = """export default { render({ model, el }) {
  model.on("msg:custom", (message) => { if (message.html) el.innerHTML = message.html; });
  steer(el, (link) => model.send({ open: link }));
  model.send({ ready: true });
} };
"""


@dataclass(frozen=True)
class Pixel:
    """One setting of a map.

    Attributes:
        recipe: What a click opens.
        x: Value on the horizontal axis.
        y: Value on the vertical axis.
        values: The measure of each seed, in [0, 1]; None for a seed that diverged, which counts as 0.
    """

    recipe: Recipe
    x: float
    y: float
    values: tuple[float | None, ...]

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return sum(value or 0.0 for value in self.values) / len(self.values)


def pixels(rows: Sequence[Mapping[str, Any]], start: Recipe, x: str, y: str, measure: str = "overlap") -> list[Pixel]:
    """Return the pixels of one panel: the rows of a sweep, seeds together, in the order of their first seed.

    Args:
        rows: Rows with the fields x, y and the measure.
        start: The recipe that the sweep varied.
        x: Field on the horizontal axis; "lr_g+lr_d" are two that move together.
        y: Field on the vertical axis, likewise.
        measure: Column of the colour.

    Raises:
        ValueError: There are no rows.
    """
    if not rows:
        raise ValueError("a map needs rows of a sweep, got none")
    first = [name.split("+")[0] for name in (x, y)]
    groups: dict[tuple[Any, ...], list[float | None]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in first), []).append(row[measure])
    found = []
    for (at_x, at_y), values in groups.items():
        changes = dict.fromkeys(x.split("+"), at_x) | dict.fromkeys(y.split("+"), at_y)
        found.append(Pixel(replace(start, **changes), at_x, at_y, tuple(values)))
    return found


def picture(panels: Mapping[str, Sequence[Pixel]], x: str, y: str, *, at: int = 0) -> str:
    """Return the map as HTML: a figure a panel, a link a pixel, readable without colour, JavaScript or a mouse.

    Args:
        panels: Pixels by the panel's title.
        x: What the horizontal axis says.
        y: What the vertical axis says.
        at: Which lab of the page the links open, from 0.
    """
    drawn = "".join(_panel(title, cells, x, y, at) for title, cells in panels.items())
    return f'<div class="gan-map">{STYLE}{drawn}{_scale()}</div>'


def colour(value: float) -> str:
    """Return the colour of a value in [0, 1], dark to light."""
    place = min(max(value, 0.0), 1.0) * (len(COLOURS) - 1)
    low = min(int(place), len(COLOURS) - 2)
    ends = [[int(COLOURS[k][c : c + 2], 16) for c in (0, 2, 4)] for k in (low, low + 1)]
    mixed = [round(a + (b - a) * (place - low)) for a, b in zip(*ends, strict=True)]
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _panel(title: str, cells: Sequence[Pixel], x: str, y: str, at: int) -> str:
    columns, lines = (sorted({getattr(cell, axis) for cell in cells}) for axis in ("x", "y"))
    height = SIDE * len(lines)
    links = "".join(_link(cell, columns.index(cell.x), lines.index(cell.y), height, x, y, at) for cell in cells)
    marks = "".join(
        f'<text x="{LEFT + SIDE * (k + 0.5):g}" y="{height + 12}" text-anchor="middle">{columns[k]:.2g}</text>'
        for k in _ends(columns)
    ) + "".join(
        f'<text x="{LEFT - 4}" y="{height - SIDE * (k + 0.5) + 3:g}" text-anchor="end">{lines[k]:.2g}</text>'
        for k in _ends(lines)
    )
    names = (
        f'<text x="{LEFT + SIDE * len(columns) / 2:g}" y="{height + 27}" text-anchor="middle">{html.escape(x)}</text>'
        f'<text transform="translate(9 {height / 4:g}) rotate(-90)" text-anchor="middle">{html.escape(y)}</text>'
    )
    box = f"0 0 {LEFT + SIDE * len(columns) + 4} {height + BELOW}"
    label = html.escape(f"{title}: {y} against {x}; each square opens its setting in the lab")
    return (
        f'<figure><figcaption>{html.escape(title)}</figcaption><svg viewBox="{box}" role="group" aria-label="{label}">'
        f"{links}{marks}{names}</svg></figure>"
    )


def _link(cell: Pixel, column: int, line: int, height: int, x: str, y: str, at: int) -> str:
    spread = [value or 0.0 for value in cell.values]
    lost = sum(value is None for value in cell.values)
    words = f"{y} {cell.y:g}, {x} {cell.x:g}: {cell.mean:.2f} ({min(spread):.2f} to {max(spread):.2f})"
    words += f", {lost} of {len(spread)} diverged" if lost else ""
    left, top = LEFT + SIDE * column, height - SIDE * (line + 1)
    cross = f'<text x="{left + SIDE / 2:g}" y="{top + 14}" text-anchor="middle" fill="#fff">×</text>' if lost else ""
    href = f"{recipes.to_link(replace(cell.recipe, steps=Recipe().steps))}&amp;at={at}"
    first = 0 if column == line == 0 else -1
    return (
        f'<a href="{href}" data-at="{column},{line}" tabindex="{first}" aria-label="{html.escape(words)}">'
        f'<rect x="{left}" y="{top}" width="{SIDE - 1}" height="{SIDE - 1}" fill="{colour(cell.mean)}">'
        f"<title>{html.escape(words)}</title></rect>{cross}</a>"
    )


def _ends(values: Sequence[float]) -> list[int]:
    return sorted({0, len(values) // 2, len(values) - 1})


def _scale() -> str:
    boxes = [f'<rect x="{20 + 12 * k}" y="6" width="12" height="12" fill="#{c}"/>' for k, c in enumerate(COLOURS)]
    return (
        '<figure><svg viewBox="0 0 190 44" role="img" aria-label="Colours from dark, 0, to light, 1; a cross marks '
        f'settings with diverged runs">{"".join(boxes)}<text x="8" y="16">0</text><text x="146" y="16">1</text>'
        '<text x="20" y="32">× some seed diverged</text></svg></figure>'
    )


class PhaseMap(anywidget.AnyWidget):
    """A map whose pixels open their recipe: `lab.phase_map(panels, "lr_g", "lr_d", opens=my_lab)`.

    Args:
        panels: Pixels by the panel's title, from `pixels`.
        x: What the horizontal axis says.
        y: What the vertical axis says.
        opens: The notebook's lab in which a click begins the pixel's recipe; None in a page, where the link finds it.
        at: Which lab of the page the links open, from 0.
    """

    _esm = STEER + WIDGET
    _ipython_display_ = None  # ipywidgets 7 would otherwise not show the bundle below

    def __init__(
        self, panels: Mapping[str, Sequence[Pixel]], x: str, y: str, *, opens: Any = None, at: int = 0
    ) -> None:
        self.picture, self.opens = picture(panels, x, y, at=at), opens
        self.titles = list(panels)
        super().__init__()
        self.on_msg(self._answer)

    def _answer(self, widget: object, message: dict[str, Any], buffers: list[memoryview]) -> None:
        if "ready" in message:
            self.send({"html": self.picture})
        elif self.opens is not None:
            try:
                self.opens.begin(message["open"].split("&")[0])
            except ValueError as error:  # said where the reader looks: in the lab that did not open it
                self.opens.send({"type": "error", "message": str(error)})

    def _repr_mimebundle_(self, **options: Any) -> Any:
        shown = super()._repr_mimebundle_(**options)
        bundle, metadata = shown if isinstance(shown, tuple) else (shown, {})
        return dict(bundle or {}) | {"text/plain": self.plain(), "text/html": self.html()}, metadata

    def plain(self) -> str:
        """Return the map as one line of text."""
        return f"PhaseMap({', '.join(self.titles)})"

    def html(self) -> str:
        """Return the map for a page without a kernel, with the arrow keys' script."""
        begin = "steer(document.currentScript.previousElementSibling);"
        return f"{self.picture}<script>{{{STEER}{begin}}}</script>"


def phase_map(panels: Mapping[str, Sequence[Pixel]], x: str, y: str, *, opens: Any = None, at: int = 0) -> PhaseMap:
    """Return a map whose pixels open their recipe; the arguments are those of `PhaseMap`."""
    return PhaseMap(panels, x, y, opens=opens, at=at)
