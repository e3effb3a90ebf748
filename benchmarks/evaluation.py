"""Measure the measures: what each one says of damaged real images, how it depends on n, and the stacked digits.

    python benchmarks/evaluation.py sensitivity bias floor choices
    python benchmarks/evaluation.py stacked --seeds 0 1 2 --recipes 0 1 2

Each part keeps the others' numbers in results/evaluation.json. CPU seconds are of this process on one thread.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any

import torch
from machine import RESULTS, store
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.io import decode_jpeg, encode_jpeg
from torchvision.transforms.functional import gaussian_blur

from gan_tutor import data, evaluation, recipes, training

NAME = "evaluation"
STACKED_SAMPLES = 10_000
BIAS_SIZES, BIAS_DRAWS = (50, 100, 200, 400, 800, 1600), 10
N = 500  # images that stand for a generator's samples


def split(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Cut the 5000 digits at random: 3000 to train on, 500 held out, and 1500 to draw fakes from, with their labels."""
    digits = data.digits("all")
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(seed))
    images, labels = digits.images[order], digits.labels[order]
    return images[:3000], images[3000:3500], images[3500:], labels[3500:]


def measures(fake: Tensor, train: Tensor, held_out: Tensor, network: evaluation.FeatureNetwork) -> dict[str, float]:
    """Return every measure of the chapter, on the features of the digits network."""
    f, real, other = (network.features(x) for x in (fake, train, held_out))
    kept = evaluation.precision_recall(real[: len(f)], f)  # balls depend on the size of a set: equal sizes
    dense = evaluation.density_coverage(real[: len(f)], f)
    memory = evaluation.memorisation(real, other, f)
    return {
        "inception_score": evaluation.inception_score(network.head(f).softmax(1)),
        "frechet": evaluation.frechet_distance(f, real),
        "kernel": evaluation.kernel_distance(f, real),
        **kept._asdict(),
        **dense._asdict(),
        **memory._asdict(),
    }


def damages(seed: int) -> dict[str, Callable[[float], Tensor]]:
    """Return what is done to N real images, by name, as a function of its strength; 0 is no damage."""
    train, _, pool, labels = split(seed)
    real, generator = pool[:N], torch.Generator().manual_seed(100 + seed)
    noise = torch.randn(real.shape, generator=generator)
    chosen = torch.randperm(len(train), generator=generator)[:N]

    def blur(sigma: float) -> Tensor:
        return gaussian_blur(real, [13, 13], [sigma, sigma]) if sigma else real

    def drop(classes: float) -> Tensor:
        return pool[labels >= classes][:N]

    def copy(share: float) -> Tensor:
        return torch.cat([train[chosen[: round(share * N)]], real[round(share * N) :]])

    return {
        "blur": blur,
        "noise": lambda std: (real + std * noise).clamp(-1, 1),
        "dropped classes": drop,
        "copies": copy,
        "shift": lambda pixels: real.roll(int(pixels), 3),
    }


STRENGTHS = {
    "blur": [0, 0.5, 0.75, 1, 1.25, 1.5],  # standard deviation in pixels
    "noise": [0, 0.05, 0.1, 0.15, 0.2, 0.3],  # standard deviation, of pixels in [-1, 1]
    "dropped classes": [0, 1, 2, 3, 4, 6],
    "copies": [0, 0.1, 0.25, 0.5, 0.75, 1],  # share of the samples
    "shift": [0, 1, 2, 3],  # pixels to the right
}


