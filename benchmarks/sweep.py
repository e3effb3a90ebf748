"""Many small GANs at once, beside the same GANs one by one on the same machine.

    python benchmarks/sweep.py                             # 64 GANs on one CPU core
    python benchmarks/sweep.py --device cuda --gans 4096   # a GPU; expected: at least 500 times as fast

The GANs are the ring's recipe with networks of 128, 64 and 32 units; they differ in seed and learning rates. Both sides
alternate, and the ratio is taken round by round, because the speed of a shared machine changes between rounds. On a CPU
time is CPU seconds of one thread, on a GPU seconds on the wall with a synchronised device. One by one is
`recipes.run`, the ordinary loop with torch's fused Adam; both draw their own random numbers.
"""

import argparse
import os
import statistics
import time
from dataclasses import replace
from typing import Any

import torch
from machine import store

from gan_tutor import host, recipes, sweep
from gan_tutor.recipes import Recipe

WIDTHS = (128, 64, 32)
ROUNDS = 7


def measure(width: int, gans: int, seeds: int, device: str) -> dict[str, Any]:
    """Return GAN turns in a second of both sides, and their paired ratios."""
    recipe = Recipe(width_g=width, width_d=width, steps=10**9)
    wanted = [replace(recipe, seed=n % seeds, lr_g=1e-4 + 1e-6 * n, lr_d=1e-3) for n in range(gans)]
    together, alone = sweep.run(sweep.build(wanted, device)), recipes.run(recipes.build(recipe, device))
    turns = {"sweep": max(5, 640 // gans), "one by one": 200}
    rates: dict[str, list[float]] = {"sweep": [], "one by one": []}
    for _ in range(ROUNDS + 1):  # the first warms up
        for name, game, count in (("sweep", together, gans), ("one by one", alone, 1)):
            began = _now(device)
            for _ in range(turns[name]):
                next(game)
            rates[name].append(count * turns[name] / (_now(device) - began))
    ratios = sorted(a / b for a, b in zip(rates["sweep"][1:], rates["one by one"][1:], strict=True))
    medians = {f"{name}, GAN turns/s": round(statistics.median(values[1:]), 1) for name, values in rates.items()}
    return medians | {"ratio": round(statistics.median(ratios), 2), "ratios": [round(r, 2) for r in ratios]}


def _now(device: str) -> float:
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gans", type=int, default=64)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[4, 64])
    arguments = parser.parse_args()
    host.tune(1)
    found: dict[str, Any] = {"gans": arguments.gans, "device": arguments.device, "batch_size": Recipe().batch_size}
    found["load_average_before"] = round(os.getloadavg()[0], 1)  # a busy machine slows one by one more than the sweep
    for width in WIDTHS:
        for seeds in arguments.seeds:
            row = measure(width, arguments.gans, seeds, arguments.device)
            found[f"{width} units, {seeds} seeds"] = row
            print(width, seeds, row, flush=True)
    store("sweep" if arguments.device == "cpu" else "sweep_gpu", found)


if __name__ == "__main__":
    main()
