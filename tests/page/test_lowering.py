"""Small functions through the whole way, from PyTorch to WebAssembly, against PyTorch and onnxruntime."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gan_tutor.page_engine import lowering, tracing
from gan_tutor.page_engine.programs import Port, Program

SIZES = ((1, 1, 1), (5, 2, 3), (6, 3, 17), (9, 1, 33), (4, 8, 5), (7, 13, 6), (33, 20, 16), (1, 30, 9), (2, 5, 1))
WINDOWS = ((7, 3, 1, 1), (7, 3, 2, 1), (8, 4, 2, 1), (6, 3, 2, 0), (5, 1, 1, 0))  # pixels, kernel, stride, padding


def products(*pairs):
    return tuple(x @ y for x, y in zip(pairs[::2], pairs[1::2], strict=True))


def turned_products(*pairs):
    found = []
    for x, y in zip(pairs[::2], pairs[1::2], strict=True):
        found += [x.t() @ y, y.t() @ x, (x.t() @ y).t() @ x.t()]
    return tuple(found)


def linear(*triples):
    return tuple(F.linear(x, w, b) for x, w, b in zip(triples[::3], triples[1::3], triples[2::3], strict=True))


def _with_gradients(apply, triples):
    found = []
    for values, window in zip(zip(triples[::3], triples[1::3], triples[2::3], strict=True), WINDOWS, strict=True):
        leaves = [value.detach().requires_grad_() for value in values]
        y = apply(*leaves, *window[2:])
        found += [y.detach().clone(), *torch.autograd.grad((y * y).sum(), leaves)]
    return tuple(found)


def convolutions(*triples):
    return _with_gradients(F.conv2d, triples)


def transposed_convolutions(*triples):
    return _with_gradients(F.conv_transpose2d, triples)


CASES = {
    "squares": (lambda x: (x.square().sum().reshape(1),), [(37,)]),
    "broadcasts": (
        lambda x, r, c, s: (torch.where(x > r, x * c - s, (x / 2).tanh() + r.exp()),), [(5, 7), (7,), (5, 1), (1,)],
    ),
    "small_addends": (lambda x: ((x * 0 + 1e-12).sqrt(), x * 0 + 1e-8), [(6,)]),
    "views": (lambda x: (x.view(4, 6)[1:3].reshape(12) + x[3:15], x.view(2, 12).t().contiguous()), [(24,)]),
    "joins": (lambda x, y: (torch.cat([x, y]), torch.cat([x, y], 1), torch.stack([x, y], 2)), [(3, 4), (3, 4)]),
    "reductions": (lambda x: (x.mean(0), x.sum(1), x.mean((0, 2, 3)), x.sum((2, 3)), x.mean((1, 3))), [(3, 5, 4, 6)]),
    "permutes": (lambda x: (F.pixel_shuffle(x, 2), F.pixel_unshuffle(x, 2), x.permute(3, 1, 0, 2) * 2), [(2, 8, 4, 6)]),
    "activations": (lambda x: (F.softplus(20 * x), F.leaky_relu(x, 0.2), x.relu(), x.sigmoid(), -x.abs()), [(3, 50)]),
    "clipped": (lambda x, clip: (x.minimum(clip).maximum(-clip),), [(4,), (1,)]),
    "products": (products, [shape for m, n, k in SIZES for shape in ((m, k), (k, n))]),
    "turned_products": (turned_products, [shape for m, n, k in SIZES for shape in ((k, m), (k, n))]),
    "linear": (linear, [shape for m, n, k in SIZES for shape in ((m, k), (n, k), (n,))]),
    "convolutions": (convolutions, [shape for p, k, _, _ in WINDOWS for shape in ((3, 5, p, p), (6, 5, k, k), (6,))]),
    "transposed_convolutions": (
        transposed_convolutions, [shape for p, k, _, _ in WINDOWS for shape in ((3, 5, p, p), (5, 6, k, k), (6,))],
    ),
}  # fmt: skip


def example(name):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator) for shape in CASES[name][1]]


def program(name):
    function, shapes = CASES[name]
    outputs = function(*example(name))
    return Program(
        name, function, tuple(Port(f"in{k}", shape) for k, shape in enumerate(shapes)),
        tuple(Port(f"out{k}", tuple(value.shape)) for k, value in enumerate(outputs)),
    )  # fmt: skip


pytestmark = pytest.mark.xdist_group("lowering")  # compiled once: all run in one process


@pytest.fixture(scope="module")
def module(worker):
    found = [program(name) for name in CASES]
    wasm = lowering.to_wasm(lowering.to_c(found), CASES)

    def described(ports):
        return [{"name": port.name, "shape": list(port.shape)} for port in ports]

    ports = {p.name: {"inputs": described(p.inputs), "outputs": described(p.outputs)} for p in found}
    return worker.Module({"programs": ports}, wasm)


def close(found, expected):
    assert found.shape == tuple(expected.shape)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("name", CASES)
def test_the_bytes_compute_what_pytorch_computes(module, name):
    inputs = example(name)
    found = module(name, {f"in{k}": value.numpy() for k, value in enumerate(inputs)})
    for k, expected in enumerate(CASES[name][0](*inputs)):
        close(found[f"out{k}"], expected)


@pytest.mark.parametrize("name", ["broadcasts", "turned_products", "convolutions", "transposed_convolutions"])
def test_onnxruntime_agrees(worker, name):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(tracing.to_onnx(program(name)).SerializeToString())
    inputs = example(name)
    found = session.run(None, {f"in{k}": value.numpy() for k, value in enumerate(inputs)})
    for one, expected in zip(found, CASES[name][0](*inputs), strict=True):
        close(one, expected)


def test_what_is_not_a_number_stays_so(module):
    x = np.full((3, 50), np.nan, np.float32)
    found = module("activations", {"in0": x})
    assert all(np.isnan(value).all() for value in found.values())
    clipped = module("clipped", {"in0": np.array([np.nan, 5, -5, 0.5], np.float32), "in1": np.ones(1, np.float32)})
    np.testing.assert_array_equal(clipped["out0"], np.array([np.nan, 1, -1, 0.5], np.float32))


def test_a_refusal_of_the_compiler_is_an_error(worker):
    with pytest.raises(RuntimeError, match="zig cannot compile"):
        lowering.to_wasm("void f(float *x) { y; }", ["f"])
