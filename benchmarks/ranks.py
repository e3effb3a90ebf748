"""How does the speed of one game grow with the processes that share it?

    python benchmarks/ranks.py                          gloo, processes of one thread on this machine's cores
    python benchmarks/ranks.py --device cuda            nccl, a GPU each; as many as there are

Two ways to grow: `same batch` shares the recipe's batch out, and its turns mean the same for every number of
processes; `same rows` gives every process the recipe's batch as its own, so a turn of N processes sees N batches.
Every measurement is a fresh group of processes that plays a few turns to warm up, meets, and is timed together; rounds
go through all groups, up and down, so that a machine that slows down slows all. `speedup` is by the clock and needs as
many idle cores as processes; `efficiency` is the processor time of the work alone over that of all processes together,
which other programs disturb less: N times it bounds the speedup on idle cores. Results: results/ranks_<device>.json

On GPUs of one machine `same rows` should reach at least 0.85 N for DCGAN at 64x64 (not measured: no GPU was at hand).
On a CPU N beyond the number of free cores only costs.
"""

import argparse
import multiprocessing
import os
import socket
import statistics
import time
from dataclasses import replace
from multiprocessing.connection import Connection

import torch
import torch.distributed as dist
from machine import store

from gan_tutor import parallel, recipes

GAMES = {"cpu": ("ring", "digits_classical", "digits_wide"), "cuda": ("ring", "digits_classical", "celeba64")}
TURNS = {"ring": 100, "digits_classical": 8, "digits_wide": 8, "celeba64": 50}
WARM_UP = 3


def play(rank: int, ranks: int, port: int, device: str, recipe: recipes.Recipe, turns: int, told: Connection) -> None:
    """Play as one of the ranks; the first one tells turns a second, and processor seconds a turn of all together."""
    torch.set_num_threads(1)
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(ranks),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip
    share, where = parallel.start(device)
    game = recipes.build(replace(recipe, steps=WARM_UP + turns), where, share)
    played = recipes.run(game)
    for _ in range(WARM_UP):
        next(played)
    began, worked = now(where, ranks), time.process_time()
    for _ in range(turns):
        next(played)
    seconds = now(where, ranks) - began
    (mine,) = share.means(torch.tensor((time.process_time() - worked) / turns, device=where))
    parallel.stop()
    if rank == 0:
        told.send((turns / seconds, mine.item() * ranks))


def now(device: torch.device, ranks: int) -> float:
    """Return the time when all ranks are here with nothing left to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    if ranks > 1:
        dist.barrier()
    return time.perf_counter()


def measure(device: str, recipe: recipes.Recipe, turns: int, ranks: int) -> tuple[float, float]:
    """Return turns a second of a fresh group of processes, and their processor seconds a turn."""
    context = multiprocessing.get_context("spawn" if device == "cuda" else "fork")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    here, there = context.Pipe(duplex=False)
    processes = [
        context.Process(target=play, args=(rank, ranks, port, device, recipe, turns, there)) for rank in range(ranks)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise RuntimeError(f"a process of {ranks} failed: {[process.exitcode for process in processes]}")
    speed, work = here.recv()
    return float(speed), float(work)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    device, groups = chosen.device, chosen.ranks
    if device == "cuda":
        groups = [ranks for ranks in groups if ranks <= torch.cuda.device_count()]
        if not groups:
            raise SystemExit("--device cuda needs at least one GPU, torch sees none")
    torch.set_num_threads(1)
    torch.optim.SGD([torch.zeros(1)])  # imports much at its first use, once for all that are forked
    found: dict[str, dict[str, dict[int, list[tuple[float, float]]]]] = {}
    for k in range(chosen.rounds):
        for name in GAMES[device]:
            for ranks in groups if k % 2 else groups[::-1]:
                recipe = recipes.named(name)
                ways = {"same batch": recipe, "same rows": replace(recipe, batch_size=ranks * recipe.batch_size)}
                for way, played in ways.items():
                    speed, work = measure(device, played, TURNS[name], ranks)
                    found.setdefault(name, {}).setdefault(way, {}).setdefault(ranks, []).append((speed, work))
                    place = f"round {k + 1}: {name}, {way}, {ranks} processes"
                    print(f"{place}: {speed:.1f} turns/s, {1e3 * work:.1f} ms of processors", flush=True)
    result = {
        name: {"batch_size": recipes.named(name).batch_size} | {way: table(rows, way) for way, rows in ways.items()}
        for name, ways in found.items()
    }
    about = {"device": device, "rounds": chosen.rounds, "load_average": os.getloadavg()[0]}
    print(store(f"ranks_{device}", about | {"games": result}))


def table(rows: dict[int, list[tuple[float, float]]], way: str) -> list[dict[str, float | list[float]]]:
    """Return for each number of processes its speed, and ratios to one process for the same number of samples."""
    lines: list[dict[str, float | list[float]]] = []
    for ranks in sorted(rows):
        samples = ranks / min(rows) if way == "same rows" else 1.0
        pairs = list(zip(rows[ranks], rows[min(rows)], strict=True))
        speedups = [samples * speed / alone for (speed, _), (alone, _) in pairs]
        efficiencies = [samples * alone / work for (_, work), (_, alone) in pairs]
        lines.append({
            "processes": ranks,
            "turns_per_second": round(statistics.median(speed for speed, _ in rows[ranks]), 2),
            "speedup": round(statistics.median(speedups), 3),
            "efficiency": round(statistics.median(efficiencies), 3),
            "all_speedups": [round(ratio, 3) for ratio in speedups],
            "all_efficiencies": [round(ratio, 3) for ratio in efficiencies],
        })  # fmt: skip
    return lines


if __name__ == "__main__":
    main()
