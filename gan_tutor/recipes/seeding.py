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
    """
    with torch.device("cpu"), _From(torch.Generator("cpu").manual_seed(seed)):
        yield


class _From(TorchDispatchMode):
    """Give a generator to every random operation. Layers initialise themselves, and cannot be told of one."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if torch.Tag.nondeterministic_seeded in func.tags:
            takes = {argument.name for argument in func._schema.arguments}
            func = func if "generator" in takes else func.overloadpacket.generator
            if kwargs.get("generator") is None:
                kwargs["generator"] = self.generator
        return func(*args, **kwargs)
