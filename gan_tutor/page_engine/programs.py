"""The two players' steps of a recipe as pure functions of flat tensors, ready to be traced.

Losses, penalties, networks and objectives are the library's own: a network's parameters come from one vector, in the
order of `parameters()`, through `torch.func.functional_call`. What a reader may change while a game runs is an input:
weights of the losses, the penalty's weight, the size of the instance noise, the optimiser's numbers.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from gan_tutor import losses, objectives, penalties, recipes
from gan_tutor.losses import GanLoss
from gan_tutor.optimizers import OPTIMIZERS
from gan_tutor.page_engine.players import Called, Player, Port, Program, flat, player, split
from gan_tutor.recipes import Recipe

LATENT = 16  # every latent_dim up to this one shares a bundle: unused columns are 0
ARROWS, IMAGES, BY_CLASS = 60, 36, 6  # samples in a picture, as in the lab
SMOOTHED = 0.75  # D's loss is affine in the target, so two targets give all
D_FORMULAS: dict[str, GanLoss] = {
    "cross_entropy": losses.minimax,
    "smoothed": losses.label_smoothing(losses.minimax, SMOOTHED),
    "least_squares": losses.least_squares,
    "hinge": losses.hinge,
    "wasserstein": losses.wasserstein,
    "relativistic": losses.relativistic,
}
G_FORMULAS: dict[str, tuple[GanLoss, ...]] = {
    "g": (losses.minimax, losses.nonsaturating, losses.least_squares, losses.hinge, losses.wasserstein),
    "g_relativistic": (losses.relativistic,),
    "g_feature_matching": (losses.feature_matching,),
}
"""G's distinct formulas by the program that knows them."""
ARROW_FORMULAS = (*G_FORMULAS["g"], *G_FORMULAS["g_relativistic"])


def mixed(formulas: Sequence[GanLoss], weights: Sequence[Tensor]) -> GanLoss:
    """Return the loss whose two formulas are the weighted sums of those given."""

    def of_d(real: Tensor, fake: Tensor) -> Tensor:
        return torch.stack([w * f.d_formula(real, fake) for f, w in zip(formulas, weights, strict=True)]).sum()

    def of_g(real: Any, fake: Tensor) -> Tensor:
        return torch.stack([w * f.g_formula(real, fake) for f, w in zip(formulas, weights, strict=True)]).sum()

    sees_real, paired = any(f.sees_real for f in formulas), any(f.paired for f in formulas)
    return replace(formulas[0], name="mixed", d_formula=of_d, g_formula=of_g, sees_real=sees_real, paired=paired)


def latent_width(recipe: Recipe) -> int:
    """Return the width of z in the compiled programs."""
    return LATENT if shares_latents(recipe) else recipe.latent_dim


def shares_latents(recipe: Recipe) -> bool:
    """Whether one bundle serves every latent_dim up to LATENT; the code of a class stands where it would grow."""
    return recipe.latent_dim <= LATENT and recipe.condition == "none"


def programs(recipe: Recipe) -> tuple[Player, Player, list[Program]]:
    """Return G and D as the programs know them, and every program of a bundle.

    Raises:
        ValueError: The recipe's condition is auxiliary, whose classifier no program trains, or it augments.
    """
    if recipe.condition == "auxiliary":
        raise ValueError("condition must be none, concat, embedding or projection on a page, got auxiliary")
    if recipe.augment != "none" or recipe.diffaugment:
        raise ValueError(
            f"augment must be none and diffaugment empty on a page, got {recipe.augment!r} and {recipe.diffaugment!r}"
        )
    wide = replace(
        recipe, latent_dim=latent_width(recipe), precision="float32", compile=False, channels_last=False,
        cuda_graph=False, clip=0.0,
    )  # fmt: skip
    game = recipes.build(wide)
    return _all(wide, player(game.G), player(game.D), tuple(game.source.shape))


