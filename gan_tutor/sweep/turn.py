"""One turn of every game of a stack: the library's own objectives under `vmap`, one step for all.

The games do not touch each other, so the gradient of the sum of their losses holds each game's own gradient in its row.
A GAN that diverges fills its row with NaN and no other.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from gan_tutor import objectives, penalties, recipes
from gan_tutor.optimizers import OPTIMIZERS
from gan_tutor.recipes import Recipe
from gan_tutor.sweep.stack import Players, Stack, named
from gan_tutor.training import Record

Given = Mapping[str, Tensor]


class Judge:
    """D as a function of samples: parameters from outside, and noise for its calls, in order.

    Args:
        network: The architecture.
        parameters: One network's parameters by name.
        noise: What is added to the samples of the first call, of the second, ...; further calls see them as they are.
    """

    def __init__(self, network: nn.Module, parameters: dict[str, Tensor], noise: tuple[Tensor, ...] = ()) -> None:
        self.network, self.parameters, self.noise = network, parameters, list(noise)

    def __call__(self, x: Tensor) -> Tensor:
        """Return logits (N,)."""
        return functional_call(self.network, self.parameters, (self._blurred(x),))

    def features(self, x: Tensor) -> Tensor:
        """Return features (N, F)."""
        parameters = {f"network.{name}": value for name, value in self.parameters.items()}
        return functional_call(_Features(self.network), parameters, (self._blurred(x),))

    def _blurred(self, x: Tensor) -> Tensor:
        return x + self.noise.pop(0) if self.noise else x


class _Features(nn.Module):
    """A network whose forward is its `features`, for `functional_call`."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network: Any = network

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.network.features(x)
        return features


def run(stack: Stack) -> Iterator[Record]:
    """Play all games from where they stand to the recipes' last step: a record a turn, with losses (B,).

    A turn is `training.train`'s: the same draws, the same order, one pass of G for both players. Nothing in it waits
    for the device.
    """
    recipe = stack.shared
    schedule = recipes.schedule_of(recipe)
    while stack.step < recipe.steps:
        stack.step += 1
        factor = 1.0 if schedule is None else schedule(stack.step)
        for _ in range(recipe.n_critic - 1):
            with torch.no_grad():
                x_real, z, x_fake = _samples(stack, stack.G.theta)
            _d_step(stack, x_real, z, x_fake, factor)
        theta_g = stack.G.theta.detach().requires_grad_()
        x_real, z, x_fake = _samples(stack, theta_g)
        loss_d = _d_step(stack, x_real, z, x_fake.detach(), factor)
        loss_g = _g_step(stack, theta_g, x_real, z, x_fake, factor)
        decay = stack.numbers["ema_decay"].clamp(max=stack.step / (stack.step + 1))
        stack.ema.lerp_(stack.G.theta, (1 - decay).to(stack.ema.dtype))
        sound = loss_d.isfinite() & loss_g.isfinite()
        stack.diverged_at.masked_fill_((stack.diverged_at == 0) & ~sound, stack.step)
        stack.losses = (loss_d, loss_g)
        yield Record(stack.step, loss_d, loss_g)


