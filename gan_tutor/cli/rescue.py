"""The way back of a run that has diverged: what its advice names has been tried."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from gan_tutor import checkpoints, recipes, training
from gan_tutor.cli.folder import Folder

TURNS = 20  # that a cure must survive


def way_back(folder: Folder, game: recipes.Game) -> str:
    """Say how a run that has diverged can go on: from which of its checkpoints, and by which flags.

    A checkpoint may be finite and yet too late: the next loss of its players is infinite at any rate. So each one is
    gone on from, the last one first, with ever lower learning rates, until 20 turns stay finite.
    """
    device = game.generator.device
    if game.share.rank == 0:  # image games may take a minute
        print("the run has diverged; trying from which checkpoint and with which settings it can go on", flush=True)
    for path, flag in ((folder.checkpoint, "--resume"), (folder.previous, "--previous")):
        if path.exists():
            cure = _cure(partial(recipes.resume, path, device), game.recipe)
            if cure:
                step = checkpoints.read_meta(path)["step"]
                return (
                    f"go on by the same command with {flag} {cure}: {TURNS} turns from step {step} stay finite with it"
                )
    cure = _cure(partial(recipes.build, device=device), game.recipe)
    cure = f"{cure}: its first {TURNS} turns stay finite" if cure else "much lower learning rates, or a penalty"
    if not folder.checkpoint.exists():
        return f"{folder.path} holds no checkpoint yet: begin again by the same command with {cure}"
    return f"what {folder.path} keeps comes too late to go on from: begin again with another --out and {cure}"


def _cure(begin: Callable[..., recipes.Game], recipe: recipes.Recipe) -> str:
    """Return the first flags with which a game stays finite for some turns, or nothing."""
    for change in _calmer(recipe):
        try:
            game = begin(recipe=replace(recipe, **change, compile=False, cuda_graph=False))
            recipes.play(game, until=min(game.step + TURNS, game.recipe.steps))
            recipes.check_finite(game)
        except training.NonFinite:
            continue
        except (ValueError, OSError, RuntimeError):  # no room for a second game: nothing can be tried
            return ""
        return " ".join(f"--{name.replace('_', '-')} {value:g}" for name, value in change.items())
    return ""


def _calmer(recipe: recipes.Recipe) -> Iterator[dict[str, Any]]:
    """Yield changes from mild to strong; a critic without a bound gets one at last."""
    bounds: list[dict[str, float]] = [{}]
    if recipe.loss == "wasserstein" and recipe.penalty == "none" and not recipe.clip:
        bounds.append({"clip": 0.1})
    for bound in bounds:
        for power in range(1, 6):
            yield {name: float(f"{getattr(recipe, name) / 10**power:.3g}") for name in ("lr_g", "lr_d")} | bound
