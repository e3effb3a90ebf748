"""A run of the notebook's engine, kept for pages that cannot train, and for the figure of a page without JavaScript."""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import gan_tutor
from gan_tutor import recipes
from gan_tutor.lab.engine import PROTOCOL, Engine
from gan_tutor.page_engine.scripts import packed, read, script, unpacked
from gan_tutor.recipes import Recipe

LAYERS = ("field", "arrows", "manifold", "optimal", "histograms")
FRAMES = 40
TURNS = {"points": 1600, "line": 1600, "images": 600}


def record(recipe: Recipe, cache: str | Path) -> Path:
    """Play a recipe for some hundred turns, keep the engine's replies as a script in `cache`, and return its path.

    Its name is a hash of all its causes: a change of the recipe, of the library or of PyTorch makes it anew.
    """
    name = "recording-" + cause(recipes.to_json(recipe), "gan_tutor.page_engine.recording")
    path = Path(cache) / f"{name}.js"
    if path.is_file():
        return path
    engine = Engine(recipe)
    replies = [engine.handle({"type": "hello", "protocol": PROTOCOL})]
    each = TURNS[engine.view.kind] // FRAMES
    for number in range(FRAMES + 1):
        if number:
            engine.advance(each)
        replies.append(engine.handle({"type": "tick", "id": number, "layers": LAYERS}))
    replies.append(engine.handle({"type": "code"}))
    value = {
        "messages": [message for message, _ in replies],
        "sizes": [[view.nbytes for view in buffers] for _, buffers in replies],
        "data": packed(b"".join(bytes(view) for _, buffers in replies for view in buffers)),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(script("recordings", name, value), encoding="utf-8")
    part.replace(path)
    return path


def frames(path: str | Path) -> list[tuple[dict[str, Any], dict[str, NDArray[Any]]]]:
    """Return the frames of a recording, each with its arrays by name."""
    value = read(path)
    raw, at, found = unpacked(value["data"]), 0, []
    for message, sizes in zip(value["messages"], value["sizes"], strict=True):
        arrays = {}
        for header, size in zip(message.get("arrays", ()), sizes, strict=True):
            dtype = np.dtype({"f32": "float32", "u8": "uint8"}[header["dtype"]])
            arrays[header["name"]] = np.frombuffer(raw, dtype, size // dtype.itemsize, at).reshape(header["shape"])
            at += size
        if message["type"] == "frame":
            found.append((message, arrays))
    return found


def cause(what: str, module: str) -> str:
    """Return a short hash of all that decides what a module makes of a text: equal causes, equal results.

    These are the text, PyTorch's version, and the source of the module and of every file of the library that it
    imports, directly or through others.
    """
    digest = hashlib.sha256(f"{torch.__version__} {what}".encode())
    for path in sources_of(module):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def sources_of(module: str) -> list[Path]:
    """Return the files of the library that a module is made of: its own, those that it imports, and so on, sorted.

    C sources, embedded data and weights beside a Python file belong to it.
    """
    found: set[Path] = set()
    left = [module]
    while left:
        path = _file_of(left.pop())
        if path is not None and path not in found:
            found |= {path, *path.parent.glob("*.c"), *path.parent.glob("embedded/*"), *path.parent.glob("weights/*")}
            left += _imported(path)
    return sorted(found)


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _file_of(module: str) -> Path | None:
    """Return the source file of a module of the library; None for a name in a module and for other packages."""
    parts = module.split(".")
    place = Path(gan_tutor.__file__).parents[1].joinpath(*parts)
    if parts[0] != "gan_tutor":
        return None
    if (place / "__init__.py").is_file():
        return place / "__init__.py"
    return place.with_suffix(".py") if place.with_suffix(".py").is_file() else None
