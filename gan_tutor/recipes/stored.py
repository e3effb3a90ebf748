"""Games on disk: save one, go on with it, or take its generator alone."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gan_tutor import checkpoints, data, networks, training
from gan_tutor.recipes import players
from gan_tutor.recipes.game import Game, build, placed, source
from gan_tutor.recipes.record import Recipe, from_dict
from gan_tutor.recipes.seeding import seeded
from gan_tutor.recipes.steering import HOW, refused, steer
from gan_tutor.share import ALONE, Share


def save(game: Game, path: str | Path) -> None:
    """Write a checkpoint from which `resume` continues exactly, on the same kind of device.

    Data that were given to `build` are not stored, only what they are called, their shape and their number.

    Raises:
        NonFinite: A weight is NaN or infinite, so that nothing could continue from it; nothing is written.
    """
    check_finite(game)
    device = game.generator.device
    precision = networks.precision_on(device, game.recipe.precision)
    meta = {"recipe": asdict(game.recipe), "step": game.step, "device": device.type, "precision": precision}
    if game.timed[0]:
        meta["timed"] = list(game.timed)
    if game.own_data:
        meta["own_data"] = _facts(game.source)
    checkpoints.save(path, game.parts(), meta)


def check_finite(game: Game) -> None:
    """Look at all weights of a game. On a GPU only every 50th turn looks at the losses, and a NaN may have come since.

    Raises:
        NonFinite: A weight of G, D or the average is NaN or infinite.
    """
    for name in ("G", "D", "ema"):
        weights = [value for value in getattr(game, name).state_dict().values() if value.is_floating_point()]
        if weights and not torch.stack([value.isfinite().all() for value in weights]).all():
            wrong = next(value[~value.isfinite()] for value in weights if not value.isfinite().all())
            raise training.NonFinite(game.step, f"a weight of {name}", wrong[0].item())


def resume(
    path: str | Path,
    device: str | torch.device = "cpu",
    share: Share = ALONE,
    *,
    recipe: Recipe | None = None,
    data_source: data.Source | None = None,
) -> Game:
    """Build the game of a checkpoint and put its state back: it goes on as if it had never stopped.

    A recipe with precision "auto" goes on in the precision of this device; that is another one than before if only one
    of the two devices computes in bfloat16 natively.

    Args:
        path: The checkpoint.
        device: Where to play on: the same kind of device.
        share: This process's share of every batch.
        recipe: Go on under this recipe, as `steer` does; networks, data and seed must be the checkpoint's.
        data_source: The data, if the game was built on data of its own; they are not in the checkpoint.

    Raises:
        ValueError: The file is no checkpoint or does not fit, the run was on another kind of device, whose random
            numbers cannot be continued here, the recipe is for other networks or data, or the data are missing or
            not those of the run.
    """
    checkpoint = _load(path)
    trained_on, here = checkpoint.meta["device"], placed(device).type
    if trained_on != here:
        raise ValueError(
            f"{path} was trained on {trained_on} and its random numbers cannot continue on {here}: resume on "
            f"{trained_on}, or use load_generator to sample from it here"
        )
    old = from_dict(checkpoint.meta["recipe"])
    wanted = old if recipe is None else recipe
    if refused(old, wanted):
        raise ValueError(
            f"{path} cannot go on with {', '.join(refused(old, wanted))}: its networks, data and seed must stay; keep "
            "them, or build a new game"
        )
    _check_source(path, checkpoint.meta.get("own_data"), data_source)
    # How a turn is computed, and where files lie, is no part of the state: such changes are there from the start.
    game = build(replace(old, **{name: getattr(wanted, name) for name in HOW}), device, share, data_source)
    checkpoints.restore(checkpoint, game.parts())
    game.step, game.timed = checkpoint.meta["step"], tuple(checkpoint.meta.get("timed", (0, 0.0)))
    return game if game.recipe == wanted else steer(game, wanted)


def load_generator(path: str | Path, device: str | torch.device = "cpu") -> tuple[nn.Module, Recipe]:
    """Return the averaged generator of a checkpoint, in evaluation mode, and its recipe. Needs no data set."""
    checkpoint = _load(path)
    recipe, own = from_dict(checkpoint.meta["recipe"]), checkpoint.meta.get("own_data")
    with seeded(recipe.seed):
        G = players.generator(recipe, tuple(own["shape"]) if own else players.sample_shape(recipe))
    checkpoints.restore(checkpoint, {"ema": G})
    return G.to(device).eval().requires_grad_(False), recipe


def stored_recipe(path: str | Path) -> Recipe:
    """Return the recipe of a checkpoint, without reading its tensors."""
    return from_dict(_checked(checkpoints.read_meta(path), path)["recipe"])


def stored_source(path: str | Path, data_root: str | None = None) -> Any:
    """Open the data that a checkpoint's game was trained on.

    Args:
        path: The checkpoint.
        data_root: Folder of torchvision's sets, in place of the recipe's.

    Raises:
        ValueError: The game was trained on data that were given to `build`: they are not in the checkpoint.
        FileNotFoundError: torchvision's set is not under the root.
    """
    meta = _checked(checkpoints.read_meta(path), path)
    if meta.get("own_data"):
        raise ValueError(f"{path} was trained on data of its own, {_told(meta['own_data'])}, and does not hold them")
    recipe = from_dict(meta["recipe"])
    return source(recipe if data_root is None else replace(recipe, data_root=data_root))


def _load(path: str | Path) -> checkpoints.Checkpoint:
    checkpoint = checkpoints.load(path)
    _checked(checkpoint.meta, path)
    return checkpoint


def _checked(meta: dict[str, Any], path: str | Path) -> dict[str, Any]:
    missing = {"recipe", "step", "device"} - set(meta)
    if missing:
        raise ValueError(f"{path} holds no {', '.join(sorted(missing))}: it was not written by recipes.save")
    if type(meta["step"]) is not int or meta["step"] < 0:
        raise ValueError(f"{path} is damaged: its step must be a whole number from 0, got {meta['step']!r}")
    timed = meta.get("timed", [0, 0.0])
    if not (isinstance(timed, list) and [type(value) for value in timed] == [int, float]):
        raise ValueError(f"{path} is damaged: timed must be a number of turns and one of seconds, got {timed!r}")
    return meta


def _facts(given: Any) -> dict[str, Any]:
    """Return what tells one data set from another, as JSON values."""
    name = getattr(given, "name", None)
    return {
        "name": None if name is None else str(name),
        "shape": [int(size) for size in given.shape],
        "length": len(given) if hasattr(given, "__len__") else None,
    }


def _told(facts: dict[str, Any]) -> str:
    number = "" if facts.get("length") is None else f"{facts['length']} "
    return f"{facts.get('name') or 'without a name'}: {number}samples of shape {tuple(facts['shape'])}"


def _check_source(path: str | Path, own: dict[str, Any] | None, given: data.Source | None) -> None:
    if own is not None and given is None:
        raise ValueError(
            f"{path} was trained on data of its own ({_told(own)}), which it does not hold: give them again with "
            "recipes.resume(path, data_source=...)"
        )
    if own is not None and _facts(given) != own:
        raise ValueError(
            f"data_source must be what {path} was trained on ({_told(own)}), got {_told(_facts(given))}; to go on "
            "with other data, build a new game and load the state of its networks"
        )
