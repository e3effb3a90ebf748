"""Measure the Fréchet distance of n held-out real images to the training images, for many n: the floor of samples.

    python scripts/measure_floors.py [--out FILE]

The distance of n samples is about d + c / n, so a floor belongs to a number of samples. For each size this takes the
mean over 50 runs of n neighbours among the 1000 embedded test images. They are stored so that ten neighbours are of ten
classes: like the floor of all 1000, these are floors of balanced samples. For more than 1000 samples there is the slope
c of a line in 1 / n through the sizes from 250. Takes about two minutes of one CPU core.
"""

import argparse
import json
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from gan_tutor.data import digits, fashion
from gan_tutor.evaluation import feature_network, frechet_distance
from gan_tutor.evaluation.features import WEIGHTS

SIZES = (2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 50, 75, 100, 150, 250, 400, 630, 1000)


def floor(held_out: Tensor, real: Tensor, n: int) -> float:
    """Return the mean distance of runs of n held-out features to the real ones; a run goes on at the first row."""
    starts = range(0, len(held_out), 20) if n < len(held_out) else (0,)
    runs = [held_out.roll(-start, 0)[:n] for start in starts]
    return sum(frechet_distance(run, real) for run in runs) / len(runs)


@torch.no_grad()
def measured(name: Literal["digits", "fashion"]) -> dict[str, object]:
    """Return the floors of one embedded set by number of samples, and the slope beyond the last of them."""
    network, load = feature_network(name), {"digits": digits, "fashion": fashion}[name]
    held_out, real = network.features(load("test").images), network.features(load("train").images)
    floors = {n: round(floor(held_out, real, n), 4) for n in SIZES}
    line = [n for n in SIZES if n >= 250]
    design = torch.tensor([[1.0, 1 / n] for n in line], dtype=torch.float64)
    values = torch.tensor([[floors[n]] for n in line], dtype=torch.float64)
    return {"floors": floors, "slope": round(torch.linalg.lstsq(design, values).solution[1].item(), 1)}


def main() -> None:
    """Measure both sets and write one file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=WEIGHTS / "floors.json", help="file to write")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    found = {"digits": measured("digits"), "fashion": measured("fashion")}
    chosen.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
