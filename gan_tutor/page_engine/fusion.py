"""Element-wise operations: groups of one shape become one loop in C."""

from collections.abc import Callable, Sequence

import numpy as np

from gan_tutor.page_engine.graph import Graph, Node, Shape, levels, size

# Relu, Min and Max keep a NaN of their first operand, as torch does: a diverged game must not look sound.
_PLAIN: dict[str, Callable[..., str]] = {
    "Add": lambda a, b: f"{a} + {b}",
    "Sub": lambda a, b: f"{a} - {b}",
    "Mul": lambda a, b: f"{a} * {b}",
    "Div": lambda a, b: f"{a} / {b}",
    "Neg": lambda a: f"-{a}",
    "Exp": lambda a: f"expf({a})",
    "Log": lambda a: f"logf({a})",
    "Sqrt": lambda a: f"sqrtf({a})",
    "Tanh": lambda a: f"tanhf({a})",
    "Abs": lambda a: f"fabsf({a})",
    "Reciprocal": lambda a: f"1.0f / {a}",
    "Relu": lambda a: f"{a} < 0 ? 0.0f : {a}",
    "Where": lambda c, a, b: f"{c} != 0 ? {a} : {b}",
    "Greater": lambda a, b: f"{a} > {b} ? 1.0f : 0.0f",
    "GreaterOrEqual": lambda a, b: f"{a} >= {b} ? 1.0f : 0.0f",
    "Equal": lambda a, b: f"{a} == {b} ? 1.0f : 0.0f",
    "Less": lambda a, b: f"{a} < {b} ? 1.0f : 0.0f",
    "LessOrEqual": lambda a, b: f"{a} <= {b} ? 1.0f : 0.0f",
    "Min": lambda a, b: f"{a} > {b} ? {b} : {a}",
    "Max": lambda a, b: f"{a} < {b} ? {b} : {a}",
    "Not": lambda a: f"{a} != 0 ? 0.0f : 1.0f",
    "And": lambda a, b: f"{a} != 0 && {b} != 0 ? 1.0f : 0.0f",
    "Cast": lambda a: f"{a}",
    "Expand": lambda a, *_: f"{a}",
}
ELEMENTWISE = frozenset(_PLAIN) | {"LeakyRelu", "Pow"}


def groups(graph: Graph) -> list[list[Node]]:
    """Return the graph's operations in an order in which they can run: single ones, and groups that share a loop."""
    level = levels(graph, ELEMENTWISE)
    parent = list(range(len(graph.nodes)))

    def root(k: int) -> int:
        while parent[k] != k:
            k = parent[k]
        return k

    maker = {name: k for k, node in enumerate(graph.nodes) for name in node.outputs}
    for k, node in enumerate(graph.nodes):
        if node.op not in ELEMENTWISE:
            continue
        for name in node.inputs:
            other = maker.get(graph.place(name).root)
            if other is None or graph.nodes[other].op not in ELEMENTWISE:
                continue
            mate = graph.nodes[other].outputs[0]
            if level[mate] == level[node.outputs[0]]:
                parent[root(k)] = root(other)
    gathered: dict[int, list[Node]] = {}
    for k, node in enumerate(graph.nodes):
        gathered.setdefault(root(k), []).append(node)
    return sorted(gathered.values(), key=lambda group: level[group[0].outputs[0]])


