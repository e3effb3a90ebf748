"""A whole turn of the game as one CUDA graph: recorded once, then replayed.

A small GAN leaves a GPU waiting for Python: a turn of two perceptrons is hundreds of kernels of a few microseconds,
each launched from the host. A graph launches them all at once. What it replays is fixed, so everything that changes
from turn to turn must lie in device memory: batches and latents are drawn inside the turn by a generator that the graph
knows, and a `Plan`'s numbers and the learning rates are tensors that are written before a replay.

A graph belongs to one call of the loop. Each change in a live lab begins the loop anew, so it plays the warm-up and
records both graphs again: a captured game pays for a run that is left alone, and not for one that is steered.

Written from PyTorch's documentation and not yet run on a GPU. Mixtures need torch 2.6: `multinomial` waited before. The
backward pass of `nn.Embedding`, which conditional games learn their codes with, has another kernel for more than 3072
conditions, which waits for the host in some versions of PyTorch: take smaller batches there.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

WARM_UP = 3  # turns: optimisers make their state, libraries choose their kernels


class Plan(NamedTuple):
    """What a turn is told: everything that changes from turn to turn and is not drawn at random.

    Attributes:
        step: The turn's number, for messages.
        due: Whether D's penalty is taken.
        weight: The penalty's weight; a number or a scalar on the device.
        decay: Share of G's moving average that is kept, in [0, 1); likewise.
    """

    step: int
    due: bool
    weight: float | Tensor
    decay: float | Tensor


Turn = Callable[[Plan], tuple[Tensor, Tensor]]
"""Plays a turn and returns the losses of D and G."""


def captured(
    turn: Turn, generator: torch.Generator, optimizers: tuple[torch.optim.Optimizer, ...], warm_up: int = WARM_UP
) -> Turn:
    """Return a turn that plays `turn` as a CUDA graph: one for turns with the penalty, one for those without.

    The first `warm_up` turns of each kind are played as they are, on a stream of their own; they count. A graph's
    results are copied out of its memory, so a loss stays what it was when the next turn is played.

    Args:
        turn: Reads nothing from the host and waits for nothing: see `training.train`.
        generator: All randomness of the turn, on a CUDA device.
        optimizers: Of both players; their learning rates become tensors, see `tensor_rates`.
        warm_up: Turns before the recording, at least 1.

    Raises:
        ValueError: The generator is not on a CUDA device, `warm_up` is below 1, or an optimiser reads its learning
            rate on the host.
    """
    require_gpu(generator.device)
    if warm_up < 1:
        raise ValueError(f"warm_up must be at least 1, got {warm_up}: an optimiser's state is made in its first step")
    for optimizer in optimizers:
        require_rates_on_device(optimizer)
        tensor_rates(optimizer, generator.device)
    weight, decay = (torch.zeros((), device=generator.device) for _ in range(2))
    side, played = torch.cuda.Stream(generator.device), Counter[bool]()
    graphs: dict[bool, torch.cuda.CUDAGraph] = {}
    results: dict[bool, tuple[Tensor, Tensor]] = {}
    pool = torch.cuda.graph_pool_handle()  # one for both: they never run at once and leave nothing for each other

    def play(plan: Plan) -> tuple[Tensor, Tensor]:
        plan = plan._replace(weight=weight.fill_(plan.weight), decay=decay.fill_(plan.decay))
        if played[plan.due] < warm_up:
            played[plan.due] += 1
            return _beside(side, turn, plan)
        if plan.due not in graphs:
            graph = torch.cuda.CUDAGraph()
            graph.register_generator_state(generator)
            with torch.cuda.graph(graph, pool=pool, stream=side):
                results[plan.due] = turn(plan)
            graphs[plan.due] = graph
        graphs[plan.due].replay()
        loss_d, loss_g = results[plan.due]
        return loss_d.clone(), loss_g.clone()

    return play


def require_gpu(device: torch.device) -> None:
    """Refuse a device that has no CUDA graphs.

    Raises:
        ValueError: The device is not a CUDA device.
    """
    if device.type != "cuda":
        raise ValueError(
            f"cuda_graph needs a game on a CUDA GPU, got one on {device}: set cuda_graph=False, or give device='cuda'"
        )


def require_rates_on_device(optimizer: torch.optim.Optimizer) -> None:
    """Refuse an optimiser that reads its learning rate on the host, as SGD does unless it is fused.

    Raises:
        ValueError: It is one.
    """
    if any("capturable" not in group and not group.get("fused") for group in optimizer.param_groups):
        raise ValueError(
            "cuda_graph needs an optimiser that reads its learning rate on the device, got "
            f"{type(optimizer).__name__}: use Adam, RMSprop, or SGD with fused=True"
        )


def tensor_rates(optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """Make an optimiser's learning rates scalars on the device, and its steps fit for a CUDA graph.

    "initial_lr" keeps each rate as a number, as schedules and checkpoints need it. Steps that were counted on the host
    so far go on from there on the device.
    """
    for group in optimizer.param_groups:
        rate = float(group["lr"])
        group.setdefault("initial_lr", rate)
        group["lr"] = torch.tensor(rate, device=device)
        if "capturable" in group:
            group["capturable"] = device.type == "cuda"
    for state in optimizer.state.values():
        if isinstance(state.get("step"), Tensor):
            state["step"] = state["step"].to(device, torch.float32)


def drawn_here(
    batches: Iterator[Any],
    generator: torch.Generator,
    capturing: Callable[[], bool] = torch.cuda.is_current_stream_capturing,
) -> Iterator[Any]:
    """Yield the batches, and refuse one that was not drawn by the generator: a graph would replay it for ever.

    Args:
        batches: Real batches.
        generator: The game's generator, on a CUDA device.
        capturing: Says whether a graph is being recorded: numbers drawn there are counted when it is replayed.

    Raises:
        ValueError: A batch came without a draw from the generator.
    """
    before = generator.get_offset()
    for batch in batches:
        if not capturing() and generator.get_offset() == before:
            raise ValueError(
                "with cuda_graph every batch must be drawn by the game's generator on its device, got one that was "
                "not: use data.batches with the same generator, or cuda_graph=False for a loader of your own"
            )
        yield batch
        before = -1 if capturing() else generator.get_offset()


def _beside(side: torch.cuda.Stream, turn: Turn, plan: Plan) -> tuple[Tensor, Tensor]:
    current = torch.cuda.current_stream(side.device)
    side.wait_stream(current)
    with torch.cuda.stream(side):
        results = turn(plan)
    current.wait_stream(side)
    return results
