"""The book's maps of GAN training: which settings learn the ring, loss by loss.

    python benchmarks/map.py rates           # lr_g x lr_d, a panel for each game, 9 x 9 pixels, 3 seeds
    python benchmarks/map.py penalties       # penalty weight x learning rate
    python benchmarks/map.py latents         # latent dimension x learning rate
    python benchmarks/map.py store           # the tables into benchmarks/results/map_*.csv

Every pixel is the mean over the seeds of `overlap`, the share of the ring that the averaged G has right after 1500
turns. A panel's folder (runs/map/...) keeps what is done: give the command again after an interruption. On a GPU
`--side 41 --seeds 10 --device cuda --at-once 4096` computes large maps; they were not computed for this book.
"""

import argparse
import csv
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from machine import RESULTS, store
from tqdm import tqdm

from gan_tutor import host, sweep
from gan_tutor.recipes import Recipe

# The ring with networks of 64 units: a third of the cost of the ring's recipe with 128.
START = Recipe(width_g=64, width_d=64, steps=1500)
GP: dict[str, Any] = {"loss": "wasserstein", "penalty": "wgan_gp", "penalty_weight": 0.1}
PAIRED: dict[str, Any] = {"loss": "relativistic", "penalty": "r1_r2", "penalty_weight": 0.1}
RATES: dict[str, dict[str, Any]] = {
    "nonsaturating": {}, "minimax": {"loss": "minimax"}, "least_squares": {"loss": "least_squares"},
    "hinge": {"loss": "hinge"}, "wasserstein": {"loss": "wasserstein"}, "wasserstein_gp": GP,
    "relativistic": {"loss": "relativistic"}, "relativistic_r1_r2": PAIRED,
}  # fmt: skip
PARTS: dict[str, dict[str, dict[str, Any]]] = {
    "rates": RATES, "penalties": {"relativistic_r1_r2": PAIRED, "wasserstein_gp": GP}, "latents": {"nonsaturating": {}},
}  # fmt: skip


def axes(part: str, side: int, seeds: int) -> list[str]:
    """Return the axes of a map with `side` learning rates."""
    rates, last = f"1e-4..1e-1:{side}:log", f"seed=0..{seeds - 1}"
    return {
        "rates": [f"lr_d={rates}", f"lr_g={rates}", last],
        "penalties": [f"penalty_weight=1e-3..10:{side}:log", f"lr_g+lr_d={rates}", last],
        "latents": ["latent_dim=1,2,3,4,6,8,12,16", f"lr_g+lr_d={rates}", last],
    }[part]


def play(part: str, arguments: argparse.Namespace) -> None:
    seeds = arguments.seeds or (3 if part == "rates" else 2)
    for name, changes in PARTS[part].items():
        folder = arguments.out / part / name
        turns = sweep.play(
            folder, replace(START, **changes), axes(part, arguments.side, seeds), device=arguments.device,
            at_once=arguments.at_once,
        )  # fmt: skip
        with tqdm(desc=f"{part} {name}", unit="GAN turn", unit_scale=True, mininterval=5) as bar:
            for done in turns:
                bar.total = done.turns + done.left
                bar.update(done.turns - bar.n)


def keep(out: Path) -> None:
    """Join the finished tables of each part into one CSV with a column for the panel, and note where they come from."""
    about: dict[str, Any] = {"start": asdict(START), "measure": "overlap of the averaged G with the ring, 2000 samples"}
    for part, panels in PARTS.items():
        rows = [{"panel": panel} | row for panel in panels for row in sweep.read(out / part / panel)]
        if not rows:
            continue
        causes = {panel: json.loads((out / part / panel / "sweep.json").read_text()) for panel in panels}
        about[part] = {panel: {"changes": panels[panel], "grid": cause["grid"]} for panel, cause in causes.items()}
        about[part] |= {"gans": len(rows), "seconds": round(sum(row["seconds"] for row in rows))}
        with (RESULTS / f"map_{part}.csv").open("w", newline="") as file:
            names = [name for row in rows for name in row if name != "gan"]
            writer = csv.DictWriter(file, list(dict.fromkeys(names)), extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows({k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    store("map", about)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=[*PARTS, "store"])
    parser.add_argument("--out", type=Path, default=Path("runs/map"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--side", type=int, default=9)
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--at-once", type=int, default=64)
    arguments = parser.parse_args()
    host.tune(1)
    for part in arguments.parts:
        if part == "store":
            keep(arguments.out)
        else:
            play(part, arguments)


if __name__ == "__main__":
    main()
