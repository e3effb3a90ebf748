"""`gan-tutor sweep`: every combination of some settings, trained side by side, into one table."""

import sys
from pathlib import Path
from typing import Annotated

import tyro
from tqdm import tqdm

from gan_tutor import host, sweep
from gan_tutor.cli.runs import Device, NamedRecipe, chosen, counted, plain

Axes = Annotated[tuple[str, ...], tyro.conf.UseAppendAction]


def sweep_grid(
    recipe: NamedRecipe,
    grid: Axes = (),
    out: Path | None = None,
    device: Device = "auto",
    at_once: int = 0,
    samples: int = 2000,
    threads: int = 1,
) -> None:
    """Train a GAN for every combination of settings, many at once, and keep one table: OUT/gans.csv.

    An axis is a field and its values: loss=hinge,minimax or seed=0..4 or lr_d=1e-5..1e-1:9:log (nine in equal ratios)
    or penalty_weight=0..1:5 (in equal steps); lr_g+lr_d=... moves both together. Give one --grid for each axis.

    Stop it at any time and give the same command again: finished GANs stay, and are not trained twice.

    Args:
        recipe: What the axes vary.
        grid: An axis; may be given several times.
        out: Folder of the table; runs/sweep-<recipe's name> if not given.
        device: "auto" takes a CUDA GPU if there is one.
        at_once: GANs trained at once, and GANs that a kill can cost; 0 is 64 on a CPU and 4096 on a GPU.
        samples: Samples that each generator is measured by.
        threads: CPU threads; more than one slows small networks down.
    """
    if at_once < 0 or threads < 1:
        raise ValueError(f"--at-once must be at least 0 and --threads at least 1, got {at_once} and {threads}")
    counted("--samples", samples)
    if not grid:
        raise ValueError("give at least one axis, such as --grid seed=0..9")
    host.tune(threads)
    where = chosen(device)
    name, recipe = plain(recipe)
    folder = out or Path("runs") / f"sweep-{name}"
    together = at_once or (4096 if where.type == "cuda" else 64)
    total = len(sweep.combinations(recipe, grid))
    print(f"{folder}: {total} GANs, {together} at once on {where}", flush=True)
    bar = tqdm(unit="GAN turn", unit_scale=True, mininterval=0.5, file=sys.stderr)
    done = sweep.Progress(0, 0, len(sweep.read(folder)))
    try:
        with bar:
            for done in sweep.play(folder, recipe, grid, device=where, at_once=together, samples=samples):
                bar.total = done.turns + done.left
                bar.set_postfix(gans=f"{done.rows}/{total}", refresh=False)
                bar.update(done.turns - bar.n)
    except KeyboardInterrupt:
        print(f"stopped with {done.rows} of {total} GANs; continue with the same command", file=sys.stderr)
        raise SystemExit(130) from None
    rows = sweep.read(folder)
    lost = sum(row["diverged_at"] is not None for row in rows)
    print(f"{len(rows)} GANs in {folder / 'gans.csv'}, {lost} of them diverged")
