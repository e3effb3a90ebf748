"""What the training loop takes as a batch of real samples, and what it says of any other."""

import inspect
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn


def checked(batches: Iterator[Any], G: nn.Module, D: nn.Module) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Yield the samples and the conditions of each batch, and refuse what these players cannot be trained on.

    The values of the first batch alone are looked at, because on a GPU that makes the host wait.

    Args:
        batches: Real batches: x_real (N, ...), the pair (x_real, y), or (x_real,) as TensorDataset makes it.
        G: The generator; if it has an `output_range`, the samples must not be unscaled images.
        D: The discriminator; the samples must have its number type and lie on its device.

    Yields:
        x_real and y, which is None without conditions.

    Raises:
        ValueError: A batch is empty, is of another kind, number type or device, or holds unscaled images; it has
            conditions that the players do not take, or none for players that need them.
    """
    looked: list[bool] = []

    def check(batch: Any) -> tuple[Tensor, Tensor | None]:
        x_real, y = _x_and_y(batch)
        _check_batch(x_real, D)
        if not looked:
            _check_conditions(y, G, D)
            _check_range(x_real, getattr(G, "output_range", None))
            looked.append(True)
        return x_real, y

    return map(check, batches)  # no generator: an interrupt would end it


def _x_and_y(batch: Any) -> tuple[Tensor, Tensor | None]:
    if isinstance(batch, Tensor):
        return batch, None
    parts = list(batch) if isinstance(batch, tuple | list) else []
    if len(parts) not in (1, 2) or not all(isinstance(part, Tensor) for part in parts):
        kinds = f"({', '.join(type(part).__name__ for part in parts)})" if parts else type(batch).__name__
        raise ValueError(f"a batch must be a tensor x_real or a pair of tensors (x_real, y), got {kinds}")
    x_real, y = (*parts, None)[:2]  # TensorDataset makes (x_real,) of samples without labels
    if y is not None and (y.ndim == 0 or len(y) != len(x_real)):
        raise ValueError(
            f"a batch (x_real, y) must hold one condition for each sample, got {tuple(x_real.shape)} and "
            f"{tuple(y.shape)}"
        )
    return x_real, y


def _check_batch(x_real: Tensor, D: nn.Module) -> None:
    if x_real.ndim < 2 or len(x_real) == 0:
        raise ValueError(f"real batches must have shape (N, ...) with N >= 1, got {tuple(x_real.shape)}")
    own = next((p for p in D.parameters() if p.is_floating_point()), x_real)
    if x_real.dtype != own.dtype:
        how = f"x.to({own.dtype})" if x_real.is_floating_point() else "pixels / 127.5 - 1 for bytes"
        raise ValueError(f"real batches must be {own.dtype} as D's parameters are, got {x_real.dtype}: use {how}")
    if x_real.device != own.device:
        raise ValueError(
            f"real batches must be on {own.device} as D's parameters are, got {x_real.device}: move the data set, or "
            "each batch as the loader yields it"
        )


def _check_conditions(y: Tensor | None, G: nn.Module, D: nn.Module) -> None:
    for name, player in (("G", G), ("D", D)):
        if y is not None and not _takes(player, 2):
            raise ValueError(
                f"the batches are pairs (x_real, y), but {name} takes no condition: train on the samples alone, "
                "(x for x, y in batches), or use a conditional G(z, y) and D(x, y)"
            )
        if y is None and not _takes(player, 1):
            raise ValueError(
                f"{name} needs a condition, but the batches hold none: give pairs (x_real, y), as from "
                "data.labelled_batches"
            )


def _takes(network: nn.Module, count: int) -> bool:
    """Return whether a network can be called with so many tensors. A wrapper for any number is as what it wraps."""
    while True:
        signature = inspect.signature(network.forward)
        try:
            signature.bind(*range(count))
        except TypeError:
            return False
        any_number = any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values())
        inner = getattr(network, "network", getattr(network, "_orig_mod", None))
        if not any_number or not isinstance(inner, nn.Module):
            return True
        network = inner


def _check_range(x_real: Tensor, bounds: tuple[float, float] | None) -> None:
    """Refuse images that nobody has scaled: bytes, and [0, 1] for a G of [-1, 1], of which it would learn a half.

    Other values beyond G's range are taken: chapter 5 trains on them to show what comes of it.
    """
    if bounds is None:
        return
    (least, most), (low, high) = bounds, (float(value) for value in x_real.aminmax())
    of_one = least == -most and 0 <= low <= 0.1 * most and 0.9 * most <= high <= 1.01 * most
    if of_one or not high <= 10 * most:
        raise ValueError(
            f"real samples must use G's output range [{least:g}, {most:g}], the first batch has values from {low:.4g} "
            f"to {high:.4g}: scale images of 0..255 by x / 127.5 - 1, and images of 0..1 by 2 * x - 1"
        )


def check_shapes(x_real: Tensor, x_fake: Tensor) -> None:
    """Refuse a generator whose samples have another shape than the real ones.

    Raises:
        ValueError: The shapes (N, ...) differ in more than N.
    """
    if x_real.shape[1:] != x_fake.shape[1:]:
        raise ValueError(
            f"G must make samples of the real ones' shape {tuple(x_real.shape[1:])}, got {tuple(x_fake.shape[1:])}: "
            "resize the data or build G for them"
        )