def _samples(stack: Stack, theta_g: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    n = stack.shared.batch_size
    x_real, z = stack.draws.real(stack.source, n), stack.draws.z(n, stack.G.theta.dtype)
    return x_real, z, generate(stack.G, theta_g, z)


def generate(players: Players, theta: Tensor, z: Tensor) -> Tensor:
    """Return the samples (B, N, ...) of B generators with parameters theta (B, P) for their latents (B, N, L)."""

    def one(parameters: dict[str, Tensor], latents: Tensor) -> Tensor:
        return functional_call(players.network, parameters, (latents,))

    made: Tensor = vmap(one)(named(theta, players.layout), z)
    return made


def _d_step(stack: Stack, x_real: Tensor, z: Tensor, x_fake: Tensor, factor: float) -> Tensor:
    recipe, loss = stack.shared, recipes.loss_of(stack.shared)
    given = _scaled(stack.draws.noise(x_real, ("real", "fake")), stack)
    due = recipe.penalty != "none" and stack.step % recipe.penalty_every == 0
    if due:
        given["weight"] = (factor * recipe.penalty_every * stack.numbers["penalty_weight"][:, 0]).to(x_real.dtype)
        if recipe.penalty == "wgan_gp":
            given["u"] = stack.draws.u(recipe.batch_size)

    def one(parameters: dict[str, Tensor], x_real: Tensor, z: Tensor, x_fake: Tensor, given: Given) -> Tensor:
        D = Judge(stack.D.network, parameters, tuple(given[name] for name in ("real", "fake") if name in given))
        penalty = _penalty(recipe, Judge(stack.D.network, parameters), given) if due else None
        return objectives.discriminator_loss(lambda _: x_fake, D, loss, x_real, z, penalty, given.get("weight", 1.0))

    theta = stack.D.theta.detach().requires_grad_()
    losses = vmap(one)(named(theta, stack.D.layout), x_real, z, x_fake, given)
    (gradient,) = torch.autograd.grad(losses.sum(), theta)
    _move(stack, stack.D, gradient, factor * stack.numbers["lr_d"], stack.numbers["clip"])
    return losses.detach()


def _penalty(recipe: Recipe, clean: Judge, given: Given) -> penalties.Penalty:
    """Return the recipe's penalty of D without instance noise, with its drawn shares if it needs them."""
    extra: Any = {"u": given["u"]} if "u" in given else {}
    return lambda _, x_real, x_fake: penalties.PENALTIES[recipe.penalty](clean, x_real, x_fake, **extra)


def _g_step(stack: Stack, theta: Tensor, x_real: Tensor, z: Tensor, x_fake: Tensor, factor: float) -> Tensor:
    loss = recipes.loss_of(stack.shared)
    seen = ("fake", "real") if loss.sees_real else ("fake",)
    given = _scaled(stack.draws.noise(x_real, seen), stack)

    def one(parameters: dict[str, Tensor], x_real: Tensor, z: Tensor, x_fake: Tensor, given: Given) -> Tensor:
        D = Judge(stack.D.network, parameters, tuple(given[name] for name in seen if name in given))
        return objectives.generator_loss(lambda _: x_fake, D, loss, x_real, z)

    losses = vmap(one)(named(stack.D.theta, stack.D.layout), x_real, z, x_fake, given)
    (gradient,) = torch.autograd.grad(losses.sum(), theta)
    _move(stack, stack.G, gradient, factor * stack.numbers["lr_g"], torch.zeros_like(stack.numbers["clip"]))
    return losses.detach()


def _scaled(noise: dict[str, Tensor], stack: Stack) -> dict[str, Tensor]:
    sigma = stack.numbers["instance_noise"].unsqueeze(-1)
    return {name: sigma.to(values.dtype) * values for name, values in noise.items()}


@torch.no_grad()
def _move(stack: Stack, players: Players, gradient: Tensor, lr: Tensor, clip: Tensor) -> None:
    """Take one optimiser step in every game, each with its own numbers; clip 0 is none."""
    players.steps += 1
    name, t = stack.shared.optimizer, players.steps
    beta1, beta2 = stack.numbers["beta1"], stack.numbers["beta2"]
    limit = clip.where(clip > 0, torch.inf)
    knobs = {
        "adam": (lr, 1 - beta1, 1 - beta2, 1 / (1 - beta1**t), 1 / (1 - beta2**t), limit),
        "rmsprop": (lr, 1 - beta2, limit),
        "sgd": (lr, beta1, torch.full_like(lr, t == 1), limit),
    }[name]
    update, _ = OPTIMIZERS[name]
    players.theta, *moments = update(players.theta, *players.moments, gradient, torch.stack(knobs).to(gradient.dtype))
    players.moments = (moments[0], moments[1])
