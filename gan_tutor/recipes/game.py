"""From a recipe to a running game: here, and only here, names become data, losses, penalties and optimisers."""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from gan_tutor import capture, checkpoints, data, losses, networks, objectives, parallel, penalties, training
from gan_tutor.recipes import players
from gan_tutor.recipes.record import Recipe, places
from gan_tutor.recipes.seeding import seeded
from gan_tutor.share import ALONE, Share


@dataclass
class Game:
    """A recipe brought to life.

    Attributes:
        recipe: What it was built from.
        source: The data.
        G: The generator.
        D: The discriminator.
        ema: The moving average of G: the one to sample from.
        opt_g: Optimiser of G.
        opt_d: Optimiser of D.
        generator: All randomness of the run after the initial weights.
        batches: Endless real batches, drawn with `generator`; with their labels if the recipe has a condition.
        ready_g: G as it runs: itself, or wrapped by `networks.prepare`.
        ready_d: D likewise.
        step: Turns played.
        share: This process's share of every batch.
        own_data: Whether the source was given to `build` in place of the recipe's own data.
        timed: Turns that were timed, and the seconds that they took, over all sessions of a run; (0, 0.0) if none were.
    """

    recipe: Recipe
    source: data.Source
    G: nn.Module
    D: nn.Module
    ema: nn.Module
    opt_g: torch.optim.Optimizer
    opt_d: torch.optim.Optimizer
    generator: torch.Generator
    batches: Iterator[Tensor] | Iterator[tuple[Tensor, Tensor]]
    ready_g: nn.Module
    ready_d: nn.Module
    step: int = 0
    share: Share = ALONE
    own_data: bool = False
    timed: tuple[int, float] = (0, 0.0)

    def parts(self) -> dict[str, checkpoints.Stateful]:
        """Return everything whose state a checkpoint must hold, by name."""
        return {name: getattr(self, name) for name in ("G", "D", "ema", "opt_g", "opt_d", "generator")}


def build(
    recipe: Recipe, device: str | torch.device = "cpu", share: Share = ALONE, data_source: data.Source | None = None
) -> Game:
    """Make the data, networks, optimisers and generator of a recipe, in float32.

    Torch's global generator, default device and default number type play no part.

    Args:
        recipe: What to build.
        device: Where to play.
        share: This process's share of every batch.
        data_source: Samples to use in place of the recipe's own data, of the same range; the networks are made for
            their shape.

    Raises:
        ValueError: There is no such device here, the recipe asks for what it does not have, or its networks are not
            made for the data: images that are not square or of another size, other classes than a condition's.
        FileNotFoundError: torchvision's set is not under `data_root`.
    """
    device = placed(device)
    check_graph(recipe, device, share)
    own_data = data_source is not None
    data_source = (source(recipe) if data_source is None else data_source).to(device)
    if own_data:
        check_classes(recipe, data_source)
    with seeded(recipe.seed):
        G, D = players.generator(recipe, data_source.shape), players.discriminator(recipe, data_source.shape)
    networks.check_range(G, data_source)
    for network in (G, D):
        parallel.share_batch_norms(network, share)
    how: Any = {"precision": recipe.precision, "channels_last": recipe.channels_last, "compile": recipe.compile}
    ready_g, ready_d = (parallel.averaged(networks.prepare(network, device=device, **how), share) for network in (G, D))
    generator = torch.Generator(device).manual_seed(recipe.seed)
    ready_d = judging(recipe, ready_d, generator, share)
    ema = copy.deepcopy(G).requires_grad_(False)
    opt_g, opt_d = optimizers(recipe, G, D)
    batches = real_batches(recipe, data_source, generator, share)
    return Game(recipe, data_source, G, D, ema, opt_g, opt_d, generator, batches, ready_g, ready_d, 0, share, own_data)


def placed(device: str | torch.device) -> torch.device:
    """Return the device of this name.

    Raises:
        ValueError: It is no name of a device, or torch finds no such device here.
    """
    try:
        found = torch.device(device)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        why = str(error).strip().splitlines()[0]
        gpus = torch.cuda.device_count()
        raise ValueError(
            f"device must be one that torch finds here, got {str(device)!r}, and it finds {gpus} CUDA GPUs: "
            f"use device='cpu' ({why})"
        ) from error
    return found


