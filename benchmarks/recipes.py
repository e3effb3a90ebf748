"""Train named recipes over several seeds and store how good the samples are after how many CPU seconds.

    python benchmarks/recipes.py digits fashion digits_classical fashion_classical --seeds 0 1 2
    python benchmarks/recipes.py ring --seeds 0 1 2 --samples 2500
    ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 python benchmarks/recipes.py digits --seeds 30 31 32 --marks 30

CPU seconds are of this process on one thread, training only. Samples come from the averaged generator.
The last line plays as most laptops do, without AVX-512 and in float32, on any processor. Its results stand beside the
others, under the name with `_avx2` behind it.
Results: results/recipe_<name>.json, and the first 64 samples of every seed in results/recipe_<name>_<seed>.png.
"""

import argparse
import time
from dataclasses import asdict, replace
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import torch
from machine import RESULTS, store

from gan_tutor import evaluation, host, plots, recipes, training


def measure(recipe: recipes.Recipe, samples: int, marks: list[float], picture: str | None) -> list[dict[str, Any]]:
    """Train one recipe and score it at each mark of CPU seconds and at the end."""
    game = recipes.build(recipe)
    rows: list[dict[str, Any]] = []
    spent, began = 0.0, time.process_time()
    remaining = sorted(marks)
    for record in recipes.run(game):
        last = record.step == recipe.steps
        now = spent + time.process_time() - began
        if not last and (not remaining or now < remaining[0]):
            continue
        spent = now
        remaining = [mark for mark in remaining if mark > now]
        fake = training.generate(
            game.ema, samples, recipe.latent_dim, torch.Generator().manual_seed(10_000 + recipe.seed)
        )
        scores = evaluation.score(fake, game.source, torch.Generator().manual_seed(1))
        rows.append(
            {"step": record.step, "cpu_seconds": round(now, 2)} | {k: round(float(v), 5) for k, v in scores.items()}
        )
        print(recipe.data, recipe.seed, rows[-1], flush=True)
        began = time.process_time()
    if picture:
        figure, ax = plt.subplots(figsize=(4.4, 4.4))
        if fake.ndim == 4:
            plots.image_grid(ax, fake[:64])
        else:
            plots.samples(ax, game.source.sample(samples, torch.Generator().manual_seed(2)), fake)
        RESULTS.mkdir(exist_ok=True)
        figure.savefig(RESULTS / picture)
        plt.close(figure)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=recipes.NAMES, metavar="NAME", help=", ".join(recipes.NAMES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--steps", type=int, help="instead of the recipe's own number")
    parser.add_argument("--marks", nargs="*", type=float, default=[], help="CPU seconds at which to score as well")
    arguments = parser.parse_args()
    host.tune()
    matplotlib.use("Agg")
    plots.style("light")
    for name in arguments.names:
        base = recipes.named(name)
        base = replace(base, steps=arguments.steps) if arguments.steps else base
        stem = f"recipe_{name}_avx2" if host.instruction_set() == "AVX2" else f"recipe_{name}"
        runs: dict[int, list[dict[str, Any]]] = {}
        for seed in arguments.seeds:
            runs[seed] = measure(replace(base, seed=seed), arguments.samples, arguments.marks, f"{stem}_{seed}.png")
            path = store(stem, {"recipe": asdict(base), "samples": arguments.samples, "runs": runs})
        print(path.name)


if __name__ == "__main__":
    main()
