"""A network as a function of flat vectors: its parameters and buffers come from outside, whatever it is made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import embedding, one_hot
from torch.overrides import TorchFunctionMode


@dataclass(frozen=True)
class Port:
    """One input or output of a program: a float32 array; `draw` says from which distribution a page fills an input."""

    name: str
    shape: tuple[int, ...]
    draw: str | None = None


@dataclass(frozen=True)
class Program:
    """A function of tensors and the names of what goes in and comes out."""

    name: str
    function: Callable[..., tuple[Tensor, ...]]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


@dataclass(frozen=True)
class Player:
    """A network and how its parameters and float buffers lie in one vector each."""

    network: nn.Module
    parameters: dict[str, torch.Size]
    buffers: dict[str, torch.Size]

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(shape.numel() for shape in self.parameters.values())

    @property
    def buffer_size(self) -> int:
        """Number of values in float buffers."""
        return sum(shape.numel() for shape in self.buffers.values())


def player(network: nn.Module) -> Player:
    """Return the layout of a network's parameters and float buffers."""
    parameters = {name: p.shape for name, p in network.named_parameters()}
    buffers = {name: b.shape for name, b in network.named_buffers() if b.is_floating_point()}
    return Player(network, parameters, buffers)


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """Return all values of some tensors as one vector."""
    return torch.cat([t.reshape(-1) for t in tensors])


def split(vector: Tensor, layout: dict[str, torch.Size]) -> dict[str, Tensor]:
    """Return the tensors that `flat` joined, by name."""
    sizes = [shape.numel() for shape in layout.values()]
    parts = vector.split(sizes) if sizes else ()
    return {name: part.view(shape) for (name, shape), part in zip(layout.items(), parts, strict=True)}


class Called:
    """A player as a function of its samples, with parameters and buffers given from outside.

    Buffers that a call changes are changed here, for the next call and for `left`.

    Args:
        whom: The network and its layout.
        parameters: Its parameters by name.
        buffers: Its float buffers as one vector; empty if it has none.
        y: Class numbers (N,), float, for a conditional network; used in order k times for k N samples.
        noise: Noise to add to the samples of each call, in order; no call after the last one is noisy.
    """

    def __init__(
        self,
        whom: Player,
        parameters: dict[str, Tensor],
        buffers: Tensor,
        noise: Sequence[Tensor] = (),
        y: Tensor | None = None,
    ) -> None:
        self.network, self.layout = whom.network, whom.buffers
        fixed = {name: b.clone() for name, b in whom.network.named_buffers() if name not in whom.buffers}
        state = {name: part.clone() for name, part in split(buffers, whom.buffers).items()}
        self.parameters, self.state = parameters, state | fixed
        self.noise, self.y = list(noise), y

    def __call__(self, x: Tensor) -> Tensor:
        """Return the network's answer to samples, or a generator's to latents."""
        return self._run(None, x)

    def features(self, x: Tensor) -> Tensor:
        """Return the network's features (N, F)."""
        return self._run("features", x)

    def left(self) -> tuple[Tensor, ...]:
        """Return the buffers as the calls left them: one vector, or nothing if there are none."""
        return (flat([self.state[name] for name in self.layout]),) if self.layout else ()

    def _run(self, method: str | None, x: Tensor) -> Tensor:
        if self.noise:
            x = x + self.noise.pop(0)
        values = {**self.parameters, **self.state}
        network = self.network if method is None else _Method(self.network, method)
        prefix = "" if method is None else "network."
        values = {prefix + name: value for name, value in values.items()}
        condition = () if self.y is None else (self.y.repeat(len(x) // len(self.y)),)
        with _FloatClasses():
            answer: Tensor = functional_call(network, values, (x, *condition))
        self.state = {name: values[prefix + name] for name in self.state}
        return answer


class _Method(nn.Module):
    """A network whose forward is one of its other methods, for `functional_call`."""

    def __init__(self, network: nn.Module, method: str) -> None:
        super().__init__()
        self.network, self.method = network, method

    def forward(self, x: Tensor, *condition: Tensor) -> Tensor:
        answer: Tensor = getattr(self.network, self.method)(x, *condition)
        return answer


class _FloatClasses(TorchFunctionMode):
    """Lets networks take class numbers as float32, the programs' only type: a product picks the row of a code."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is embedding:
            return _one_hot(args[0], len(args[1])) @ args[1]
        if func is one_hot:
            return _one_hot(*args)
        return func(*args, **(kwargs or {}))


def _one_hot(y: Tensor, classes: int) -> Tensor:
    return (y.unsqueeze(1) == torch.arange(classes, dtype=y.dtype)).to(y.dtype)
