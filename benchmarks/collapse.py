"""Which cures of mode collapse work, where, and what they cost; and what balances the grid of 25.

    python benchmarks/collapse.py cures --seeds 0 1 2 3 4     ring of 8 under a slow and under a small D
    python benchmarks/collapse.py cost                        milliseconds a turn, cures taking turns in one process
    python benchmarks/collapse.py grid --seeds 0 1 2          the grid's recipe with and without its parts

Every cure changes one thing of the same game: non-saturating loss, Adam 1e-3 (0.5, 0.999), batch 128, G 2 x 128. In
"slow D" D's learning rate is a tenth of G's, in "small D" its layers have 32 units. All play the same number of turns.
Scores are of G as it is and of its moving average (decay 0.999), every 250 turns, on 2500 samples. "near" counts the
modes that get at least a quarter of their share of the samples, wherever in their neighbourhood these lie.
Results: results/collapse_cures.json (runs and cost) and results/collapse_grid.json.
"""

import argparse
import copy
import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import torch
from machine import RESULTS, store
from torch import nn

from gan_tutor import data, evaluation, losses, networks, objectives, penalties, recipes, training

TURNS, EVERY, SAMPLES = 1500, 250, 2500
RING = data.ring()
SETTINGS: dict[str, dict[str, Any]] = {"slow D": {"lr_d": 1e-4}, "small D": {"width_d": 32}}


@dataclass(frozen=True)
class Cure:
    """What a cure changes; the defaults are the sick game."""

    loss: losses.GanLoss = losses.nonsaturating
    penalty: penalties.Penalty | None = None
    weight: float = 1.0
    clip: float = 0.0
    n_critic: int = 1
    betas: tuple[float, float] = (0.5, 0.999)
    lr_d: float | None = None
    width_d: int | None = None
    coordinates: int = 2
    wrap_d: Callable[[nn.Module], nn.Module] = lambda D: D
    discriminators: int = 1
    generators: int = 1
    unroll: int = 0


CURES: dict[str, Cure] = {
    "none": Cure(),
    "minibatch std": Cure(coordinates=3, wrap_d=partial(networks.WithMinibatchStd, group=64)),
    "packing 2": Cure(coordinates=4, wrap_d=partial(networks.Packed, m=2)),
    "packing 4": Cure(coordinates=8, wrap_d=partial(networks.Packed, m=4)),
    "unrolled 5": Cure(unroll=5),
    "3 discriminators": Cure(discriminators=3),
    "4 generators": Cure(generators=4),
    "least squares": Cure(loss=losses.least_squares),
    "Wasserstein, clip": Cure(loss=losses.wasserstein, clip=0.1, n_critic=5),
    "Wasserstein, GP": Cure(loss=losses.wasserstein, penalty=penalties.wgan_gp, weight=0.1, n_critic=5),
    "R1": Cure(penalty=penalties.r1),
    "R1 + R2": Cure(penalty=penalties.r1_r2),
    "relativistic": Cure(loss=losses.relativistic),
    "relativistic, R1 + R2": Cure(loss=losses.relativistic, penalty=penalties.r1_r2),
    "the same, Adam (0, 0.99)": Cure(loss=losses.relativistic, penalty=penalties.r1_r2, betas=(0.0, 0.99)),
    "two time-scales": Cure(lr_d=2e-3),
    "bigger D": Cure(width_d=256),
    "5 steps of D": Cure(n_critic=5),
}
EMA_DECAY = 0.999
INNER_LR = 0.1  # plain gradient descent needs a larger step than Adam


class Run:
    """One game: the networks of a setting under a cure, and an iterator of turns."""

    def __init__(self, setting: str, cure: Cure, seed: int) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            width = cure.width_d or SETTINGS[setting].get("width_d", 128)
            Ds = [
                cure.wrap_d(networks.MLPDiscriminator((cure.coordinates,), width=width))
                for _ in range(cure.discriminators)
            ]
            Gs = [networks.MLPGenerator(2, (2,)) for _ in range(cure.generators)]
        self.D = Ds[0] if len(Ds) == 1 else networks.Discriminators(Ds)
        self.G = Gs[0] if len(Gs) == 1 else networks.Generators(Gs)
        self.ema = copy.deepcopy(self.G).requires_grad_(False)
        lr_d = cure.lr_d or SETTINGS[setting].get("lr_d", 1e-3)
        self.opt_g = torch.optim.Adam(self.G.parameters(), 1e-3, cure.betas, fused=True)
        self.opt_d = torch.optim.Adam(self.D.parameters(), lr_d, cure.betas, fused=True)
        if cure.clip:
            self.opt_d.register_step_post_hook(lambda *_: penalties.clip_weights(self.D, cure.clip))
        self.generator = torch.Generator().manual_seed(seed)
        self.batches = data.batches(RING, 128, self.generator)
        self.turns = self._unrolled(cure) if cure.unroll else self._ordinary(cure)

    def _ordinary(self, cure: Cure) -> Iterator[Any]:
        penalty = cure.penalty
        if penalty is penalties.wgan_gp:
            penalty = partial(penalties.wgan_gp, generator=self.generator)
        return training.train(
            self.G,
            self.D,
            self.batches,
            loss=cure.loss,
            opt_g=self.opt_g,
            opt_d=self.opt_d,
            latent_dim=2,
            steps=10**9,
            generator=self.generator,
            n_critic=cure.n_critic,
            penalty=penalty,
            penalty_weight=cure.weight,
            ema=self.ema,
            ema_decay=EMA_DECAY,
        )

    def _unrolled(self, cure: Cure) -> Iterator[None]:
        for turn in range(1, 10**9):
            x_real, z = next(self.batches), training.sample_z(128, 2, self.generator)
            training.d_step(self.G, self.D, self.opt_d, cure.loss, x_real, z)
            later = objectives.unrolled(self.D, self.G, cure.loss, x_real, z, steps=cure.unroll, lr=INNER_LR)
            self.opt_g.zero_grad()
            objectives.generator_loss(self.G, later, cure.loss, x_real, z).backward()
            self.opt_g.step()
            training.update_ema(self.ema, self.G, min(EMA_DECAY, turn / (turn + 1)))
            yield


