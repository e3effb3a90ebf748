"""From a program of PyTorch to a graph of plain forward operations, and to ONNX.

`make_fx` records what runs, first and second derivatives included; every operation without a translation to ONNX is
decomposed: the backward of a convolution, BatchNorm in training mode.
"""

import logging
import warnings
from collections.abc import Callable
from typing import Any

import onnx
import onnx_ir.passes.common as passes
import torch
from onnxscript import optimizer
from torch import Tensor
from torch._decomp import core_aten_decompositions, get_decompositions
from torch.func import functionalize
from torch.fx.experimental.proxy_tensor import make_fx

from gan_tutor.page_engine.players import Program

aten = torch.ops.aten


def trace(program: Program) -> torch.fx.GraphModule:
    """Return the program as a graph without derivatives or mutations."""
    example = [torch.rand(port.shape) for port in program.inputs]
    recorded = make_fx(program.function, decomposition_table=_decompositions())(*example)
    _drop_copies(recorded)
    if not any(port.name.startswith("buffers") for port in program.inputs):
        return recorded
    pure = make_fx(functionalize(recorded, remove="mutations"), decomposition_table=_decompositions())(*example)
    _drop_copies(pure)
    return pure


def to_onnx(program: Program, traced: torch.fx.GraphModule | None = None) -> onnx.ModelProto:
    """Return the program as an ONNX model with the program's names on its inputs and outputs ("out_" before those).

    Args:
        program: What to translate.
        traced: Its graph, if it was traced before.
    """
    example = tuple(torch.rand(port.shape) for port in program.inputs)
    for name in ("torch.onnx", "onnxscript"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported: Any = torch.onnx.export(
            traced or trace(program),
            example,
            dynamo=True,
            opset_version=20,
            input_names=[port.name for port in program.inputs],
            output_names=["out_" + port.name for port in program.outputs],
            verbose=False,
            optimize=False,
        )
    # The exporter's own optimiser takes an addend of 1e-8 for 0, and would drop Adam's eps.
    optimizer.fold_constants(exported.model, output_size_limit=64)
    for step in _CLEANING:
        step(exported.model)
    return stripped(exported.model_proto)


_CLEANING = (
    passes.RemoveUnusedNodesPass(),
    passes.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
    passes.DeduplicateInitializersPass(),
    passes.CommonSubexpressionEliminationPass(),
    passes.OutputFixPass(),
    passes.NameFixPass(),
)


def fingerprint(traced: torch.fx.GraphModule) -> str:
    """Return a text that is the same for two graphs that compute the same: their operations and constant tensors."""
    held = {name: value.tolist() for name, value in vars(traced).items() if isinstance(value, Tensor)}
    held |= {name: value.tolist() for name, value in traced.named_buffers()}
    return f"{traced.code}{held}"


def stripped(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drop what only explains where a node came from, in place; it is most of the file."""
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    del model.graph.value_info[:]
    del model.graph.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
        value.doc_string = ""
    del model.metadata_props[:]
    return model


def _drop_copies(graph_module: torch.fx.GraphModule) -> None:
    """Remove nodes that only detach or copy, and what nothing uses."""
    graph = graph_module.graph
    same = {aten.detach.default, aten.alias.default, aten.lift_fresh_copy.default}
    for node in list(graph.nodes):
        if node.op == "call_function" and node.target in same:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
        elif node.target in (aten.view.default, aten._unsafe_view.default):
            node.target = aten.reshape.default
    graph.eliminate_dead_code()
    graph_module.recompile()


def _decompositions() -> dict[Any, Callable[..., Any]]:
    table: dict[Any, Callable[..., Any]] = dict(core_aten_decompositions())
    table |= get_decompositions([
        aten.native_batch_norm, aten._native_batch_norm_legit, aten._native_batch_norm_legit_functional,
        aten.native_batch_norm_backward,
    ])  # fmt: skip
    table[aten.convolution_backward.default] = _convolution_backward
    table[aten.var_mean.correction] = _var_mean
    return table


def _convolution_backward(
    slope: Tensor,
    x: Tensor,
    weight: Tensor,
    bias_sizes: Any,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
    mask: list[bool],
) -> tuple[Tensor | None, ...]:
    """The backward of an ungrouped convolution, as convolutions."""
    if groups != 1 or any(d != 1 for d in dilation):
        raise NotImplementedError(f"only groups 1 and dilation 1 are compiled, got {groups} and {dilation}")
    dims = range(x.ndim - 2)
    of_x = of_weight = None
    if mask[0] and transposed:
        of_x = aten.convolution(slope, weight, None, stride, padding, dilation, False, [0, 0], 1)
    elif mask[0]:
        missing = [
            x.shape[2 + i] - ((slope.shape[2 + i] - 1) * stride[i] - 2 * padding[i] + weight.shape[2 + i]) for i in dims
        ]
        of_x = aten.convolution(slope, weight, None, stride, padding, dilation, True, missing, 1)
    if mask[1]:
        # Each entry of the kernel sums products over samples and places: a convolution with the roles exchanged, in
        # which the forward stride becomes a dilation.
        big, small = (slope, x) if transposed else (x, slope)
        rolled = aten.convolution(
            big.transpose(0, 1), small.transpose(0, 1), None, [1, 1], padding, stride, False, [0, 0], 1
        )
        of_weight = rolled.transpose(0, 1)[:, :, : weight.shape[2], : weight.shape[3]]
    return of_x, of_weight, slope.sum([0, 2, 3]) if mask[2] else None


def _var_mean(
    x: Tensor, dim: list[int] | None = None, *, correction: float | None = None, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    dims = list(range(x.ndim)) if dim is None else [d % x.ndim for d in dim]
    count = 1
    for d in dims:
        count *= x.shape[d]
    mean = x.mean(dims, keepdim=True)
    variance = (x - mean).square().sum(dims, keepdim=True) / (count - (1 if correction is None else correction))
    if keepdim:
        return variance, mean
    kept = [size for d, size in enumerate(x.shape) if d not in dims]
    return variance.reshape(kept), mean.reshape(kept)
