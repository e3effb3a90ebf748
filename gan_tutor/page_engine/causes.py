"""All that decides what a module of the library makes of a text, as one short hash: equal causes, equal results."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch

import gan_tutor


def cause(what: str, module: str) -> str:
    """Return a short hash of all that decides what a module makes of a text: equal causes, equal results.

    These are the text, PyTorch's version, and the source of the module and of every file of the library that it
    imports, directly or through others. Comments, docstrings and layout of Python decide nothing.
    """
    digest = hashlib.sha256(f"{torch.__version__} {what}".encode())
    for path in sources_of(module):
        digest.update(essence(path))
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
            left += _parsed(path.read_text(encoding="utf-8"))[1]
    return sorted(found)


def essence(path: Path) -> bytes:
    """Return what a file does: the syntax tree of Python without docstrings and places, the bytes of anything else."""
    return _parsed(path.read_text(encoding="utf-8"))[0] if path.suffix == ".py" else path.read_bytes()


@cache
def _parsed(source: str) -> tuple[bytes, tuple[str, ...]]:
    """Return the essence of a Python file and the modules that it imports, of which some may be names in a module."""
    tree = ast.parse(source)
    return _told(tree).encode(), tuple(_imported(tree))


def _told(node: object) -> str:
    # ast.dump differs between versions of Python in how it writes empty lists; here what is empty is left out.
    if isinstance(node, list):
        return f"[{','.join(map(_told, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: value for name, value in ast.iter_fields(node) if value is not None and value != []}
    if (
        isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and ast.get_docstring(node, clean=False) is not None
    ):
        fields["body"] = node.body[1:]
    return f"{type(node).__name__}({','.join(f'{name}={_told(value)}' for name, value in fields.items())})"


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
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