def _all(recipe: Recipe, G: Player, D: Player, sample: tuple[int, ...]) -> tuple[Player, Player, list[Program]]:
    n, points, classes = recipe.batch_size, len(sample) == 1, recipes.class_count(recipe) > 0
    z, x = Port("z", (n, recipe.latent_dim)), (n, *sample)
    y = [Port("y", (n,))] if classes else []
    found = [_generate("generate", G, [z, *y], x, training=True)]
    found += [_d(name, D, x, y) for name in ("none", *penalties.PENALTIES) if name == "none" or not _batch_norm(D)]
    found += [_g(name, G, D, [z, *y], x) for name in G_FORMULAS]
    for letter, whom in (("d", D), ("g", G)):
        found += [_optimizer(name, letter, whom.size) for name in OPTIMIZERS]
    images = BY_CLASS * recipes.class_count(recipe) or IMAGES
    shown, judged = (128, 256) if points else (images, images)
    latents = [Port("z", (shown, recipe.latent_dim)), *([Port("y", (shown,))] if classes else [])]
    found.append(_generate("show", G, latents, (shown, *sample), training=False))
    found.append(_judge(D, (judged, *sample), [Port("y", (judged,))] if classes else []))
    if points and not classes:
        found.append(_arrows(D, (ARROWS, *sample)))
    if recipe.norm_d == "spectral":
        found.append(_settle(D, (1, *sample), [Port("y", (1,))] if classes else []))
    return G, D, found


def _batch_norm(whom: Player) -> bool:
    return any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in whom.network.modules())


def _state(letter: str, whom: Player) -> list[Port]:
    buffers = [Port(f"buffers_{letter}", (whom.buffer_size,))] if whom.buffers else []
    return [Port(f"theta_{letter}", (whom.size,)), *buffers]


def _buffers(letter: str, whom: Player) -> list[Port]:
    return _state(letter, whom)[1:]


def _generate(name: str, G: Player, z: list[Port], x: tuple[int, ...], *, training: bool) -> Program:
    def run(named: dict[str, Tensor]) -> tuple[Tensor, ...]:
        G.network.train(training)
        called = _called(G, "g", named)
        made = called(named["z"])
        G.network.train()
        return (made.clone(), *(called.left() if training else ()))

    return _program(name, run, [*_state("g", G), *z], [Port("x", x), *(_buffers("g", G) if training else [])])


def _d(penalty: str, D: Player, x: tuple[int, ...], y: list[Port]) -> Program:
    mixes = penalty == "wgan_gp"
    inputs = [
        *_state("d", D), Port("x_real", x), Port("x_fake", x), *y,
        Port("noise_real", x, "normal"), Port("noise_fake", x, "normal"),
        *([Port("u", x[:1], "uniform")] if mixes else []), Port("knobs", (len(D_FORMULAS) + 2,)),
    ]  # fmt: skip

    def run(named: dict[str, Tensor]) -> tuple[Tensor, ...]:
        *weights, sigma, weight = named["knobs"].unbind(0)
        loss = mixed(tuple(D_FORMULAS.values()), weights)
        parameters = _leaves(named["theta_d"], D)
        noisy = _called(D, "d", named, parameters, [sigma * named["noise_real"], sigma * named["noise_fake"]])
        term: Any = penalties.PENALTIES.get(penalty)
        if mixes:
            term = partial(term, u=named["u"])
        # The penalty's D is the noisy one after its two noisy calls: clean samples, the same buffers.
        value = objectives.discriminator_loss(
            lambda _: named["x_fake"], noisy, loss, named["x_real"], named["x_real"], term, weight
        )
        slopes = torch.autograd.grad(value, list(parameters.values()))
        return flat(slopes), value.detach().reshape(1), *noisy.left()

    return _program(f"d_{penalty}", run, inputs, [Port("grad", (D.size,)), Port("loss", (1,)), *_buffers("d", D)])


