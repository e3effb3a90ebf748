"""The messages of the lab from both sides: what web/src/protocol.ts declares is what the engine says and hears.

The declarations are read from the TypeScript source, in the small part of its language that the file uses; the
TypeScript compiler holds the front end to the same declarations.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gan_tutor import recipes
from gan_tutor.lab import Engine
from gan_tutor.lab.engine import PROTOCOL
from gan_tutor.recipes import Recipe

SRC = Path(__file__).resolve().parents[2] / "web" / "src"
TEXT = re.sub(r"/\*\*.*?\*/|//[^\n]*", "", (SRC / "protocol.ts").read_text(), flags=re.DOTALL)
LAYERS = ["field", "arrows", "manifold", "optimal", "histograms"]
GAMES = {
    "points": Recipe(width_g=16, width_d=16, batch_size=16),
    "points of classes": Recipe(width_g=16, width_d=16, batch_size=16, condition="projection"),
    "line": recipes.named("gaussian"),
    "images": Recipe(data="digits", width_g=16, width_d=16, batch_size=8, latent_dim=4),
    "images of classes": Recipe(data="fashion", width_g=16, width_d=16, batch_size=16, condition="projection"),
}


def _split(text: str, mark: str) -> list[str]:
    """Split at a mark that stands in no bracket and no string."""
    parts, depth, quoted = [""], 0, False
    for letter in text:
        quoted ^= letter == '"'
        depth += (letter in "{[<(") - (letter in "}]>)")
        if letter == mark and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def _fields(body: str) -> dict[str, str]:
    return dict(re.match(r"(\w+\??):\s*(.*)", part, re.DOTALL).groups() for part in _split(body, ";"))


INTERFACES = {
    name: _fields(body) for name, body in re.findall(r"export interface (\w+) \{\n(.*?)\n\}", TEXT, re.DOTALL)
}
ALIASES = dict(re.findall(r"export type (\w+) =\s*(.*?);\n", TEXT, re.DOTALL))
PLAIN = {"string": str, "boolean": bool, "number": (int, float), "null": type(None)}


def misfits(value: Any, kind: str, where: str = "message") -> list[str]:
    """Return where a JSON value is not of a TypeScript type."""
    union = _split(kind, "|")
    if len(union) > 1:
        found = [misfits(value, part, where) for part in union]
        return [] if [] in found else min(found, key=len)
    kind = union[0]
    if kind.endswith("[]"):
        if not isinstance(value, list):
            return [f"{where} is no list"]
        return [text for i, item in enumerate(value) for text in misfits(item, kind[:-2], f"{where}[{i}]")]
    if kind.startswith("["):
        kinds = [part.split(":")[-1].strip() for part in _split(kind[1:-1], ",")]
        if not isinstance(value, list) or len(value) != len(kinds):
            return [f"{where} is no list of {len(kinds)}"]
        return [text for i, item in enumerate(value) for text in misfits(item, kinds[i], f"{where}[{i}]")]
    if kind.startswith("Record<"):
        of = _split(kind[len("Record<") : -1], ",")[1]
        return [text for key, item in value.items() for text in misfits(item, of, f"{where}.{key}")]
    if kind.startswith("{") or kind in INTERFACES:
        return _object_misfits(value, INTERFACES.get(kind) or _fields(kind[1:-1]), where)
    if kind in ALIASES:
        return misfits(value, ALIASES[kind], where)
    if kind in PLAIN:
        good = isinstance(value, PLAIN[kind]) and (kind != "number" or not isinstance(value, bool))
        return [] if good else [f"{where} must be {kind}, got {value!r}"]
    return [] if value == json.loads(kind) else [f"{where} must be {kind}, got {value!r}"]


def _object_misfits(value: Any, fields: dict[str, str], where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where} is no object"]
    names = {name.rstrip("?"): kind for name, kind in fields.items()}
    missing = [f"{where}.{name} is missing" for name in fields if not name.endswith("?") and name not in value]
    unknown = [f"{where}.{name} is not declared" for name in value if name not in names]
    wrong = [text for name in names if name in value for text in misfits(value[name], names[name], f"{where}.{name}")]
    return missing + unknown + wrong


def heard(engine: Engine, message: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """The engine's reply as the page reads it, and how many buffers came with it."""
    reply, buffers = engine.handle(message)
    return json.loads(json.dumps(reply, allow_nan=False)), len(buffers)


