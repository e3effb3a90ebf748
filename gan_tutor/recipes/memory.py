"""How much memory a recipe needs: counted by playing it, not estimated from formulas.

The tensors of a turn are the same on every device, so they are counted on a CPU, in batches of 4 and of 8 samples:
after each operation the bytes alive are a straight line in the batch, and two batches give it. Not counted is what
a device's libraries take for themselves: a CUDA context (hundreds of MiB), workspaces of convolutions, gaps between
blocks.
"""

import weakref
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gan_tutor.data import ImageSet
from gan_tutor.recipes.game import Game, build, run, source
from gan_tutor.recipes.players import sample_shape
from gan_tutor.recipes.record import CLASSES, Recipe

IMAGES = {"MNIST": 60_000, "FashionMNIST": 60_000, "KMNIST": 60_000, "CIFAR10": 50_000, "CelebA": 162_770}
"""Training images of torchvision's sets, each held on the device as bytes."""
USABLE = 0.8  # of a device's free memory; the rest is for what is not counted


class Memory(NamedTuple):
    """Bytes that a game needs on its device.

    Attributes:
        data: The data set, held on the device.
        parameters: Both players, with their buffers.
        state: The moving average and the optimisers' moments.
        lines: What the moments of a turn need besides, activations, gradients and all, each as (bytes of any batch,
            bytes for each sample); only those that are the largest for some batch.
    """

    data: int
    parameters: int
    state: int
    lines: tuple[tuple[int, int], ...]

    def turn(self, batch_size: int) -> int:
        """Return the most that a turn needs besides data, parameters and state."""
        return max(fixed + each * batch_size for fixed, each in self.lines)

    def total(self, batch_size: int) -> int:
        """Return the peak of a game with batches of this size."""
        return self.data + self.parameters + self.state + self.turn(batch_size)


def memory(recipe: Recipe) -> Memory:
    """Count the memory of a recipe's game, on made-up data if its files are not inside the package.

    Precision "auto" is counted as bfloat16, which GPUs since Ampere choose.

    Plays three turns of 4 samples and three of 8 on the CPU: a fraction of a second for 28x28 pixels.
    """
    (small, _), (large, game) = (_played(recipe, n) for n in (4, 8))
    if len(small) != len(large):
        raise RuntimeError(f"a turn of 4 samples has {len(small)} operations and one of 8 has {len(large)}")
    lines = {(2 * at_4 - at_8, (at_8 - at_4) // 4) for at_4, at_8 in zip(small, large, strict=True)}
    parameters = _bytes(chain(game.G.state_dict().values(), game.D.state_dict().values()))
    moments = [v for opt in (game.opt_g, game.opt_d) for s in opt.state.values() for v in s.values()]
    state = _bytes(chain(game.ema.state_dict().values(), (v for v in moments if isinstance(v, Tensor))))
    return Memory(_data_bytes(recipe, game), parameters, state, _largest(lines))


def largest_batch(recipe: Recipe, free_bytes: int) -> int:
    """Return the largest power of two whose batches fit into four fifths of some free memory; 0 if not even one fits.

    Args:
        recipe: What shall be played; its own batch size does not matter.
        free_bytes: Free memory of the device before the game.
    """
    need, fits = memory(recipe), 1
    if need.total(1) > USABLE * free_bytes:
        return 0
    while need.total(2 * fits) <= USABLE * free_bytes and fits < 2**30:
        fits *= 2
    return fits


class _Live(TorchDispatchMode):
    """Counts, after every operation, the bytes of the storages that were made and are still held by somebody.

    Args:
        held: Tensors that are there before and may be freed meanwhile.
    """

    def __init__(self, held: Iterable[Tensor]) -> None:
        super().__init__()
        self.known: weakref.WeakKeyDictionary[Any, None] = weakref.WeakKeyDictionary()
        self.live = 0
        self.after: list[int] = []
        for tensor in held:
            self._add(tensor)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for tensor in _tensors((args, kwargs)):  # what was there before is not of this turn
            self.known[tensor.untyped_storage()] = None
        result = func(*args, **(kwargs or {}))
        for tensor in _tensors(result):
            if tensor.untyped_storage() not in self.known:
                self._add(tensor)
        self.after.append(self.live)
        return result

    def _add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        self.known[storage] = None
        self.live += storage.nbytes()
        weakref.finalize(storage, self._remove, storage.nbytes())

    def _remove(self, size: int) -> None:
        self.live -= size


def _played(recipe: Recipe, batch_size: int) -> tuple[list[int], Game]:
    """Play until the optimisers have their state, then count a turn with the penalty."""
    counted_as = "bfloat16" if recipe.precision == "auto" else recipe.precision
    eager = replace(
        recipe, precision=counted_as, batch_size=batch_size, penalty_every=1, compile=False, cuda_graph=False, steps=6
    )
    game = build(eager, data_source=stand_in(recipe))
    records = run(game)
    for _ in range(2):
        next(records)
    gradients = [p.grad for network in (game.G, game.D) for p in network.parameters() if p.grad is not None]
    counted = _Live(gradients)
    del gradients
    with counted:
        next(records)
    return counted.after, game


def _largest(lines: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return the lines a + b n that are the largest for some n >= 1, by rising slope."""
    steepest: dict[int, int] = {}
    for fixed, each in lines:
        steepest[each] = max(fixed, steepest.get(each, fixed))
    found: list[tuple[int, int]] = []
    for each, fixed in sorted(steepest.items()):
        # A flatter line is needed only where a steeper one has not overtaken it.
        while found and fixed + each >= found[-1][0] + found[-1][1]:
            found.pop()
        found.append((fixed, each))
    return tuple(found)


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(t.numel() * t.element_size() for t in tensors)


def stand_in(recipe: Recipe) -> Any:
    """Return data of the recipe's shape: its own if it is inside the package, else noise."""
    if recipe.data not in IMAGES:
        return source(recipe)
    classes = CLASSES.get(recipe.data, 1)
    pixels = torch.randint(256, (64, *sample_shape(recipe)), dtype=torch.uint8)
    return ImageSet(recipe.data, pixels, torch.arange(64) % classes, tuple(map(str, range(classes))))


def _data_bytes(recipe: Recipe, game: Game) -> int:
    if recipe.data in IMAGES:
        return IMAGES[recipe.data] * (torch.Size(sample_shape(recipe)).numel() + 8)
    held = getattr(game.source, "digits", game.source)
    return _bytes([held.pixels, held.labels]) if isinstance(held, ImageSet) else 0
