"""`gan-tutor`: the command line. `runs` has one game, `sweep` many at once; `school` is for teachers."""

import os
import sys
from collections.abc import Callable
from typing import Any

import tyro

from gan_tutor.cli.runs import evaluate, sample, train
from gan_tutor.cli.school import classroom
from gan_tutor.cli.sweep import sweep_grid


def main() -> None:
    """Run the command line; an expected error is one line, not a traceback."""
    known: dict[str, Callable[..., Any]] = {
        "train": train,
        "sample": sample,
        "evaluate": evaluate,
        "sweep": sweep_grid,
        "classroom": classroom,
    }
    old = {"--bf16", "--no-bf16"} & set(sys.argv)
    if old:
        raise SystemExit(
            f"gan-tutor: {min(old)} is now --precision bfloat16 or --precision float32; without it the recipe decides, "
            "usually auto: bfloat16 where the processor or the GPU computes in it natively"
        )
    try:
        tyro.extras.subcommand_cli_from_dict(known, prog="gan-tutor", config=(tyro.conf.CascadeSubcommandArgs,))
    except (ValueError, OSError, ImportError, FloatingPointError) as error:
        rank = os.environ.get("RANK") if int(os.environ.get("WORLD_SIZE", "1")) > 1 else None
        raise SystemExit(f"gan-tutor{f' (process {rank})' if rank else ''}: {error}") from error
