"""What does keeping freed memory save? `host.tune` against one thread alone, on the turn of a small DCGAN.

    python benchmarks/host.py

Each measurement is a fresh process, because the setting cannot be taken back; plain and tuned ones alternate, and the
ratios are of neighbours. Results: results/host.json.
"""

import argparse
import statistics
import subprocess
import sys

import torch
from machine import store

TURNS = """
import resource, sys, time
import torch
from gan_tutor import host, recipes
if sys.argv[1] == "tuned":
    host.tune()
else:
    torch.set_num_threads(1)
turns = recipes.run(recipes.build(recipes.named("digits_classical")))
for _ in range(5):
    next(turns)
faults, began = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, time.process_time()
for _ in range(40):
    next(turns)
print((time.process_time() - began) / 40 * 1e3, (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults) / 40)
"""


def measure(kind: str) -> tuple[float, float]:
    """Return CPU milliseconds and page faults of a turn in a fresh process."""
    told = subprocess.run([sys.executable, "-c", TURNS, kind], capture_output=True, text=True, check=True).stdout
    milliseconds, faults = map(float, told.split())
    return milliseconds, faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    pairs = []
    for k in range(rounds):
        order = ("plain", "tuned") if k % 2 else ("tuned", "plain")
        pairs.append({kind: measure(kind) for kind in order})
        print(pairs[-1], flush=True)
    ratios = sorted(pair["tuned"][0] / pair["plain"][0] for pair in pairs)
    result = {
        kind: {
            "ms_per_turn": round(statistics.median(pair[kind][0] for pair in pairs), 2),
            "page_faults_per_turn": round(statistics.median(pair[kind][1] for pair in pairs), 1),
        }
        for kind in ("plain", "tuned")
    }
    result["ratio"] = {"median": round(statistics.median(ratios), 3), "all": [round(r, 3) for r in ratios]}
    print(store("host", result).name, result)


if __name__ == "__main__":
    main()
