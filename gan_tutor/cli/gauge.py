"""How fast a run is, as a share of what the device can do, and how large a batch fits after one that did not."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from gan_tutor import data, networks, recipes

_PROBE = 4  # samples of the batch whose operations are counted: FLOPs are proportional to them


class _Counter(TorchDispatchMode):
    """Add up torch's own formulas. FlopCounterMode, which also names modules, fails in a penalty's inner gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func.overloadpacket)
        if formula is not None:
            self.flops += formula(*args, **(kwargs or {}), out_val=out)
        return out


def turn_flops(recipe: recipes.Recipe, source: data.Source, device: torch.device) -> float:
    """Return the floating-point operations of a turn's matrix products and convolutions, penalties included.

    They are counted while one turn is played on `device` with a batch of 4, as autograd executes them: also products
    with the zero second derivatives of a ReLU. A penalty in every k-th turn counts 1/k.

    Args:
        recipe: The recipe.
        source: Its data, opened.
        device: Where to play; the counts are the same everywhere.
    """

    def count(played: recipes.Recipe) -> float:
        turns = recipes.run(recipes.build(played, device, data_source=source))
        with _Counter() as counter:
            next(turns)
        return counter.flops * recipe.batch_size / _PROBE

    plain = replace(recipe, batch_size=_PROBE, penalty_every=1, compile=False, cuda_graph=False)
    without, with_penalty = count(replace(plain, penalty="none")), count(plain)
    return without + (with_penalty - without) / recipe.penalty_every


def share_of_peak(game: recipes.Game, size: int = 8192) -> float:
    """Return which share of its device's matrix peak one turn of this process would use if it took a second."""
    recipe, device = game.recipe, game.generator.device
    peak = peak_flops(device, getattr(torch, networks.precision_on(device, recipe.precision)), size)
    return turn_flops(recipe, game.source, device) / game.share.ranks / peak


def peak_flops(device: torch.device, dtype: torch.dtype, size: int = 8192, repeats: int = 5) -> float:
    """Return the operations a second of the fastest of some products of two square matrices.

    The float32 peak is the one of the precision that is set (`torch.set_float32_matmul_precision`).

    Args:
        device: Where to measure.
        dtype: Of the matrices.
        size: Rows of a matrix.
        repeats: Products, after one that warms up.
    """
    a = torch.randn(size, size, device=device).to(dtype)
    times = []
    for _ in range(repeats + 1):
        began = _now(device)
        a @ a
        times.append(_now(device) - began)
    return 2 * size**3 / min(times[1:])


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def halved_until_it_fits(attempt: Callable[[int], None], failed: int) -> int:
    """Return the largest of failed / 2, failed / 4, ... that `attempt` survives, or 0.

    Args:
        attempt: Raises torch's error if a batch of so many is too large.
        failed: A batch size that was too large.
    """
    size = failed // 2
    while size:
        try:
            attempt(size)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            size //= 2
        else:
            return size
    return 0


def is_out_of_memory(error: RuntimeError) -> bool:
    """Tell whether torch found no memory, on a GPU or on a CPU."""
    return isinstance(error, torch.cuda.OutOfMemoryError) or "can't allocate memory" in str(error)


def advice(recipe: recipes.Recipe, source: data.Source | None, device: torch.device, ranks: int = 1) -> str:
    """Say which setting of a recipe that ran out of memory to change, and by how much.

    Turns with smaller batches are tried on the device until one fits; call it when the failed game's memory is free.

    Args:
        recipe: The recipe that did not fit.
        source: Its data on the device, or None to open it.
        device: Where it ran.
        ranks: Number of processes that shared each batch.
    """

    def attempt(rows: int) -> None:
        smaller = replace(recipe, batch_size=rows, penalty_every=1, steps=2)
        for _ in recipes.run(recipes.build(smaller, device, data_source=source)):
            pass

    rows = halved_until_it_fits(attempt, recipe.batch_size // ranks)
    if device.type == "cuda":
        torch.cuda.empty_cache()
    failed = f"out of memory with batch_size {recipe.batch_size}" + (f" on {ranks} processes" if ranks > 1 else "")
    precision = networks.precision_on(device, recipe.precision)
    halves = "" if precision == "bfloat16" else "; --precision bfloat16 about halves the memory of activations"
    if not rows:
        return (
            f"{failed}, and a batch of one sample a process does not fit either: lower --width-g and --width-d, "
            f"now {recipe.width_g} and {recipe.width_d}, to half{halves}"
        )
    more = -(-recipe.batch_size // rows)
    return (
        f"{failed}: --batch-size {rows * ranks} fits here{halves}; or share the same batch between {more} GPUs with "
        f"torchrun --nproc-per-node {more}"
    )
