"""Train the generators of the latent explorer, and pack each into the file and the figure that pages show.

    python scripts/train_explorers.py [NAME ...] [--seed 0] [--runs runs/explorers]

NAMEs are recipes of images; each takes one to two CPU minutes. A checkpoint that is in the folder of runs already is
not trained again. Writes `gan_tutor/lab/explorers/NAME.json` (program, packed weights of the averaged G, directions)
and `NAME.png` (what a page without JavaScript shows: the first samples of the packed generator).
"""

import argparse
import platform
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from gan_tutor import evaluation, host, recipes, training
from gan_tutor.page_engine import explorer

NAMES = ("digits", "fashion", "digits_projection", "fashion_projection")
FOLDER = Path(__file__).resolve().parents[1] / "gan_tutor" / "lab" / "explorers"
MEASURED = 4000
COLUMNS, ROWS, GAP = 10, 4, 2


def trained(name: str, seed: int, runs: Path) -> Path:
    """Return the checkpoint of a recipe played to its end, made now if it is missing."""
    path = runs / f"{name}_{seed}.safetensors"
    if not path.is_file():
        runs.mkdir(parents=True, exist_ok=True)
        game = recipes.build(replace(recipes.named(name), seed=seed))
        for _ in recipes.run(game):
            pass
        recipes.save(game, path)
    return path


def orders(recipe: recipes.Recipe, n: int) -> Tensor | None:
    """Return n class numbers, each class in turn, for a conditional recipe."""
    classes = recipes.class_count(recipe)
    return torch.arange(n) % classes if classes else None


def distance(G: nn.Module, recipe: recipes.Recipe) -> dict[str, float]:
    """Return the Fréchet distance of samples to the training images, in units of the feature network, and its floor."""
    latents = torch.Generator().manual_seed(1)
    samples = training.generate(G, MEASURED, recipe.latent_dim, latents, y=orders(recipe, MEASURED))
    found = evaluation.score(samples, recipes.source(recipe))
    return {name: round(found[name], 3) for name in ("frechet_distance", "floor_frechet_distance")}


def figure(G: nn.Module, recipe: recipes.Recipe, path: Path) -> None:
    """Draw the samples of seeds 0, 1, 2, ... in a grid; a conditional G's column asks for one class."""
    count = COLUMNS * ROWS
    z = torch.cat([training.sample_z(1, recipe.latent_dim, torch.Generator().manual_seed(k)) for k in range(count)])
    y = orders(recipe, count)
    with torch.no_grad():
        images = G(z) if y is None else G(z, y)
    side = images.shape[-1] + GAP
    canvas = np.full((ROWS * side - GAP, COLUMNS * side - GAP), 255, np.uint8)
    for k, image in enumerate(((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy()):
        top, left = k // COLUMNS * side, k % COLUMNS * side
        canvas[top : top + side - GAP, left : left + side - GAP] = image[0]
    # Sixteen greys: half the bytes, and no eye sees it at this size.
    Image.fromarray(canvas).quantize(16).save(path, optimize=True)


def write(name: str, seed: int, runs: Path) -> dict[str, Any]:
    """Train if need be, pack, measure before and after, and return what was measured."""
    checkpoint = trained(name, seed, runs)
    G, recipe = recipes.load_generator(checkpoint)
    classes = tuple(recipes.source(recipe).classes) if recipes.class_count(recipe) else ()
    day = datetime.fromtimestamp(checkpoint.stat().st_mtime, UTC).date()
    made: dict[str, Any] = {
        "recipe": name, "seed": seed, "steps": recipe.steps, "date": str(day), "torch": torch.__version__,
        "machine": f"{platform.machine()}, 1 thread", "samples": MEASURED,
        "weights": "average of G, 8 bits in convolutions, 6 in linear layers",
        "float32": distance(G, recipe),
    }  # fmt: skip
    facts = explorer.describe(name, G, recipe, classes, made)
    path = FOLDER / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    explorer.write(facts, path)
    packed = explorer.load(path, recipe)
    made["packed"] = distance(packed, recipe)
    explorer.write(facts, path)
    figure(packed, recipe, path.with_suffix(".png"))
    return made


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", default=list(NAMES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=Path("runs/explorers"))
    options = parser.parse_args()
    host.tune()
    for name in options.names:
        print(name, write(name, options.seed, options.runs), flush=True)


if __name__ == "__main__":
    main()