def three_bad(seed: int) -> dict[str, Tensor]:
    """Return samples of a perfect generator and of three bad ones: blurry, collapsed to an image a class, copying."""
    _, _, pool, labels = split(seed)
    one_each = torch.stack([pool[labels == k][0] for k in range(10)])
    made = damages(seed)
    return {
        "held-out real images": pool[:N],
        "blurry": made["blur"](1),
        "collapsed": one_each.repeat(N // 10, 1, 1, 1),
        "copying": made["copies"](1),
    }


def sensitivity(seeds: list[int]) -> None:
    network = evaluation.feature_network("digits")
    for seed in seeds:
        train, held_out, _, _ = split(seed)
        part = fresh("sensitivity", seed, {"three_bad": {}, "damages": {name: {} for name in STRENGTHS}})
        for name, fake in three_bad(seed).items():
            row = rounded(measures(fake, train, held_out, network))
            part["three_bad"].setdefault(name, {})[str(seed)] = row
        for name, damage in damages(seed).items():
            for strength in STRENGTHS[name]:
                row = rounded(measures(damage(strength), train, held_out, network))
                part["damages"][name].setdefault(str(strength), {})[str(seed)] = row
        keep("sensitivity", part)
        print("sensitivity", seed, flush=True)


def fresh(name: str, seed: int, empty: dict[str, Any]) -> dict[str, Any]:
    """Return what is stored of a part, with `seed` added to its seeds."""
    part = stored().get(name, {"seeds": [], "samples": N} | empty)
    part["seeds"] = sorted({*part["seeds"], seed})
    return part


def bias_factor(features: Tensor) -> float:
    """Return b of E[d] = d + b (1/n + 1/m) + ... for Gaussian features with these eigenvalues of the covariance."""
    values = torch.linalg.eigvalsh(torch.cov(features.double().T)).clamp(min=0)
    pairs = values[:, None] * values / (values[:, None] + values).clamp(min=1e-12)
    return float(values.sum() + pairs.sum() / 2 + values.sum() / 4)


def bias(seeds: list[int]) -> None:
    """Compare two disjoint real draws of n images each, and a generator without one class with real draws."""
    network, digits = evaluation.feature_network("digits"), data.digits("all")
    features = network.features(digits.images)
    rows: dict[str, Any] = {"factor": round(bias_factor(features), 1), "draws": BIAS_DRAWS, "real": {}, "dropped": {}}
    for n in BIAS_SIZES:
        for draw in range(BIAS_DRAWS):
            generator = torch.Generator().manual_seed(1000 * n + draw)
            order = torch.randperm(len(digits), generator=generator)
            real, other = features[order[:n]], features[order[n:]]
            kept = other[digits.labels[order[n:]] > 0]
            for name, fake in (("real", other[:n]), ("dropped", kept[:n])):
                row = {
                    "frechet": evaluation.frechet_distance(real, fake),
                    "infinity": evaluation.frechet_infinity(real, fake, generator=generator),
                    "kernel": evaluation.kernel_distance(real, fake),
                }
                rows[name].setdefault(str(n), []).append(rounded(row))
        print("bias", n, flush=True)
    keep("bias", rows)


def floor(seeds: list[int]) -> None:
    """Measure 1000 real digits against the other 4000, drawn at random and with equal shares of the classes."""
    digits = data.digits("all")
    features = evaluation.feature_network("digits").features(digits.images)
    rows: dict[str, list[float]] = {"random": [], "balanced": []}
    for draw in range(BIAS_DRAWS):
        order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(draw))
        classes = [order[digits.labels[order] == k] for k in range(10)]
        balanced = torch.cat([c[:100] for c in classes]), torch.cat([c[100:] for c in classes])
        for name, (few, many) in (("random", (order[:1000], order[1000:])), ("balanced", balanced)):
            rows[name].append(round(evaluation.frechet_distance(features[few], features[many]), 4))
    keep("floor", rows)


def rounded(row: dict[str, float]) -> dict[str, float]:
    return {name: float(f"{value:.5g}") for name, value in row.items()}


