"""Convolutions of a graph as calls of the kernels: forward, transposed, and the gradient in the weights.

The last is "Correlate" in a `Graph`: there the stride of the forward convolution is the dilation.
"""

from dataclasses import dataclass

from gan_tutor.page_engine.graph import Graph, Node, Shape, size


@dataclass(frozen=True)
class Convolution:
    """One call of a kernel: its name, the values it reads (bias may be ""), its numbers, and the scratch it needs."""

    kernel: str
    reads: tuple[str, ...]
    numbers: str
    scratch: int


def convolution(graph: Graph, node: Node) -> Convolution | None:
    """Return how the kernels compute a convolution, or None if the operation is another one or has groups."""
    if node.op not in ("Conv", "ConvTranspose", "Correlate") or node.attributes.get("group", 1) != 1:
        return None
    known = {"strides": [1, 1], "dilations": [1, 1], "pads": [0, 0, 0, 0]} | node.attributes
    stride, dilation, pads = known["strides"], known["dilations"], known["pads"]
    if len(graph.shapes[node.inputs[0]]) != 4 or len(set(stride)) > 1 or len(set(dilation)) > 1:
        return None
    x, weight, bias = (*node.inputs, "")[:3]
    out, m = graph.shapes[node.outputs[0]], graph.shapes[weight][0]
    if node.op == "ConvTranspose":
        image, kernel, places = out[1:], graph.shapes[weight][2:], graph.shapes[x][2:]
        numbers = f"{out[0]}, {m}, {_window(image, kernel, places, stride[0], pads, dilation[0])}"
        return Convolution("convolve_back", (x, weight, bias), numbers, image[0] * size(kernel) * size(places))
    if node.op == "Correlate":
        samples, m = graph.shapes[weight][:2]
        places = graph.shapes[weight][2:]
        image, kernel = graph.shapes[x][1:], out[2:]
        numbers = f"{samples}, {m}, {_window(image, kernel, places, dilation[0], pads, stride[0])}"
        return Convolution("correlate", (x, weight), numbers, image[0] * size(kernel) * max(size(places), m))
    image, kernel, places = graph.shapes[x][1:], graph.shapes[weight][2:], out[2:]
    numbers = f"{out[0]}, {m}, {_window(image, kernel, places, stride[0], pads, dilation[0])}"
    return Convolution("convolve", (x, weight, bias), numbers, image[0] * size(kernel) * size(places))


def _window(image: Shape, kernel: Shape, places: Shape, stride: int, pads: list[int], dilation: int) -> str:
    numbers = (*image, *kernel, *places, stride, *pads[:2], dilation)
    return f"(Window){{{', '.join(map(str, numbers))}}}"
