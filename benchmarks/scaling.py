"""Where does the time of a GAN's turn go, how does it grow, and what makes it smaller?

    python benchmarks/scaling.py                 CPU seconds of one thread
    python benchmarks/scaling.py --device cuda   seconds on a GPU, the host waiting for it after each block

Four questions, each answered by contestants that take turns in one process, so that a machine that slows down slows all
of them:

stages      the share of each stage of a turn: data, G forward, D's loss, backward, step, ...
batch       seconds a turn over the batch size
resolution  seconds a turn over the pixels a side, DCGAN with a fixed width
cures       ratios to the plain turn: a second pass of G, lazy penalties, bf16, channels-last, compiled networks, ...

Arithmetic is counted by torch's FlopCounterMode, and its speed is told as a share of a large matrix product's in the
same round. Results: results/scaling_<device>.json
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from machine import store
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from gan_tutor import data, host, losses, networks, objectives, recipes, training
from gan_tutor.recipes import Recipe

Play = Callable[[], Any]
Clock = Callable[[], float]
RING, DCGAN, MODERN = (recipes.named(name) for name in ("ring", "digits_classical", "digits_wide"))
GAMES = {"ring": RING, "digits_classical": DCGAN, "digits_wide": MODERN}
BATCHES = {"ring": (16, 64, 256, 1024, 4096), "digits_classical": (8, 16, 32, 64, 128, 256)}
PIXELS = {28: 32, 32: 32, 64: 32}  # a side, and the batch
CURES: dict[str, tuple[Recipe, dict[str, Any]]] = {
    "ring, R1 + R2 in each turn": (RING, {"loss": "relativistic", "penalty": "r1_r2"}),
    "ring, R1 + R2 in every fourth turn": (
        RING, {"loss": "relativistic", "penalty": "r1_r2", "penalty_every": 4},
    ),
    "ring, WGAN-GP with five steps of D": (RING, {"loss": "wasserstein", "penalty": "wgan_gp", "n_critic": 5}),
    "ring, compiled networks": (RING, {"compile": True}),
    "DCGAN 28, bf16": (DCGAN, {"precision": "bfloat16"}),
    "DCGAN 28, channels-last": (DCGAN, {"channels_last": True}),
    "DCGAN 28, channels-last and bf16": (DCGAN, {"channels_last": True, "precision": "bfloat16"}),
    "DCGAN 28, compiled networks": (DCGAN, {"compile": True}),
    "fast recipe, float32": (MODERN, {"precision": "float32"}),
    "fast recipe, penalties in each turn": (MODERN, {"penalty_every": 1}),
}  # fmt: skip


def clock_of(device: torch.device) -> Clock:
    """Return a clock of work: seconds of this thread's CPU, or of a GPU that the host waits for."""

    def waited() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return time.process_time if device.type == "cpu" else waited


def turns_of(recipe: Recipe, device: torch.device, batches: Iterator[Tensor] | None = None) -> Play:
    """Return a function that plays one turn of a recipe without an end."""
    game = recipes.build(recipes.without_end(recipe), device)
    if batches is not None:
        game.batches = batches
    run = recipes.run(game)
    return lambda: next(run)


