"""Ask conditional generators for classes and for measured quantities, and store how well they obey, over seeds.

    python benchmarks/conditional.py                       everything
    python benchmarks/conditional.py digits projection     one data set, some of its ways
    python benchmarks/conditional.py strokes               thickness and slant as conditions

The ways differ in D only: G always gets a learned code of the class beside z, except in `neither`, where the condition
is taken as an argument and used nowhere. In `only_g` D never sees it.
Results: results/conditional.json (runs already stored are kept, and only the ones named are played again), and the
first samples of every seed, a row for each class, in results/conditional_<data>_<way>_<seed>.png.
"""

import argparse
import copy
import json
import time
from dataclasses import asdict, replace
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import torch
from machine import RESULTS, store
from torch import Tensor, nn

from gan_tutor import data, evaluation, host, losses, networks, plots, recipes, training

PLAN = {
    "digits": ("projection", "auxiliary", "concat", "embedding", "only_g", "neither"),
    "strokes": ("concat", "only_g"),
    "fashion": ("projection", "auxiliary", "concat"),
}
IMAGES = {"digits": data.digits, "fashion": data.fashion}
SAMPLES = 1000


class Ignores(nn.Module):
    """A network that is handed a condition and does not use it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.output_range = getattr(network, "output_range", None)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return network(x)."""
        return self.network(x)


def game_of(recipe: recipes.Recipe, way: str) -> recipes.Game:
    """Build the game of one way, broken on purpose for the last two."""
    if way not in ("only_g", "neither"):
        return recipes.build(replace(recipe, condition=way))
    game = recipes.build(replace(recipe, condition="none" if way == "neither" else "projection"))
    game.D = Ignores(game.D if way == "neither" else game.D.D)
    if way == "neither":
        game.G, game.ema = Ignores(game.G), Ignores(game.ema)
    betas = (recipe.beta1, recipe.beta2)
    game.opt_g = torch.optim.Adam(game.G.parameters(), recipe.lr_g, betas, fused=True)
    game.opt_d = torch.optim.Adam(game.D.parameters(), recipe.lr_d, betas, fused=True)
    game.ready_g, game.ready_d = (networks.prepare(network, precision=recipe.precision) for network in (game.G, game.D))
    game.batches = data.labelled_batches(game.source, recipe.batch_size, game.generator)
    return game


def scores(images: Tensor, y: Tensor, real: data.ImageSet) -> dict[str, float]:
    """Class accuracy, Fréchet distance, and two measures of variety within a class, relative to the training images."""
    network = evaluation.feature_network(real.name)
    fake, true = network.features(images), network.features(real.images)
    spread, recall, distance = [], [], []
    for k in range(len(real.classes)):
        mine, theirs = fake[y == k], true[real.labels == k]
        spread.append(mine.var(0).sum() / theirs.var(0).sum())
        recall.append(evaluation.precision_recall(theirs, mine).recall)
        distance.append(evaluation.frechet_distance(mine, theirs))
    return {
        "class_accuracy": evaluation.class_accuracy(images, y, real.name),
        "frechet_distance": evaluation.frechet_distance(fake, true),
        "frechet_within_class": float(torch.tensor(distance).mean()),
        "variance_within_class": float(torch.stack(spread).mean()),
        "recall_within_class": float(torch.tensor(recall).mean()),
    }


def rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in values.items()}


def picture(name: str, images: Tensor, columns: int) -> None:
    figure, ax = plt.subplots(figsize=(4.4, 4.4))
    plots.image_grid(ax, images, columns=columns)
    figure.savefig(RESULTS / f"{name}.png")
    plt.close(figure)


