"""The training loop: a step for D, a step for G, and a Python iterator that alternates them.

`for record in train(...)` is the whole interface. To pause, stop iterating, and iterate again to go on; to log,
plot, save or stop early, do it in the body of the loop. A record holds device tensors: no step waits for the device.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from gan_tutor.batches import check_shapes, checked
from gan_tutor.capture import Plan, captured, drawn_here
from gan_tutor.losses import GanLoss
from gan_tutor.networks import Given
from gan_tutor.objectives import Term, discriminator_loss, generator_loss
from gan_tutor.penalties import Penalty
from gan_tutor.share import ALONE, Share


class Record(NamedTuple):
    """What one turn of the game leaves behind.

    Attributes:
        step: The turn's number, from 1: the number of G steps so far.
        loss_d: D's loss with its penalty in its last step of the turn, before that step; a scalar on the device.
        loss_g: G's loss before its step; a scalar on the device.
    """

    step: int
    loss_d: Tensor
    loss_g: Tensor


class NonFinite(FloatingPointError):
    """A loss or a weight became NaN or infinite. `step`, `quantity` and `value` say which and when, `what` in words."""

    def __init__(self, step: int, quantity: str, value: float) -> None:
        self.step, self.quantity, self.value = step, quantity, value
        self.what = f"{quantity} became {value} at step {step}: the run has diverged and cannot recover"
        super().__init__(f"{self.what}. Go back to a checkpoint before it and lower the learning rate or add a penalty")


def sample_z(n: int, latent_dim: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Tensor:
    """Draw latents z ~ N(0, I), shape (n, latent_dim), on the generator's device."""
    return torch.randn(n, latent_dim, generator=generator, device=generator.device, dtype=dtype)


def d_step(
    G: Callable[[Tensor], Tensor],
    D: nn.Module,
    opt_d: torch.optim.Optimizer,
    loss: GanLoss,
    x_real: Tensor,
    z: Tensor,
    penalty: Penalty | None = None,
    weight: float | Tensor = 1.0,
) -> Tensor:
    """Move D one optimiser step against G(z); G's parameters do not change. Returns D's loss before the step."""
    loss_d = discriminator_loss(G, D, loss, x_real, z, penalty, weight)
    opt_d.zero_grad(set_to_none=True)
    loss_d.backward()
    opt_d.step()
    return loss_d.detach()


def g_step(
    G: Callable[[Tensor], Tensor],
    D: nn.Module,
    opt_g: torch.optim.Optimizer,
    loss: GanLoss,
    x_real: Tensor,
    z: Tensor,
    term: Term | None = None,
    weight: float | Tensor = 1.0,
) -> Tensor:
    """Move G one optimiser step through D; D's parameters do not change. Returns G's loss before the step."""
    with frozen(D):
        loss_g = generator_loss(G, D, loss, x_real, z, term, weight)
        opt_g.zero_grad(set_to_none=True)
        loss_g.backward()
    opt_g.step()
    return loss_g.detach()


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Take no gradients of the module's parameters inside the block; gradients still flow through it."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    for p in parameters:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in parameters:
            p.requires_grad_(True)