def feature_maps(train: Tensor) -> dict[str, Callable[[Tensor], Tensor]]:
    """Return four feature maps, scaled so that the variances over the training images sum to 128."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        untrained = evaluation.FeatureNetwork()
    untrained.stem(train[:1000])  # BatchNorm's statistics
    untrained.eval().requires_grad_(False)
    maps: dict[str, Callable[[Tensor], Tensor]] = {
        "digits network": evaluation.feature_network("digits").features,
        "fashion network": evaluation.feature_network("fashion").features,
        "untrained network": untrained.features,
        "pixels": lambda x: x.flatten(1),
    }
    factors = {name: (128 / maps[name](train).var(0).sum()) ** 0.5 for name in maps}
    return {name: lambda x, name=name: factors[name] * maps[name](x) for name in maps}


def jpeg(images: Tensor, quality: int) -> Tensor:
    """Store grey images (N, 1, H, W) in [-1, 1] as JPEG and read them again."""
    pixels = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return torch.stack([decode_jpeg(encode_jpeg(image, quality)) for image in pixels]) / 127.5 - 1


def resized(images: Tensor, mode: str, antialias: bool = False) -> Tensor:
    """Return images of 28x28 that were stored at 32x32: enlarged in one way, shrunk by `mode`."""
    large = interpolate(images, size=32, mode="bicubic").clamp(-1, 1)
    return interpolate(large, size=28, mode=mode, antialias=antialias).clamp(-1, 1)


def choices(seeds: list[int]) -> None:
    """Measure the same images under other feature maps, resizing and storage."""
    for seed in seeds:
        part = fresh("choices", seed, {"features": {}, "pipeline": {}})
        for table, row, column, value in choice_rows(seed):
            part[table].setdefault(row, {}).setdefault(column, {})[str(seed)] = float(f"{value:.5g}")
        keep("choices", part)
        print("choices", seed, flush=True)


def choice_rows(seed: int) -> Iterator[tuple[str, str, str, float]]:
    """Yield table, row, column and Fréchet distance."""
    train, _, pool, _ = split(seed)
    real, made = pool[:N], damages(seed)
    fakes = {
        "real": real,
        "noise 0.1": made["noise"](0.1),
        "one class dropped": made["dropped classes"](1),
        "shift by 1 pixel": made["shift"](1),
        "three classes dropped": made["dropped classes"](3),
    }
    for name, features in feature_maps(train).items():
        reference = features(train)
        for row, fake in fakes.items():
            yield "features", row, name, evaluation.frechet_distance(features(fake), reference)
    features = evaluation.feature_network("digits").features
    reference = features(train)
    stored_as = {
        "as they are": real,
        "through 32x32, bicubic": resized(real, "bicubic", antialias=True),
        "through 32x32, bilinear with antialias": resized(real, "bilinear", antialias=True),
        "through 32x32, nearest": resized(real, "nearest"),
        "JPEG, quality 95": jpeg(real, 95),
        "JPEG, quality 75": jpeg(real, 75),
        "JPEG, quality 50": jpeg(real, 50),
    }
    for row, fake in stored_as.items():
        yield "pipeline", row, "frechet", evaluation.frechet_distance(features(fake), reference)


def contestants() -> dict[str, recipes.Recipe]:
    """Return the recipes that play on stacked digits: they differ in loss and penalty, and in what Adam likes best."""
    pair = recipes.named("stacked_digits")
    plain = {"loss": "nonsaturating", "lr_g": 1e-3, "lr_d": 1e-3, "beta1": 0.5, "beta2": 0.999}
    return {
        "relativistic, R1 and R2": pair,
        "non-saturating, R1 and R2": replace(pair, loss="nonsaturating"),
        "non-saturating": replace(pair, **plain, penalty="none"),
    }


def stacked_run(recipe: recipes.Recipe) -> dict[str, Any]:
    """Train one recipe and count the modes of its averaged generator."""
    game = recipes.build(recipe)
    began = time.process_time()
    for _ in recipes.run(game):
        pass
    spent = time.process_time() - began
    generator = torch.Generator().manual_seed(10_000 + recipe.seed)
    fake = training.generate(game.ema, STACKED_SAMPLES, recipe.latent_dim, generator)
    got = evaluation.stacked_score(fake)
    return {"seed": recipe.seed, "modes": got.modes, "kl": round(got.kl, 4), "cpu_seconds": round(spent, 1)}


def stacked(seeds: list[int], chosen: dict[str, recipes.Recipe]) -> None:
    modes, kl = evaluation.perfect_stacked(STACKED_SAMPLES)
    for seed in seeds:
        for name, recipe in chosen.items():
            row = stacked_run(replace(recipe, seed=seed))
            part = stored().get("stacked", {"runs": {}})  # read again: another process may have added a seed
            entry = part["runs"].get(name, {})
            if entry.get("recipe") != asdict(recipe):  # runs of another recipe do not belong beside these
                entry = part["runs"][name] = {"recipe": asdict(recipe), "rows": []}
            others = [kept for kept in entry["rows"] if kept["seed"] != seed]
            entry["rows"] = sorted([*others, row], key=lambda kept: kept["seed"])
            perfect = {"modes": round(modes, 2), "kl": round(kl, 4)}
            keep("stacked", {"samples": STACKED_SAMPLES, "perfect": perfect, "runs": part["runs"]})
            print(name, row, flush=True)


PARTS: dict[str, Callable[[list[int]], None]] = {
    "sensitivity": sensitivity,
    "bias": bias,
    "floor": floor,
    "choices": choices,
}


def stored() -> dict[str, Any]:
    """Return what is stored already, without the machine."""
    path = RESULTS / f"{NAME}.json"
    result = json.loads(path.read_text()) if path.is_file() else {}
    return {key: value for key, value in result.items() if key != "machine"}


def keep(part: str, value: Any) -> None:
    """Store one part and leave the others as they are."""
    store(NAME, stored() | {part: value})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [*PARTS, "stacked"]
    parser.add_argument("parts", nargs="+", choices=names, metavar="PART", help=", ".join(names))
    parser.add_argument("--recipes", nargs="+", type=int, default=[0, 1, 2], help="stacked: numbers of its recipes")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for part in arguments.parts:
        if part == "stacked":
            named = list(contestants().items())
            stacked(arguments.seeds, dict(named[number] for number in arguments.recipes))
        else:
            PARTS[part](arguments.seeds)


if __name__ == "__main__":
    main()
