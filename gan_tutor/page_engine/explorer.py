"""A trained generator as one file that a page can explore: its program, packed weights, and directions to move z along.

The program is G in evaluation mode for one latent, compiled as all programs of the page are; it takes less than a
millisecond, so a row of images is drawn one after the other. Weights are whole numbers times a scale for each output
channel: of 8 bits in convolutions, of 6 in linear layers, which hold most of them; the rest (biases, BatchNorm, codes
of classes) stays float32. A conditional G is stored as the plain G that sees [z, code].
"""

import base64
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import jacfwd, vmap

from gan_tutor import networks, recipes
from gan_tutor.page_engine import lowering
from gan_tutor.page_engine.players import Called, Player, Port, Program, flat, player, split
from gan_tutor.recipes import Recipe

VERSION = 1
LEVELS = {nn.Linear: 31, nn.Conv2d: 127, nn.ConvTranspose2d: 127}
STRONGEST, WEAKEST = 6, 2
_OUTPUTS: dict[type, int] = {nn.Linear: 0, nn.Conv2d: 0, nn.ConvTranspose2d: 1}


@dataclass(frozen=True)
class Axes:
    """Directions in the space of z, strongest first.

    Attributes:
        vectors: Orthonormal rows (latent_dim, latent_dim).
        shares: How much of the mean squared change of the image each accounts for (latent_dim,); the sum is 1.
    """

    vectors: Tensor
    shares: Tensor


def quantise(weight: Tensor, outputs: int, levels: int = 127) -> tuple[Tensor, Tensor]:
    """Return whole numbers q in [-levels, levels] and a scale s for each output channel, with s q close to the weight.

    s = max |weight| / levels over the channel, so no value is off by more than s / 2.

    Args:
        weight: A weight of any shape.
        outputs: Its dimension of output channels.
        levels: Largest whole number, from 1 to 127.

    Returns:
        q, int8, of the weight's shape, and s (channels,); s is 1 where a channel is 0.
    """
    others = [d for d in range(weight.ndim) if d != outputs]
    scale = weight.abs().amax(others) / levels
    scale = torch.where(scale > 0, scale, 1.0)
    return (weight / _along(scale, weight.ndim, outputs)).round().to(torch.int8), scale


def dequantise(q: Tensor, scale: Tensor, outputs: int) -> Tensor:
    """Return q times the scale of its output channel, float32."""
    return q.float() * _along(scale, q.ndim, outputs)


@torch.no_grad()
def metric(G: nn.Module, z: Tensor) -> Tensor:
    """Return the mean of J^T J over latents, J = dG(z)/dz: a small step d of z changes the image by |J d|.

    Args:
        G: A generator of z alone, in evaluation mode.
        z: Latents (N, latent_dim), where the Jacobians are taken.

    Returns:
        A symmetric matrix (latent_dim, latent_dim), float64, in squared pixel units for each squared unit of z.
    """
    jacobian = vmap(jacfwd(lambda one: G(one[None]).flatten()), chunk_size=16)(z).double()  # (N, pixels, latent_dim)
    return torch.einsum("npi,npj->ij", jacobian, jacobian) / len(z)


def principal_axes(mean: Tensor) -> Axes:
    """Return the eigenvectors of a metric, strongest first, each with its largest entry positive."""
    values, vectors = torch.linalg.eigh(mean)
    rows, values = vectors.T.flip(0), values.flip(0).clamp(min=0)
    largest = rows.gather(1, rows.abs().argmax(1, keepdim=True))
    return Axes((rows * largest.sign()).float(), (values / values.sum()).float())


def plain(G: nn.Module) -> tuple[nn.Module, Tensor | None]:
    """Return the generator of [z, code] inside a conditional one, and the codes (classes, k); else G and None."""
    if isinstance(G, networks.ConditionalGenerator):
        return G.G, cast(nn.Embedding, G.encode).weight.detach()
    return G, None


def show(G: nn.Module, inputs: int) -> Program:
    """Return the program `show`: G in evaluation mode as a function of its parameters, buffers and one input."""
    whom = player(G.eval())

    def function(theta: Tensor, buffers: Tensor, z: Tensor) -> tuple[Tensor, ...]:
        return (Called(whom, split(theta, whom.parameters), buffers)(z).clone(),)

    with torch.no_grad():
        made = G(torch.zeros(1, inputs))
    ports = (Port("theta_g", (whom.size,)), Port("buffers_g", (whom.buffer_size,)), Port("z", (1, inputs)))
    return Program("show", function, ports, (Port("x", tuple(made.shape)),))


def pack(whom: Player) -> tuple[list[dict[str, Any]], bytes]:
    """Return a record for each tensor of a generator, parameters before buffers, and their bytes.

    A record has `count`; a quantised tensor also `channels` and `inner`: value i belongs to channel (i div inner) mod
    channels. The bytes are all float32 numbers in order (a quantised tensor's scales, any other's values), then int8.
    """
    state, layers = whom.network.state_dict(), quantised(whom.network)
    records: list[dict[str, Any]] = []
    numbers, whole = [], []
    for name in (*whom.parameters, *whom.buffers):
        value = state[name].detach()
        record = {"count": value.numel()}
        if name in layers:
            outputs = _OUTPUTS[layers[name]]
            q, scale = quantise(value, outputs, LEVELS[layers[name]])
            record |= {"channels": len(scale), "inner": value[0].numel() if outputs == 0 else value[0, 0].numel()}
            numbers.append(scale)
            whole.append(q.flatten())
        else:
            numbers.append(value.float().flatten())
        records.append(record)
    return records, flat(numbers).numpy().tobytes() + torch.cat(whole).numpy().tobytes()