def play(recipe: recipes.Recipe, way: str) -> list[dict[str, Any]]:
    """Train one game and score it after a half and all of its turns."""
    game, rows, spent = game_of(recipe, way), [], 0.0
    classes = len(game.source.classes)
    y = torch.arange(classes).repeat_interleave(SAMPLES // classes)
    began = time.process_time()
    for record in recipes.run(game):
        if record.step not in (recipe.steps // 2, recipe.steps):
            continue
        spent += time.process_time() - began
        draw = torch.Generator().manual_seed(10_000 + recipe.seed)
        images = training.generate(game.ema, SAMPLES, recipe.latent_dim, draw, y=y)
        row = {"step": record.step, "cpu_seconds": round(spent, 1)} | rounded(scores(images, y, game.source))
        rows.append(row)
        print(recipe.data, way, recipe.seed, row, flush=True)
        began = time.process_time()
    shown = images.unflatten(0, (classes, -1))[:, :10].flatten(0, 1)
    picture(f"conditional_{recipe.data}_{way}_{recipe.seed}", shown, 10)
    return rows


def thickness(images: Tensor) -> Tensor:
    """Twice the ink's area over the length of its outline, in pixels: w for a long stroke of width w. (N,)"""
    ink = nn.functional.pad((images[:, 0] + 1) / 2, (1, 1, 1, 1))
    down, right = ink[:, 1:, :-1] - ink[:, :-1, :-1], ink[:, :-1, 1:] - ink[:, :-1, :-1]
    return 2 * ink.sum((1, 2)) / (down**2 + right**2 + 1e-12).sqrt().sum((1, 2))


def slant(images: Tensor) -> Tensor:
    """The lean of the ink to the right of upright, in degrees, from its second moments. (N,)"""
    ink = (images[:, 0] + 1) / 2
    ink = ink / ink.sum((1, 2), keepdim=True)
    row, column = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    y = row - (ink * row).sum((1, 2))[:, None, None]
    x = column - (ink * column).sum((1, 2))[:, None, None]
    return torch.rad2deg(torch.atan2(-(ink * x * y).sum((1, 2)), (ink * y * y).sum((1, 2))))


def strokes(seed: int, way: str, steps: int = 1000) -> dict[str, Any]:
    """Ask for thickness and slant, which D hears of by concatenation or not at all; compare asked and measured."""
    digits = data.digits()
    measured = torch.stack([thickness(digits.images), slant(digits.images)], dim=1)
    middle, scale = measured.mean(0), measured.std(0)
    source = digits.with_labels((measured - middle) / scale)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        G = networks.ConditionalGenerator(networks.DCGANGenerator(64 + 2), nn.Identity())
        D: nn.Module = Ignores(networks.SpaceToDepthDiscriminator())
        if way == "concat":
            D = networks.ConcatDiscriminator(networks.SpaceToDepthDiscriminator(channels=1 + 2), nn.Identity())
    ema = copy.deepcopy(G).requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    opt_g, opt_d = (torch.optim.Adam(n.parameters(), 1e-3, (0.5, 0.999), fused=True) for n in (G, D))
    began = time.process_time()
    for _ in training.train(
        networks.prepare(G, precision="auto"), networks.prepare(D, precision="auto"),
        data.labelled_batches(source, 64, generator),
        loss=losses.nonsaturating, opt_g=opt_g, opt_d=opt_d, latent_dim=64, steps=steps, generator=generator,
        ema=ema, ema_decay=0.99,
    ):  # fmt: skip
        pass
    spent = time.process_time() - began
    draw = torch.Generator().manual_seed(10_000 + seed)
    y = source.sample_labelled(SAMPLES, draw)[1]
    images = training.generate(ema, SAMPLES, 64, draw, y=y)
    asked, got = y * scale + middle, torch.stack([thickness(images), slant(images)], dim=1)
    network = evaluation.feature_network("digits")
    named = network(images).argmax(1)
    row: dict[str, Any] = {"step": steps, "cpu_seconds": round(spent, 1)}
    for k, name in enumerate(("thickness", "slant")):
        row[f"{name}_correlation"] = torch.corrcoef(torch.stack([asked[:, k], got[:, k]]))[0, 1].item()
        row[f"{name}_error"] = (asked[:, k] - got[:, k]).abs().mean().item()
        row[f"{name}_spread"] = scale[k].item()
    row["frechet_distance"] = evaluation.frechet_distance(network.features(images), network.features(digits.images))
    row["smallest_class_share"] = named.bincount(minlength=10).min().item() / SAMPLES
    z, line, zero = training.sample_z(10, 64, draw), torch.linspace(-2, 2, 8), torch.zeros(8)
    wanted = [torch.stack(pair, dim=1).repeat(5, 1) for pair in ((line, zero), (zero, line))]
    with torch.no_grad():  # a z in each row: five thicker, five leaning from left to right
        shown = ema.eval()(z.repeat_interleave(8, 0), torch.cat(wanted))
    picture(f"conditional_strokes_{way}_{seed}", shown, 8)
    print("strokes", way, seed, rounded(row), flush=True)
    return rounded(row)


def keep(name: str, way: str, seed: int, rows: Any) -> None:
    """Add one run to what is stored."""
    path = RESULTS / "conditional.json"
    result = json.loads(path.read_text()) if path.exists() else {"real": {}, "runs": {}}
    result.pop("machine", None)
    result |= {"samples": SAMPLES, "recipes": {k: asdict(recipes.named(f"{k}_projection")) for k in IMAGES}}
    for image_set in IMAGES.keys() - result["real"].keys():
        train, test = (IMAGES[image_set](split) for split in ("train", "test"))
        result["real"][image_set] = rounded(scores(test.images, test.labels, train))
    result["runs"].setdefault(name, {}).setdefault(way, {})[str(seed)] = rows
    store("conditional", result)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", choices=list(PLAN))
    parser.add_argument("ways", nargs="*", metavar="WAY", help=", ".join(PLAN["digits"]))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    arguments = parser.parse_args()
    host.tune()
    matplotlib.use("Agg")
    plots.style("light")
    for seed in arguments.seeds:
        for name, ways in PLAN.items():
            if arguments.data not in (None, name):
                continue
            for way in arguments.ways or ways:
                if name == "strokes":
                    keep(name, way, seed, strokes(seed, way))
                else:
                    keep(name, way, seed, play(replace(recipes.named(f"{name}_projection"), seed=seed), way))


if __name__ == "__main__":
    main()
