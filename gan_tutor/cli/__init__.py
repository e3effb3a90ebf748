"""`gan-tutor`: the command line. `runs` has one game, `sweep` many at once; `school` is for teachers."""

import errno
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tyro

from gan_tutor.cli import gauge
from gan_tutor.cli.runs import evaluate, sample, train
from gan_tutor.cli.school import classroom
from gan_tutor.cli.sweep import sweep_grid

_SWITCH = "--traceback"
_ABOUT = f"Train, sample and measure GANs. An error is one line; {_SWITCH}, anywhere on the line, shows where it arose."


def main() -> None:
    """Run the command line; an expected error or an interrupt is one line, with `--traceback` a traceback."""
    known: dict[str, Callable[..., Any]] = {
        "train": train,
        "sample": sample,
        "evaluate": evaluate,
        "sweep": sweep_grid,
        "classroom": classroom,
    }
    arguments = [argument for argument in sys.argv[1:] if argument != _SWITCH]
    old = {"--bf16", "--no-bf16"} & set(arguments)
    if old:
        raise SystemExit(
            f"gan-tutor: {min(old)} is now --precision bfloat16 or --precision float32; without it the recipe decides, "
            "usually auto: bfloat16 where the processor or the GPU computes in it natively"
        )
    try:
        tyro.extras.subcommand_cli_from_dict(
            known, prog="gan-tutor", description=_ABOUT, args=arguments, config=(tyro.conf.CascadeSubcommandArgs,)
        )
    except KeyboardInterrupt:
        if _SWITCH in sys.argv:
            raise
        print("gan-tutor: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    except (ValueError, OSError, ImportError, FloatingPointError, RuntimeError, MemoryError) as error:
        line = _told(error)
        if line is None or _SWITCH in sys.argv:
            raise
        rank = os.environ.get("RANK") if int(os.environ.get("WORLD_SIZE", "1")) > 1 else None
        raise SystemExit(f"gan-tutor{f' (process {rank})' if rank else ''}: {line}") from error


def _told(error: Exception) -> str | None:
    """Return what to say of an error: what is missing, and its cure if the error names none; None for a bug of ours.

    A ValueError that came from elsewhere than a `raise` of this package may be a bug too: its line names the switch.
    """
    if _is_the_compilers(error):
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        return f"--compile does not work here ({reason.strip():.300}); without it the results are the same"
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and gauge.is_out_of_memory(error)):
        return (
            "out of memory: ask for fewer samples, for smaller networks or batches, or for a lower --at-once of a sweep"
        )
    if isinstance(error, RuntimeError):
        return None
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and error.filename:
        if os.path.isfile(error.filename) and not os.access(error.filename, os.R_OK):
            return f"{error.filename} cannot be read ({error.strerror}): ask its owner"
        return f"{error.filename} cannot be written ({error.strerror}): choose a folder of your own with --out"
    if isinstance(error, ValueError) and not _is_ours(error):
        return f"{error} ({_SWITCH} shows where)"
    return str(error)


def _is_the_compilers(error: Exception) -> bool:
    """Tell whether --compile failed at the first turn: only the compiler knows that it lacks Python's headers."""
    return type(error).__module__.startswith(("torch._dynamo", "torch._inductor"))


def _is_ours(error: Exception) -> bool:
    """Tell whether a `raise` statement of this package made the error, so that its words are meant for the user.

    The last line of its traceback says so. An `int("x")` in the package ends there too, and is no `raise`.
    """
    last = traceback.extract_tb(error.__traceback__)[-1]
    return Path(__file__).parents[1] in Path(last.filename).parents and str(last.line).startswith("raise ")
