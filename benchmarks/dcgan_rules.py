"""What does each rule of the DCGAN paper buy at 28x28? Every rule is removed once, and all of them together.

    python benchmarks/dcgan_rules.py --seeds 0 1 2 3 4
    python benchmarks/dcgan_rules.py --seeds 0 --variants base no_norm_g --turns 400

The base is the recipe `digits_classical`, bit for bit (the script checks it), for 800 turns. A variant differs in the
one rule that its name says and in nothing else, and plays the same number of turns from the same seed. Each run is
scored by the Fréchet distance of 1000 samples of the averaged G to the 4000 training images, on the shipped features.

Results: results/dcgan_rules.json; seeds and variants that it already holds are kept, so the runs may be spread out.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from machine import RESULTS, store
from torch import Tensor, nn

from gan_tutor import data, evaluation, losses, recipes, training

NAME, RECIPE = "dcgan_rules", recipes.named("digits_classical")
LATENT, BATCH, WIDTHS = RECIPE.latent_dim, RECIPE.batch_size, (64, 32)


@dataclass(frozen=True)
class Rules:
    """The paper's rules as settings; the defaults keep all of them.

    Attributes:
        strided_d: D halves the pixels by strides; otherwise by a 3x3 convolution and 2x2 max pooling.
        transposed_g: G doubles them by transposed convolutions; otherwise by repeating pixels and a 3x3 convolution.
        norm_g: BatchNorm in G.
        norm_d: BatchNorm in D.
        norm_at_ends: BatchNorm at G's output and after D's first convolution too.
        dense: A fully connected hidden layer of 256 units at G's start and at D's end.
        relu_g: ReLU in G; otherwise LeakyReLU.
        tanh_g: tanh at G's output; otherwise none, and samples are clamped to [-1, 1] when they are measured.
        leaky_d: LeakyReLU of slope 0.2 in D; otherwise ReLU.
        small_init: Convolutions start from N(0, 0.02^2), BatchNorm scales from N(1, 0.02^2); otherwise as in torch.
        lr: Learning rate of both players.
        beta1: Adam's first decay.
    """

    strided_d: bool = True
    transposed_g: bool = True
    norm_g: bool = True
    norm_d: bool = True
    norm_at_ends: bool = False
    dense: bool = False
    relu_g: bool = True
    tanh_g: bool = True
    leaky_d: bool = True
    small_init: bool = True
    lr: float = RECIPE.lr_g
    beta1: float = RECIPE.beta1


_NONE = Rules(
    strided_d=False, transposed_g=False, norm_g=False, norm_d=False, dense=True, relu_g=False, leaky_d=False,
    small_init=False, lr=1e-3, beta1=0.9,
)  # fmt: skip
VARIANTS: dict[str, Rules] = {
    "base": Rules(),
    "pooling_d": Rules(strided_d=False),
    "upsampling_g": Rules(transposed_g=False),
    "no_norm_g": Rules(norm_g=False),
    "no_norm_d": Rules(norm_d=False),
    "norm_at_ends": Rules(norm_at_ends=True),
    "dense": Rules(dense=True),
    "leaky_g": Rules(relu_g=False),
    "linear_output": Rules(tanh_g=False),
    "relu_d": Rules(leaky_d=False),
    "torch_init": Rules(small_init=False),
    "beta1_0.9": Rules(beta1=0.9),
    "lr_1e-3": Rules(lr=1e-3),
    "none_kept": _NONE,  # tanh stays: its absence is no rule that anyone would follow
}


def generator(rules: Rules) -> nn.Sequential:
    """Return G: z (N, 64) -> images (N, 1, 28, 28)."""
    act: Callable[[], nn.Module] = nn.ReLU if rules.relu_g else lambda: nn.LeakyReLU(0.2)
    net = nn.Sequential()
    if rules.dense:
        net.extend([nn.Linear(LATENT, 256), act()])
    net.append(nn.Linear(256 if rules.dense else LATENT, WIDTHS[0] * 49, bias=not rules.norm_g))
    net.append(nn.Unflatten(1, (WIDTHS[0], 7, 7)))
    for wide, narrow in ((WIDTHS[0], WIDTHS[1]), (WIDTHS[1], 1)):
        net.extend([nn.BatchNorm2d(wide), act()] if rules.norm_g else [act()])
        bias = narrow == 1 or not rules.norm_g
        if rules.transposed_g:
            net.append(nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=bias))
        else:
            net.extend([nn.Upsample(scale_factor=2), nn.Conv2d(wide, narrow, 3, padding=1, bias=bias)])
    if rules.norm_at_ends:
        net.append(nn.BatchNorm2d(1))
    net.append(nn.Tanh() if rules.tanh_g else nn.Identity())
    return initialised(net, rules)


class Discriminator(nn.Module):
    """Images (N, 1, 28, 28) -> logits (N,)."""

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        act: Callable[[], nn.Module] = (lambda: nn.LeakyReLU(0.2)) if rules.leaky_d else nn.ReLU
        net = nn.Sequential()
        for narrow, wide in pairwise((1, WIDTHS[1], WIDTHS[0])):
            norm = rules.norm_d and (narrow > 1 or rules.norm_at_ends)
            if rules.strided_d:
                net.append(nn.Conv2d(narrow, wide, 4, 2, 1, bias=not norm))
            else:
                net.extend([nn.Conv2d(narrow, wide, 3, padding=1, bias=not norm), nn.MaxPool2d(2)])
            net.extend([nn.BatchNorm2d(wide), act()] if norm else [act()])
        net.append(nn.Flatten())
        if rules.dense:
            net.extend([nn.Linear(WIDTHS[0] * 49, 256), act()])
        net.append(nn.Linear(256 if rules.dense else WIDTHS[0] * 49, 1))
        self.net = initialised(net, rules)

    def forward(self, x: Tensor) -> Tensor:
        """Return one logit for each image."""
        return self.net(x).flatten()


def initialised(net: nn.Sequential, rules: Rules) -> nn.Sequential:
    """Draw initial weights as the paper does, or leave torch's."""
    for module in net.modules() if rules.small_init else ():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
    return net


