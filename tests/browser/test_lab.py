"""The live lab in a real JupyterLab and a headless Chromium: what its reader does, and what then happens in the kernel.

One server, one notebook and one kernel serve all tests of this file; each runs a cell of its own anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import live_notebook
import pytest

pytest.importorskip("jupyterlab", reason="jupyterlab is not installed: pip install 'gan-tutor[book]'")
pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'gan-tutor[lab]'")

pytestmark = pytest.mark.xdist_group("lab")

RING, PAIR, DIGITS = range(3)
CELLS = [
    "from dataclasses import replace\nfrom gan_tutor import lab, recipes\nlive = lab.Lab('ring')\nlive",
    "pair = lab.compare(recipes.named('ring'), replace(recipes.named('ring'), loss='hinge'))\n"
    "left, right = pair.children\npair",
    "digits = lab.Lab('digits')\ndigits",
]
# In the kernel: which loss, which z and which settings each step of D really used.
SPY = """
from gan_tutor import training
if not hasattr(training, "used"):
    training.used, training.plain_d_step = [], training.d_step
    def watched(G, D, opt_d, loss, x_real, z, *rest):
        training.used.append((live.engine.game.step, loss.name, z.shape[1], len(x_real)))
        return training.plain_d_step(G, D, opt_d, loss, x_real, z, *rest)
    training.d_step = watched
training.used.clear()
"""
# In the kernel: are two games equal, bit for bit? And how much is there that could pile up?
HELPERS = """
import gc, threading
from dataclasses import replace
import ipywidgets, torch
from gan_tutor import lab, recipes
def same(one, other):
    states = ([getattr(game, n).state_dict() for n in ("G", "D", "ema")] for game in (one, other))
    return all(torch.equal(a[k], b[k]) for a, b in zip(*states) for k in a)
def growth():
    gc.collect()
    widgets = getattr(ipywidgets.widgets.widget, "_instances", None) or ipywidgets.Widget.widgets
    engines = [thing for thing in gc.get_objects() if isinstance(thing, lab.Engine)]
    return {
        "with moments": sum(len(engine.snapshots.steps) > 1 for engine in engines),
        "threads": threading.active_count(),
        "comms": len(get_ipython().kernel.comm_manager.comms),
        "widgets": len(widgets),
    }
"""


@pytest.fixture(scope="module")
def notebook(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The notebook, open in JupyterLab, its kernel running and no cell run."""
    home = tmp_path_factory.mktemp("jupyter")
    live_notebook.write(home / "live.ipynb", CELLS)
    with live_notebook.server(home) as server:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        with live_notebook.Notebook(page, server, "live.ipynb") as opened:
            yield opened


@pytest.fixture(autouse=True)
def no_complaint(notebook: Any) -> Iterator[None]:
    """No test may leave an error in the page's console."""
    notebook.problems.clear()
    yield
    assert notebook.problems == []


@pytest.fixture
def ring(notebook: Any) -> Any:
    """A fresh lab of the ring."""
    notebook.run(RING)
    notebook.kernel.run(HELPERS)
    return live_notebook.Shown(notebook)


def test_it_trains_only_while_it_plays_and_draws_what_it_trains(ring):
    untrained = ring.picture()
    assert ring.step == 0
    ring.play(turns=20)
    ring.notebook.until(lambda: ring.picture() != untrained, "the picture does not change")
    stood = ring.pause()
    drawn = re.compile(rf"after step {stood:,};")
    ring.notebook.until(lambda: drawn.search(ring.words()), "the last frame does not show")
    ring.notebook.page.wait_for_timeout(300)
    assert ring.step == stood
    ring.press("step-turn")
    ring.notebook.until(lambda: ring.step == stood + 1, "one turn is not one step")
    ring.press("reset")
    ring.notebook.until(lambda: ring.picture() == untrained, "after a reset the picture is not the first one")
    assert ring.step == 0


def drag(shown: Any, slider: Any) -> None:
    """Press the mouse on a slider's handle and draw it over 0.4 of its length."""
    share = slider.evaluate("s => (s.value - s.min) / (s.max - s.min)")
    to = share + (0.4 if share < 0.5 else -0.4)
    box, mouse = slider.bounding_box(), shown.notebook.page.mouse
    handle, y = 16, box["y"] + box["height"] / 2
    at = box["x"] + handle / 2 + share * (box["width"] - handle)
    mouse.move(at, y)
    mouse.down()
    mouse.move(box["x"] + to * box["width"], y, steps=6)
    mouse.up()


SLIDERS = [
    "lr_g",
    "instance_noise",
    "n_critic",
    "batch_size",
    "latent_dim",
    "width_d",
]  # log, linear, int, log2 of both


