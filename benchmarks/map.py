"""The book's maps of GAN training: which settings learn the ring, loss by loss.

    python benchmarks/map.py rates           # lr_g x lr_d, a panel for each game, 9 x 9 pixels, 3 seeds
    python benchmarks/map.py penalties       # penalty weight x learning rate
    python benchmarks/map.py latents         # latent dimension x learning rate
    python benchmarks/map.py store           # the tables into gan_tutor/sweep/maps/

Every pixel is the mean over the seeds of `overlap`, the share of the ring that the averaged G has right after 1500
turns. A panel's folder (runs/map/...) keeps what is done: give the command again after an interruption. On a GPU
`--side 41 --seeds 10 --device cuda --at-once 4096` computes large maps; they were not computed for this book.
"""

import argparse
import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from machine import store
from tqdm import tqdm

from gan_tutor import host, recipes, sweep
from gan_tutor.recipes import Recipe

MAPS = Path(sweep.__file__).parent / "maps"
KEPT = ("diverged_at", "loss_d", "loss_g", "modes", "high_quality", "reverse_kl", "overlap", "collapsed")
# The ring with networks of 64 units: a third of the cost of the ring's recipe with 128.
START = Recipe(width_g=64, width_d=64, steps=1500)
GP: dict[str, Any] = {"loss": "wasserstein", "penalty": "wgan_gp", "penalty_weight": 0.1}
PAIRED: dict[str, Any] = {"loss": "relativistic", "penalty": "r1_r2"}
RATES: dict[str, dict[str, Any]] = {
    "nonsaturating": {}, "minimax": {"loss": "minimax"}, "least_squares": {"loss": "least_squares"},
    "hinge": {"loss": "hinge"}, "wasserstein": {"loss": "wasserstein"}, "wasserstein_gp": GP,
    "relativistic": {"loss": "relativistic"},
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
    side = arguments.side or (9 if part == "rates" else 7)
    grid = axes(part, side, arguments.seeds or (3 if part == "rates" else 2))
    for name, changes in PARTS[part].items():
        turns = sweep.play(
            arguments.out / part / name, replace(START, **changes), grid, device=arguments.device,
            at_once=arguments.at_once,
        )  # fmt: skip
        with tqdm(desc=f"{part} {name}", unit="GAN turn", unit_scale=True, mininterval=5) as bar:
            for done in turns:
                bar.total = done.turns + done.left
                bar.update(done.turns - bar.n)


def keep(out: Path) -> None:
    """Join the finished tables of each map into one CSV of the package, and note machine and cost."""
    found: dict[str, Any] = {}
    for part, panels in PARTS.items():
        done = [name for name in panels if sweep.read(out / part / name)]
        tables = {name: sweep.read(out / part / name) for name in done}
        if not tables:
            continue
        causes = {name: json.loads((out / part / name / "sweep.json").read_text()) for name in done}
        starts = {name: recipes.changes(Recipe(), recipes.from_dict(cause["start"])) for name, cause in causes.items()}
        about = {name: {"start": starts[name], "grid": causes[name]["grid"]} for name in done}
        (MAPS / f"{part}.json").write_text(json.dumps(about, indent=2) + "\n")
        rows = [{"panel": name} | row for name, table in tables.items() for row in table]
        axes_of = [name for name in rows[0] if name in Recipe.__dataclass_fields__]
        with (MAPS / f"{part}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, ["panel", *axes_of, *KEPT], extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows({k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
        found[part] = {
            name: {"gans": len(table), "samples": causes[name]["samples"], "seeds": sorted({r["seed"] for r in table}),
                   "seconds": round(sum(row["seconds"] for row in table))}
            for name, table in tables.items()
        }  # fmt: skip
    store("map", found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=[*PARTS, "store"])
    parser.add_argument("--out", type=Path, default=Path("runs/map"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--side", type=int, help="9 for rates and 7 for the others, if not given")
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
