"""The live lab's looks in JupyterLab: in both themes, and on a screen so narrow that 256 pixels are left for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import live_notebook
import pytest

pytest.importorskip("jupyterlab", reason="jupyterlab is not installed: pip install 'gan-tutor[book]'")
pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'gan-tutor[lab]'")

pytestmark = pytest.mark.xdist_group("lab")

CELL = "from gan_tutor import lab\nlive = lab.Lab('ring')\nlive"
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
CORNER = "c => [...c.getContext('2d').getImageData(4, 4, 1, 1).data].slice(0, 3).reduce((a, b) => a + b) / 3"
# Parts that a reader must see whole, as (name, left, right), and the lab's own edges.
EDGES = """lab => {
  const root = lab.shadowRoot, seen = '.transport button, .explanation li, .take button, .key > * > *, .chart, .metric';
  const parts = [...root.querySelectorAll(seen)].filter((part) => part.getClientRects().length);
  const edges = (part) => { const { left, right } = part.getBoundingClientRect(); return [left, right]; };
  return [edges(root.querySelector('.lab')), parts.map((part) => [part.className || part.textContent, ...edges(part)])];
}"""


@pytest.fixture(scope="module")
def notebook(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A notebook in a JupyterLab that takes the theme of the system."""
    home = tmp_path_factory.mktemp("faces")
    live_notebook.write(home / "live.ipynb", [CELL])
    with live_notebook.server(home) as server:
        themes = home / "config/lab/user-settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings"
        themes.write_text('{"adaptive-theme": true}')
        page = browser.new_page(viewport=WIDE)
        with live_notebook.Notebook(page, server, "live.ipynb") as opened:
            yield opened


@pytest.fixture
def live(notebook: Any) -> Any:
    """A fresh lab on a wide screen."""
    notebook.page.set_viewport_size(WIDE)
    notebook.run(0)
    return live_notebook.Shown(notebook)


def test_the_picture_follows_the_theme_while_the_lab_rests(live):
    for scheme in ("dark", "light", "dark", "light"):
        live.notebook.page.emulate_media(color_scheme=scheme)
        shown = live.element.locator(f".lab[data-theme={scheme}]")
        shown.wait_for()
        # D's field at its start is near the paper's colour in both themes.
        live.notebook.until(
            lambda: (live.canvas.evaluate(CORNER) < 128) == (scheme == "dark"),
            f"the picture stays as it was, though the lab is {scheme}",
            seconds=10,
        )


def test_nothing_is_cut_off_on_a_narrow_screen(live):
    live.press("step-turn")
    live.press("slow")
    live.notebook.page.set_viewport_size(NARROW)
    live.notebook.until(lambda: live.element.bounding_box()["width"] < 300, "the lab stays wide")
    (left, right), parts = live.element.evaluate(EDGES)
    assert len(parts) > 20
    cut = [
        (name, part_left, part_right) for name, part_left, part_right in parts if part_left < left or part_right > right
    ]
    assert cut == []


@pytest.mark.parametrize("what", ["code", "link"])
def test_the_window_can_be_closed_without_scrolling_on_a_narrow_screen(live, what):
    live.notebook.page.set_viewport_size(NARROW)
    live.element.locator(f"[data-take={what}]").click()
    window = live.element.locator("dialog")
    window.wait_for()
    close = window.get_by_role("button", name="Close")
    box = close.bounding_box()
    assert 0 <= box["x"] <= NARROW["width"] - box["width"]
    assert 0 <= box["y"] <= NARROW["height"] - box["height"]
    close.click()
    window.wait_for(state="hidden")
