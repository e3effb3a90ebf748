"""What the site's build writes for its labs: the list of settings, and recordings for pages that cannot train."""

import json
from dataclasses import asdict, fields

import numpy as np
import pytest

from gan_tutor import recipes
from gan_tutor.lab import Engine
from gan_tutor.lab.controls import CONTROLS, PRESETS
from gan_tutor.page_engine import recording, scripts, site
from gan_tutor.recipes import Recipe

SMALL = Recipe(width_g=8, width_d=8, batch_size=16, seed=3)


def test_the_list_says_what_the_library_says():
    listed = site.describe([], {name: site.density(name) for name in site.DENSITIES})
    assert json.loads(scripts.as_json(listed)) == listed
    assert Recipe(**listed["defaults"]) == Recipe()
    assert [control["field"] for control in listed["controls"]] == [control.field for control in CONTROLS]
    assert {p["name"]: Recipe(**p["recipe"]) for p in listed["presets"]} == {p.name: p.recipe for p in PRESETS}
    assert set(listed["rules"]) == {field.name for field in fields(Recipe)}
    assert listed["rules"]["lr_g"] == {"type": "float", "choices": None, "bound": "positive", "most": None}
    assert listed["rules"]["width_g"]["most"] == 4096
    assert listed["rules"]["loss"]["choices"][:2] == ["minimax", "nonsaturating"]
    assert listed["rules"]["beta1"]["bound"] == "share"


@pytest.mark.parametrize("name", site.DENSITIES)
def test_densities_travel_whole(name):
    density, told = recipes.source(Recipe(data=name)), site.density(name)
    if told["kind"] == "curve":
        assert (told["curve"], told["sigma"]) == (name, density.sigma)
    else:
        assert told["means"] == density.means.tolist()
        assert (told["sigmas"], told["weights"]) == (density.sigmas.tolist(), density.weights.tolist())


def test_a_recording_is_the_engines_run(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "TURNS", {"points": 80})
    path = recording.record(SMALL, tmp_path)
    frames = recording.frames(path)
    assert [message["step"] for message, _ in frames] == list(range(0, 81, 2))
    engine = Engine(SMALL)
    engine.advance(80)
    _, (*_, fake) = engine.handle({"type": "tick", "id": 1, "layers": []})
    last = frames[-1][1]
    assert np.array_equal(last["fake"].ravel(), np.frombuffer(fake, np.float32))
    assert last["field"].dtype == np.uint8
    assert last["history"].shape == (2, 5)
    before = path.stat().st_mtime_ns
    assert recording.record(SMALL, tmp_path) == path
    assert path.stat().st_mtime_ns == before


def test_causes_differ_by_recipe_and_by_source(monkeypatch, tmp_path):
    first = recording.cause("a")
    assert first == recording.cause("a") != recording.cause("b")
    assert recording.cause("a", ("losses",)) not in (first, recording.cause("a", ("penalties",)))


def test_scripts_give_back_what_they_hold():
    value = {"x": [1, 2.5, None], "text": 'a "quote" and = signs'}
    assert scripts.unpacked(scripts.packed(b"some bytes" * 99)) == b"some bytes" * 99
    with pytest.raises(ValueError, match="not JSON compliant"):
        scripts.as_json(float("nan"))
    assert asdict(SMALL)["data"] in scripts.script("recordings", "name", asdict(SMALL))
    assert json.loads(scripts.as_json(value)) == value