def check_classes(recipe: Recipe, data_source: Any) -> None:
    """Refuse data of one's own that do not have the classes of the recipe's condition.

    Raises:
        ValueError: The recipe has a condition, and the samples have no classes or others than the recipe's data.
    """
    wanted = players.class_count(recipe)
    if not wanted:
        return
    held = getattr(data_source, "classes", getattr(data_source, "means", ()))
    if not hasattr(data_source, "sample_labelled") or len(held) != wanted:
        raise ValueError(
            f"condition {recipe.condition} on {recipe.data} needs samples of {wanted} classes, data_source has "
            f"{len(held)}: give an ImageSet with {wanted} classes, or set condition='none'"
        )


def check_graph(recipe: Recipe, device: torch.device, share: Share) -> None:
    """Refuse a CUDA graph where there can be none.

    Raises:
        ValueError: Several processes play the game, or the device is no CUDA device.
    """
    if not recipe.cuda_graph:
        return
    if share.ranks > 1:
        raise ValueError(f"cuda_graph needs a game of one process, got {share.ranks}: set cuda_graph=False")
    capture.require_gpu(device)


def judging(recipe: Recipe, ready_d: nn.Module, generator: torch.Generator, share: Share) -> nn.Module:
    """Return D as it judges samples: through the recipe's noise and augmentation, in place of any that it has."""
    while isinstance(ready_d, (networks.Noisy, networks.DiffAugmented)):
        ready_d = ready_d.network
    if recipe.instance_noise:
        ready_d = networks.Noisy(ready_d, recipe.instance_noise, generator, share)
    if recipe.diffaugment:
        ready_d = networks.DiffAugmented(ready_d, recipe.diffaugment, generator, share)
    return ready_d


def optimizers(recipe: Recipe, G: nn.Module, D: nn.Module) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    """Return new optimisers of G and D, without memory; D's clips its weights if the recipe says so."""
    opt_g, opt_d = _optimizer(recipe, G, recipe.lr_g), _optimizer(recipe, D, recipe.lr_d)
    if recipe.clip:
        opt_d.register_step_post_hook(lambda *_: penalties.clip_weights(D, recipe.clip))
    return opt_g, opt_d


def real_batches(recipe: Recipe, data_source: Any, generator: torch.Generator, share: Share) -> Iterator[Any]:
    """Return the recipe's endless batches of real samples; they hold no state but the generator's."""
    drawn = data_source if recipe.augment == "none" else data.Augmented(data_source, recipe.augment)
    draw = data.batches if recipe.condition == "none" else data.labelled_batches
    batches: Iterator[Any] = draw(drawn, recipe.batch_size, generator, share)
    return map(_channels_last, batches) if recipe.channels_last else batches


def _channels_last(batch: Tensor | tuple[Tensor, Tensor]) -> Tensor | tuple[Tensor, Tensor]:
    if isinstance(batch, Tensor):
        return batch.contiguous(memory_format=torch.channels_last)
    return batch[0].contiguous(memory_format=torch.channels_last), batch[1]


def run(game: Game) -> Iterator[training.Record]:
    """Play the game from where it stands to its recipe's last step, one record a turn.

    As in `training.train`, a turn that was broken off, by an interrupt or an error, is played anew.
    """
    recipe = game.recipe
    penalty, penalty_weight = d_term(game)
    term, term_weight = g_term(recipe)
    turns = training.train(
        game.ready_g,
        game.ready_d,
        game.batches,
        loss=parallel.shared_loss(loss_of(recipe), game.share),
        opt_g=game.opt_g,
        opt_d=game.opt_d,
        latent_dim=recipe.latent_dim,
        steps=recipe.steps,
        generator=game.generator,
        n_critic=recipe.n_critic,
        penalty=penalty,
        penalty_weight=penalty_weight,
        penalty_every=1 if recipe.penalty == "none" else recipe.penalty_every,
        term=term,
        term_weight=term_weight,
        ema=game.ema,
        ema_decay=recipe.ema_decay,
        schedule=schedule_of(recipe),
        start=game.step,
        share=game.share,
        cuda_graph=recipe.cuda_graph,
    )
    return map(partial(_noted, game), turns)


