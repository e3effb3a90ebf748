"""From programs' graphs to one C file: each program calls matrix products, shared loops and what emx-onnx-cgen wrote.

All intermediate values lie in one arena, whose places are reused as soon as a value has been read for the last time.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

import numpy as np
import onnx
from emx_onnx_cgen import Compiler
from emx_onnx_cgen.compiler import CompilerOptions
from onnx import TensorProto, helper, numpy_helper

from gan_tutor.page_engine import convolutions, fusion
from gan_tutor.page_engine.graph import Graph, Node, Shape, size

# How a call reads in C, once every value has its pointer.
Call = Callable[[dict[str, str], Graph], str]


@dataclass
class Library:
    """The C functions that the programs share, each once: loops by their text, other operations by what they do."""

    loops: dict[str, str] = field(default_factory=dict)
    nodes: dict[tuple[str, ...], onnx.NodeProto] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    arrays: dict[bytes, str] = field(default_factory=dict)
    scratch: int = 1
    arena: int = 1

    def loop(self, body: str, reads: int, writes: int) -> str:
        """Return the name of the function with this body and so many arguments."""
        parameters = [f"const float *restrict i{k}" for k in range(reads)]
        parameters += [f"float *restrict o{k}" for k in range(writes)]
        text = f"({', '.join(parameters)}) {{\n{body}\n}}"
        return self.loops.setdefault(text, f"loop{len(self.loops)}")

    def array(self, values: np.ndarray) -> str:
        """Return the name of a constant array."""
        return self.arrays.setdefault(values.astype(np.float32).tobytes(), f"constant{len(self.arrays)}")

    def other(self, graph: Graph, node: Node) -> str:
        """Return the name under which emx-onnx-cgen's function for an operation will be found."""
        read = [name for name in node.inputs if name]
        key = (
            node.op, repr(sorted(node.attributes.items())), repr([graph.shapes[name] for name in read]),
            repr([graph.constants[name].tolist() for name in read if name in graph.constants]),
        )  # fmt: skip
        if key not in self.nodes:
            own = f"other{len(self.nodes)}"
            names = {name: f"{own}_in{k}" for k, name in enumerate(read)}
            names |= {name: f"{own}_out{k}" for k, name in enumerate(node.outputs)} | {"": ""}
            self.shapes |= {new: graph.shapes[old] for old, new in names.items() if old}
            self.constants |= {names[name]: graph.constants[name] for name in read if name in graph.constants}
            self.nodes[key] = helper.make_node(
                node.op, [names[n] for n in node.inputs], [names[n] for n in node.outputs], own, **node.attributes
            )
        return self.nodes[key].name


def write(programs: Mapping[str, Graph]) -> str:
    """Return a C file with one external function for each program: pointers to its inputs, then to its outputs."""
    library = Library()
    bodies = [_program(name, graph, library) for name, graph in programs.items()]
    parts = [
        f"#define SCRATCH {library.scratch}",
        files("gan_tutor.page_engine").joinpath("kernels.c").read_text(encoding="utf-8"),
        *_others(library),
        *(f"KERNEL void {name}{text}" for text, name in library.loops.items()),
        *(_array(name, data) for data, name in library.arrays.items()),
        f"static float arena[{library.arena}];",
        *bodies,
    ]
    return "\n".join(parts)


def _array(name: str, data: bytes) -> str:
    values = np.frombuffer(data, np.float32)
    if len(values) and (values == values[0]).all() and values[0] == 0:
        return f"static const float {name}[{len(values)}];"
    return f"static const float {name}[{len(values)}] = {{{', '.join(fusion.literal(v) for v in values)}}};"