def train(
    G: nn.Module,
    D: nn.Module,
    batches: Iterator[Tensor] | Iterator[tuple[Tensor, Tensor]],
    *,
    loss: GanLoss,
    opt_g: torch.optim.Optimizer,
    opt_d: torch.optim.Optimizer,
    latent_dim: int,
    steps: int,
    generator: torch.Generator,
    n_critic: int = 1,
    penalty: Penalty | None = None,
    penalty_weight: float = 1.0,
    penalty_every: int = 1,
    term: Term | None = None,
    term_weight: float = 1.0,
    ema: nn.Module | None = None,
    ema_decay: float = 0.999,
    schedule: Callable[[int], float] | None = None,
    start: int = 0,
    check_every: int | None = None,
    share: Share = ALONE,
    cuda_graph: bool = False,
) -> Iterator[Record]:
    """Play the game from step `start` + 1 to step `steps` and yield a record of every turn.

    What can be checked is checked at the call; the first turn is played when the first record is asked for. After an
    interrupt within a turn the same iterator plays that turn anew; D may then have moved once more than G.

    A turn is `n_critic` steps of D, each on a fresh real batch and fresh latents, then one step of G on the batch and
    the latents of D's last step: D has moved meanwhile, G has not, so one pass of G serves both.

    Args:
        G: The generator, on the device of `generator`.
        D: The discriminator.
        batches: Endless iterator of real batches (N, ...), as from `data.batches`; or of pairs (x, y) with conditions
            y, as from `data.labelled_batches`, for conditional G(z, y) and D(x, y), which both get the batch's y. They
            lie on D's device, in its number type, scaled to G's `output_range`.
        loss: The adversarial loss.
        opt_g: Optimiser of G's parameters only.
        opt_d: Optimiser of D's parameters only.
        latent_dim: Size of z.
        steps: Number of the last step.
        generator: The game's own source of randomness.
        n_critic: Steps of D in each turn, at least 1.
        penalty: Penalty on D, or None.
        penalty_weight: gamma of R1/R2, lambda of WGAN-GP.
        penalty_every: Take the penalty in every k-th turn with k times the weight ("lazy"); 1 is every turn.
        term: A further term of G's loss, or None.
        term_weight: Its factor.
        ema: A copy of G that becomes the exponential moving average of G, in place; or None.
        ema_decay: Share of the average that a step keeps, in [0, 1). Early steps keep step / (step + 1) at most.
        schedule: Factor on both learning rates and on the penalty's weight at a step, or None for constant ones.
        start: Steps already taken, when a run is continued.
        check_every: Look for NaN and infinity every so many turns; by default each turn on a CPU and every 50th
            elsewhere, because reading a loss makes the host wait for the device.
        share: This process's share of every batch, if several play one game. Records hold the means over all.
        cuda_graph: Record a turn as a CUDA graph and replay it, see `capture`. Batches must then be drawn by
            `generator`. For small networks, which leave a GPU waiting for Python.

    Yields:
        One `Record` for each turn.

    Raises:
        ValueError: At the call: the players share parameters or an optimiser holds foreign ones, a number is out of
            its range, or `cuda_graph` is asked for without a CUDA device. In a turn: the batches end, a batch is empty
            or is not what these players take, or G's samples have another shape than the real ones.
        NonFinite: A loss became NaN or infinite.

    Source: goodfellow2014gan, algorithm 1. Differs: there G's step draws fresh latents, which costs a second pass of G.
    """
    _check_players(G, D, opt_g, opt_d)
    _check_counts(n_critic=n_critic, penalty_every=penalty_every, check_every=1 if check_every is None else check_every)
    if not 0 <= ema_decay < 1:
        raise ValueError(f"ema_decay must be in [0, 1), got {ema_decay}")
    draw = partial(sample_z, latent_dim=latent_dim, generator=generator, dtype=_dtype_of(G))
    latents = partial(share.own, draw)
    stream = checked(drawn_here(iter(batches), generator) if cuda_graph else iter(batches), G, D)

    def turn(plan: Plan) -> tuple[Tensor, Tensor]:
        due = penalty if plan.due else None
        for _ in range(n_critic - 1):
            x_real, g, d = _next(stream, plan.step, G, D)
            d_step(g, d, opt_d, loss, x_real, latents(len(x_real)), due, plan.weight)
        x_real, g, d = _next(stream, plan.step, G, D)
        z = latents(len(x_real))
        x_fake = g(z)
        check_shapes(x_real, x_fake)
        made = partial(_return, x_fake)  # one pass of G serves both players
        loss_d = d_step(made, d, opt_d, loss, x_real, z, due, plan.weight)
        loss_g = g_step(made, d, opt_g, loss, x_real, z, term, term_weight)
        if ema is not None:
            update_ema(ema, G, plan.decay)
        return loss_d, loss_g

    play = captured(turn, generator, (opt_g, opt_d)) if cuda_graph else turn

    def record(step: int) -> Record:
        factor = 1.0 if schedule is None else _scale_learning_rates(schedule(step), opt_g, opt_d)
        weight, decay = factor * penalty_every * penalty_weight, min(ema_decay, step / (step + 1))
        return Record(step, *share.means(*play(Plan(step, step % penalty_every == 0, weight, decay))))

    return _Turns(record, start, steps, check_every or (1 if generator.device.type == "cpu" else 50))


class _Turns:
    """The turns of a game, a record each. A turn that was broken off is played anew; a generator would have ended."""

    def __init__(self, play: Callable[[int], Record], step: int, last: int, check_every: int) -> None:
        self.play, self.step, self.last, self.check_every = play, step, last, check_every
        self.unchecked: list[Record] = []

    def __iter__(self) -> "_Turns":
        return self

    def __next__(self) -> Record:
        if self.step >= self.last:
            raise StopIteration
        record = self.play(self.step + 1)
        self.unchecked.append(record)
        if len(self.unchecked) >= self.check_every or record.step == self.last:
            unchecked, self.unchecked = self.unchecked, []
            _check_finite(unchecked)
        self.step = record.step
        return record


