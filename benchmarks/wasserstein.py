"""Does the critic's value follow the Wasserstein distance while G learns? Eight critics, one protocol, several seeds.

    python benchmarks/wasserstein.py curves n_critic --seeds 0 1 2 3 4

`curves`: ring of 8, one critic after another against the same kind of G; at every fourth turn the critic's
E D(x) - E D(G(z)) and the exact Wasserstein-1 distance, both on the same 512 + 512 fresh points.
`n_critic`: the same for the gradient penalty with fewer critic steps a turn, at equal numbers of G steps.
Results: results/wasserstein.json. CPU seconds are of this process on one thread.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from machine import RESULTS, store
from torch import Tensor

from gan_tutor import data, evaluation, losses, networks, penalties, training

least_squares = losses.GanLoss(
    "least squares with targets +1 and -1",
    d_formula=lambda real, fake: (real - 1).square().mean() + (fake + 1).square().mean(),
    g_formula=lambda real, fake: (fake - 1).square().mean(),
)


@dataclass(frozen=True)
class Setting:
    """One critic and its game.

    Attributes:
        loss: The adversarial loss.
        penalty_weight: lambda of the gradient penalty; 0 is none.
        clip: Limit of the critic's weights; 0 is none.
        norm: "none" or "spectral".
        n_critic: Critic steps in a turn.
        lr_d: The critic's learning rate.
        lr_g: The generator's learning rate.
        betas: Adam's, for both.
        warm_up: Critic steps before the first turn.
        turns: G steps.
        batch: Samples in a batch.
    """

    loss: str = "wasserstein"
    penalty_weight: float = 0.0
    clip: float = 0.0
    norm: str = "none"
    n_critic: int = 10
    lr_d: float = 1e-3
    lr_g: float = 2e-4
    betas: tuple[float, float] = (0.0, 0.9)
    warm_up: int = 200
    turns: int = 240
    batch: int = 256


CURVES = {
    "gradient penalty, lambda 1": Setting(penalty_weight=1.0),
    "gradient penalty, lambda 10": Setting(penalty_weight=10.0),
    "weights clipped at 0.1": Setting(clip=0.1),
    "weights clipped at 0.01": Setting(clip=0.01),
    "spectral norm": Setting(norm="spectral"),
    "no constraint": Setting(),
    "least squares, targets +1 and -1": Setting(loss="least_squares"),
    "non-saturating": Setting(loss="nonsaturating"),
}
N_CRITIC = {f"n_critic {n}": Setting(penalty_weight=1.0, n_critic=n) for n in (1, 2, 5)}  # 10 is in CURVES


def build(setting: Setting, seed: int) -> dict[str, Any]:
    """Make the players, optimisers, real batches and generator of a setting, as keyword arguments of `train`."""
    torch.manual_seed(seed)
    G = networks.MLPGenerator(2, (2,))
    D = networks.MLPDiscriminator((2,), norm=setting.norm)
    opt_g = torch.optim.Adam(G.parameters(), setting.lr_g, setting.betas, fused=True)
    opt_d = torch.optim.Adam(D.parameters(), setting.lr_d, setting.betas, fused=True)
    if setting.clip:
        opt_d.register_step_post_hook(lambda *_: penalties.clip_weights(D, setting.clip))
    generator = torch.Generator().manual_seed(seed)
    return {
        "G": G, "D": D, "opt_g": opt_g, "opt_d": opt_d, "generator": generator, "latent_dim": 2,
        "batches": data.batches(data.ring(), setting.batch, generator),
        "loss": {**losses.LOSSES, "least_squares": least_squares}[setting.loss],
        "penalty": penalties.wgan_gp if setting.penalty_weight else None,
        "penalty_weight": setting.penalty_weight or 1.0,
    }  # fmt: skip


@torch.no_grad()
def reading(game: dict[str, Any], own: torch.Generator, points: int = 512) -> tuple[float, float, float]:
    """Return the critic's value E D(x) - E D(G(z)), the exact distance and D's loss, on the same fresh points."""
    x_real = data.ring().sample(points, own)
    x_fake = training.generate(game["G"], points, 2, own)
    D = game["D"].eval()  # spectral norm: no power iteration while we look
    real_logits, fake_logits = D(x_real), D(x_fake)
    D.train()
    value, loss_d = real_logits.mean() - fake_logits.mean(), game["loss"].d(real_logits, fake_logits)
    return value.item(), evaluation.wasserstein(x_fake, x_real), loss_d.item()


def slopes(game: dict[str, Any], own: torch.Generator, points: int = 512) -> Tensor:
    """Return |grad D| at points between real and generated ones."""
    u = torch.rand(points, 1, generator=own)
    x_hat = u * data.ring().sample(points, own) + (1 - u) * training.generate(game["G"], points, 2, own)
    return penalties.squared_gradient_norm(game["D"].eval(), x_hat).sqrt().detach()


def curve(setting: Setting, seed: int) -> dict[str, Any]:
    """Play one game and read both numbers at every fourth turn."""
    began, game, own = time.process_time(), build(setting, seed), torch.Generator().manual_seed(1000 + seed)
    for _ in range(setting.warm_up):
        z = training.sample_z(setting.batch, 2, game["generator"])
        training.d_step(
            game["G"],
            game["D"],
            game["opt_d"],
            game["loss"],
            next(game["batches"]),
            z,
            game["penalty"],
            game["penalty_weight"],
        )
    readings = [reading(game, own)]
    for record in training.train(**game, steps=setting.turns, n_critic=setting.n_critic):
        if record.step % 4 == 0:
            readings.append(reading(game, own))
    value, exact, loss_d = np.array(readings).T
    norm = slopes(game, own)
    return {
        "pearson": round(float(np.corrcoef(value, exact)[0, 1]), 3),
        "pearson_of_loss": round(float(np.corrcoef(-loss_d, exact)[0, 1]), 3),
        "ratio_first": round(float(value[0] / exact[0]), 3),
        "ratio": round(float(np.median(value / exact)), 3),
        "first": round(float(exact[0]), 3),
        "last": round(float(exact[-5:].mean()), 3),
        "slope_mean": round(norm.mean().item(), 4),
        "slope_max": round(norm.max().item(), 4),
        "cpu_seconds": round(time.process_time() - began, 1),
        "value": [round(float(v), 4) for v in value],
        "exact": [round(float(v), 4) for v in exact],
    }


PARTS = {"curves": (CURVES, curve), "n_critic": (N_CRITIC, curve)}


def floor(seeds: list[int], points: int = 512) -> list[float]:
    """Return the exact distance of two samples of the data itself: what a perfect G would read."""
    samples = [
        [data.ring().sample(points, torch.Generator().manual_seed(2000 + 2 * s + k)) for k in (0, 1)] for s in seeds
    ]
    return [round(evaluation.wasserstein(a, b), 3) for a, b in samples]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=PARTS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for part in arguments.parts:
        settings, play = PARTS[part]
        done: dict[str, Any] = {}
        for name, setting in settings.items():
            runs = [play(setting, seed) for seed in arguments.seeds]
            done[name] = {"setting": asdict(setting), "runs": runs}
            for run in runs:
                print(name, {k: v for k, v in run.items() if k not in ("value", "exact")}, flush=True)
        merge({"seeds": arguments.seeds, "floor": floor(arguments.seeds), part: done})


def merge(new: dict[str, Any]) -> None:
    """Store the parts just measured beside those of earlier calls."""
    path = RESULTS / "wasserstein.json"
    old = json.loads(path.read_text()) if path.is_file() else {}
    store("wasserstein", {k: v for k, v in (old | new).items() if k != "machine"})


if __name__ == "__main__":
    main()