def loop(graph: Graph, group: Sequence[Node]) -> tuple[str, list[str], list[str]]:
    """Return one loop over the group's shape as the body of a C function, and the values it reads and writes.

    Its parameters are `const float *restrict i0, i1, ...` and `float *restrict o0, o1, ...` in that order.
    """
    shape = graph.shapes[group[0].outputs[0]]
    made = {node.outputs[0] for node in group}
    reads: list[str] = []
    writes = [name for name in made if _escapes(graph, name, group)]
    writes.sort(key=[node.outputs[0] for node in group].index)
    operands = [name for node in group for name in _operands(node)]
    for name in operands:
        if graph.place(name).root not in made and name not in reads and not _is_number(graph, name):
            reads.append(name)
    axes = _axes(shape, [graph.shapes[name] for name in reads])
    known = {name: _element(f"i{k}", graph.shapes[name], shape, axes) for k, name in enumerate(reads)}
    lines = []
    for k, node in enumerate(group):
        values = [_value(graph, name, known, group) for name in _operands(node)]
        lines.append(f"const float v{k} = {_expression(graph, node, values)};")
        known[node.outputs[0]] = f"v{k}"
    whole = "".join(f" + x{k} * {size(shape[end:])}" for k, (_, end) in enumerate(axes))[3:] or "0"
    lines += [f"o{k}[{whole}] = {known[name]};" for k, name in enumerate(writes)]
    heads = [f"for (int x{k} = 0; x{k} < {size(shape[start:end])}; ++x{k}) {{" for k, (start, end) in enumerate(axes)]
    return "\n".join([*heads, *lines, "}" * len(heads)]), reads, writes


def _operands(node: Node) -> list[str]:
    return node.inputs[:1] if node.op in ("Expand", "Cast") else node.inputs


def _escapes(graph: Graph, name: str, group: Sequence[Node]) -> bool:
    inside = {id(node) for node in group}
    if any(graph.place(out).root == name for out in graph.outputs):
        return True
    return any(
        graph.place(read).root == name and id(node) not in inside
        for node in graph.nodes
        for read in node.inputs
    )  # fmt: skip


def _is_number(graph: Graph, name: str) -> bool:
    return name in graph.constants and graph.constants[name].size == 1


def _value(graph: Graph, name: str, known: dict[str, str], group: Sequence[Node]) -> str:
    if _is_number(graph, name):
        return literal(graph.constants[name].reshape(-1)[0])
    return known[name] if name in known else known[graph.place(name).root]


def literal(value: np.generic) -> str:
    """Return a number as a C literal of type float, without loss."""
    number = float(np.float32(value))
    if np.isinf(number):
        return "INFINITY" if number > 0 else "(-INFINITY)"
    return f"({number.hex()}f)" if number < 0 else f"{number.hex()}f"


def _expression(graph: Graph, node: Node, values: list[str]) -> str:
    if node.op == "LeakyRelu":
        slope = literal(np.float32(node.attributes.get("alpha", 0.01)))
        return f"{values[0]} > 0 ? {values[0]} : {values[0]} * {slope}"
    if node.op == "Pow":
        power = graph.constants.get(node.inputs[1])
        exponent = None if power is None else float(power.reshape(-1)[0])
        if exponent in (1.0, 2.0, 3.0):
            return " * ".join([values[0]] * int(exponent))
        return f"sqrtf({values[0]})" if exponent == 0.5 else f"powf({values[0]}, {values[1]})"
    return _PLAIN[node.op](*values)


def _axes(shape: Shape, others: Sequence[Shape]) -> list[tuple[int, int]]:
    """Return the ranges of axes that one loop can run over: within a range every operand is whole or absent."""
    wide = [(1,) * (len(shape) - len(other)) + other for other in others]
    kinds = [tuple(other[d] == shape[d] for other in wide) for d in range(len(shape))]
    found: list[list[int]] = []
    for d in range(len(shape)):
        if shape[d] == 1:
            continue
        if found and kinds[d] == kinds[found[-1][0]] and all(shape[e] == 1 for e in range(found[-1][1], d)):
            found[-1][1] = d + 1
        else:
            found.append([d, d + 1])
    return [(start, end) for start, end in found]


def _element(pointer: str, own: Shape, shape: Shape, axes: Sequence[tuple[int, int]]) -> str:
    """Return the element of an operand that broadcasts to `shape`, at the loop's variables."""
    wide = (1,) * (len(shape) - len(own)) + own
    terms = [f"x{k} * {size(wide[end:])}" for k, (start, end) in enumerate(axes) if wide[start:end] == shape[start:end]]
    return f"{pointer}[{' + '.join(terms) or '0'}]"