@torch.no_grad()
def update_ema(ema: nn.Module, G: nn.Module, decay: float | Tensor) -> None:
    """Set every parameter of `ema` to decay * ema + (1 - decay) * G, in place; buffers are copied.

    The parameters go in one call for all. A `decay` that is a scalar on the device is not read by the host.

    Source: yazici2019ema.
    """
    averages: list[Tensor] = list(ema.parameters())
    values: list[Tensor] = list(G.parameters())
    if isinstance(decay, Tensor):
        moves = torch._foreach_sub(values, averages)
        torch._foreach_mul_(moves, 1 - decay)
        torch._foreach_add_(averages, moves)
    else:
        get_ema_multi_avg_fn(decay)(averages, values, None)
    for kept, new in zip(ema.buffers(), G.buffers(), strict=True):
        kept.copy_(new)


@torch.no_grad()
def generate(
    G: nn.Module,
    n: int,
    latent_dim: int,
    generator: torch.Generator,
    *,
    y: Tensor | None = None,
    batch: int = 500,
    share: Share = ALONE,
) -> Tensor:
    """Return n samples of G in evaluation mode, shape (n, ...), computed `batch` at a time.

    Args:
        G: The generator: G(z), or G(z, y) if conditions are given.
        n: Number of samples.
        latent_dim: Size of z.
        generator: Source of the latents.
        y: Conditions (n, ...), one for each sample, for a conditional G.
        batch: Samples computed at a time.
        share: This process's share of the work, if several compute; all get all samples.

    Raises:
        ValueError: A count is below 1, or there is not one condition for each sample.
    """
    if n < 1 or batch < 1:
        raise ValueError(f"n and batch must be at least 1, got {n} and {batch}")
    if y is not None and len(y) != n:
        raise ValueError(f"y must hold one condition for each of the {n} samples, got {len(y)}")
    modes = [(module, module.training) for module in G.modules()]
    G.eval()
    try:
        parts = [share.part(rows) for rows in (sample_z(n, latent_dim, generator, _dtype_of(G)), y) if rows is not None]
        inputs = zip(*(part.split(batch) for part in parts), strict=True)
        return share.whole(torch.cat([G(*rows) for rows in inputs]), n)
    finally:
        for module, training in modes:
            module.training = training


def _return(x_fake: Tensor, z: Tensor) -> Tensor:
    return x_fake


def _next(stream: Iterator[Any], step: int, G: nn.Module, D: nn.Module) -> tuple[Tensor, nn.Module, nn.Module]:
    """Return the next real batch and the players, with its conditions filled in if it has any."""
    try:
        x_real, y = next(stream)
    except StopIteration:
        raise ValueError(
            f"the real batches ended at step {step}: train needs an endless iterator; use data.batches (a generator of "
            "your own ends by an interrupt too: make a new one)"
        ) from None
    return (x_real, G, D) if y is None else (x_real, Given(G, y), Given(D, y))


def _dtype_of(network: nn.Module) -> torch.dtype:
    return next((p.dtype for p in network.parameters() if p.is_floating_point()), torch.float32)


def _scale_learning_rates(factor: float, *optimizers: torch.optim.Optimizer) -> float:
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            if "initial_lr" not in group:
                # A number, even of a tensor: that one is filled with the scaled rate below.
                group["initial_lr"] = float(group["lr"])
            rate = factor * float(group["initial_lr"])
            group["lr"] = group["lr"].fill_(rate) if isinstance(group["lr"], Tensor) else rate
    return factor


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")


def _check_players(G: nn.Module, D: nn.Module, opt_g: torch.optim.Optimizer, opt_d: torch.optim.Optimizer) -> None:
    own = {
        "G": {id(p) for p in G.parameters() if p.requires_grad},
        "D": {id(p) for p in D.parameters() if p.requires_grad},
    }
    if own["G"] & own["D"]:
        raise ValueError("G and D must not share parameters: each player moves only its own")
    for name, optimizer in (("G", opt_g), ("D", opt_d)):
        held = {id(p) for group in optimizer.param_groups for p in group["params"] if p.requires_grad}
        if held != own[name]:
            raise ValueError(
                f"opt_{name.lower()} must hold exactly the parameters of {name}: {len(held - own[name])} are "
                f"foreign and {len(own[name] - held)} are missing; build it with {name}.parameters()"
            )


def _check_finite(records: list[Record]) -> None:
    values = torch.stack([value for record in records for value in (record.loss_d, record.loss_g)]).tolist()
    for k, value in enumerate(values):
        if not math.isfinite(value):
            raise NonFinite(records[k // 2].step, ("loss_d", "loss_g")[k % 2], value)