@pytest.mark.parametrize("device", ["mouse", "keyboard"])
def test_every_kind_of_control_reaches_the_kernel_while_it_plays(ring, device):
    ring.play()
    for field in SLIDERS:
        before = ring.setting(field)
        slider, box = ring.control(field, "input[type=range]"), ring.control(field, "input[type=text]")
        if device == "mouse":
            drag(ring, slider)
        else:
            position = int(slider.input_value())
            slider.focus()
            ring.notebook.page.keyboard.press("ArrowRight")
            assert int(slider.input_value()) == position + 1, f"the arrow key does not move {field}"
        ring.notebook.until(lambda: ring.setting(field) != before, f"{field} does not reach the kernel by {device}")
        ring.notebook.until(lambda: ring.setting(field) == float(box.input_value()), f"{field} shows another value")
    choice = ring.control("optimizer", "select")
    before = ring.setting("optimizer")
    if device == "mouse":
        choice.select_option(index=1 - choice.evaluate("s => s.selectedIndex"))
    else:
        choice.focus()
        ring.notebook.page.keyboard.press("ArrowDown")
    ring.notebook.until(lambda: ring.setting("optimizer") != before, f"a choice does not reach the kernel by {device}")
    ring.trains()


def test_numbers_can_be_typed_and_wrong_ones_are_answered_in_words(ring):
    typed = ring.control("lr_d", "input[type=text]")
    typed.fill("3e-4")
    typed.press("Enter")
    ring.notebook.until(lambda: ring.setting("lr_d") == 3e-4, "a typed number does not reach the kernel")
    seed = ring.control("seed", "input[type=text]")
    seed.fill("7")
    seed.press("Tab")
    ring.notebook.until(lambda: ring.setting("seed") == 7, "a typed seed does not reach the kernel")
    typed.fill("much")
    typed.press("Enter")
    wrong = ring.element.locator("[data-field='lr_d'] [role=alert]")
    ring.notebook.until(lambda: "must be a number" in wrong.inner_text(), "nothing is said about a wrong number")
    assert (typed.input_value(), ring.setting("lr_d")) == ("3e-4", 3e-4)


def test_the_keyboard_alone_plays_and_pauses(ring):
    ring.play_button.focus()
    ring.notebook.page.keyboard.press("Enter")
    ring.trains(beyond=3)
    ring.play_button.focus()
    ring.notebook.page.keyboard.press("Space")
    ring.notebook.until(lambda: not ring.engine("playing"), "the space bar does not pause")


def test_a_new_loss_at_step_k_is_the_loss_of_step_k_plus_1(ring):
    ring.notebook.kernel.run(SPY)
    ring.play(turns=5)
    ring.control("loss", "select").select_option(label="hinge")
    ring.notebook.until(lambda: ring.setting("loss") == "hinge", "the new loss does not reach the kernel")
    ring.trains(ring.step + 5)
    ring.pause()
    ((k, loss),) = ring.notebook.kernel.value("[(e.step, e.recipe.loss) for e in live.engine.journal.entries]")
    used = ring.notebook.kernel.value("[(step, loss) for step, loss, *_ in training.used]")
    assert loss == "hinge"
    # The game's step is the number of finished turns, so the turn that starts at k is turn k + 1.
    assert used == [[step, "nonsaturating" if step < k else "hinge"] for step in range(ring.step)]
    ring.notebook.kernel.run("repeated = {}\nexec(live.engine.python(), repeated)")
    assert ring.notebook.kernel.value("same(repeated['game'], live.engine.game)"), "the code does not repeat the run"


def test_another_latent_dimension_while_it_trains_rebuilds_g_and_keeps_d(ring):
    ring.notebook.kernel.run(SPY)
    ring.play(turns=20)
    typed = ring.control("latent_dim", "input[type=text]")
    typed.fill("9")
    typed.press("Enter")
    ring.notebook.until(lambda: ring.setting("latent_dim") == 9, "the new latent dimension does not reach the kernel")
    ring.trains(ring.step + 3)
    assert "New: G; everything else goes on" in ring.said()
    ring.pause()
    ((k, dimension),) = ring.notebook.kernel.value(
        "[(e.step, e.recipe.latent_dim) for e in live.engine.journal.entries]"
    )
    assert (k >= 20, dimension) == (True, 9)
    used = ring.notebook.kernel.value("[(step, size) for step, _, size, _ in training.used]")
    assert used == [[step, 2 if step < k else 9] for step in range(ring.step)]
    moments = ring.engine("game.opt_d.state_dict()['state'][0]['step'].item()")
    assert moments == ring.step, "D's optimiser has not kept its memory"


