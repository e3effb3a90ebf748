"""How tests play a lab of the built site without its face, and what the notebook's run of the same recipe is."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import nbformat
import numpy as np

from gan_tutor import recipes
from gan_tutor.recipes import Recipe

WITH_LABS = [
    path.stem
    for path in sorted((Path(__file__).resolve().parents[2] / "book").glob("*.ipynb"))
    if any("gan-lab" in str(cell.get("outputs", "")) for cell in nbformat.read(path, as_version=4).cells)
]
RING = recipes.named("ring")
# Plays messages one after the other on an engine of the page, and returns the replies with their arrays.
DRIVE = """([recipe, messages]) => new Promise((done, failed) => {
  const { factory } = globalThis[Symbol.for("gan-tutor.lab.engines")];
  const engine = factory(recipe, document.createElement("gan-lab"));
  const replies = [];
  const next = () => {
    if (replies.length === messages.length) { engine.close(); return done(replies); }
    engine.send(messages[replies.length]);
  };
  engine.onMessage((message, buffers) => {
    const arrays = {};
    (message.arrays ?? []).forEach(({ name, dtype }, i) => {
      const { buffer } = buffers[i];
      arrays[name] = [...(dtype === "f32" ? new Float32Array(buffer) : new Uint8Array(buffer))];
    });
    replies.push({ ...message, arrays });
    next();
  });
  next();
})"""
STEP = "e => Number(/step\\s*([\\d,]+)/.exec(e.shadowRoot.querySelector('.status').innerText)?.[1].replaceAll(',', ''))"
HELLO = {"type": "hello", "protocol": 1}


def tick(steps: int = 1, layers: tuple[str, ...] = ()) -> dict[str, Any]:
    """A wish for exactly so many turns."""
    return {"type": "tick", "id": 1, "budget_ms": 30, "steps": steps, "layers": list(layers)}


def drive(page: Any, recipe: Recipe, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    """The replies of a fresh engine of the page to these messages, after its greeting."""
    page.set_default_timeout(120_000)
    return page.evaluate(DRIVE, [asdict(recipe), [HELLO, *messages]])[1:]


def history(replies: list[dict[str, Any]]) -> np.ndarray:
    """Step, loss_d, loss_g, grad_d, grad_g of all turns in some frames."""
    rows = [np.array(reply["arrays"]["history"]).reshape(-1, 5) for reply in replies if reply["type"] == "frame"]
    return np.concatenate(rows)


def eager(recipe: Recipe, turns: int) -> np.ndarray:
    """Both losses of the same recipe in PyTorch."""
    game = recipes.build(recipes.without_end(recipe))
    return np.array([(r.loss_d.item(), r.loss_g.item()) for r in islice(recipes.run(game), turns)])
