"""An ONNX model as plain records, and the passes over it: views cost nothing, products take transposes, the rest fuses.

A view (reshape, squeeze, a contiguous slice) becomes a place in another value's memory. Transposes in front of a matrix
product become its flags. What is left is ordered by level, so that element-wise operations of one shape stand together.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference

Shape = tuple[int, ...]


@dataclass
class Node:
    """One operation: its ONNX name, the names of its values, and its attributes."""

    op: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where a value lies: so many values behind the start of `root`, an input or the result of an operation."""

    root: str
    offset: int


@dataclass
class Graph:
    """A program's operations in order, with every value's shape, its constants, and the places of its views."""

    nodes: list[Node]
    shapes: dict[str, Shape]
    constants: dict[str, np.ndarray]
    inputs: list[str]
    outputs: list[str]
    views: dict[str, Place] = field(default_factory=dict)

    def place(self, name: str) -> Place:
        """Return where a value lies."""
        view = self.views.get(name)
        if view is None:
            return Place(name, 0)
        source = self.place(view.root)
        return Place(source.root, source.offset + view.offset)


def read(model: onnx.ModelProto) -> Graph:
    """Return the operations that the model's outputs need, simplified.

    Raises:
        ValueError: A value's shape is not known.
    """
    inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {
        value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
        for value in (*inferred.input, *inferred.value_info, *inferred.output)
    }
    constants = {t.name: numpy_helper.to_array(t) for t in inferred.initializer}
    shapes |= {name: value.shape for name, value in constants.items()}
    nodes = [
        Node(
            node.op_type, list(node.input), list(node.output),
            {a.name: helper.get_attribute_value(a) for a in node.attribute},
        )
        for node in inferred.node
    ]  # fmt: skip
    unknown = [name for node in nodes for name in node.outputs if name not in shapes]
    if unknown:
        raise ValueError(f"every value's shape must be known, got none for {', '.join(unknown)}")
    graph = Graph(
        nodes, shapes, constants, [v.name for v in inferred.input if v.name not in constants],
        [v.name for v in inferred.output],
    )  # fmt: skip
    _find_views(graph)
    _absorb_transposes(graph)
    _find_correlations(graph)
    _drop_unused(graph)
    return graph


def size(shape: Shape) -> int:
    """Return the number of values of a shape."""
    return math.prod(shape)


def _find_views(graph: Graph) -> None:
    kept = []
    for node in graph.nodes:
        offsets = _offsets(graph, node)
        if offsets is None:
            kept.append(node)
        else:
            for name, offset in zip(node.outputs, offsets, strict=True):
                graph.views[name] = Place(node.inputs[0], offset)
    graph.nodes = kept


def _offsets(graph: Graph, node: Node) -> list[int] | None:
    """Return where the outputs of a view begin in its input, or None if the node is no view."""
    shape = graph.shapes.get(node.inputs[0], ())
    if node.inputs[0] in graph.constants:
        return None
    if node.op in ("Reshape", "Squeeze", "Unsqueeze", "Identity", "Flatten"):
        return [0]
    if node.op == "Transpose":
        # Only axes of length 1 move: nothing moves in memory.
        order = [axis for axis in node.attributes["perm"] if shape[axis] != 1]
        return [0] if order == sorted(order) else None
    if node.op == "Split":
        axis = node.attributes.get("axis", 0) % len(shape)
        if size(shape[:axis]) != 1:
            return None
        sizes = [size(graph.shapes[name]) for name in node.outputs]
        return [sum(sizes[:k]) for k in range(len(sizes))]
    if node.op == "Slice" and all(name in graph.constants for name in node.inputs[1:] if name):
        return _sliced(graph, node, shape)
    return None


def _sliced(graph: Graph, node: Node, shape: Shape) -> list[int] | None:
    values = [graph.constants[name].tolist() if name else [] for name in node.inputs[1:]]
    starts, _, axes, steps = (*values, [], [])[:4]
    cut = graph.shapes[node.outputs[0]]
    changed = [d for d in range(len(shape)) if cut[d] != shape[d]]
    if not changed:
        return [0]
    if len(changed) > 1 or size(shape[: changed[0]]) != 1 or any(step != 1 for step in steps):
        return None
    axes = [axis % len(shape) for axis in axes or range(len(starts))]
    start = dict(zip(axes, starts, strict=True))[changed[0]]
    start = min(start % shape[changed[0]] if start < 0 else start, shape[changed[0]])
    return [start * size(shape[changed[0] + 1 :])]


def _absorb_transposes(graph: Graph) -> None:
    turned = {
        node.outputs[0]: node.inputs[0]
        for node in graph.nodes
        if node.op == "Transpose" and len(graph.shapes[node.inputs[0]]) == 2
    }
    for node in graph.nodes:
        if node.op not in ("MatMul", "Gemm") or any(len(graph.shapes[name]) > 2 for name in node.inputs[:2]):
            continue
        for k, flag in enumerate(("transA", "transB")):
            while node.inputs[k] in turned:
                node.inputs[k] = turned[node.inputs[k]]
                node.attributes[flag] = 1 - node.attributes.get(flag, 0)


def _find_correlations(graph: Graph) -> None:
    """Recognise the gradient of a convolution in its weights, which `tracing` writes with samples as channels."""
    turned = {
        node.outputs[0]: node.inputs[0]
        for node in graph.nodes
        if node.op == "Transpose" and node.attributes["perm"] == [1, 0, 2, 3]
    }
    for node in graph.nodes:
        plain = node.op == "Conv" and len(node.inputs) == 2 and node.attributes.get("strides", [1, 1]) == [1, 1]
        if plain and all(name in turned for name in node.inputs):
            node.op, node.inputs = "Correlate", [turned[name] for name in node.inputs]


def _drop_unused(graph: Graph) -> None:
    needed = {graph.place(name).root for name in graph.outputs}
    kept = []
    for node in reversed(graph.nodes):
        if needed & set(node.outputs):
            kept.append(node)
            needed |= {graph.place(name).root for name in node.inputs if name}
    graph.nodes = kept[::-1]


def levels(graph: Graph, elementwise: Iterable[str]) -> dict[str, int]:
    """Return each result's level: results of one level and shape, all of element-wise operations, can share a loop.

    A path between two of them passes only through others of them, because anything else is a level higher.
    """
    names = set(elementwise)
    found: dict[str, int] = {}
    simple: dict[str, Shape | None] = {}
    for node in graph.nodes:
        shape = graph.shapes[node.outputs[0]] if node.op in names else None
        level = 0
        for name in node.inputs:
            root = graph.place(name).root
            if root in found:
                same = shape is not None and simple[root] == shape and graph.shapes[name] == shape
                level = max(level, found[root] + (0 if same else 1))
        for name in node.outputs:
            found[name], simple[name] = level, shape
    return found
