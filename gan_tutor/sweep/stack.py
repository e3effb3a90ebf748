"""Many GANs as a few tensors: every parameter gets a leading axis, and GAN b is row b of everything."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from gan_tutor import recipes
from gan_tutor.recipes import Game, Recipe
from gan_tutor.sweep.draws import Draws
from gan_tutor.sweep.groups import VARIES, alike

Layout = dict[str, torch.Size]


@dataclass
class Players:
    """One side's networks in all games: G of every GAN, or D of every GAN.

    Attributes:
        network: One network with the architecture that all share; its own weights are not used.
        theta: Their parameters, (B, P), a network in a row, in the order of `network.parameters()`.
        moments: The optimiser's two states, (B, P) each.
        steps: Optimiser steps taken.
    """

    network: nn.Module
    theta: Tensor
    moments: tuple[Tensor, Tensor]
    steps: int = 0

    @property
    def layout(self) -> Layout:
        """Shapes of one network's parameters, by name."""
        return {name: p.shape for name, p in self.network.named_parameters()}


@dataclass
class Stack:
    """B games of one group at the same turn.

    Attributes:
        recipes: What each was built from.
        source: The data that all imitate.
        G: The generators.
        D: The discriminators.
        ema: The moving averages of the generators' parameters, (B, P).
        draws: The sources of randomness.
        numbers: The fields of `groups.VARIES`, float64 (B, 1) on the device, by name.
        diverged_at: The turn in which a GAN's loss first was NaN or infinite, (B,); 0 while it is sound.
        losses: The two losses of the last turn, (B,) each, of D and of G.
        step: Turns played.
    """

    recipes: tuple[Recipe, ...]
    source: Any
    G: Players
    D: Players
    ema: Tensor
    draws: Draws
    numbers: dict[str, Tensor]
    diverged_at: Tensor
    losses: tuple[Tensor, Tensor] = field(default=(torch.zeros(0), torch.zeros(0)))
    step: int = 0

    @property
    def shared(self) -> Recipe:
        """A recipe of the group, with the group's largest latent_dim: for what all have in common."""
        return replace(self.recipes[0], latent_dim=max(recipe.latent_dim for recipe in self.recipes))


def build(wanted: Sequence[Recipe], device: str | torch.device = "cpu") -> Stack:
    """Build games by their recipes, as `recipes.build` does, and stack them.

    A smaller latent space gets columns of zeros in G's first layer and in z: they contribute nothing and their gradient
    is 0, so the padded GAN is the recipe's GAN.

    Args:
        wanted: Recipes of one group of `groups.alike`, at least one.
        device: Where the stack lives.

    Raises:
        ValueError: There is no recipe, they do not fit into one stack, or one cannot be part of a sweep.
    """
    found = alike(wanted)
    if len(found) != 1:
        raise ValueError(f"a stack needs recipes of one group of groups.alike, got {len(found)} groups")
    games = [recipes.build(recipe) for recipe in wanted]
    shared = replace(wanted[0], latent_dim=max(recipe.latent_dim for recipe in wanted))
    template = recipes.build(shared)
    device = torch.device(device)
    G = _players(template.G, [game.G for game in games], device)
    numbers = {name: torch.tensor([[getattr(r, name)] for r in wanted], dtype=torch.float64) for name in VARIES}
    return Stack(
        tuple(wanted), template.source.to(device), G, _players(template.D, [game.D for game in games], device),
        G.theta.clone(), Draws(wanted, device), {name: values.to(device) for name, values in numbers.items()},
        torch.zeros(len(games), dtype=torch.long, device=device),
    )  # fmt: skip


def member(stack: Stack, number: int) -> Game:
    """Return one GAN of the stack as a game on the CPU, with its weights and average: to draw it, or to save its G.

    Its optimisers and random numbers are new ones.
    """
    game = recipes.build(stack.recipes[number])
    for network, players, theta in (
        (game.G, stack.G, stack.G.theta), (game.D, stack.D, stack.D.theta), (game.ema, stack.G, stack.ema),
    ):  # fmt: skip
        network.to(theta.dtype)
        values = named(theta[number], players.layout)
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                parameter.copy_(values[name][tuple(slice(n) for n in parameter.shape)])
    game.step = stack.step
    return game


def named(theta: Tensor, layout: Layout) -> dict[str, Tensor]:
    """Return the parameters (..., *shape) by name, from rows (..., P) that hold them one after the other."""
    parts = theta.split([shape.numel() for shape in layout.values()], dim=-1)
    return {
        name: part.reshape(*theta.shape[:-1], *shape) for (name, shape), part in zip(layout.items(), parts, strict=True)
    }


def _players(template: nn.Module, networks: Sequence[nn.Module], device: torch.device) -> Players:
    wide = {name: p.shape for name, p in template.named_parameters()}
    rows = [torch.cat([_padded(p, wide[name]).flatten() for name, p in n.named_parameters()]) for n in networks]
    theta = torch.stack(rows).to(device)
    return Players(template.requires_grad_(False).to(device), theta, (torch.zeros_like(theta), torch.zeros_like(theta)))


def _padded(parameter: Tensor, shape: torch.Size) -> Tensor:
    whole = parameter.new_zeros(shape)
    whole[tuple(slice(n) for n in parameter.shape)] = parameter.detach()
    return whole
