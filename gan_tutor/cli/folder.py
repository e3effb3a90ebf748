"""A run's folder: how a run begins or goes on in it, and its log of losses over time."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import torch

from gan_tutor import checkpoints, parallel, recipes
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
        self.previous = path / "previous.safetensors"
        self.log = path / "log.csv"
        self.metrics = path / "metrics.json"
        self.picture = path / "samples.png"

    def sweep_up(self) -> None:
        """Remove what a killed process left half written."""
        checkpoints.sweep_up(self.recipe, self.checkpoint, self.previous, self.log, self.metrics, self.picture)

    def save(self, game: recipes.Game) -> None:
        """Write a checkpoint, and keep the one before it as `previous`.

        Raises:
            NonFinite: A weight is NaN or infinite; both checkpoints stay as they are.
        """
        before = self.previous.with_name(f".{self.previous.name}.{os.getpid()}.tmp")
        before.unlink(missing_ok=True)
        if self.checkpoint.exists():
            _link(self.checkpoint, before)
        try:
            recipes.save(game, self.checkpoint)
            if before.exists():
                os.replace(before, self.previous)
        finally:
            before.unlink(missing_ok=True)

    def holds_a_recipe(self) -> bool:
        """Tell whether recipe.json is there and was written by a run."""
        with suppress(OSError, ValueError):
            text = self.recipe.read_text(encoding="utf-8")
            return recipes.to_json(recipes.from_json(text)) == text.rstrip("\n")
        return False

    def foreign(self) -> list[str]:
        """Return the names of the files that a new run would find and that no run of ours has left, hidden ones aside.

        A run that was stopped before its first checkpoint leaves its recipe and its log: a new run may replace them.
        """
        found = {path.name for path in self.path.iterdir()} if self.path.is_dir() else set()
        if self.holds_a_recipe():
            found -= {self.recipe.name}
            with suppress(OSError, ValueError):
                if self.log.read_text(encoding="utf-8").startswith(COLUMNS + "\n"):
                    found -= {self.log.name}
        return sorted(name for name in found if not name.startswith("."))


def _link(path: Path, other: Path) -> None:
    """Give a file a second name; where the file system cannot, copy it."""
    try:
        os.link(path, other)
    except OSError:
        shutil.copyfile(path, other)


@contextmanager
def alone_in(folder: Folder, share: Share) -> Iterator[None]:
    """Keep other runs out of the folder until the block ends; of several processes the first one does it for all.

    Raises:
        ValueError: Another run is in the folder.
        SystemExit: It is, and this process is not the one to say so.
    """
    refusal: Exception | None = None
    with ExitStack() as stack:
        if share.rank == 0:
            try:
                stack.enter_context(checkpoints.claimed(folder.path))
            except (ValueError, OSError) as error:
                refusal = error
        if any(parallel.agree(share, refusal is not None)):
            raise refusal or SystemExit(1)
        yield


def begin(folder: Folder, recipe: recipes.Recipe, device: torch.device, share: Share, resume: bool) -> recipes.Game:
    """Return the game to play: a new one, or the folder's as its last checkpoint left it.

    Raises:
        ValueError: A new run would overwrite one, the folder holds no run to resume or one of another recipe, or the
            processes see different folders.
        FileNotFoundError: There is nothing to resume.
    """
    if not resume:
        _must_be_free(folder)
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


def _must_be_free(folder: Folder) -> None:
    if folder.checkpoint.exists() or (folder.metrics.exists() and folder.holds_a_recipe()):
        raise ValueError(f"{folder.path} already holds a run: continue it with --resume, or choose another --out")
    foreign = folder.foreign()
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise ValueError(
            f"a run needs a folder of its own, but {folder.path} holds {', '.join(foreign[:3])}{more}: choose a new or "
            "empty folder with --out"
        )


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
