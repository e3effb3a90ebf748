"""How much memory does each recipe need, and which recipe fits which card?

    python benchmarks/memory.py                 tensors, counted on a CPU: seconds
    python benchmarks/memory.py --device cuda   the allocator's own peak on a GPU, beside the count

The count is `recipes.memory`: after every operation of a turn the bytes of all living tensors, exact for any batch.
What a GPU needs besides (context, workspaces, gaps between blocks) is not in it; the table of cards leaves a fifth free
for that. On a GPU each recipe plays twenty turns at its own batch, on made-up data where its files are not at hand.
Expected there: a peak of 1.0 to 1.3 times the count for recipes above 100 MB.

Results: results/memory_<device>.json
"""

import argparse
from dataclasses import replace
from typing import Any

import torch
from machine import store

from gan_tutor import host, recipes
from gan_tutor.recipes.memory import stand_in

CARDS = {"4 GB": 4, "6 GB": 6, "8 GB": 8, "12 GB": 12, "16 GB": 16, "24 GB": 24, "40 GB": 40, "80 GB": 80}
GB = 10**9


def counted(recipe: recipes.Recipe) -> dict[str, Any]:
    """Return the parts of a recipe's memory at its own batch, in bytes, and the largest batch of each card."""
    need = recipes.memory(recipe)
    found: dict[str, Any] = {
        "batch_size": recipe.batch_size, "data": need.data, "parameters": need.parameters, "state": need.state,
        "turn": need.turn(recipe.batch_size), "peak": need.total(recipe.batch_size),
        "float32_peak": recipes.memory(replace(recipe, precision="float32")).total(recipe.batch_size),
    }  # fmt: skip
    return found | {"largest_batch": {card: recipes.largest_batch(recipe, size * GB) for card, size in CARDS.items()}}


def measured(recipe: recipes.Recipe) -> int:
    """Return the allocator's peak, in bytes, of building a game on the GPU and playing twenty turns."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    game = recipes.build(replace(recipe, steps=20), "cuda", data_source=stand_in(recipe))
    for _ in recipes.run(game):
        pass
    # The stand-in is small; the recipe's own set would lie there.
    own, small = recipes.memory(recipe).data, game.source
    held = sum(t.nbytes for t in (getattr(small, "pixels", None), getattr(small, "labels", None)) if t is not None)
    return torch.cuda.max_memory_allocated() - before + (own - held if held else 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--names", nargs="+", choices=recipes.NAMES, default=list(recipes.NAMES), metavar="NAME")
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda needs a GPU and there is none; the count without one is --device cpu")
    host.tune()
    table: dict[str, Any] = {}
    for name in arguments.names:
        recipe = recipes.named(name)
        table[name] = counted(recipe)
        if arguments.device == "cuda":
            table[name]["measured_peak"] = measured(recipe)
            table[name]["measured_by_count"] = round(table[name]["measured_peak"] / table[name]["peak"], 3)
        row = table[name]
        print(
            f"{name:20s} batch {row['batch_size']:4d}  {row['peak'] / 1e6:9.1f} MB  {row['largest_batch']}", flush=True
        )
    what = "tensors counted on a CPU with recipes.memory" if arguments.device == "cpu" else "the CUDA allocator's peak"
    print(store(f"memory_{arguments.device}", {"what": what, "unit": "bytes", "recipes": table}).name)


if __name__ == "__main__":
    main()