def _g(name: str, G: Player, D: Player, z: list[Port], x: tuple[int, ...]) -> Program:
    formulas = G_FORMULAS[name]
    sees_real = formulas[0].sees_real
    inputs = [
        *_state("g", G), *_state("d", D), *([Port("x_real", x)] if sees_real else []), *z,
        Port("noise_fake", x, "normal"), *([Port("noise_real", x, "normal")] if sees_real else []),
        Port("knobs", (len(formulas) + 1,)),
    ]  # fmt: skip

    def run(named: dict[str, Tensor]) -> tuple[Tensor, ...]:
        *weights, sigma = named["knobs"].unbind(0)
        parameters = _leaves(named["theta_g"], G)
        noise = [sigma * named[key] for key in ("noise_fake", "noise_real") if key in named]
        judge = _called(D, "d", named, noise=noise)
        value = objectives.generator_loss(
            _called(G, "g", named, parameters), judge, mixed(formulas, weights), named.get("x_real", named["z"]),
            named["z"],
        )  # fmt: skip
        slopes = torch.autograd.grad(value, list(parameters.values()))
        return flat(slopes), value.detach().reshape(1), *judge.left()

    return _program(name, run, inputs, [Port("grad", (G.size,)), Port("loss", (1,)), *_buffers("d", D)])


def _arrows(D: Player, x: tuple[int, ...]) -> Program:
    def run(named: dict[str, Tensor]) -> tuple[Tensor, ...]:
        moved = named["x_fake"].detach().requires_grad_()
        loss = mixed(ARROW_FORMULAS, named["knobs"].unbind(0))
        value = objectives.generator_loss(
            lambda _: moved, _called(D, "d", named), loss, named["x_real"], named["x_real"]
        )
        return torch.autograd.grad(value, moved)

    inputs = [*_state("d", D), Port("x_real", x), Port("x_fake", x), Port("knobs", (len(ARROW_FORMULAS),))]
    return _program("arrows", run, inputs, [Port("gradient", x)])


def _judge(D: Player, x: tuple[int, ...], y: list[Port]) -> Program:
    def run(named: dict[str, Tensor]) -> tuple[Tensor, ...]:
        return (_called(D, "d", named)(named["x"]).clone(),)

    return _program("judge", run, [*_state("d", D), Port("x", x), *y], [Port("logits", x[:1])])


def _settle(D: Player, x: tuple[int, ...], y: list[Port]) -> Program:
    """One call of D for its effect on its buffers: a power iteration of spectral norm in every layer."""

    def run(named: dict[str, Tensor]) -> tuple[Tensor, ...]:
        called = _called(D, "d", named | {port.name: torch.zeros(port.shape) for port in y})
        called(torch.zeros(x))
        return called.left()

    return _program("settle_d", run, _state("d", D), _buffers("d", D))


def _optimizer(name: str, letter: str, size: int) -> Program:
    update, knobs = OPTIMIZERS[name]
    state = [Port(key, (size,)) for key in ("theta", "state_0", "state_1")]
    inputs = (*state, Port("grad", (size,)), Port("knobs", (len(knobs),)))

    def run(theta: Tensor, state_0: Tensor, state_1: Tensor, grad: Tensor, knobs: Tensor) -> tuple[Tensor, ...]:
        moved = update(theta, state_0, state_1, grad, knobs)
        return *moved, grad.square().sum().sqrt().reshape(1)

    return Program(f"{name}_{letter}", run, inputs, (*state, Port("norm", (1,))))


def _called(
    whom: Player,
    letter: str,
    named: dict[str, Tensor],
    parameters: dict[str, Tensor] | None = None,
    noise: Sequence[Tensor] = (),
) -> Called:
    buffers = named.get(f"buffers_{letter}", torch.zeros(0))
    given = parameters or split(named[f"theta_{letter}"], whom.parameters)
    return Called(whom, given, buffers, noise, named.get("y"))


def _leaves(theta: Tensor, whom: Player) -> dict[str, Tensor]:
    return {name: part.detach().requires_grad_() for name, part in split(theta, whom.parameters).items()}


def _program(
    name: str, run: Callable[[dict[str, Tensor]], tuple[Tensor, ...]], inputs: Sequence[Port], outputs: Sequence[Port]
) -> Program:
    def function(*tensors: Tensor) -> tuple[Tensor, ...]:
        return run({port.name: tensor for port, tensor in zip(inputs, tensors, strict=True)})

    return Program(name, function, tuple(inputs), tuple(outputs))


def sizes(ports: Sequence[Port]) -> list[int]:
    """Return how many values each port carries."""
    return [math.prod(port.shape) for port in ports]
