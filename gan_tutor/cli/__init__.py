"""`gan-tutor`: the command line. `runs` has one game, `sweep` many at once; `school` is for teachers."""

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
    try:
        tyro.extras.subcommand_cli_from_dict(known, prog="gan-tutor", config=(tyro.conf.CascadeSubcommandArgs,))
    except (ValueError, OSError, ImportError, FloatingPointError) as error:
        raise SystemExit(f"gan-tutor: {error}") from error
