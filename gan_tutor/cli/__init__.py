"""`gan-tutor`: the command line. `runs` has one game, `sweep` many at once; `school` is for teachers."""

import errno
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
    except (ValueError, OSError, ImportError, FloatingPointError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not _is_the_compilers(error):
            raise
        rank = os.environ.get("RANK") if int(os.environ.get("WORLD_SIZE", "1")) > 1 else None
        raise SystemExit(f"gan-tutor{f' (process {rank})' if rank else ''}: {_told(error)}") from error


def _is_the_compilers(error: Exception) -> bool:
    """Tell whether --compile failed at the first turn: only the compiler knows that it lacks Python's headers."""
    return type(error).__module__.startswith(("torch._dynamo", "torch._inductor"))


def _told(error: Exception) -> str:
    """Return what to say of an expected error: what is missing, and its cure if the error does not name one."""
    if _is_the_compilers(error):
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        return f"--compile does not work here ({reason.strip():.300}); without it the results are the same"
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and error.filename:
        if os.path.isfile(error.filename) and not os.access(error.filename, os.R_OK):
            return f"{error.filename} cannot be read ({error.strerror}): ask its owner"
        return f"{error.filename} cannot be written ({error.strerror}): choose a folder of your own with --out"
    return str(error)
