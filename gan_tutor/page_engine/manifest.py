"""What a page must know to play with a bundle: the draws of the initial weights, and which recipes a bundle serves.

Nothing about initialisation is written twice: the networks are built under a recorder that sees every random number
drawn and every constant filled in.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from gan_tutor import recipes
from gan_tutor.losses import LOSSES
from gan_tutor.page_engine.players import Player, player
from gan_tutor.page_engine.programs import (
    ARROW_FORMULAS,
    D_FORMULAS,
    G_FORMULAS,
    SMOOTHED,
    latent_width,
    shares_latents,
)
from gan_tutor.recipes import Recipe

aten = torch.ops.aten
SETTLED = 16  # spectral norm's power iterations before the first turn: 15 by its own, one when it is registered
ARCHITECTURE = (
    "generator", "discriminator", "width_g", "width_d", "mapping_g", "refine_g", "subpixel_g", "depth_g", "depth_d",
    "activation_g", "activation_d", "norm_d", "condition", "batch_size", "augment", "diffaugment",
)  # fmt: skip


@dataclass(frozen=True)
class Fill:
    """One filling of a tensor while a network is built.

    Attributes:
        kind: "uniform" on [a, b), "normal" with mean a and standard deviation b, or "constant" a.
        a: First number of the distribution.
        b: Second number.
        tensor: What was filled; kept, so that its memory is not given to another one.
    """

    kind: str
    a: float
    b: float
    tensor: Tensor

    @property
    def place(self) -> tuple[int, int]:
        """Where the values lie and how many they are."""
        return self.tensor.data_ptr(), self.tensor.numel()


class Recorder(TorchDispatchMode):
    """Records what draws from torch's default generator or fills in a constant, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.fills: list[Fill] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        packet = func.overloadpacket
        if packet in _DRAWS:
            kind, a, b = _DRAWS[packet](*args[1:])
            self._add(kind, a, b, result)
        elif packet in _CONSTANTS:
            self._add("constant", _CONSTANTS[packet], 0.0, result)
        elif packet is aten.fill_:
            self._add("constant", float(args[1]), 0.0, result)
        elif torch.Tag.nondeterministic_seeded in func.tags and kwargs.get("generator") is None:
            raise NotImplementedError(f"{func} draws random numbers while a network is built: teach it to the recorder")
        return result

    def _add(self, kind: str, a: float, b: float, tensor: Tensor) -> None:
        if tensor.is_floating_point():
            self.fills.append(Fill(kind, float(a), float(b), tensor))


_DRAWS: dict[Any, Any] = {
    aten.uniform_: lambda a=0.0, b=1.0: ("uniform", a, b),
    aten.normal_: lambda a=0.0, b=1.0: ("normal", a, b),
}
_CONSTANTS = {aten.zero_: 0.0, aten.zeros: 0.0, aten.zeros_like: 0.0, aten.ones: 1.0, aten.ones_like: 1.0}


def initial_fills(recipe: Recipe) -> list[dict[str, Any]]:
    """Return how a page makes both players' initial parameters, in the order in which torch draws, as plain records.

    A record has player, kind, a, b (as in `Fill`), count (values drawn), offset (where in the player's flat
    parameters; -1 for numbers drawn and thrown away), row (values in a row as drawn) and stride (values in a row of the
    flat parameters). The last two differ only in G's first layer, where the weights of unused latents are 0. A record
    with "into": "buffers" fills the player's flat buffers: the vectors from which spectral norm starts; after SETTLED
    calls of `settle_d` they are those of torch.
    """
    with Recorder() as recorder:
        game = recipes.build(recipe)
    wide = recipes.build(replace(recipe, latent_dim=latent_width(recipe)))
    places = {}
    for letter, network, layout in (("G", game.G, player(wide.G)), ("D", game.D, player(wide.D))):
        for name, parameter in network.named_parameters():
            row, stride = (shape[1:].numel() for shape in (parameter.shape, layout.parameters[name]))
            place = (letter, offset_of(layout, name), row, stride)
            places[parameter.data_ptr(), parameter.numel()] = place
    vectors = _spectral(player(game.D)) if recipe.norm_d == "spectral" else []
    last = {fill.place: k for k, fill in enumerate(recorder.fills)}
    found = []
    for k, fill in enumerate(recorder.fills):
        kept = fill.place in places and last[fill.place] == k
        if not kept and fill.kind == "constant":
            continue
        count = fill.tensor.numel()
        if not kept and fill.kind == "normal" and vectors:
            found.append(_into_buffers(fill, vectors.pop(0)))
            continue
        letter, offset, row, stride = places[fill.place] if kept else ("", -1, count, count)
        rows = {"row": row, "stride": stride} if row != stride else {"row": count, "stride": count}
        found.append(
            {"player": letter, "kind": fill.kind, "a": fill.a, "b": fill.b, "count": count, "offset": offset} | rows
        )
    return found


def _spectral(D: Player) -> list[tuple[int, int]]:
    """Return where spectral norm's vectors lie in D's flat buffers, and how long they are, in the order of drawing."""
    found, offset = [], 0
    for shape in D.buffers.values():
        found.append((offset, shape.numel()))
        offset += shape.numel()
    return found


def _into_buffers(fill: Fill, place: tuple[int, int]) -> dict[str, Any]:
    offset, count = place
    if count != fill.tensor.numel():
        raise ValueError(f"spectral norm drew {fill.tensor.numel()} values for a buffer of {count}")
    return {
        "player": "D", "kind": fill.kind, "a": fill.a, "b": fill.b, "count": count, "offset": offset, "row": count,
        "stride": count, "into": "buffers",
    }  # fmt: skip


def offset_of(layout: Player, name: str) -> int:
    """Return where a parameter begins in the player's flat parameters."""
    offset = 0
    for key, shape in layout.parameters.items():
        if key == name:
            return offset
        offset += shape.numel()
    raise ValueError(f"the player has no parameter {name!r}; it has {', '.join(layout.parameters)}")


def matching(recipe: Recipe) -> dict[str, Any]:
    """Return the fields that a recipe must share with this one to be served by its bundle."""
    shared = {name: getattr(recipe, name) for name in ARCHITECTURE}
    return shared if shares_latents(recipe) else shared | {"latent_dim": recipe.latent_dim}


def loss_columns() -> dict[str, Any]:
    """Return the weights that make each loss of the library out of the programs' formulas."""
    d_formulas = [loss.d_formula for loss in D_FORMULAS.values()]
    d_losses = {name: _one_hot(d_formulas, loss.d_formula) for name, loss in LOSSES.items()}
    smoothed = list(D_FORMULAS).index("smoothed")
    g_losses: dict[str, Any] = {}
    for program, formulas in G_FORMULAS.items():
        values = [loss.g_formula for loss in formulas]
        for name, loss in LOSSES.items():
            if loss.g_formula in values:
                g_losses[name] = {"program": program, "weights": _one_hot(values, loss.g_formula)}
    arrows = [loss.g_formula for loss in ARROW_FORMULAS]
    return {
        "d_losses": d_losses,
        "smoothed": dict.fromkeys(("minimax", "nonsaturating"), smoothed),
        "smoothed_target": SMOOTHED,
        "g_losses": g_losses,
        "arrows": {name: _one_hot(arrows, loss.g_formula) for name, loss in LOSSES.items() if not loss.on_features},
    }


def _one_hot(formulas: list[Any], formula: Any) -> list[int]:
    if formula not in formulas:
        raise ValueError("a loss has a formula that no program computes: add it to programs.D_FORMULAS or G_FORMULAS")
    return [int(known is formula) for known in formulas]
