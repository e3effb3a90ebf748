"""Change a recipe in the middle of its game, and move one player alone: what the live lab does with a running game."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gan_tutor import networks, training
from gan_tutor.recipes import game as games
from gan_tutor.recipes.game import Game
from gan_tutor.recipes.players import sample_shape
from gan_tutor.recipes.record import Recipe

_OF_BOTH = {"precision", "channels_last", "compile", "condition"}
OF_G = _OF_BOTH | {
    "generator", "latent_dim", "width_g", "mapping_g", "refine_g", "subpixel_g", "depth_g", "activation_g",
}  # fmt: skip
OF_D = _OF_BOTH | {"discriminator", "width_d", "depth_d", "activation_d", "norm_d"}
ARCHITECTURE = frozenset(OF_G | OF_D) - {"condition"}
"""The fields that say what the networks are, and must change together when points become images."""

HOW = ("data_root", "cuda_graph", "precision", "channels_last", "compile")
"""The fields that say where files lie and how a turn is computed: a checkpoint fits whatever they are."""


def changes(old: Recipe, new: Recipe) -> dict[str, Any]:
    """Return the fields in which `new` differs from `old`, with their new values."""
    return {name: getattr(new, name) for name in old.__dataclass_fields__ if getattr(old, name) != getattr(new, name)}


def rebuilt(old: Recipe, new: Recipe) -> tuple[str, ...]:
    """Return what cannot go on when a game changes from one recipe to the other: of "data", "G", "D", in this order."""
    changed = set(changes(old, new))
    data = bool(changed & {"data", "points", "data_root", "standardize"})
    # Players of other data go on if its samples have the same shape: a G of one ring can walk to another.
    shape = sample_shape(old) != sample_shape(new)
    parts = {"data": data, "G": shape or bool(changed & OF_G), "D": shape or bool(changed & OF_D)}
    return tuple(name for name, is_new in parts.items() if is_new)


def loses(old: Recipe, new: Recipe) -> bool:
    """Return whether a change loses state, which changing back would not return: players, data or moments."""
    return bool(rebuilt(old, new)) or old.optimizer != new.optimizer


def refused(old: Recipe, new: Recipe) -> list[str]:
    """Return the changes with which a stored game cannot go on, as "width_g 16 (was 8)": networks, data and the seed.

    The seed has decided the first weights and all randomness since; another one would change nothing any more.
    """
    fixed = (ARCHITECTURE | {"condition", "data", "points", "standardize", "seed"}) - set(HOW)
    return [f"{name} {value} (was {getattr(old, name)})" for name, value in changes(old, new).items() if name in fixed]


def steer(game: Game, recipe: Recipe) -> Game:
    """Return the game as it goes on under another recipe, at the same step; the given game must not be played on.

    Parts that fit the new recipe are kept with all their state: players, moving average, optimisers' moments, and the
    random numbers. Others are built anew from the recipe's seed (`rebuilt` says which). A new seed rebuilds nothing.
    If nothing is built anew, the two games share their parts, and nothing is copied: a slider may be moved as it likes.
    Data that were given to `build` stay until the recipe names other data.

    Raises:
        ValueError: The recipe is for data of another range than its generator's output, or its data cannot be opened.
    """
    fresh = rebuilt(game.recipe, recipe)
    if not fresh:
        return _in_place(game, recipe)
    own_data = game.own_data and recipe.data == game.recipe.data
    kept = game.source if own_data or "data" not in fresh else None
    new = games.build(recipe, game.generator.device, game.share, kept)
    new.own_data = own_data
    if tuple(new.source.shape) != tuple(game.source.shape):
        fresh = ("data", "G", "D")
    same_optimizer = recipe.optimizer == game.recipe.optimizer
    for player in ("G", "D"):
        if player in fresh:
            continue
        getattr(new, player).load_state_dict(getattr(game, player).state_dict())
        if same_optimizer:
            _keep_moments(getattr(game, f"opt_{player.lower()}"), getattr(new, f"opt_{player.lower()}"))
    if "G" not in fresh:
        new.ema.load_state_dict(game.ema.state_dict())
    new.generator.set_state(game.generator.get_state())
    new.step, new.timed = game.step, game.timed
    return new


def _in_place(game: Game, recipe: Recipe) -> Game:
    """Return a game of the same players under a recipe of the same networks and data."""
    games.check_graph(recipe, game.generator.device, game.share)
    opt_g, opt_d = games.optimizers(recipe, game.G, game.D)
    if recipe.optimizer == game.recipe.optimizer:
        opt_g.state.update(game.opt_g.state)
        opt_d.state.update(game.opt_d.state)
    return replace(
        game, recipe=recipe, opt_g=opt_g, opt_d=opt_d,
        batches=games.real_batches(recipe, game.source, game.generator, game.share),
        ready_d=games.judging(recipe, game.ready_d, game.generator, game.share),
    )  # fmt: skip


def play(game: Game, until: int) -> None:
    """Play the game up to step `until`, keeping no records.

    Raises:
        ValueError: The recipe has fewer steps.
    """
    if until > game.recipe.steps:
        raise ValueError(
            f"until must be at most the recipe's {game.recipe.steps} steps, got {until}: steer the game to a recipe "
            "with more, or build it with recipes.without_end"
        )
    turns = games.run(game)
    while game.step < until:
        next(turns)


def step_d(game: Game) -> Tensor:
    """Move D alone, one optimiser step on fresh samples. Returns D's loss before the step.

    The penalty is taken with its plain weight, whatever `penalty_every` says: a step alone is in no k-th turn. That is
    what the turns take on average. A schedule does not move either: the learning rate stays that of the last turn, and
    the penalty's weight is the recipe's.
    """
    x_real, z, g, d = _drawn(game)
    recipe = game.recipe
    term, weight = games.d_term(game)
    return training.d_step(g, d, game.opt_d, games.loss_of(recipe), x_real, z, term, weight)


def step_g(game: Game) -> Tensor:
    """Move G alone, one optimiser step on fresh samples. Returns G's loss before the step.

    G's average follows as in the turn that comes next, so early averages do not stick to the first weights. A schedule
    does not move: the learning rate stays that of the last turn.
    """
    x_real, z, g, d = _drawn(game)
    recipe = game.recipe
    term, weight = games.g_term(recipe)
    loss_g = training.g_step(g, d, game.opt_g, games.loss_of(recipe), x_real, z, term, weight)
    turn = game.step + 1
    training.update_ema(game.ema, game.G, min(recipe.ema_decay, turn / (turn + 1)))
    return loss_g


def _drawn(game: Game) -> tuple[Tensor, Tensor, Any, Any]:
    batch: Any = next(game.batches)
    x_real = batch if isinstance(batch, Tensor) else batch[0]
    z = training.sample_z(len(x_real), game.recipe.latent_dim, game.generator)
    if isinstance(batch, Tensor):
        return x_real, z, game.ready_g, game.ready_d
    return x_real, z, networks.Given(game.ready_g, batch[1]), networks.Given(game.ready_d, batch[1])


def _keep_moments(old: torch.optim.Optimizer, new: torch.optim.Optimizer) -> None:
    """Give the new optimiser the old one's moments, and keep its own learning rate and betas."""
    own = new.state_dict()["param_groups"]
    new.load_state_dict({"state": old.state_dict()["state"], "param_groups": own})


def without_end(recipe: Recipe) -> Recipe:
    """Return the recipe with as many steps as a session can hold."""
    return replace(recipe, steps=10**9)