def unpack(records: list[dict[str, Any]], packed: bytes) -> Tensor:
    """Return the values of all tensors that `pack` wrote, as one vector."""
    kept = [record.get("channels", record["count"]) for record in records]
    cut = 4 * sum(kept)
    numbers = torch.frombuffer(bytearray(packed[:cut]), dtype=torch.float32).split(kept)
    sizes = [record["count"] for record in records if "channels" in record]
    whole = iter(torch.frombuffer(bytearray(packed[cut:]), dtype=torch.int8).split(sizes))
    parts = []
    for record, values in zip(records, numbers, strict=True):
        if "channels" in record:
            q = next(whole).view(-1, record["channels"], record["inner"])
            values = dequantise(q, values, 1).flatten()
        parts.append(values)
    return torch.cat(parts)


def describe(name: str, G: nn.Module, recipe: Recipe, classes: tuple[str, ...], made: dict[str, Any]) -> dict[str, Any]:
    """Return the file of a trained generator as plain values.

    Args:
        name: What pages call it.
        G: The generator, conditional or not, with float buffers (BatchNorm).
        recipe: What trained it.
        classes: Names of the classes that can be asked for; empty if G is not conditional.
        made: What a reader of the file should know: seed, steps, date, machine, distances.
    """
    inner, codes = plain(G.eval())
    inputs = recipe.latent_dim + (0 if codes is None else codes.shape[1])
    program = show(inner, inputs)
    wasm = lowering.to_wasm(lowering.to_c([program]), [program.name])
    records, weights = pack(player(inner))
    axes = axes_of(G, recipe.latent_dim)
    return {
        "version": VERSION, "name": name, "made": made, "latent": recipe.latent_dim,
        "sample": list(recipes.sample_shape(recipe)), "classes": list(classes),
        "codes": [] if codes is None else _rounded(codes),
        "axes": _rounded(torch.cat([axes.vectors[:STRONGEST], axes.vectors[-WEAKEST:]])),
        "shares": _rounded(torch.cat([axes.shares[:STRONGEST], axes.shares[-WEAKEST:]])),
        "programs": {program.name: {"inputs": _ports(program.inputs), "outputs": _ports(program.outputs)}},
        "tensors": records, "wasm": _packed(wasm), "weights": _packed(weights),
    }  # fmt: skip


def axes_of(G: nn.Module, latent_dim: int, n: int = 200) -> Axes:
    """Return the principal axes of a generator over n latents, shared out among the classes of a conditional one."""
    inner, codes = plain(G.eval())
    z = torch.randn(n, latent_dim, generator=torch.Generator().manual_seed(0))
    if codes is None:
        return principal_axes(metric(inner, z))
    of_classes = [metric(_Coded(inner, code), part) for code, part in zip(codes, z.chunk(len(codes)), strict=True)]
    return principal_axes(torch.stack(of_classes).mean(0))


def quantised(G: nn.Module) -> dict[str, type]:
    """Return the kind of layer of each weight that is quantised, by the weight's name."""
    layers = {f"{name}.weight": type(layer) for name, layer in G.named_modules()}
    return {name: kind for name, kind in layers.items() if kind in _OUTPUTS}


def write(facts: dict[str, Any], path: str | Path) -> None:
    """Write the file of a generator: one line of JSON for each of its parts, so that a change can be seen."""
    lines = [f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in facts.items()]
    Path(path).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def load(path: str | Path, recipe: Recipe) -> nn.Module:
    """Return the generator of a file with the weights that a page uses, in evaluation mode.

    Args:
        path: What `write` wrote.
        recipe: The recipe that trained it.
    """
    facts = json.loads(Path(path).read_text(encoding="utf-8"))
    G = recipes.build(recipe).ema.eval()
    inner, codes = plain(G)
    whom = player(inner)
    values = unpack(facts["tensors"], zlib.decompress(base64.b64decode(facts["weights"])))
    inner.load_state_dict(split(values, whom.parameters | whom.buffers), strict=False)
    if codes is not None:
        codes.copy_(torch.tensor(facts["codes"]))
    return G


class _Coded(nn.Module):
    """G(z) = G([z, code]) for one code."""

    def __init__(self, G: nn.Module, code: Tensor) -> None:
        super().__init__()
        self.G, self.code = G, code

    def forward(self, z: Tensor) -> Tensor:
        return self.G(torch.cat([z, self.code.expand(len(z), -1)], dim=1))


def _along(scale: Tensor, dims: int, outputs: int) -> Tensor:
    return scale.view([-1 if d == outputs else 1 for d in range(dims)])


def _rounded(values: Tensor) -> list[Any]:
    return torch.round(values.double(), decimals=6).tolist()


def _packed(raw: bytes) -> str:
    return base64.b64encode(zlib.compress(raw, 9)).decode()


def _ports(ports: tuple[Port, ...]) -> list[dict[str, Any]]:
    return [{"name": port.name, "shape": list(port.shape)} for port in ports]
