"""What the site's build writes for its labs: the list of settings, and recordings for pages that cannot train."""

import json
import shutil
import subprocess
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

import gan_tutor
from gan_tutor import recipes
from gan_tutor.lab import Engine
from gan_tutor.lab.controls import CONTROLS, PRESETS
from gan_tutor.page_engine import causes, lowering, recording, scripts, site
from gan_tutor.page_engine.shelf import Shelf
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
    shelf = Shelf(tmp_path)
    path = recording.make(replace(SMALL, precision="auto"), shelf)
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
    assert site.recorded([SMALL, replace(SMALL, precision="bfloat16")], shelf) == [path, path]
    assert path.stat().st_mtime_ns == before


def test_a_pages_recording_has_the_words_of_the_engine(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "TURNS", {"points": 80})
    name, text = recording.script(recording.make(SMALL, Shelf(tmp_path)))
    (tmp_path / f"{name}.js").write_text(text, encoding="utf-8")
    value = scripts.read(tmp_path / f"{name}.js")
    engine = Engine(SMALL)
    hello, _ = engine.handle({"type": "hello", "protocol": 1})
    engine.advance(80)
    code, _ = engine.handle({"type": "code"})
    assert value["messages"][0] == json.loads(json.dumps(hello))
    assert value["messages"][-1] == code
    assert [message["type"] for message in value["messages"]] == ["state", *["frame"] * 41, "code"]
    assert len(scripts.unpacked(value["data"])) == sum(map(sum, value["sizes"]))
    assert [len(m.get("arrays", ())) for m in value["messages"]] == [len(sizes) for sizes in value["sizes"]]


RECORDING, BUNDLE = "gan_tutor.page_engine.recording", "gan_tutor.page_engine.bundle"


def test_causes_differ_by_text_module_and_version_of_torch(monkeypatch):
    first = causes.cause("a", RECORDING)
    assert first == causes.cause("a", RECORDING) != causes.cause("b", RECORDING)
    assert causes.cause("a", BUNDLE) != first
    monkeypatch.setattr(torch, "__version__", "9.9")
    assert causes.cause("a", RECORDING) != first


@pytest.mark.parametrize("package", ["torch", "onnx", "onnxscript", "emx-onnx-cgen", "ziglang"])
def test_another_version_of_what_compiles_is_another_cause_of_a_program(monkeypatch, package):
    pytest.importorskip("onnx", reason="needs the extra 'page'")
    today, version = site.program_causes([recipes.named("ring")]), lowering.version
    assert site.program_causes([recipes.named("ring")]) == today
    monkeypatch.setattr(lowering, "version", lambda name: "9.9" if name == package else version(name))
    assert len(today) == 1
    assert not today.keys() & site.program_causes([recipes.named("ring")]).keys()


@pytest.mark.parametrize("module", [RECORDING, BUNDLE])
def test_the_causes_are_the_files_that_python_loads(module):
    """Against Python itself: what importing a recording's or a bundle's parts loads is among its sources."""
    program = f"import {module}, sys; print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('gan_tutor')))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    told = {str(path) for path in causes.sources_of(module)}
    # Packages' fronts and what only they load (the notebook's widget, the sweep) decide nothing here.
    for name in ("share", "capture", "parallel", "checkpoints", "training", "losses", "penalties", "recipes/game"):
        file = str(Path(gan_tutor.__file__).parent / f"{name}.py")
        assert file in told
        assert file in loaded
    rooms = {Path(path).parent.name for path in told}
    assert rooms >= {"networks", "data", "recipes", "page_engine", "embedded"}
    assert ("weights" in rooms) is (module == RECORDING)  # distances are shown in a recording only


def test_a_changed_source_is_another_cause(monkeypatch, tmp_path):
    copy = tmp_path / "gan_tutor"
    shutil.copytree(Path(gan_tutor.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(gan_tutor, "__file__", str(copy / "__init__.py"))
    before = [causes.cause("a", module) for module in (RECORDING, BUNDLE)]
    for name in ("share.py", "capture.py", "parallel.py", "checkpoints.py", "page_engine/kernels.c"):
        (copy / name).write_bytes((copy / name).read_bytes() + b"\nNEW = 1;\n")
        after = [causes.cause("a", module) for module in (RECORDING, BUNDLE)]
        assert all(a != b for a, b in zip(before, after, strict=True)), name
        before = after
    (copy / "cli" / "runs.py").write_text("")
    assert [causes.cause("a", module) for module in (RECORDING, BUNDLE)] == before


def test_words_and_layout_of_python_cause_nothing(tmp_path):
    """Two-sided: what only a reader sees leaves the essence alone, and every name, number and text changes it."""
    (first, other) = (tmp_path / "a.py", tmp_path / "b.py")
    first.write_text('"""Docs."""\nX = [1, 2]\n\n\ndef f(x):\n    """More."""\n    return f"{x}" + "a"\n')
    other.write_text("X = [\n    1,\n    2,\n]  # a comment\n\ndef f(x):\n    return (f\"{x}\" + 'a')\n")
    assert causes.essence(first) == causes.essence(other)
    whole = first.read_text()
    changes = {"1, 2": "1, 3", "def f(x)": "def f(x=1)", '"a"': '"b"', "+": "-", "X": "Y", "1": "1.0"}
    for old, new in changes.items():
        other.write_text(whole.replace(old, new, 1))
        assert causes.essence(first) != causes.essence(other), new
    (tmp_path / "a.c").write_bytes(b"// a\n")
    (tmp_path / "b.c").write_bytes(b"// b\n")
    assert causes.essence(tmp_path / "a.c") != causes.essence(tmp_path / "b.c")


def test_scripts_give_back_what_they_hold():
    value = {"x": [1, 2.5, None], "text": 'a "quote" and = signs'}
    assert scripts.unpacked(scripts.packed(b"some bytes" * 99)) == b"some bytes" * 99
    with pytest.raises(ValueError, match="not JSON compliant"):
        scripts.as_json(float("nan"))
    assert asdict(SMALL)["data"] in scripts.script("recordings", "name", asdict(SMALL))
    assert json.loads(scripts.as_json(value)) == value