def test_rewound_and_continued_equals_the_straight_run_bit_for_bit(ring):
    ring.play(turns=210)  # a moment is kept every 50
    stood = ring.pause()
    timeline = ring.element.locator(".timeline input")
    ring.notebook.until(lambda: timeline.is_enabled() and int(timeline.get_attribute("max")) > 3, "no moments are kept")
    timeline.focus()
    for _ in range(3):
        ring.notebook.page.keyboard.press("ArrowLeft")
    ring.notebook.until(lambda: ring.step < stood - 10, "the lab does not go back")
    ring.notebook.until(lambda: "Back at step" in ring.said(), "the lab does not say where it stands")
    ring.play(turns=40)
    end = ring.pause()
    ring.notebook.kernel.run(f"straight = recipes.build(recipes.named('ring')); recipes.play(straight, until={end})")
    assert ring.notebook.kernel.value("same(straight, live.engine.game)")


def test_two_labs_keep_the_same_step_on_one_clock(notebook):
    notebook.kernel.run(HELPERS)
    notebook.run(PAIR)
    left, right = live_notebook.Shown(notebook, "left", PAIR, 0), live_notebook.Shown(notebook, "right", PAIR, 1)
    assert notebook.kernel.value("same(left.engine.game, right.engine.game)"), "from one seed, both must begin alike"
    left.play(turns=10)
    right.trains(beyond=10)
    for _ in range(5):
        a, b = notebook.kernel.value("(left.engine.game.step, right.engine.game.step)")
        assert abs(a - b) <= 60, "the labs drift apart while they play"
    right.play_button.click()
    notebook.until(lambda: not left.engine("playing") and not right.engine("playing"), "one does not pause")
    assert left.step == right.step
    assert (left.setting("loss"), right.setting("loss")) == ("nonsaturating", "hinge")
    assert left.picture() != right.picture()
    for side, loss in (("left", "nonsaturating"), ("right", "hinge")):
        notebook.kernel.run(
            f"alone = recipes.build(replace(recipes.named('ring'), loss={loss!r}))\n"
            f"recipes.play(alone, until={left.step})"
        )
        assert notebook.kernel.value(f"same(alone, {side}.engine.game)"), f"the {side} run depends on the other"


def test_images_are_drawn_and_trained(notebook):
    notebook.run(DIGITS)
    digits = live_notebook.Shown(notebook, "digits", DIGITS)
    untrained = digits.picture()
    colours = digits.canvas.evaluate(
        "c => new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size"
    )
    assert colours > 50, "36 images of noise have many shades"
    digits.play()
    notebook.until(lambda: digits.picture() != untrained, "the images do not change")
    digits.pause()


def test_running_the_cell_again_leaves_nothing_behind(ring):
    notebook = ring.notebook
    ring.play()
    notebook.run(RING)
    before = notebook.kernel.value("growth()")
    for _ in range(20):
        notebook.run(RING)
    live = live_notebook.Shown(notebook)
    assert notebook.page.locator(notebook.cells).nth(RING).locator("gan-lab").count() == 1
    after = notebook.kernel.value("growth()")
    assert after == before
    live.play(turns=5)
    live.pause()


def test_an_interrupt_pauses_and_play_goes_on(ring):
    ring.play(turns=10)
    ring.notebook.page.locator("[data-jp-item-name='interrupt']").click()
    # The page tells first: a question to the kernel that meets the interrupt would never be answered.
    ring.notebook.until(
        lambda: "Interrupted: the lab is paused" in ring.said(), "nothing is said about the interrupt", seconds=15
    )
    assert not ring.engine("playing"), "an interrupt does not pause the lab"
    assert "Play" in ring.play_button.inner_text()
    stood = ring.step
    ring.play(turns=10)
    ring.pause()
    ring.notebook.kernel.run(
        f"straight = recipes.build(recipes.named('ring')); recipes.play(straight, until={ring.step})"
    )
    assert ring.step > stood
    assert ring.notebook.kernel.value("same(straight, live.engine.game)"), "an interrupt tore a step"


def test_a_closed_notebook_stops_training_and_finds_its_lab_again(ring):
    notebook = ring.notebook
    ring.play()
    notebook.page.locator("[data-jp-item-name='save']").click()
    model, file = notebook.kernel.value("live.model_id"), notebook.server.home / notebook.name
    notebook.until(lambda: model in file.read_text(), "the notebook is not saved")
    notebook.page.goto("about:blank")
    notebook.page.wait_for_timeout(500)
    stood = ring.step
    notebook.page.wait_for_timeout(500)
    assert ring.step == stood, "nobody looks, and it trains"
    notebook.open()
    again = live_notebook.Shown(notebook)
    again.trains(beyond=stood)
    again.pause()


def test_after_a_restart_the_lab_says_so_and_running_the_cell_brings_it_back(ring):
    notebook = ring.notebook
    ring.play()
    notebook.page.locator("[data-jp-item-name='restart']").click()
    notebook.page.locator(".jp-Dialog .jp-mod-accept").click()
    notebook.until(lambda: "kernel" in ring.said(), "the lab does not say that its engine is gone", seconds=30)
    notebook.run(RING)
    fresh = live_notebook.Shown(notebook)
    assert fresh.step == 0
    fresh.play()
    fresh.pause()
