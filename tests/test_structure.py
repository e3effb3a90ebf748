"""The house: imports point down, importing is silent, everything public is documented, files stay small."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "gan_tutor"
FILES = sorted(LIBRARY.rglob("*.py"))
FLOORS = {
    "share": -1,
    "capture": 0, "losses": 0, "penalties": 0, "networks": 0, "data": 0, "evaluation": 0, "plots": 0,
    "objectives": 1, "batches": 1, "host": 1, "parallel": 1, "optimizers": 0, "tables": 0,
    "training": 2, "checkpoints": 2,
    "recipes": 3,
    "lab": 4, "classroom": 4, "sweep": 4,
    "cli": 5, "page_engine": 5,
    "__main__": 6,
}  # fmt: skip
# What only some rooms may import; everything else is torch, torchvision, numpy and the standard library.
ONLY_IN = {
    "matplotlib": {"plots", "cli"},
    "scipy": {"evaluation"},
    "tyro": {"cli"},
    "anywidget": {"lab"},
    "ipywidgets": {"lab"},
    "tqdm": {"cli"},
    "safetensors": {"checkpoints", "evaluation"},
    "torchmetrics": {"evaluation"},
    "torch_fidelity": {"evaluation"},
    "nbformat": {"classroom"},
    "jinja2": {"classroom"},
    "psutil": {"classroom"},
    "pytest": {"classroom"},
    "onnx": {"page_engine"},
    "onnx_ir": {"page_engine"},
    "onnxscript": {"page_engine"},
    "emx_onnx_cgen": {"page_engine"},
}
EVERYWHERE = {"torch", "torchvision", "numpy", "gan_tutor", *sys.stdlib_module_names}


def room(path):
    return path.relative_to(LIBRARY).parts[0].removesuffix(".py")


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path):
    """Every imported module with its full dotted name, also those inside functions."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the full name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_room_has_a_floor():
    assert {room(path) for path in FILES} - {"__init__"} <= set(FLOORS)
    assert (LIBRARY / "data").is_dir()
    assert len(FILES) > 15


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(LIBRARY)))
def test_imports_point_down_and_never_to_a_sibling(path):
    here = room(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "gan_tutor" and len(parts) > 1 and here != "__init__":
            there = parts[1]
            assert there == here or FLOORS[there] < FLOORS[here], f"{here} imports {there}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(LIBRARY)))
def test_other_packages_are_imported_only_where_they_belong(path):
    for name in imports(path):
        package = name.split(".")[0]
        assert package in EVERYWHERE or room(path) in ONLY_IN.get(package, ()), f"{room(path)} imports {package}"


QUIET = """
import sys
import torch
before = torch.get_rng_state()
threads, precision = torch.get_num_threads(), torch.get_default_dtype()
import gan_tutor
names = ("losses", "penalties", "networks", "data", "objectives", "training", "checkpoints", "recipes", "classroom")
for name in names:
    getattr(gan_tutor, name)
heavy = {"matplotlib", "scipy", "tyro", "sklearn", "torchmetrics", "IPython"} & set(sys.modules)
assert not heavy, heavy
assert torch.equal(before, torch.get_rng_state())
assert (threads, precision) == (torch.get_num_threads(), torch.get_default_dtype())
assert "torchvision.datasets" not in sys.modules
assert set(gan_tutor.__all__) <= set(dir(gan_tutor)) and gan_tutor.evaluation.coverage
try:
    gan_tutor.nothing
except AttributeError as error:
    assert "its modules are capture, checkpoints," in str(error), error
else:
    raise AssertionError("an unknown module was found")
"""


def test_importing_the_library_is_silent_and_light():
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", QUIET], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")


def public(path):
    """Every public function, class and method, with its docstring."""
    for node in tree(path).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield node.name, ast.get_docstring(node)
            for inner in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_") and not inherited(node, inner):
                    yield f"{node.name}.{inner.name}", ast.get_docstring(inner)


def inherited(owner, method):
    """A forward is described by its class; a protocol's members by the classes that have them."""
    bases = {ast.unparse(base) for base in owner.bases}
    return method.name == "forward" or "Protocol" in bases or (method.name == "shape" and owner.name == "Mixture")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(LIBRARY)))
def test_everything_public_has_a_docstring(path):
    assert ast.get_docstring(tree(path)), "the module has no docstring"
    assert [name for name, docstring in public(path) if not docstring] == []


KEY = re.compile(r"\b[a-z]+\d{4}[a-z0-9_]*")


def sources():
    for path in FILES:
        for place in re.findall(r"Source:([^.]*)", path.read_text(encoding="utf-8")):
            yield path, place


def test_every_source_is_in_the_bibliography():
    known = set(re.findall(r"^@\w+\{([^,]+),", (ROOT / "book" / "references.bib").read_text(encoding="utf-8"), re.M))
    found = list(sources())
    assert len(found) >= 20
    for path, place in found:
        keys = KEY.findall(place)
        assert keys, f"{path.name}: 'Source:{place}' names no key"
        assert set(keys) <= known, f"{path.name}: {set(keys) - known} is not in references.bib"


def test_every_loss_and_penalty_names_its_source():
    for name in ("losses", "penalties"):
        text = (LIBRARY / f"{name}.py").read_text(encoding="utf-8")
        assert text.count("Source:") >= {"losses": 8, "penalties": 5}[name]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(LIBRARY)))
def test_files_are_small_and_well_named(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 350, f"{len(lines)} lines"
    assert not re.search(r"(^|_)(utils?|helpers?|common|misc|base|tools?)(_|$)", path.stem)
    assert not any(re.search(r"\b(TODO|FIXME|XXX)\b", line) for line in lines)


def test_functions_fit_on_a_screen():
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef):
                docstring = node.body[0].end_lineno - node.body[0].lineno + 1 if ast.get_docstring(node) else 0
                length = node.end_lineno - node.lineno + 1 - docstring
                assert length <= 60, f"{path.name}: {node.name} has {length} lines of code"


def test_no_classes_of_ours_are_inherited():
    """No inheritance of implementation: a base is from outside the library."""
    for path in FILES:
        ours = {node.name for node in tree(path).body if isinstance(node, ast.ClassDef)}
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef):
                assert not {ast.unparse(base) for base in node.bases} & ours, f"{path.name}: {node.name}"


def test_the_step_never_waits_for_the_device():
    """No .item(), float() or .cpu() in the steps: they are what a loop repeats."""
    for node in ast.walk(tree(LIBRARY / "training.py")):
        if isinstance(node, ast.FunctionDef) and node.name in ("d_step", "g_step", "train", "update_ema", "sample_z"):
            calls = [ast.unparse(inner.func) for inner in ast.walk(node) if isinstance(inner, ast.Call)]
            assert not [
                call for call in calls if call == "float" or call.endswith((".item", ".cpu", ".tolist", ".numpy"))
            ]
    for name in ("losses", "penalties", "objectives"):
        text = (LIBRARY / f"{name}.py").read_text(encoding="utf-8")
        assert ".item()" not in text
        assert "print(" not in text
