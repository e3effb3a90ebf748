"""What a lab says when it cannot do something, and which networks are too large for it."""

import traceback
from typing import Any

from gan_tutor import recipes, training
from gan_tutor.recipes import Recipe

LARGEST = 100_000_000  # parameters of both players: with moments and average some 2 GB
BROKEN = "The turn after step {} was broken off ({}). Rewind or reset, then choose smaller networks or batches"
DIVERGED = "The run diverged: the loss of {} is {} at step {}. Rewind or reset, then lower a rate or add a penalty"


def check_size(recipe: Recipe) -> None:
    """Refuse networks that are too large, before any of their memory is taken.

    Raises:
        ValueError: The players have more than `LARGEST` parameters.
    """
    count = recipes.parameter_count(recipe)
    if count > LARGEST:
        raise ValueError(
            f"networks in a lab must have at most {LARGEST:,} parameters, got {count:,}: choose smaller networks"
        )


def words(error: Exception) -> str:
    """Return the sentence for an error; the traceback of one that is not foreseen goes to stderr."""
    if isinstance(error, training.NonFinite):
        return DIVERGED.format(error.quantity[-1].upper(), error.value, error.step)
    if isinstance(error, (ValueError, OSError)):
        return str(error)
    traceback.print_exception(error)
    return f"The lab could not do this: {_named(error)}"


def broken_off(error: BaseException, step: int) -> Exception:
    """Return what to say when a game shall move again whose turn after `step` was broken off by an error."""
    if isinstance(error, training.NonFinite):
        return training.NonFinite(error.step, error.quantity, error.value)  # without the frames that the old one holds
    return ValueError(BROKEN.format(step, _named(error)))


def answer(said: str, message: Any) -> tuple[dict[str, Any], list[memoryview]]:
    """Return the reply that refuses a message."""
    of = {"id": message["id"]} if isinstance(message, dict) and "id" in message else {}
    return {"type": "error", "message": said} | of, []


def _named(error: BaseException) -> str:
    """Return an error's type and the first line of what it says."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
