"""The live lab of a chapter in Notebook 7, which takes keys for its shortcuts before any output sees them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import live_notebook
import nbformat
import pytest

shell = pytest.importorskip("notebook", reason="Notebook 7 is not installed: pip install 'gan-tutor[book]'")
pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'gan-tutor[lab]'")

pytestmark = [
    pytest.mark.xdist_group("lab"),
    pytest.mark.skipif(shell.version_info[0] < 7, reason=f"needs Notebook 7, found {shell.__version__}"),
]

CHAPTER = Path(__file__).resolve().parents[2] / "book" / "training_loop.ipynb"
LAB = [cell.id for cell in nbformat.read(CHAPTER, 4).cells].index("lab-run")
HANDLE = 16  # width of a slider's handle in pixels


@pytest.fixture(scope="module")
def notebook(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The chapter, open in Notebook 7, its kernel running and no cell run."""
    home = tmp_path_factory.mktemp("notebook7")
    shutil.copy(CHAPTER, home)
    with live_notebook.server(home, app="notebook") as server:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        with live_notebook.Notebook(page, server, CHAPTER.name, path="notebooks") as opened:
            yield opened


@pytest.fixture
def live(notebook: Any) -> Iterator[Any]:
    """A fresh lab of the chapter; nothing may be complained of while it is used."""
    # Notebook 7.6 itself complains while it opens: https://github.com/jupyter/notebook/issues/7862
    notebook.problems.clear()
    notebook.run(LAB)
    yield live_notebook.Shown(notebook, "Out[max(Out)]", LAB)
    assert notebook.problems == []


def test_it_plays_and_draws(live):
    untrained = live.picture()
    live.play(turns=20)
    live.notebook.until(lambda: live.picture() != untrained, "the picture does not change")
    stood = live.pause()
    live.press("step-turn")
    live.notebook.until(lambda: live.step == stood + 1, "one turn is not one step")


@pytest.mark.parametrize("field", ["lr_g", "instance_noise", "batch_size", "latent_dim"])
def test_a_slider_is_drawn_by_the_mouse_while_it_plays(live, field):
    live.play()
    slider, before = live.control(field, "input[type=range]"), live.setting(field)
    share = slider.evaluate("s => (s.value - s.min) / (s.max - s.min)")
    box, mouse = slider.bounding_box(), live.notebook.page.mouse
    y, along = box["y"] + box["height"] / 2, box["width"] - HANDLE
    mouse.move(box["x"] + HANDLE / 2 + share * along, y)
    mouse.down()
    mouse.move(box["x"] + HANDLE / 2 + (share + (0.3 if share < 0.5 else -0.3)) * along, y, steps=5)
    mouse.up()
    live.notebook.until(lambda: live.setting(field) != before, f"{field} does not reach the kernel by mouse")
    assert (live.setting(field) > before) == (share < 0.5)
    live.trains()
    live.pause()


@pytest.mark.parametrize("field", ["lr_g", "instance_noise", "batch_size", "latent_dim"])
def test_a_slider_is_moved_by_the_arrow_keys_while_it_plays(live, field):
    live.play()
    slider, before, keys = live.control(field, "input[type=range]"), live.setting(field), live.notebook.page.keyboard
    position = int(slider.input_value())
    slider.focus()
    keys.press("ArrowRight")
    assert int(slider.input_value()) == position + 1
    live.notebook.until(lambda: live.setting(field) > before, f"{field} does not reach the kernel by keyboard")
    keys.press("ArrowLeft")
    live.notebook.until(lambda: live.setting(field) == before, f"{field} does not go back")
    keys.press("ArrowUp")
    live.notebook.until(lambda: live.setting(field) > before, f"{field} does not rise by the upward arrow")
    live.trains()
    live.pause()


def test_choices_and_buttons_obey_the_keyboard(live):
    keys = live.notebook.page.keyboard
    live.control("optimizer", "select").focus()
    before = live.setting("optimizer")
    keys.press("ArrowDown")
    live.notebook.until(lambda: live.setting("optimizer") != before, "a choice does not reach the kernel")
    ran = live.notebook.kernel.value("len(In)")
    live.play_button.focus()
    keys.press("Enter")
    live.trains()
    keys.press("Space")
    live.notebook.until(lambda: not live.engine("playing"), "the space bar does not pause")
    assert live.notebook.kernel.value("len(In)") == ran, "the key ran a cell"


def test_letters_typed_in_the_lab_do_nothing_to_the_notebook(live):
    keys, cells = live.notebook.page.keyboard, live.notebook.page.locator(live.notebook.cells)
    count = cells.count()
    for place in (live.play_button, *(live.control("lr_d", f"input[type={kind}]") for kind in ("range", "text"))):
        place.focus()
        keys.type("ddxabym")  # delete, cut, insert above and below, code, text
    live.notebook.page.wait_for_timeout(300)
    assert cells.count() == count
    assert live.element.count() == 1


def test_the_notebook_is_saved_from_within_the_lab(live):
    file, model = live.notebook.server.home / CHAPTER.name, live.notebook.kernel.value("Out[max(Out)].model_id")
    live.control("lr_d", "input[type=range]").focus()
    live.notebook.page.keyboard.press("Control+s")
    live.notebook.until(lambda: model in file.read_text(), "the notebook is not saved", seconds=30)
