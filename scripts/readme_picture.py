"""Draw the picture of README.md: the ring game at work, and digits from the default image recipe.

    python scripts/readme_picture.py

Trains both recipes with seed 0 (about a minute and a half of one CPU core) and shows the first samples.
"""

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import torch

from gan_tutor import plots, recipes, training

PICTURE = Path(__file__).resolve().parents[1] / "book" / "_static" / "readme.png"


def play(name: str) -> recipes.Game:
    """Train a named recipe to its end."""
    game = recipes.build(recipes.named(name))
    for _ in recipes.run(game):
        pass
    return game


def main() -> None:
    """Train, draw and save."""
    torch.set_num_threads(1)
    matplotlib.use("Agg")
    plots.style("light")
    latents = torch.Generator().manual_seed(1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 4.3))
    ring = play("ring")
    plots.field(left, ring.D, extent=(-3, 3, -3, 3))
    plots.samples(left, ring.source.sample(400, latents), training.generate(ring.ema, 400, 2, latents))
    left.legend(loc="upper left")
    digits = play("digits")
    plots.image_grid(right, training.generate(digits.ema, 64, digits.recipe.latent_dim, latents))
    figure.savefig(PICTURE)


if __name__ == "__main__":
    main()
