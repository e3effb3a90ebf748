"""The modern image recipe beside the classical one: the same images, turns, batch and seeds, on one CPU thread.

    python benchmarks/modern.py --seeds 0 1 2       about six CPU minutes

fashion_modern     residual networks without normalisation, relativistic loss, R1 + R2 in every 4th turn, Adam(0, .99)
fashion_classical  DCGAN with BatchNorm, non-saturating loss, Adam(.5, .999), at 800 turns instead of its own 1500

With gamma 0.5 instead of 2 the modern pair failed on one of two seeds, at a learning rate of 1e-3 (G's tanh saturated
within the first twenty turns: all images black) and at 2e-3.

These are the pair that 64x64 faces have (celeba64_modern, celeba64), at 28x28, where images are at hand. A turn of the
modern one is dearer; the CPU seconds say by how much. Distances are Frechet distances of 1000 samples of the averaged
generator, in the features of the shipped Fashion-MNIST classifier.

Results: results/modern.json, results/recipe_fashion_modern.json and its pictures
"""

import argparse
from dataclasses import asdict, replace

import matplotlib
from machine import store
from recipes import measure

from gan_tutor import host, plots, recipes

NAMES = ("fashion_modern", "fashion_classical")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--samples", type=int, default=1000)
    arguments = parser.parse_args()
    host.tune()
    matplotlib.use("Agg")
    plots.style("light")
    steps = recipes.named("fashion_modern").steps
    pair = {name: replace(recipes.named(name), steps=steps) for name in NAMES}
    runs: dict[str, dict[int, list]] = {name: {} for name in NAMES}
    for seed in arguments.seeds:
        for name, recipe in pair.items():
            picture = f"recipe_{name}_{seed}.png" if name == "fashion_modern" else None
            runs[name][seed] = measure(replace(recipe, seed=seed), arguments.samples, [15.0, 30.0, 60.0], picture)
    result = {"samples": arguments.samples, "recipes": {name: asdict(recipe) for name, recipe in pair.items()}}
    store("modern", result | {"runs": runs})
    modern = pair["fashion_modern"]
    store(
        "recipe_fashion_modern",
        {"recipe": asdict(modern), "samples": arguments.samples, "runs": runs["fashion_modern"]},
    )


if __name__ == "__main__":
    main()