def players(rules: Rules, seed: int) -> tuple[nn.Module, nn.Module]:
    """Return G and D with the initial weights of a seed, as `recipes.build` draws them."""
    torch.manual_seed(seed)
    return generator(rules), Discriminator(rules)


def check_base() -> None:
    """Refuse to measure if the base is not the recipe, weight for weight."""
    game = recipes.build(RECIPE)
    for mine, theirs in zip(players(Rules(), RECIPE.seed), (game.G, game.D), strict=True):
        pairs = zip(mine.parameters(), theirs.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs), "the base must be the recipe digits_classical"


def measure(rules: Rules, seed: int, turns: int, score: Callable[[Tensor], float]) -> list[dict[str, Any]]:
    """Train one variant; return its Fréchet distance half way and at the end. A run that diverges ends early."""
    G, D = players(rules, seed)
    ema, _ = players(rules, seed)
    opt_g, opt_d = (
        torch.optim.Adam(network.parameters(), rules.lr, (rules.beta1, RECIPE.beta2), fused=True) for network in (G, D)
    )
    draws = torch.Generator().manual_seed(seed)
    rows: list[dict[str, Any]] = []
    began = time.process_time()
    for record in training.train(
        G, D, data.batches(data.digits(), BATCH, draws), loss=losses.LOSSES[RECIPE.loss], opt_g=opt_g, opt_d=opt_d,
        latent_dim=LATENT, steps=turns, generator=draws, ema=ema, ema_decay=RECIPE.ema_decay,
    ):  # fmt: skip
        if record.step in (turns // 2, turns):
            spent = time.process_time() - began
            fake = training.generate(ema, 1000, LATENT, torch.Generator().manual_seed(10_000 + seed))
            rows.append(
                {
                    "step": record.step,
                    "frechet_distance": round(score(fake.clamp(-1, 1)), 3),
                    "spread_of_pixels": round(float(fake.std(0).mean()), 4),
                    "cpu_seconds": round(spent, 1),
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--turns", type=int, default=800)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    check_base()
    features = evaluation.feature_network("digits").features
    real = features(data.digits().images)
    settings = {
        "recipe": asdict(replace(RECIPE, steps=arguments.turns)),
        "turns": arguments.turns,
        "samples": 1000,
        "floor": evaluation.feature_facts("digits")["frechet_floor"],
        "rules": {name: asdict(rules) for name, rules in VARIANTS.items()},
    }
    for seed in arguments.seeds:
        for name in arguments.variants:
            if str(seed) in stored(settings).get(name, {}):
                continue
            rows = measure(
                VARIANTS[name],
                seed,
                arguments.turns,
                lambda fake: evaluation.frechet_distance(features(fake), real),
            )
            print(seed, name, rows, flush=True)
            runs = stored(settings)  # again: another process may have added its own meanwhile
            runs.setdefault(name, {})[str(seed)] = rows
            store(NAME, settings | {"runs": runs})


def stored(settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the runs on file, if they were made with these turns and rules."""
    path = RESULTS / f"{NAME}.json"
    held = json.loads(path.read_text()) if path.is_file() else {}
    same = all(held.get(key) == settings[key] for key in ("turns", "samples", "rules"))
    return held["runs"] if same else {}


if __name__ == "__main__":
    main()
