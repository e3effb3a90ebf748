"""A run of the notebook's engine, for pages that cannot train, and for the figure of a page without JavaScript.

Its frames are numbers that take minutes to train; they are kept. The words around them, controls and code, are today's.
"""

import hashlib
import json
import lzma
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_tutor import recipes
from gan_tutor.lab.engine import PROTOCOL, Engine, Reply
from gan_tutor.page_engine import scripts
from gan_tutor.page_engine.causes import cause
from gan_tutor.page_engine.progress import Share, ignored
from gan_tutor.page_engine.shelf import Shelf, put
from gan_tutor.recipes import Recipe

VERSION = 1
LAYERS = ("field", "arrows", "manifold", "optimal", "histograms")
FRAMES = 40
TURNS = {"points": 1600, "line": 1600, "images": 600}
LOOKED_AT = {"points": 80, "line": 80, "images": 8}
"""Turns that are played again before a recording is taken for today's."""
CLOSE = 0.005
"""How far numbers may then be off, in parts of the largest of their kind.

Between AVX2 and AVX-512 it is 0 after 80 turns of points, but .0007 after 8 turns of images and .04 after 30: rounding
grows. A rate that is 2% larger makes .06 within 8 turns.
"""

Frame = tuple[dict[str, Any], dict[str, NDArray[Any]]]


def played(recipe: Recipe) -> Recipe:
    """Return the recipe that a recording of this one plays: in float32, which is the same on every machine."""
    return replace(recipe, precision="float32")


def cause_of(recipe: Recipe) -> str:
    """Return the hash of all that decides the frames of a recipe."""
    return "frames-" + cause(f"{VERSION} {recipes.to_json(played(recipe))}", __name__)


def size_of(recipe: Recipe) -> float:
    """Return how long a recording takes, beside one of points."""
    return 12.0 if len(recipes.sample_shape(recipe)) > 1 else 1.0


def make(recipe: Recipe, shelf: Shelf, share: Share = ignored) -> Path:
    """Play a recipe for some hundred turns, put the frames on the shelf, and return their path."""
    because = cause_of(recipe)  # before it takes minutes: the source may be edited meanwhile
    replies = []
    for number, reply in enumerate(_frames(Engine(played(recipe)))):
        share(number / FRAMES)
        replies.append(reply)
    facts = {
        "recipe": json.loads(recipes.to_json(played(recipe))),
        "messages": [message for message, _ in replies],
        "sizes": [[view.nbytes for view in buffers] for _, buffers in replies],
    }
    raw = b"".join(bytes(view) for _, buffers in replies for view in buffers)
    contents = scripts.as_json(facts).encode() + b"\n" + raw
    name = f"frames-{hashlib.sha256(contents).hexdigest()[:12]}.xz"
    path = put(shelf.own / name, lzma.compress(contents, preset=9))
    shelf.note(because, path)
    return path


def script(path: Path) -> tuple[str, str]:
    """Return the name and text of the script that a page loads: a file's frames, and the engine's words of today."""
    facts, raw = _read(path)
    engine = Engine(recipes.from_json(json.dumps(facts["recipe"])))
    hello, _ = engine.handle({"type": "hello", "protocol": PROTOCOL})
    code, _ = engine.handle({"type": "code"})
    last = facts["messages"][-1]["step"]
    code["python"] = engine.journal.program(last, str(engine.device))
    value = {
        "messages": [hello, *facts["messages"], code], "sizes": [[], *facts["sizes"], []], "data": scripts.packed(raw),
    }  # fmt: skip
    name = f"recording-{hashlib.sha256(scripts.as_json(value).encode()).hexdigest()[:12]}"
    return name, scripts.script("recordings", name, value)


def frames(path: Path) -> list[Frame]:
    """Return the frames of a file, each with its arrays by name."""
    facts, raw = _read(path)
    found, at = [], 0
    for message, sizes in zip(facts["messages"], facts["sizes"], strict=True):
        found.append((message, _arrays(message, [raw[at + sum(sizes[:k]) :][:n] for k, n in enumerate(sizes)])))
        at += sum(sizes)
    return found


def is_of(path: Path, recipe: Recipe) -> bool:
    """Whether a file holds frames of a recipe; fields that the recipe has had since count with their defaults."""
    with lzma.open(path) as file:
        facts = json.loads(file.readline())
    try:
        return recipes.from_json(json.dumps(facts["recipe"])) == played(recipe)
    except ValueError:
        return False


def differences(path: Path, recipe: Recipe) -> list[str]:
    """Play the first turns of a recipe anew, and say at which steps and in which arrays a file is not close to them."""
    engine, old, found = Engine(played(recipe)), frames(path), []
    each = TURNS[engine.view.kind] // FRAMES
    whole, rest = divmod(LOOKED_AT[engine.view.kind], each)
    for kept, (message, buffers) in zip(old[: whole + 1], _frames(engine), strict=False):
        found += _unlike(kept, (message, _arrays(message, buffers)))
    engine.advance(rest)
    if not _close(old[whole + 1][1]["history"][:rest], engine.meter.recent()["history"]):
        found.append(f"step {engine.game.step}: history")
    return found


def _unlike(old: Frame, new: Frame) -> list[str]:
    step = f"step {new[0]['step']}"
    if [set(old[0]), old[0]["step"], list(old[1])] != [set(new[0]), new[0]["step"], list(new[1])]:
        return [f"{step}: other fields or arrays"]
    return [f"{step}: {name}" for name in new[1] if not _close(old[1][name], new[1][name])]


def _frames(engine: Engine) -> Iterator[Reply]:
    each = TURNS[engine.view.kind] // FRAMES
    for number in range(FRAMES + 1):
        if number:
            engine.advance(each)
        yield engine.handle({"type": "tick", "id": number, "layers": LAYERS})


def _close(old: NDArray[Any], new: NDArray[Any]) -> bool:
    if old.shape != new.shape or old.dtype != new.dtype:
        return False
    # A row of the history holds a step, two losses and two norms: each has its own size.
    axis = 0 if new.shape[1:] == (5,) else None
    largest = np.maximum(np.abs(new.astype(float)).max(axis, initial=0), 1e-6)
    return bool((np.abs(old.astype(float) - new.astype(float)) <= CLOSE * largest).all())


def _arrays(message: dict[str, Any], buffers: Sequence[bytes | memoryview]) -> dict[str, NDArray[Any]]:
    types = {"f32": "float32", "u8": "uint8"}
    return {
        header["name"]: np.frombuffer(buffer, types[header["dtype"]]).reshape(header["shape"])
        for header, buffer in zip(message["arrays"], buffers, strict=True)
    }


def _read(path: Path) -> tuple[dict[str, Any], bytes]:
    head, _, raw = lzma.decompress(path.read_bytes()).partition(b"\n")
    return json.loads(head), raw
