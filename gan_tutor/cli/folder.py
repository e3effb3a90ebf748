"""A run's folder: how a run begins or goes on in it, and its log of losses over time."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

import torch

from gan_tutor import checkpoints, parallel, recipes, tables
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

    def checkpoints(self) -> tuple[Path, Path]:
        """Return the last checkpoint's path and that of the one before it."""
        return self.checkpoint, self.previous

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
        with suppress(OSError, ValueError, RecursionError):
            text = tables.text(self.recipe)
            return json.loads(text) == asdict(recipes.from_json(text))
        return False

    def foreign(self) -> list[str]:
        """Return the names of the files that a new run would find and that no run of ours has left, hidden ones aside.

        A run that was stopped before its first checkpoint leaves its recipe and its log: a new run may replace them.
        """
        found = {path.name for path in self.path.iterdir()} if self.path.is_dir() else set()
        if self.holds_a_recipe():
            found -= {self.recipe.name}
            with suppress(OSError, ValueError):
                if tables.read(self.log).names == COLUMNS.split(","):
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


def begin(
    folder: Folder,
    recipe: recipes.Recipe,
    device: torch.device,
    share: Share,
    resume: bool = False,
    previous: bool = False,
) -> recipes.Game:
    """Return the game to play: a new one, or the folder's as a checkpoint left it.

    Args:
        folder: Where.
        recipe: What to play; a resumed game goes on under it.
        device: Where to compute.
        share: This process's share of every batch.
        resume: Go on from the last checkpoint.
        previous: Go on from the one before it, which then becomes the last.

    Raises:
        ValueError: A new run would overwrite something, the folder holds no run to resume or one of other networks or
            data, or the processes see different folders.
        FileNotFoundError: There is nothing to resume.
    """
    path = folder.previous if previous else folder.checkpoint
    if not resume and not previous:
        _must_be_free(folder)
        game = recipes.build(recipe, device, share)
    elif path.exists() or previous or not folder.recipe.exists():
        game = _resumed(folder, path, recipe, device, share)
    else:
        if folder.previous.exists():
            raise ValueError(
                f"{folder.path} holds {folder.previous.name} but no checkpoint: go on from it by --previous"
            )
        try:
            old = recipes.from_json(tables.text(folder.recipe))
        except ValueError as error:
            raise ValueError(f"{folder.recipe} is not a run's recipe ({error}): choose another --out") from error
        _must_agree(folder, old, recipe)
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
        if previous:
            os.replace(folder.previous, folder.checkpoint)
        checkpoints.write(folder.recipe, (recipes.to_json(game.recipe) + "\n").encode())
    return game


def _resumed(folder: Folder, path: Path, recipe: recipes.Recipe, device: torch.device, share: Share) -> recipes.Game:
    """Return the game of a checkpoint as it goes on under a recipe, and say in a line what is new."""
    try:
        old = recipes.stored_recipe(path)
        _must_agree(folder, old, recipe)
        try:  # without --data-root the data are looked for where they were
            same_place = recipe.data_root == recipes.Recipe().data_root
            wanted = replace(recipe, data_root=old.data_root) if same_place else recipe
            game = recipes.resume(path, device, share, recipe=wanted)
        except FileNotFoundError as missing:
            if wanted == recipe:
                raise
            try:
                game = recipes.resume(path, device, share, recipe=recipe)
            except FileNotFoundError:
                raise FileNotFoundError(f"{missing}. If they have moved: --data-root names the folder") from missing
    except ValueError as error:
        if path == folder.previous or not folder.previous.exists() or "not a readable checkpoint" not in str(error):
            raise
        raise ValueError(f"{error}; the one before it may be whole: go on from it by --previous") from error
    if game.step > game.recipe.steps:
        raise ValueError(
            f"--steps must be at least {game.step}, the turns that {folder.path} has played, got {game.recipe.steps}"
        )
    new = recipes.changes(old, game.recipe)
    if new and share.rank == 0:
        told = ", ".join(f"{name} {value} (was {getattr(old, name)})" for name, value in new.items())
        print(f"{folder.path} goes on at step {game.step} with {told}", file=sys.stderr)
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
    other = recipes.refused(old, new)
    if other:
        raise ValueError(
            f"{folder.path} was trained with another recipe and cannot go on with {', '.join(other)}: leave networks, "
            "data and seed as they were, or choose another --out"
        )


def _logged(path: Path, step: int) -> list[list[str]]:
    """Return the cells of the log's lines up to a step, in order; say on stderr what could not be read."""
    if not path.exists():
        return []
    try:
        names, lines = tables.read(path)
        if names != COLUMNS.split(","):
            raise ValueError(f"its columns must be {COLUMNS}, got {','.join(names)[:80]}")
    except ValueError as error:
        print(f"{path} is not a log that can be read and begins anew: {error}", file=sys.stderr)
        return []
    found: dict[int, list[str]] = {}
    damaged = []
    for number, cells in lines.items():
        try:
            turn, _ = int(cells[0]), [float(cell) for cell in cells[1:]]
            if len(cells) != len(names):
                raise ValueError(f"{len(cells)} cells")
        except ValueError:
            damaged.append(number)
        else:
            found.setdefault(turn, cells)
    if set(damaged) - {max(lines, default=0)}:  # the last one is cut if a process is killed as it writes
        print(f"{path}: left out what cannot be read, line {', '.join(map(str, damaged))}", file=sys.stderr)
    return [found[turn] for turn in sorted(found) if turn <= step]


class Log:
    """Losses and speed over time, a line of CSV every so many turns; lines after a checkpoint go when it is resumed.

    The log is a by-product: what of it cannot be read is left out, with a word on stderr, and never stops a run.

    Args:
        path: The file; created if there is none.
        step: Turns that the run has played: later lines are cut off.
    """

    def __init__(self, path: Path, step: int) -> None:
        kept = [",".join(cells) + "\n" for cells in _logged(path, step)]
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