def _program(name: str, graph: Graph, library: Library) -> str:
    groups = fusion.groups(graph)
    pointers = {key: key for key in graph.inputs}
    pointers |= {key: library.array(values) for key, values in graph.constants.items() if values.dtype.kind == "f"}
    results = [key for group in groups for node in group for key in node.outputs]
    direct = [key for key in dict.fromkeys(graph.outputs) if key in results]
    pointers |= {key: key for key in direct}
    calls, plan = [], _Plan(graph, groups)
    for k, group in enumerate(groups):
        made, call = _call(graph, group, library)
        pointers |= {key: f"arena + {plan.give(key)}" for key in made if key not in pointers}
        calls.append(call(pointers, graph))
        plan.take_back(k)
    library.arena = max(library.arena, plan.top)
    for key in graph.outputs:
        if key not in direct:
            calls.append(f"memcpy({key}, {_pointer(graph, pointers, key)}, {4 * size(graph.shapes[key])});")
    parameters = [f"const float *restrict {key}" for key in graph.inputs]
    parameters += [f"float *restrict {key}" for key in graph.outputs]
    return f"void {name}({', '.join(parameters)}) {{\n" + "\n".join(calls) + "\n}"


class _Plan:
    """Places in the arena for the results of one program."""

    def __init__(self, graph: Graph, groups: list[list[Node]]) -> None:
        self.graph, self.top = graph, 0
        self.last: dict[str, int] = {}
        for k, group in enumerate(groups):
            for node in group:
                for name in (*node.inputs, *node.outputs):
                    if name:
                        self.last[graph.place(name).root] = k
        for name in graph.outputs:
            self.last[graph.place(name).root] = len(groups)
        self.held: dict[str, tuple[int, int]] = {}

    def give(self, name: str) -> int:
        """Return the lowest free place that is large enough, in values."""
        need = (size(self.graph.shapes[name]) + 3) // 4 * 4
        start = 0
        for begin, end in sorted(self.held.values()):
            if begin - start >= need:
                break
            start = max(start, end)
        self.held[name] = (start, start + need)
        self.top = max(self.top, start + need)
        return start

    def take_back(self, now: int) -> None:
        """Free what is not read after this operation."""
        self.held = {name: place for name, place in self.held.items() if self.last[name] > now}


def _pointer(graph: Graph, pointers: dict[str, str], name: str) -> str:
    place = graph.place(name)
    return pointers[place.root] + (f" + {place.offset}" if place.offset else "")


def _call(graph: Graph, group: list[Node], library: Library) -> tuple[Sequence[str], Call]:
    """Return the values that a group makes, and its call."""
    node = group[0]
    if node.op in fusion.ELEMENTWISE:
        body, reads, writes = fusion.loop(graph, group)
        name = library.loop(body, len(reads), len(writes))
        return writes, _calling(name, [*reads, *writes])
    if node.op in ("MatMul", "Gemm"):
        text = _product(graph, node, library)
        if text:
            return node.outputs, text
    convolved = convolutions.convolution(graph, node)
    if convolved:
        library.scratch = max(library.scratch, convolved.scratch)
        return node.outputs, _calling(convolved.kernel, [*convolved.reads, *node.outputs], convolved.numbers)
    if node.op in ("ReduceSum", "ReduceMean"):
        text = _reduction(graph, node)
        if text:
            return node.outputs, text
    if node.op == "Concat" and size(graph.shapes[node.outputs[0]][: node.attributes["axis"]]) == 1:
        return node.outputs, _joined(node)
    name = library.other(graph, node)
    return node.outputs, _calling(name, [n for n in node.inputs if n and n not in graph.constants] + node.outputs)


def _calling(name: str, arguments: Sequence[str], *more: object) -> Call:
    def text(pointers: dict[str, str], graph: Graph) -> str:
        values = [_pointer(graph, pointers, key) if key else "0" for key in arguments]
        return f"{name}({', '.join([*values, *map(str, more)])});"

    return text


def _joined(node: Node) -> Call:
    def text(pointers: dict[str, str], graph: Graph) -> str:
        lines, offset = [], 0
        out = _pointer(graph, pointers, node.outputs[0])
        for name in node.inputs:
            count = size(graph.shapes[name])
            lines.append(f"memcpy({out} + {offset}, {_pointer(graph, pointers, name)}, {4 * count});")
            offset += count
        return "\n".join(lines)

    return text