def race(contestants: dict[str, Play], clock: Clock, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Return seconds a call of each contestant, one entry a round; the order rotates."""
    names = list(contestants)
    for play in contestants.values():
        for _ in range(8):  # lazy penalties, compilers and caches have begun
            play()
    found: dict[str, list[float]] = {name: [] for name in names}
    for k in range(rounds):
        for name in names[k % len(names) :] + names[: k % len(names)]:
            count, began = 0, clock()
            while (spent := clock() - began) < seconds or count % 4:
                contestants[name]()
                count += 1
            found[name].append(spent / count)
    return found


def flops(play: Play) -> float:
    """Return the floating-point operations of a call: two for each multiplication in matrix products, mean of four."""
    with FlopCounterMode(display=False) as counter:
        for _ in range(4):
            play()
    return counter.get_total_flops() / 4


def product(device: torch.device) -> tuple[Play, float]:
    """Return a large matrix product in float32, and its floating-point operations."""
    n = 1024 if device.type == "cpu" else 8192
    a, b = torch.randn(n, n, device=device), torch.randn(n, n, device=device)
    return lambda: a @ b, 2.0 * n**3


def stages(recipe: Recipe, device: torch.device, clock: Clock, turns: int) -> dict[str, float]:
    """Return each stage's share of the seconds of a turn without penalty, measured between stages."""
    game = recipes.build(replace(recipe, penalty="none", schedule="constant"), device)
    G, D, loss = game.ready_g, game.ready_d, losses.LOSSES[recipe.loss]
    spent: dict[str, float] = {}
    for turn in range(turns + 5):
        marks = [("", clock())]

        def done(stage: str, marks: list[tuple[str, float]] = marks) -> None:
            marks.append((stage, clock()))

        x_real = next(game.batches)
        z = training.sample_z(len(x_real), recipe.latent_dim, game.generator)
        done("draw data and latents")
        x_fake = G(z)
        done("G forward")
        loss_d = objectives.discriminator_loss(lambda _, x=x_fake: x, D, loss, x_real, z)
        done("D's loss: D forward, twice")
        game.opt_d.zero_grad(set_to_none=True)
        loss_d.backward()
        done("D's loss backward")
        game.opt_d.step()
        done("optimiser of D")
        with training.frozen(D):
            loss_g = objectives.generator_loss(lambda _, x=x_fake: x, D, loss, x_real, z)
            done("G's loss: D forward")
            game.opt_g.zero_grad(set_to_none=True)
            loss_g.backward()
        done("G's loss backward")
        game.opt_g.step()
        done("optimiser of G")
        training.update_ema(game.ema, game.G, 0.99)
        done("moving average")
        if turn >= 5:
            for (_, before), (stage, after) in itertools.pairwise(marks):
                spent[stage] = spent.get(stage, 0.0) + after - before
    return {stage: round(seconds / sum(spent.values()), 3) for stage, seconds in spent.items()}


def grown(
    plays: dict[str, Play], samples: dict[str, int], device: torch.device, clock: Clock, rounds: int, seconds: float
) -> dict[str, Any]:
    """Return for each contestant its milliseconds a turn, its operations, and the share of a matrix product's speed."""
    reference, operations = product(device)
    found = race(plays | {"matrix product": reference}, clock, rounds, seconds)
    result = {}
    for name, play in plays.items():
        counted = flops(play)
        shares = [
            (counted / ours) / (operations / theirs)
            for ours, theirs in zip(found[name], found["matrix product"], strict=True)
        ]
        typical = statistics.median(found[name])
        result[name] = {
            "ms_per_turn": round(1e3 * typical, 3),
            "ms_all": [round(1e3 * value, 3) for value in found[name]],
            "samples_per_second": round(samples[name] / typical),
            "megaflop_per_turn": round(counted / 1e6, 1),
            "share_of_matrix_product": round(statistics.median(shares), 3),
        }
    return result


def by_batch(device: torch.device, clock: Clock, rounds: int, seconds: float) -> dict[str, Any]:
    """Measure a turn of each recipe over the batch size."""
    result = {}
    for name, sizes in BATCHES.items():
        plays = {str(n): turns_of(replace(GAMES[name], batch_size=n), device) for n in sizes}
        result[name] = grown(plays, {str(n): n for n in sizes}, device, clock, rounds, seconds)
    return result


def by_resolution(device: torch.device, clock: Clock, rounds: int, seconds: float) -> dict[str, Any]:
    """Measure a turn of DCGAN over the pixels a side, on made-up images."""
    plays = {}
    for size, batch in PIXELS.items():
        generator = torch.Generator(device).manual_seed(0)
        G, D = networks.DCGANGenerator(64, size=size, width=32), networks.DCGANDiscriminator(size=size, width=32)
        G, D = G.to(device), D.to(device)
        pixels = torch.randint(256, (2000, 1, size, size), dtype=torch.uint8)
        made_up = data.ImageSet("noise", pixels, torch.zeros(2000, dtype=torch.int64), ("noise",)).to(device)
        opt_g, opt_d = (torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999), fused=True) for net in (G, D))
        run = training.train(
            G, D, data.batches(made_up, batch, generator), loss=losses.nonsaturating, opt_g=opt_g, opt_d=opt_d,
            latent_dim=64, steps=10**9, generator=generator,
        )  # fmt: skip
        plays[str(size)] = lambda run=run: next(run)
    return grown(plays, {str(size): batch for size, batch in PIXELS.items()}, device, clock, rounds, seconds)


def cures(device: torch.device, clock: Clock, rounds: int, seconds: float) -> dict[str, Any]:
    """Measure settings beside the plain turn of the same recipe."""
    result = {}
    for plain in GAMES.values():
        mine = {name: changes for name, (recipe, changes) in CURES.items() if recipe is plain}
        plays = {name: turns_of(replace(plain, **changes), device) for name, changes in mine.items()}
        found = race({"plain": turns_of(plain, device)} | plays, clock, rounds, seconds)
        for name in mine:
            ratios = sorted(ours / theirs for ours, theirs in zip(found[name], found["plain"], strict=True))
            result[name] = {
                "times_plain": round(statistics.median(ratios), 2), "all": [round(ratio, 2) for ratio in ratios],
            }  # fmt: skip
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.4, help="of a block")
    options = parser.parse_args()
    host.tune()
    device = torch.device(options.device)
    clock = clock_of(device)
    rest = (device, clock, options.rounds, options.seconds)
    result: dict[str, Any] = {"rounds": options.rounds, "seconds_of_a_block": options.seconds}
    result["stages"] = {name: stages(recipe, device, clock, 200) for name, recipe in GAMES.items()}
    print(result["stages"], flush=True)
    for name, part in (("batch", by_batch), ("resolution", by_resolution), ("cures", cures)):
        result[name] = part(*rest)
        print(name, result[name], flush=True)
    print(store(f"scaling_{options.device}", result))


if __name__ == "__main__":
    main()
