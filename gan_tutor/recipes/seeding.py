"""Initial weights from a seed of their own, without a touch of torch's global generator."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw every random number inside this block on the CPU from a new generator with this seed.

    The numbers are those of `torch.manual_seed(seed)`. But the global generator is neither read nor moved, and the
    block holds for this thread alone. So games may be built in several threads at once, and while others draw.

    Layers made inside are float32 on the CPU, whatever torch's default device and number type are.
    """
    with torch.device("cpu"), _From(torch.Generator("cpu").manual_seed(seed)):
        yield


# What layers make their parameters and buffers with.
_MAKES = ("aten::empty", "aten::zeros", "aten::ones", "aten::rand", "aten::randn")


class _From(TorchDispatchMode):
    """Give a generator to every random operation. Layers initialise themselves, and cannot be told of one."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func._schema.name in _MAKES and kwargs.get("dtype") is None:
            kwargs["dtype"] = torch.float32
        if torch.Tag.nondeterministic_seeded in func.tags:
            takes = {argument.name for argument in func._schema.arguments}
            func = func if "generator" in takes else func.overloadpacket.generator
            if kwargs.get("generator") is None:
                kwargs["generator"] = self.generator
        return func(*args, **kwargs)
