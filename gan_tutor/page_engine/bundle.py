"""One file for the page: every program that a pair of networks needs, compiled, and what the page must know of them."""

import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from gan_tutor import recipes
from gan_tutor.optimizers import OPTIMIZERS
from gan_tutor.page_engine import lowering, manifest, programs, tracing
from gan_tutor.page_engine.players import Player, Port, Program, flat
from gan_tutor.page_engine.programs import LATENT
from gan_tutor.page_engine.progress import Share, ignored
from gan_tutor.page_engine.shelf import Shelf, put
from gan_tutor.recipes import Recipe

VERSION = 1
TRACING, TRANSLATED = 0.25, 0.8  # how much is done when all programs are traced, and when they are C


def build(recipe: Recipe, folder: str | Path, others: tuple[Path, ...] = (), share: Share = ignored) -> Path:
    """Write the bundle that serves a recipe to `folder`, and return its path, `<folder>/<key>.js`.

    The file is a classic script that sets `ganTutorBundles[key]` to {manifest, wasm in base64}. Its key is a hash of
    the manifest, the traced graphs and the compiler; a file that is there already is not compiled again.

    Args:
        recipe: Any recipe of the architecture; losses, data of the same shape, rates and seeds make no difference.
        folder: Where bundles are kept; made if it is missing.
        others: Where else the file may be.
        share: Told how much is done, from 0 to 1.

    Raises:
        ValueError: The recipe's condition is auxiliary, which is not compiled.
    """
    G, D, found = programs.programs(recipe)
    traced = {}
    for number, program in enumerate(found):
        share(TRACING * number / len(found))
        traced[program.name] = tracing.trace(program)
    facts = describe(recipe, G, D, found)
    cause = json.dumps([facts, [tracing.fingerprint(graph) for graph in traced.values()], lowering.compiler()])
    key = hashlib.sha256(cause.encode()).hexdigest()[:12]
    shelf = Shelf(Path(folder), others)
    there = shelf.find(f"{key}.js")
    if there is not None:
        return there
    source = lowering.to_c(found, traced, lambda done: share(TRACING + (TRANSLATED - TRACING) * done))
    share(TRANSLATED)
    value = {
        "manifest": facts | {"key": key},
        "wasm": base64.b64encode(lowering.to_wasm(source, facts["programs"])).decode(),
    }
    text = f'(globalThis.ganTutorBundles ??= {{}})["{key}"] = {json.dumps(value, separators=(",", ":"))};\n'
    return put(shelf.own / f"{key}.js", text.encode())


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
