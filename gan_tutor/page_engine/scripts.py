"""Files for the page as classic scripts: each leaves one object behind, and loads from a server and a folder alike."""

import base64
import json
import zlib
from pathlib import Path
from typing import Any


def script(kind: str, name: str, value: Any) -> str:
    """Return a script that puts a value on the page's shelf, under its kind and name."""
    return f'((globalThis.ganTutorLab ??= {{}}).{kind} ??= {{}})["{name}"] = {as_json(value)};\n'


def read(path: str | Path) -> Any:
    """Return the value that a script of `script` holds."""
    text = Path(path).read_text(encoding="utf-8")
    return json.loads(text[text.index("] = ") + 4 :].rstrip().rstrip(";"))


def as_json(value: Any) -> str:
    """Return compact JSON; NaN and infinity, which JavaScript could not read, are refused."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def packed(raw: bytes) -> str:
    """Return bytes compressed by zlib, in base64."""
    return base64.b64encode(zlib.compress(raw, 9)).decode()


def unpacked(text: str) -> bytes:
    """Return the bytes of `packed`."""
    return zlib.decompress(base64.b64decode(text))
