"""What the repository keeps for the site: it is what the library gives today, and a change that matters is seen."""

import importlib.util
import json
import lzma
from dataclasses import replace
from pathlib import Path

import kept
import numpy as np
import pytest

from gan_tutor.page_engine import bundle, programs, recording, site
from gan_tutor.page_engine.progress import Progress
from gan_tutor.page_engine.shelf import CAUSES, Shelf, causes, sweep
from gan_tutor.recipes import Recipe

SHELF = Shelf(kept.KEPT)
LABS = kept.labs()
RECIPE = Recipe(width_g=8, width_d=8, batch_size=16, seed=3)
AGAIN = "the library gives something else than book/_kept holds: run `make kept` and commit the result"


def held(recipe: Recipe) -> list[Path]:
    """The recordings of a recipe in the repository."""
    return [path for path in SHELF.all("frames-*.xz") if recording.is_of(path, recipe)]


def test_every_lab_has_one_recording_and_nothing_else_is_kept():
    assert len(LABS) >= 9
    recordings = {path.name for recipe in LABS for path in held(recipe)}
    assert all(len(held(recipe)) == 1 for recipe in LABS), AGAIN
    bundles = {path.name for path in SHELF.all("*.js")}
    assert {path.name for path in kept.KEPT.iterdir()} == recordings | bundles | {CAUSES}
    assert set(causes(kept.KEPT).values()) == recordings | bundles
    assert len(bundles) == len(site.program_causes(kept.played())), AGAIN
    assert sum(path.stat().st_size for path in kept.KEPT.iterdir()) < 8e6


@pytest.mark.parametrize("number", range(len(LABS)))
def test_recordings_begin_as_they_do_today(number):
    """80 turns of points, 8 of images, as far as another processor's rounding allows."""
    recipe = LABS[number]
    (path,) = held(recipe)
    assert recording.differences(path, recipe) == [], AGAIN


def test_recordings_go_on_to_their_end():
    for path in SHELF.all("frames-*.xz"):
        frames = recording.frames(path)
        assert len(frames) == recording.FRAMES + 1
        turns = 600 if "manifold" not in frames[0][1] and frames[0][1]["fake"].ndim == 4 else 1600
        assert frames[-1][0]["step"] == turns
        assert all(np.isfinite(array).all() for _, arrays in frames for array in arrays.values())


def test_a_program_made_anew_is_the_kept_one(worker, tmp_path):
    """The smallest pair of networks: the same graphs give the same name, and the same compiler the same bytes."""
    pairs = site.program_causes([*LABS, *site.presets()]).values()
    path = bundle.build(next(recipe for recipe in pairs if recipe.data == "gaussian"), tmp_path)
    held = SHELF.find(path.name)
    assert held, AGAIN
    assert held.read_bytes() == path.read_bytes()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A recording of 80 turns, and the shelf where it is."""
    patch = pytest.MonkeyPatch()
    patch.setattr(recording, "TURNS", {"points": 80})
    patch.setattr(recording, "FRAMES", 2)
    patch.setattr(recording, "LOOKED_AT", {"points": 50})
    shelf = Shelf(tmp_path_factory.mktemp("shelf"))
    path = recording.make(RECIPE, shelf)
    yield shelf, path
    patch.undo()


@pytest.mark.parametrize(
    "change", [{"loss": "hinge"}, {"lr_g": 2.2e-3}, {"penalty": "r1"}, {"beta1": 0.1}, {"n_critic": 2}, {"seed": 4}]
)
def test_a_run_that_has_changed_is_seen(made, change):
    _, path = made
    assert recording.differences(path, RECIPE) == []
    assert recording.differences(path, replace(RECIPE, **change))


def test_after_a_change_that_changes_no_run_the_recording_stays(made, tmp_path):
    shelf, path = made
    mine = Shelf(tmp_path, (shelf.own,))
    lines: list[str] = []
    assert site.recorded([replace(RECIPE, precision="auto")], mine, lines.append) == [path]
    assert lines == []
    (shelf.own / CAUSES).unlink()  # as if the source were another
    assert site.recorded([RECIPE], mine, lines.append) == [path]
    assert len(lines) == 1
    assert lines[0].startswith("comparing the kept recording of ring, nonsaturating loss, mlp G, seed 3")
    assert list(causes(tmp_path).values()) == [path.name]


def test_a_recording_that_is_another_run_is_made_anew(made, tmp_path):
    _, path = made
    head, _, raw = lzma.decompress(path.read_bytes()).partition(b"\n")
    facts = json.loads(head)
    facts["recipe"]["seed"] = 4
    (tmp_path / "frames-000000000000.xz").write_bytes(lzma.compress(json.dumps(facts).encode() + b"\n" + raw))
    other = replace(RECIPE, seed=4)
    assert recording.is_of(tmp_path / "frames-000000000000.xz", other)
    (anew,) = site.recorded([other], Shelf(tmp_path))
    assert anew.name != "frames-000000000000.xz"
    assert recording.differences(anew, other) == []


def test_an_empty_shelf_is_filled_with_a_line_for_each_piece(worker, small, tmp_path, monkeypatch):
    """A book of one's own, without kept files: everything is made, once, and the time left is told."""
    monkeypatch.setattr(recording, "TURNS", {"points": 40})
    of_all = programs.programs
    monkeypatch.setattr(programs, "programs", lambda recipe: (*of_all(recipe)[:2], of_all(recipe)[2][:1]))
    lines: list[str] = []
    shelf = Shelf(tmp_path / "new" / "shelf")
    (path,) = site.compiled([small], shelf, lines.append)
    frames = site.recorded([small, RECIPE], shelf, lines.append)
    assert len(set(frames)) == 2
    made = [line for line in lines if "programs" in line and "%" not in line]
    assert made == [f"{what} programs, mlp G and mlp D (1 of 1)" for what in ("tracing", "compiling")]
    assert [line for line in lines if line.startswith("recording") and "(2 of 2), about" in line]
    lines.clear()
    assert site.compiled([small], shelf, lines.append) == [path]
    assert site.recorded([small, RECIPE], shelf, lines.append) == frames
    assert lines == []
    assert sweep(shelf.own, [path.name], causes(shelf.own)) == sorted(frame.name for frame in frames)
    assert set(causes(shelf.own).values()) == {path.name}


def test_a_figure_makes_its_folder(tmp_path):
    """With all that a build needs kept, nothing else makes the folder of this machine."""
    pytest.importorskip("sphinx", reason="needs the extra 'book'")
    spec = importlib.util.spec_from_file_location("page_lab", kept.ROOT / "book" / "_ext" / "page_lab.py")
    page_lab = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page_lab)
    page_lab.draw(SHELF.all("frames-*.xz")[0], tmp_path / "new" / "figure.png")
    assert (tmp_path / "new" / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_the_time_left_is_that_of_the_work_left(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    lines: list[str] = []
    progress = Progress(lines.append, [1.0, 3.0])
    share = progress.piece(0, "a")
    now[0] = 105.0
    share(0.5)  # too early for another line
    now[0] = 110.0
    share(0.5)
    now[0] = 120.0
    progress.piece(1, "b")
    assert lines == ["a (1 of 2)", "a (1 of 2): 50%, about 70 s left", "b (2 of 2), about 60 s left"]
