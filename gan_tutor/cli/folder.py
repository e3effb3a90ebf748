"""A run's folder: how a run begins or goes on in it, and its log of losses over time."""

import os
import sys
from pathlib import Path

import torch

from gan_tutor import checkpoints, recipes
from gan_tutor.share import Share

COLUMNS = "step,loss_d,loss_g,images_per_second"


class Folder:
    """The files of a run, by name.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recipe = path / "recipe.json"
        self.checkpoint = path / "checkpoint.safetensors"
        self.log = path / "log.csv"
        self.metrics = path / "metrics.json"
        self.picture = path / "samples.png"

    def sweep_up(self) -> None:
        """Remove what a killed process left half written."""
        checkpoints.sweep_up(self.recipe, self.checkpoint, self.log, self.metrics)


def begin(folder: Folder, recipe: recipes.Recipe, device: torch.device, share: Share, resume: bool) -> recipes.Game:
    """Return the game to play: a new one, or the folder's as its last checkpoint left it.

    Raises:
        ValueError: A new run would overwrite one, the folder holds no run to resume or one of another recipe, or the
            processes see different folders.
        FileNotFoundError: There is nothing to resume.
    """
    if not resume and folder.checkpoint.exists():
        raise ValueError(f"{folder.path} already holds a run: continue it with --resume, or choose another --out")
    if resume and (folder.checkpoint.exists() or not folder.recipe.exists()):
        game = recipes.resume(folder.checkpoint, device, share)
        _must_agree(folder, game.recipe, recipe)
    else:
        if resume:
            _must_agree(folder, recipes.from_json(folder.recipe.read_text()), recipe)
            if share.rank == 0:
                print(f"{folder.path} holds no checkpoint yet: starting from the beginning", file=sys.stderr)
        game = recipes.build(recipe, device, share)
    if share.ranks > 1:
        seen = share.whole(torch.tensor([game.step], device=device), share.ranks).tolist()
        if len(set(seen)) > 1:
            raise ValueError(
                f"all processes must see the same run folder, but in {folder.path} they found steps "
                f"{', '.join(map(str, seen))}: put it on a file system that all machines share"
            )
    if share.rank == 0:
        folder.path.mkdir(parents=True, exist_ok=True)
        folder.sweep_up()
        checkpoints.write(folder.recipe, (recipes.to_json(recipe) + "\n").encode())
    return game


def _must_agree(folder: Folder, old: recipes.Recipe, new: recipes.Recipe) -> None:
    pairs = {name: (getattr(old, name), getattr(new, name)) for name in old.__dataclass_fields__}
    differences = ", ".join(f"{name} was {a}, is {b}" for name, (a, b) in pairs.items() if a != b)
    if differences:
        raise ValueError(f"{folder.path} was trained with another recipe: {differences}")


class Log:
    """Losses and speed over time, a line of CSV every so many turns; lines after a checkpoint go when it is resumed.

    Args:
        path: The file; created if there is none.
        step: Turns that the run has played: later lines, and a last one without an end, are cut off.
    """

    def __init__(self, path: Path, step: int) -> None:
        lines = path.read_text().splitlines(keepends=True)[1:] if path.exists() else []
        kept = [line for line in lines if line.endswith("\n") and int(line.split(",", 1)[0]) <= step]
        checkpoints.write(path, "".join([COLUMNS + "\n", *kept]).encode())
        self.path = path

    def line(self, step: int, loss_d: float, loss_g: float, images_per_second: float) -> None:
        """Add a line; losses keep all digits of a float32."""
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(f"{step},{loss_d:.9g},{loss_g:.9g},{images_per_second:.4g}\n")

    def settle(self) -> None:
        """Put all lines on the disk: before a checkpoint, so that none of its lines can be missing."""
        with open(self.path, "rb") as file:
            os.fsync(file.fileno())
