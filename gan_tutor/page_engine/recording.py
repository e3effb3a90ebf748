"""A run of the notebook's engine, kept for pages that cannot train, and for the figure of a page without JavaScript."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import gan_tutor
from gan_tutor import recipes
from gan_tutor.lab.engine import PROTOCOL, Engine
from gan_tutor.page_engine.scripts import packed, read, script, unpacked
from gan_tutor.recipes import Recipe

LAYERS = ("field", "arrows", "manifold", "optimal", "histograms")
FRAMES = 40
PLAYED = ("losses", "penalties", "objectives", "networks", "data", "evaluation", "training", "recipes", "lab")
TURNS = {"points": 1600, "line": 1600, "images": 600}


def record(recipe: Recipe, cache: str | Path) -> Path:
    """Play a recipe for some hundred turns, keep the engine's replies as a script in `cache`, and return its path.

    Its name is a hash of the recipe and of the library's source: a change of either makes it anew.
    """
    name = f"recording-{cause(recipes.to_json(recipe))}"
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


def cause(what: str, rooms: tuple[str, ...] = PLAYED) -> str:
    """Return a short hash of a text and of the library's source on which it depends: equal causes, equal results."""
    digest = hashlib.sha256(what.encode())
    library = Path(gan_tutor.__file__).parent
    for room in rooms:
        place = library / room
        for path in (
            sorted([*place.rglob("*.py"), *place.rglob("*.c")]) if place.is_dir() else [place.with_suffix(".py")]
        ):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