def _product(graph: Graph, node: Node, library: Library) -> Call | None:
    shapes = [graph.shapes[name] for name in node.inputs]
    if any(len(shape) > 2 for shape in shapes):
        return None
    left = shapes[0] if len(shapes[0]) == 2 else (1, *shapes[0])
    right = shapes[1] if len(shapes[1]) == 2 else (*shapes[1], 1)
    turn_a, turn_b = node.attributes.get("transA", 0), node.attributes.get("transB", 0)
    m, inner = left[::-1] if turn_a else left
    n = right[0] if turn_b else right[1]
    bias = node.inputs[2] if len(node.inputs) > 2 else ""
    if bias and (graph.shapes[bias] not in ((n,), (1, n)) or node.attributes.get("beta", 1.0) != 1.0):
        raise ValueError(f"a product's bias must have shape ({n},) and factor 1, got {graph.shapes[bias]}")
    library.scratch = max(library.scratch, inner * n, m * n if n < 4 else 1)
    a, b = node.inputs[:2]

    def text(pointers: dict[str, str], graph: Graph) -> str:
        pa, pb, pc = (_pointer(graph, pointers, key) for key in (a, b, node.outputs[0]))
        pbias = _pointer(graph, pointers, bias) if bias else "0"
        return f"matmul({pa}, {turn_a}, {pb}, {turn_b}, {pbias}, {pc}, {m}, {n}, {inner});"

    return text


def _reduction(graph: Graph, node: Node) -> Call | None:
    shape = graph.shapes[node.inputs[0]]
    axes = graph.constants[node.inputs[1]].tolist() if len(node.inputs) > 1 else []
    shape = shape or (1,)
    found = sorted(axis % len(shape) for axis in axes or range(len(shape)))
    first, last = found[0], found[-1] + 1
    scale = fusion.literal(np.float32(1 if node.op == "ReduceSum" else 1 / size(tuple(shape[d] for d in found))))
    ends = [node.inputs[0], node.outputs[0]]
    if found == [0, 2, 3] and len(shape) == 4:
        return _calling("reduce_ends", ends, shape[0], shape[1], shape[2] * shape[3], scale)
    if any(d not in found and shape[d] != 1 for d in range(first, last)):
        return None
    outer, middle, inner = size(shape[:first]), size(shape[first:last]), size(shape[last:])
    return _calling("reduce", ends, outer, middle, inner, scale)


def _others(library: Library) -> list[str]:
    """Return what emx-onnx-cgen writes for the collected operations, each callable by its own name."""
    if not library.nodes:
        return []
    nodes = list(library.nodes.values())

    def info(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, library.shapes[name])

    graph = helper.make_graph(
        nodes, "others",
        [info(name) for node in nodes for name in node.input if name and name not in library.constants],
        [info(name) for node in nodes for name in node.output],
        [numpy_helper.from_array(values, name) for name, values in library.constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    options = CompilerOptions(model_name="others", large_temp_threshold_bytes=0, large_weight_threshold=0)
    text = Compiler(options).compile(model)
    text, _, body = text.partition("\nvoid others(")
    text = re.sub(r"^_Bool others_load.*?^}\n", "", text, flags=re.M | re.S)
    text = re.sub(r"^extern const .*?;\n", "", text, flags=re.M).replace("const EMX_UNUSED", "static const EMX_UNUSED")
    aliases = []
    for function, name, arguments in re.findall(r"^    (node\d+_(other\d+))\((.*)\);$", body, flags=re.M):
        # Constants are arguments of emx's functions, but not of ours.
        given = [a for a in arguments.split(", ") if a.startswith("other")]
        aliases.append(f"#define {name}({', '.join(given)}) {function}({_cast(arguments, given)})")
    if len(aliases) != len(nodes):
        raise RuntimeError(f"emx-onnx-cgen wrote {len(aliases)} of {len(nodes)} operations in a known form")
    return [text, *aliases]


def _cast(arguments: str, given: list[str]) -> str:
    return ", ".join(f"(void *)({a})" if a in given else a for a in arguments.split(", "))