def test_the_reader_of_declarations_finds_what_does_not_fit():
    assert misfits({"type": "saved", "path": "a", "metrics_path": "b"}, "Reply") == []
    assert misfits({"type": "saved", "metrics_path": 1}, "SavedReply") == [
        "message.path is missing",
        "message.metrics_path must be string, got 1",
    ]
    assert misfits({"used_mb": 1, "budget_mb": True, "x": 0}, "Memory") == [
        "message.x is not declared",
        "message.budget_mb must be number, got True",
    ]
    assert misfits([1, 2, 3], "Extent") == ["message is no list of 4"]
    assert misfits("h", "Player") == ["message must be \"d\", got 'h'"]


@pytest.mark.parametrize("name", GAMES)
def test_every_reply_is_declared(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    engine = Engine(GAMES[name], group="pair", lock=("seed",), hide=("loss",))
    engine.advance(2)
    messages = [
        {"type": "hello", "protocol": PROTOCOL},
        {"type": "tick", "id": 1, "budget_ms": 5, "layers": LAYERS},
        {"type": "play"},
        {"type": "tick", "id": 2, "budget_ms": 5, "layers": LAYERS, "steps": 1},
        {"type": "code"},
        {"type": "save"},
        {"type": "set", "changes": {"lr_d": -1}},
        {"type": "nonsense"},
    ]
    replies = [heard(engine, message)[0] for message in messages]
    assert [reply["type"] for reply in replies] == [
        "state", "frame", "state", "frame", "code", "saved", "error", "error",
    ]  # fmt: skip
    for reply in replies:
        declared = next(
            kind for kind in ALIASES["Reply"].split(" | ") if f'"{reply["type"]}"' in INTERFACES[kind]["type"]
        )
        assert misfits(reply, declared) == []


def test_the_engine_hears_exactly_the_declared_controls():
    variants = [INTERFACES.get(part) or _fields(part[1:-1]) for part in _split(ALIASES["Control"], "|")]
    declared = {json.loads(fields["type"]) for fields in variants}
    assert declared == {name.removeprefix("_on_") for name in dir(Engine) if name.startswith("_on_")}


@pytest.mark.parametrize("what", ["d", "g", "turn"])
def test_a_declared_control_is_obeyed(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    engine = Engine(GAMES["points"])
    values = {
        "protocol": int(re.search(r"PROTOCOL = (\d+)", TEXT)[1]), "id": 3, "budget_ms": 5, "layers": LAYERS, "steps": 2,
        "what": what, "changes": {"lr_d": 0.01}, "step": 0, "name": "ring",
    }  # fmt: skip
    for part in _split(ALIASES["Control"], "|"):
        fields = INTERFACES.get(part) or _fields(part[1:-1])
        message = {"type": json.loads(fields["type"])}
        message |= {name.rstrip("?"): values[name.rstrip("?")] for name in fields if name != "type"}
        assert misfits(message, "Control") == []
        assert heard(engine, message)[0]["type"] != "error", message


def test_the_arrays_that_the_front_end_reads_are_those_that_the_engine_sends():
    source = "".join(path.read_text() for path in SRC.rglob("*.ts"))
    read = {
        (name, "f32" if how == "floats" else "u8")
        for how, name in re.findall(r'\b(floats|bytes)\(\w+, "(\w+)"\)', source)
    }
    sent = set()
    for name in ("points", "line"):
        engine = Engine(GAMES[name])
        engine.advance(1)
        frame, buffers = heard(engine, {"type": "tick", "id": 1, "budget_ms": 5, "layers": LAYERS})
        assert len(frame["arrays"]) == buffers
        sent |= {(array["name"], array["dtype"]) for array in frame["arrays"]}
    assert sent == read


@pytest.mark.parametrize(("name", "n"), [("images", 36), ("images of classes", 60)])
def test_images_come_as_bytes_with_one_logit_each(name, n):
    engine = Engine(GAMES[name])
    arrays = {a["name"]: a for a in heard(engine, {"type": "tick", "id": 1, "budget_ms": 5, "layers": []})[0]["arrays"]}
    assert arrays["real"] == {"name": "real", "dtype": "u8", "shape": [n, 28, 28, 1]}
    assert arrays["fake"]["shape"] == arrays["real"]["shape"]
    assert arrays["logits_real"]["shape"] == arrays["logits_fake"]["shape"] == [n]
