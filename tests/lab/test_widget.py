"""The widget around the engine: what it takes, what it shows where there is no kernel, and two of them on one clock."""

import html
import json
import os
import re
import signal
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import torch

pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'gan-tutor[lab]'")

from gan_tutor import lab, recipes
from gan_tutor.recipes import Recipe

SMALL = Recipe(width_g=16, width_d=16, batch_size=16)


@pytest.mark.parametrize(
    ("given", "recipe"),
    [
        (SMALL, SMALL),
        ("ring_slow_d", recipes.named("ring_slow_d")),
        (recipes.to_link(SMALL), SMALL),
        ("https://book.example/chapter.html" + recipes.to_link(SMALL), SMALL),
    ],
    ids=["recipe", "name", "link", "address"],
)
def test_a_lab_starts_from_a_recipe_a_name_or_a_link(given, recipe):
    assert lab.Lab(given).engine.recipe == recipe


@pytest.mark.parametrize("given", ["nope", "#lab=!", "#lab=eyJub3BlIjoxfQ"])
def test_what_is_none_of_these_is_refused(given):
    with pytest.raises(ValueError, match=r"no recipe|damaged|no field"):
        lab.Lab(given)


def attributes(text):
    return {name: html.unescape(value) for name, value in re.findall(r' data-(\w+)="([^"]*)"', text)}


def test_a_page_without_a_kernel_gets_recipe_and_teachers_options():
    shown, _ = lab.Lab(SMALL, lock=("loss", "seed"), hide=("beta1",))._repr_mimebundle_()
    got = attributes(shown["text/html"])
    told = json.loads(got.pop("recipe"))
    assert told == recipes.changes(Recipe(), SMALL)
    assert Recipe(**told) == SMALL
    assert got == {"lock": "loss seed", "hide": "beta1"}
    assert "<p>" in shown["text/html"]


def test_two_labs_share_a_clock_and_a_seed():
    pair = lab.compare(SMALL, replace(SMALL, lr_d=1e-4), hide=("data",))
    engines = [child.engine for child in pair.children]
    assert engines[0].group == engines[1].group is not None
    assert engines[0].group != lab.compare(SMALL, SMALL).children[0].engine.group
    assert all(engine.hide == ("data",) for engine in engines)
    shown, _ = pair._repr_mimebundle_()
    labs = shown["text/html"].split("<gan-lab")[1:]
    assert [attributes(text)["group"] for text in labs] == [engines[0].group] * 2
    with pytest.raises(ValueError, match="one seed, got 0 and 1"):
        lab.compare(SMALL, replace(SMALL, seed=1))


def test_labs_that_keep_pace_are_at_one_step_at_every_frame():
    pair = lab.compare(SMALL, replace(SMALL, width_d=64))
    engines = [child.engine for child in pair.children]
    for engine in engines:
        engine.handle({"type": "play"})
    for turns in (1, 5, 3):
        frames = [engine.handle({"type": "tick", "id": 1, "steps": turns, "layers": []})[0] for engine in engines]
        assert frames[0]["step"] == frames[1]["step"]


def test_an_interrupt_stops_a_run_after_a_whole_turn_and_the_cell():
    shown = lab.Lab(SMALL)
    turns = []

    def interrupted(module, inputs):
        turns.append(1)
        if len(turns) == 5:
            os.kill(os.getpid(), signal.SIGINT)

    hook = shown.engine.game.G.register_forward_pre_hook(interrupted)
    with pytest.raises(KeyboardInterrupt):
        shown.run(50)
    hook.remove()
    assert shown.engine.game.step == 5
    space = {}
    exec(shown.engine.python(), space)
    for name in ("G", "D"):
        ours, theirs = (getattr(game, name).state_dict().values() for game in (shown.engine.game, space["game"]))
        assert all(map(torch.equal, ours, theirs))
    shown.run(3)
    assert shown.engine.game.step == 8


@pytest.mark.parametrize(
    "options",
    [["--execute", "--ExecutePreprocessor.store_widget_state=False"], ["--ClearMetadataPreprocessor.enabled=True"]],
    ids=["run at once", "run already"],
)
def test_an_exported_page_shows_the_text_of_a_lab_offline_as_the_readme_says(options, tmp_path):
    nbconvert = pytest.importorskip("nbconvert.nbconvertapp", reason="nbconvert is not installed")
    shown = lab.Lab(SMALL)
    bundle, _ = shown._repr_mimebundle_()
    view = "application/vnd.jupyter.widget-view+json"
    assert bundle[view]["model_id"] == shown.model_id
    output = nbformat.v4.new_output("display_data", bundle)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("lab.Lab(recipe)", outputs=[output])])
    state = {shown.model_id: {"model_name": "AnyModel", "model_module": "anywidget", "state": {}}}
    if options[0] != "--execute":  # what running it has stored
        notebook.metadata.widgets = {"application/vnd.jupyter.widget-state+json": {"state": state}}
    nbformat.write(notebook, tmp_path / "one.ipynb")
    without_running = [option for option in options if option != "--execute"]
    nbconvert.NbConvertApp.launch_instance(
        [str(tmp_path / "one.ipynb"), "--to", "html", *without_running, "--log-level", "ERROR"]
    )
    page = (tmp_path / "one.html").read_text(encoding="utf-8")
    assert "<p>The live lab (ring, nonsaturating loss) plays here" in page
    for option in options:
        assert option in (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
