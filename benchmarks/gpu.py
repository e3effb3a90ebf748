"""One GPU: what a captured turn, DCGAN-64 and the hard toys take, beside peers and beside what the card can do.

    python benchmarks/gpu.py                     all parts, about forty minutes of one GPU
    python benchmarks/gpu.py --parts turn faces  some of them
    python benchmarks/gpu.py --dry               the same code in seconds on a CPU: stores nothing, proves no speed

Each part states what it expects and whether it held; without a GPU the script says so and stops. Times are wall-clock
with the device synchronised, in rounds whose order rotates; figures are medians of ratios within a round.

turn     a turn of two perceptrons, eager and as a CUDA graph                            expected: >= 8x
faces    DCGAN-64, batch 128, data on the device, beside the loops of loop.py            expected: >= 4x of
         pytorch-examples eager; operations and bytes a second as a share of the card's
         own peaks, measured in this run by a large bfloat16 product and a large copy
stacked  stacked digits with a relativistic loss, R1 and R2: modes and KL against time   expected: >= 990 modes and
                                                                                         KL <= 0.10 in 15 minutes
grid     the grid of 25 by its recipe, five seeds                                        expected: 25 modes, high
                                                                                         quality >= 0.95 on each

Results: results/gpu.json
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import loop
import torch
from machine import store
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gan_tutor import data, evaluation, host, recipes, training
from gan_tutor.cli import gauge
from gan_tutor.recipes import Recipe

MLP = Recipe(width_g=128, width_d=128, depth_g=3, depth_d=3, batch_size=256, steps=10**9)
FACES = replace(recipes.named("celeba64"), steps=10**9, ema_decay=0.0)
STACKED = replace(
    recipes.named("stacked_digits"), batch_size=256, penalty_every=1, schedule="constant", lr_g=1e-3, lr_d=1e-3,
    ema_decay=0.999, steps=10**9,
)  # fmt: skip
Play = Callable[[int], None]


def now(device: torch.device) -> float:
    """Return the time after everything that the device was told to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def player(recipe: Recipe, device: torch.device, source: Any = None) -> Play:
    """Return what plays some turns of a recipe's game."""
    turns = recipes.run(recipes.build(recipe, device, data_source=source))

    def play(n: int) -> None:
        for _ in range(n):
            next(turns)

    return play


