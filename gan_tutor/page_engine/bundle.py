"""One file for the page: every program that a pair of networks needs, compiled, and what the page must know of them."""

import base64
import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch.fx import GraphModule

from gan_tutor import recipes
from gan_tutor.optimizers import OPTIMIZERS
from gan_tutor.page_engine import lowering, manifest, programs, tracing
from gan_tutor.page_engine.players import Player, Port, Program, flat
from gan_tutor.page_engine.programs import LATENT
from gan_tutor.page_engine.progress import Share, ignored
from gan_tutor.page_engine.shelf import Shelf, put
from gan_tutor.recipes import Recipe

VERSION = 1
TRANSLATED = 0.75  # of the work of compiling is done when the programs are C


@dataclass(frozen=True)
class Traced:
    """The programs of a bundle before they are compiled.

    Attributes:
        key: Hash of the manifest, the graphs and the compiler: the name of the file that comes of them.
        facts: The manifest, without its key.
        programs: What is compiled.
        graphs: Their graphs, by name.
    """

    key: str
    facts: dict[str, Any]
    programs: list[Program]
    graphs: dict[str, GraphModule]


def build(recipe: Recipe, folder: str | Path) -> Path:
    """Write the bundle that serves a recipe to `folder`, and return its path, `<folder>/<key>.js`.

    The file is a classic script that sets `ganTutorBundles[key]` to {manifest, wasm in base64}. Its key is a hash of
    the manifest, the traced graphs and the compiler; a file that is there already is not compiled again.

    Args:
        recipe: Any recipe of the architecture; losses, data of the same shape, rates and seeds make no difference.
        folder: Where bundles are kept; made if it is missing.

    Raises:
        ValueError: The recipe's condition is auxiliary, which is not compiled.
    """
    traced = trace(recipe)
    return Shelf(Path(folder)).find(f"{traced.key}.js") or compiled(traced, folder)


def trace(recipe: Recipe, share: Share = ignored) -> Traced:
    """Return the programs of the bundle that serves a recipe, traced; `share` is told how much is done, from 0 to 1."""
    G, D, found = programs.programs(recipe)
    graphs = {}
    for number, program in enumerate(found):
        share(number / len(found))
        graphs[program.name] = tracing.trace(program)
    facts = describe(recipe, G, D, found)
    cause = json.dumps([facts, [tracing.fingerprint(graph) for graph in graphs.values()], lowering.compiler()])
    return Traced(hashlib.sha256(cause.encode()).hexdigest()[:12], facts, found, graphs)


def compiled(traced: Traced, folder: str | Path, share: Share = ignored) -> Path:
    """Compile traced programs, write the bundle to `folder`, and return its path."""
    source = lowering.to_c(traced.programs, traced.graphs, lambda done: share(TRANSLATED * done))
    share(TRANSLATED)
    value = {
        "manifest": traced.facts | {"key": traced.key},
        "wasm": base64.b64encode(lowering.to_wasm(source, traced.facts["programs"])).decode(),
    }
    held = json.dumps(value, separators=(",", ":"))
    text = f'(globalThis.ganTutorBundles ??= {{}})["{traced.key}"] = {held};\n'
    return put(Path(folder) / f"{traced.key}.js", text.encode())


def read(path: str | Path) -> tuple[dict[str, Any], bytes]:
    """Return the manifest and the WebAssembly module of a bundle."""
    text = Path(path).read_text(encoding="utf-8")
    value = json.loads(text[text.index("] = ") + 4 :].rstrip().rstrip(";"))
    return value["manifest"], base64.b64decode(value["wasm"])


def describe(recipe: Recipe, G: Player, D: Player, found: list[Program]) -> dict[str, Any]:
    """Return the manifest of a bundle, without its key."""
    latents = range(1, LATENT + 1) if programs.shares_latents(recipe) else [recipe.latent_dim]
    return {
        "version": VERSION,
        "match": manifest.matching(recipe),
        "sample": list(recipes.sample_shape(recipe)),
        "batch": recipe.batch_size,
        "latent": programs.latent_width(recipe),
        "classes": recipes.class_count(recipe),
        "settle": manifest.SETTLED if recipe.norm_d == "spectral" else 0,
        "init": {str(n): manifest.initial_fills(replace(recipe, latent_dim=n)) for n in latents},
        "G": _player(G),
        "D": _player(D),
        **manifest.loss_columns(),
        "optimizers": {name: list(knobs) for name, (_, knobs) in OPTIMIZERS.items()},
        "programs": {
            program.name: {"inputs": _ports(program.inputs), "outputs": _ports(program.outputs)} for program in found
        },
    }


def _player(whom: Player) -> dict[str, Any]:
    held = dict(whom.network.named_buffers())
    values = flat([held[name] for name in whom.buffers]) if whom.buffers else torch.zeros(0)
    return {"parameters": whom.size, "buffers": whom.buffer_size, "buffers_init": values.tolist()}


def _ports(ports: tuple[Port, ...]) -> list[dict[str, Any]]:
    return [
        {"name": port.name, "shape": list(port.shape)} | ({"draw": port.draw} if port.draw else {}) for port in ports
    ]
