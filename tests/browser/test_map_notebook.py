"""The map in a real JupyterLab: a click, and keys, on a pixel begin its recipe in the lab that the notebook gave it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import live_notebook
import pytest

pytest.importorskip("jupyterlab", reason="jupyterlab is not installed: pip install 'gan-tutor[book]'")
pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'gan-tutor[lab]'")

pytestmark = pytest.mark.xdist_group("lab")

CELLS = [
    "from dataclasses import replace\nfrom gan_tutor import lab, recipes\nlive = lab.Lab('ring', lock=('data',))\nlive",
    "rows = [{'lr_d': d, 'lr_g': g, 'overlap': d + g} for d in (1e-3, 1e-2) for g in (1e-3, 1e-2)]\n"
    "start = replace(recipes.named('ring'), loss='hinge')\n"
    "lab.phase_map({'hinge': lab.pixels(rows, start, 'lr_g', 'lr_d')}, 'lr_g', 'lr_d', opens=live)",
    "other = replace(start, data='two_moons')\n"
    "lab.phase_map({'moons': lab.pixels(rows, other, 'lr_g', 'lr_d')}, 'lr_g', 'lr_d', opens=live)",
]


@pytest.fixture(scope="module")
def notebook(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    home = tmp_path_factory.mktemp("jupyter")
    live_notebook.write(home / "live.ipynb", CELLS)
    with live_notebook.server(home) as server:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        with live_notebook.Notebook(page, server, "live.ipynb") as opened:
            opened.run(0)
            yield opened


def pixel(notebook: Any, cell: int, at: str) -> Any:
    notebook.run(cell)
    found = notebook.page.locator(notebook.cells).nth(cell).locator(f".gan-map a[data-at='{at}']")
    found.wait_for()
    return found


def test_a_click_on_a_pixel_begins_its_recipe_while_the_lab_plays(notebook):
    shown = live_notebook.Shown(notebook)
    shown.play(turns=20)
    pixel(notebook, 1, "1,0").click()
    notebook.until(lambda: shown.setting("loss") == "hinge", "the click does not reach the lab's engine")
    assert (shown.setting("lr_g"), shown.setting("lr_d")) == (1e-2, 1e-3)
    notebook.until(lambda: shown.control("loss", "select").input_value() == "hinge", "the lab shows another loss")
    notebook.until(lambda: "hinge: at step 0" in shown.said(), "the lab does not say what it began")
    shown.trains()
    shown.pause()
    assert notebook.problems == []


def test_keys_walk_the_map_and_leave_the_notebook_alone(notebook):
    shown = live_notebook.Shown(notebook)
    pixel(notebook, 1, "0,0").focus()
    for key in ("ArrowRight", "ArrowUp", "Enter"):
        notebook.page.keyboard.press(key)
    notebook.until(lambda: shown.setting("lr_d") == 1e-2, "the key does not reach the lab's engine")
    assert shown.setting("lr_g") == 1e-2
    assert notebook.page.locator(notebook.cells).count() == len(CELLS)
    assert notebook.problems == []


def test_a_recipe_that_the_lab_refuses_is_refused_in_words(notebook):
    shown = live_notebook.Shown(notebook)
    pixel(notebook, 2, "1,1").click()
    alert = shown.element.locator(".alert")
    notebook.until(lambda: "this recipe changes data" in alert.inner_text(), "nothing is said about the refusal")
    assert shown.setting("data") == "ring"
    assert notebook.problems == []