def _noted(game: Game, record: training.Record) -> training.Record:
    game.step = record.step
    return record


def source(recipe: Recipe) -> Any:
    """Open the recipe's data, on the CPU: a density or an image set.

    Raises:
        FileNotFoundError: torchvision's set is not under `data_root`.
    """
    with torch.device("cpu"):
        return _opened(recipe)


def _opened(recipe: Recipe) -> Any:
    if recipe.data in ("MNIST", "FashionMNIST", "KMNIST", "CIFAR10", "CelebA"):
        return data.torchvision_set(recipe.data, recipe.data_root)
    if recipe.data in ("digits", "fashion", "stacked_digits"):
        return getattr(data, recipe.data)()
    if recipe.data == "drawn":
        return data.drawn(places(recipe.points))
    if recipe.data == "gaussian":
        density = data.gaussian(4.0, 1.25)
    elif recipe.data == "point":
        density = data.point([0.0, 0.0])
    else:
        density = getattr(data, recipe.data)()
    return density.standardized() if recipe.standardize else density


def _optimizer(recipe: Recipe, network: nn.Module, lr: float) -> torch.optim.Optimizer:
    parameters = network.parameters()
    if recipe.optimizer == "adam":
        return torch.optim.Adam(parameters, lr, (recipe.beta1, recipe.beta2), fused=True)
    if recipe.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, lr, alpha=recipe.beta2)
    # A graph needs a learning rate on the device, which of SGD's forms only the fused one reads there.
    return torch.optim.SGD(parameters, lr, momentum=recipe.beta1, fused=recipe.cuda_graph or None)


def loss_of(recipe: Recipe) -> losses.GanLoss:
    """Return the recipe's adversarial loss."""
    loss = losses.LOSSES[recipe.loss]
    return loss if recipe.real_target == 1.0 else losses.label_smoothing(loss, recipe.real_target)


def g_term(recipe: Recipe) -> tuple[objectives.Term | None, float]:
    """Return what G minimises besides its loss, and its weight."""
    return (objectives.class_of_fake if recipe.condition == "auxiliary" else None), recipe.auxiliary_weight


def d_term(game: Game) -> tuple[penalties.Penalty | None, float]:
    """Return what D minimises besides its loss, and its weight: a penalty, or the classes of real samples.

    A penalty is bound to the game's randomness and, when D is compiled, to the eager D; it looks at D without instance
    noise, and through D's augmentation.
    """
    if game.recipe.condition == "auxiliary":
        return objectives.class_of_real, game.recipe.auxiliary_weight
    name = game.recipe.penalty
    if name == "none":
        return None, 1.0
    eager = networks.prepare(game.D, device=game.generator.device, precision=game.recipe.precision)
    if game.recipe.diffaugment:
        batches = 2 if name == "r1_r2" else 1  # it asks about real and generated samples in one call
        eager = networks.DiffAugmented(eager, game.recipe.diffaugment, game.generator, game.share, batches)
    mixing = partial(torch.rand, generator=game.generator, device=game.generator.device, dtype=torch.float32)

    def penalty(D: penalties.Critic, x_real: Tensor, x_fake: Tensor) -> Tensor:
        judge = networks.Given(eager, D.y) if isinstance(D, networks.Given) else eager
        extra = {"u": game.share.own(mixing, len(x_real))} if name == "wgan_gp" else {}
        return penalties.PENALTIES[name](judge, x_real, x_fake, **extra)

    return penalty, game.recipe.penalty_weight


def schedule_of(recipe: Recipe, floor: float = 0.02, last: float = 0.25) -> Callable[[int], float] | None:
    """Return the factor on learning rates and penalty weight at a step; None for constant ones."""
    if recipe.schedule == "cosine":
        return lambda step: floor + (1 - floor) * (1 + math.cos(math.pi * step / recipe.steps)) / 2
    if recipe.schedule == "cooldown":
        return lambda step: min(1.0, max(floor, (1 - step / recipe.steps) / last))
    return None