def judge(G: nn.Module, seed: int) -> dict[str, Any]:
    """Return modes (near, strict), quality and reverse KL of 2500 samples."""
    fake = training.generate(G, SAMPLES, 2, torch.Generator().manual_seed(10_000 + seed), batch=SAMPLES)
    got = evaluation.coverage(fake, RING)
    distance, nearest = torch.cdist(fake, RING.means).min(1)
    half_spacing = torch.pdist(RING.means).min() / 2
    counts = torch.bincount(nearest[distance < half_spacing], minlength=8)
    return {
        "near": int((counts >= SAMPLES / 8 / 4).sum()),
        "strict": got.modes,
        "quality": round(got.high_quality, 4),
        "reverse_kl": round(got.reverse_kl, 4) if got.counts.sum() else None,  # None is infinity
    }


def play(setting: str, name: str, seed: int) -> list[dict[str, Any]]:
    """Play one game and return a row for every 250 turns."""
    run = Run(setting, CURES[name], seed)
    rows = []
    for turn in range(1, TURNS + 1):
        next(run.turns)
        if turn % EVERY == 0:
            rows.append({"turn": turn, "G": judge(run.G, seed), "ema": judge(run.ema, seed)})
    return rows


def cures(names: list[str], seeds: list[int]) -> None:
    """Play what is not stored yet; store after every seed of a cure."""
    stored = read("collapse_cures")
    runs = stored.setdefault("runs", {})
    for seed, setting, name in itertools.product(seeds, SETTINGS, names):
        rows = runs.setdefault(setting, {}).setdefault(name, {})
        if str(seed) in rows:
            continue
        began = time.process_time()
        rows[str(seed)] = play(setting, name, seed)
        print(f"{setting} {name:24s} {seed} {time.process_time() - began:5.1f} s {rows[str(seed)][-1]}", flush=True)
        keep("collapse_cures", runs=runs)


def cost(rounds: int = 7, block: int = 15) -> None:
    """Let all cures take turns on the small D; store the median ratio to the sick game within a round."""
    contestants = {name: Run("small D", cure, 0) for name, cure in CURES.items()}
    spent: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds + 1):  # the first warms up
        for name, run in contestants.items():
            began = time.process_time()
            for _ in range(block):
                next(run.turns)
            spent[name].append((time.process_time() - began) / block * 1e3)
    base = spent["none"][1:]
    result = {
        name: {
            "ms_per_turn": round(statistics.median(times[1:]), 3),
            "ratio": round(statistics.median(a / b for a, b in zip(times[1:], base, strict=True)), 3),
        }
        for name, times in spent.items()
    }
    print(result)
    keep("collapse_cures", cost=result)


def grid(seeds: list[int]) -> None:
    """Train the grid's recipe, with half the batch at twice the rate, with and without pairing and penalties."""
    full = replace(recipes.named("grid"), batch_size=128, lr_g=2e-3, lr_d=2e-3, steps=12_000)  # to save time
    variants: dict[str, recipes.Recipe] = {
        "non-saturating": replace(full, loss="nonsaturating", penalty="none"),
        "non-saturating, R1 + R2": replace(full, loss="nonsaturating"),
        "relativistic": replace(full, penalty="none"),
        "relativistic, R1 + R2": full,
    }
    runs = read("collapse_grid").setdefault("runs", {})
    for name, recipe in variants.items():
        for seed in seeds:
            if str(seed) in runs.setdefault(name, {}):
                continue
            game = recipes.build(replace(recipe, seed=seed))
            began = time.process_time()
            for _ in recipes.run(game):
                pass
            seconds = time.process_time() - began
            fake = training.generate(game.ema, 10_000, 2, torch.Generator().manual_seed(10_000 + seed))
            got = evaluation.coverage(fake, game.source)
            runs[name][str(seed)] = {
                "modes": got.modes,
                "high_quality": round(got.high_quality, 4),
                "reverse_kl": round(got.reverse_kl, 5),
                "counts": got.counts.tolist(),
                "cpu_seconds": round(seconds, 1),
            }
            print(name, seed, runs[name][str(seed)], flush=True)
            keep("collapse_grid", recipe=asdict(full), runs=runs)


def read(name: str) -> dict[str, Any]:
    path = RESULTS / f"{name}.json"
    stored: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return stored


def keep(name: str, **parts: Any) -> None:
    stored = read(name)
    stored.pop("machine", None)
    about = {"turns": TURNS, "samples": SAMPLES} if name == "collapse_cures" else {"samples": 10_000}
    store(name, about | stored | parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["cures", "cost", "grid"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--names", nargs="+", choices=list(CURES), default=list(CURES))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.part == "cures":
        cures(arguments.names, arguments.seeds)
    elif arguments.part == "cost":
        cost()
    else:
        grid(arguments.seeds)


if __name__ == "__main__":
    main()