def race(players: dict[str, Play], device: torch.device, block: int, rounds: int) -> dict[str, list[float]]:
    """Let all play blocks of turns by turns; return the seconds of a turn in each round, by name."""
    names, spent = list(players), {name: list[float]() for name in players}
    for name in names:
        players[name](max(block // 2, 8))  # more than a graph's warm-up and recording
    for k in range(rounds):
        for name in names[k % len(names) :] + names[: k % len(names)]:
            began = now(device)
            players[name](block)
            spent[name].append((now(device) - began) / block)
    return spent


def ratios(spent: dict[str, list[float]], over: str) -> dict[str, dict[str, float]]:
    """Return each contestant's milliseconds a turn, and how many times as fast as `over` it is."""
    return {
        name: {
            "ms_per_turn": round(statistics.median(times) * 1e3, 4),
            "times_as_fast": round(statistics.median(b / a for a, b in zip(times, spent[over], strict=True)), 3),
        }
        for name, times in spent.items()
    }


def turn(device: torch.device, dry: bool) -> dict[str, Any]:
    """Race eager turns of two perceptrons against captured ones."""
    found: dict[str, Any] = {"expected": "a captured turn is at least 8 times as fast as an eager one", "games": {}}
    for name, recipe in {
        "nonsaturating": MLP,
        "relativistic, R1 + R2": replace(MLP, loss="relativistic", penalty="r1_r2"),
    }.items():
        players = {"eager": player(recipe, device)}
        if device.type == "cuda":
            players["captured"] = player(replace(recipe, cuda_graph=True), device)
        spent = race(players, device, *((2, 2) if dry else (500, 12)))
        found["games"][name] = ratios(spent, "eager")
    gains = [game["captured"]["times_as_fast"] for game in found["games"].values() if "captured" in game]
    return found | ({"held": min(gains) >= 8} if gains else {})


class Traffic(TorchDispatchMode):
    """Adds up the bytes that operations read and write, views aside: each tensor once for each operation."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            leaves = [*tree_leaves((args, kwargs)), *tree_leaves(result)]
            self.bytes += sum(leaf.nbytes for leaf in leaves if isinstance(leaf, Tensor))
        return result


def copy_rate(device: torch.device, size: int) -> float:
    """Return the bytes a second, read and written, of the fastest of ten copies of `size` bytes."""
    a, times = torch.empty(size, dtype=torch.uint8, device=device), []
    b = torch.empty_like(a)
    for _ in range(11):
        began = now(device)
        b.copy_(a)
        times.append(now(device) - began)
    return 2 * size / min(times[1:])


def noise_faces(device: torch.device, n: int) -> data.ImageSet:
    """Return random pixels in the shape of CelebA's faces, on the device: speed does not look at them."""
    pixels = torch.randint(256, (n, 3, 64, 64), dtype=torch.uint8, device=device)
    return data.ImageSet("noise", pixels, torch.zeros(n, dtype=torch.int64, device=device), ("noise",))


def faces(device: torch.device, dry: bool) -> dict[str, Any]:
    """Race DCGAN-64's ways of running against peers' loops, and say how near to the card's peaks they come."""
    recipe = replace(FACES, batch_size=4, width_g=4, width_d=4) if dry else FACES
    source = noise_faces(device, 64 if dry else 20_000)
    plain = replace(recipe, precision="float32", channels_last=False)
    ways = {"gan_tutor, float32": plain, "gan_tutor, bf16, channels last": recipe}
    if device.type == "cuda":
        ways["gan_tutor, bf16, channels last, graph"] = replace(recipe, cuda_graph=True)
        ways["gan_tutor, bf16, channels last, compiled"] = replace(recipe, compile=True)
    players = {name: player(way, device, source) for name, way in ways.items()}
    game = recipes.build(plain, device, data_source=source)
    for name in loop.present():
        if name != "gan_tutor":
            generator = torch.Generator(device).manual_seed(0)
            batches = data.batches(source, recipe.batch_size, generator)
            pair = copy.deepcopy(game.G), copy.deepcopy(game.D)
            players[name] = loop.CONTESTANTS[name](*pair, batches, recipe.latent_dim, generator)
    spent = race(players, device, *((1, 2) if dry else (50, 12)))
    found: dict[str, Any] = {
        "expected": "gan_tutor is at least 4 times as fast as pytorch-examples' eager loop",
        "contestants": ratios(spent, "pytorch-examples"),
    }
    operations, peak = (
        gauge.turn_flops(recipe, source, device),
        gauge.peak_flops(device, torch.bfloat16, 256 if dry else 8192),
    )
    with Traffic() as traffic:
        next(recipes.run(recipes.build(recipe, device, data_source=source)))
    copies = copy_rate(device, 2**20 if dry else 2**30)
    best = min(ways, key=lambda name: statistics.median(spent[name]))
    seconds = statistics.median(spent[best])
    found["card"] = {
        "fastest_way": best,
        "operations_per_turn": operations,
        "bytes_per_turn": traffic.bytes,
        "peak_bf16_flops": peak,
        "peak_copy_bytes": copies,
        "share_of_peak_flops": round(operations / seconds / peak, 4),
        "share_of_peak_bandwidth": round(traffic.bytes / seconds / copies, 4),
    }
    return found | {"held": found["contestants"][best]["times_as_fast"] >= 4}


def stacked(device: torch.device, dry: bool) -> dict[str, Any]:
    """Train stacked digits and count modes at marks of training seconds."""
    recipe = replace(STACKED, batch_size=8, width_g=4, width_d=4) if dry else STACKED
    recipe = replace(recipe, cuda_graph=device.type == "cuda")
    marks, samples = ([0.0], 60) if dry else ([60.0, 120.0, 240.0, 480.0, 900.0], 26_000)
    game = recipes.build(recipe, device)
    turns, rows, spent = recipes.run(game), list[dict[str, float]](), 0.0
    for mark in marks:
        began = now(device)
        while True:
            for _ in range(1 if dry else 100):
                next(turns)
            if spent + now(device) - began >= mark:
                break
        spent += now(device) - began
        made = training.generate(game.ema, samples, recipe.latent_dim, torch.Generator(device).manual_seed(1))
        got, best = evaluation.stacked_score(made.cpu()), evaluation.perfect_stacked(samples)
        rows.append(
            {
                "seconds": round(spent, 1), "turns": game.step, "modes": got.modes, "kl": round(got.kl, 4),
                "perfect_modes": round(best[0], 1), "perfect_kl": round(best[1], 4),
            }
        )  # fmt: skip
        print(" ", rows[-1], flush=True)
    held = any(row["modes"] >= 990 and row["kl"] <= 0.10 for row in rows)
    return {"expected": "at least 990 modes and KL at most 0.10 within 15 minutes", "rows": rows, "held": held}


def grid(device: torch.device, dry: bool) -> dict[str, Any]:
    """Train the grid of 25 by its recipe over five seeds."""
    rows = {}
    for seed in range(1 if dry else 5):
        recipe = replace(recipes.named("grid"), seed=seed, cuda_graph=device.type == "cuda")
        game = recipes.build(replace(recipe, steps=2) if dry else recipe, device)
        began = now(device)
        for _ in recipes.run(game):
            pass
        seconds = now(device) - began
        made = training.generate(game.ema, 10_000, recipe.latent_dim, torch.Generator(device).manual_seed(1))
        scores = evaluation.score(made.cpu(), game.source.to("cpu"))
        rows[seed] = {"seconds": round(seconds, 2)} | {key: round(float(value), 5) for key, value in scores.items()}
        print(" ", seed, rows[seed], flush=True)
    held = all(row["modes"] == 25 and row["high_quality"] >= 0.95 for row in rows.values())
    return {"expected": "25 modes and high quality at least 0.95 on every seed", "seeds": rows, "held": held}


PARTS = {"turn": turn, "faces": faces, "stacked": stacked, "grid": grid}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--dry", action="store_true", help="tiny sizes on the CPU; nothing is stored")
    arguments = parser.parse_args()
    if not arguments.dry and not torch.cuda.is_available():
        parser.error(
            "these figures need a CUDA GPU and there is none here, so nothing is measured. On one, expected: a "
            "captured turn >= 8x eager, DCGAN-64 >= 4x pytorch/examples, stacked digits >= 990 modes with KL <= 0.10 "
            "in 15 minutes, the grid's 25 modes on five seeds. --dry plays the same code in seconds on a CPU"
        )
    host.tune()
    device = torch.device("cpu" if arguments.dry else "cuda")
    result: dict[str, Any] = {}
    for name in arguments.parts:
        print(name, flush=True)
        result[name] = PARTS[name](device, arguments.dry)
        print(" ", {key: value for key, value in result[name].items() if key != "rows"}, flush=True)
    if not arguments.dry:
        print(store("gpu", {"parts": result}).name)


if __name__ == "__main__":
    main()
