"""prepare and check_range: speed changes neither the parameters nor, within bf16's precision, the numbers."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from gan_tutor import data, losses, networks, training


def pair():
    torch.manual_seed(0)
    return networks.DCGANGenerator(8, width=8), networks.SpaceToDepthDiscriminator(width=16)


def test_prepare_without_wishes_returns_the_network_itself():
    for network in pair():
        assert networks.prepare(network) is network


@pytest.mark.parametrize("channels_last", [False, True])
def test_bf16_computes_in_half_and_returns_float32_close_to_the_exact_answer(channels_last):
    G, D = pair()
    z = torch.randn(16, 8)
    with torch.no_grad():
        x = G(z)
        exact = D(x), D.features(x)
        ready_g, ready_d = (networks.prepare(n, precision="bfloat16", channels_last=channels_last) for n in (G, D))
        seen = []
        D.hidden[1].register_forward_hook(lambda *a: seen.append(a[-1].dtype))
        images, logits, features = ready_g(z), ready_d(x), ready_d.features(x)
    assert seen == [torch.bfloat16, torch.bfloat16]
    assert images.dtype == logits.dtype == features.dtype == torch.float32
    assert logits.shape == (16,)
    assert features.shape == exact[1].shape
    # bfloat16 keeps 8 bits: a relative error of 2^-9 for each operation.
    assert (images - x).abs().max() < 0.05
    for half, full in ((logits, exact[0]), (features, exact[1])):
        assert 0 < (half - full).norm() / full.norm() < 0.02


@pytest.mark.parametrize("channels_last", [False, True])
def test_the_prepared_network_trains_the_network_s_own_float32_parameters(channels_last):
    _, D = pair()
    own = list(D.parameters())
    ready = networks.prepare(D, precision="bfloat16", channels_last=channels_last)
    assert all(a is b for a, b in zip(own, ready.parameters(), strict=True))
    assert all(a is b for a, b in zip(own, D.parameters(), strict=True))
    x = torch.randn(16, 1, 28, 28)
    losses.hinge.d(ready(x), ready(-x)).backward()
    half = [p.grad.clone() for p in own]
    D.zero_grad()
    losses.hinge.d(D(x), D(-x)).backward()
    for p, h in zip(own, half, strict=True):
        assert p.dtype == h.dtype == torch.float32
        # The gradients of D(x) and D(-x) nearly cancel in the biases, which magnifies the 2^-9 of each operation.
        assert (h - p.grad).norm() <= 0.125 * p.grad.norm() + 1e-6
    assert D.hidden[1].weight.is_contiguous(memory_format=torch.channels_last) or not channels_last


def test_modes_reach_the_wrapped_network():
    G, _ = pair()
    ready = networks.prepare(G, precision="bfloat16")
    ready.eval()
    assert not G.training
    ready.train()
    assert G.training


def test_prepare_moves_to_the_device():
    _, D = pair()
    assert all(p.device.type == "meta" for p in networks.prepare(D, device="meta").parameters())


def old_gpu(monkeypatch):
    """Pretend to be a card that PyTorch can only emulate bfloat16 on, as torch.cuda answers for Colab's T4."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)


def test_bfloat16_is_refused_on_a_gpu_without_it_and_auto_takes_float32_there(monkeypatch):
    old_gpu(monkeypatch)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Old GPU")
    with pytest.raises(ValueError, match="bfloat16 needs a GPU with bfloat16, Old GPU has none; use auto or float32"):
        networks.prepare(nn.Linear(1, 1), device="cuda", precision="bfloat16")
    assert networks.precision_on("cuda", "auto") == "float32"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    assert networks.precision_on("cuda", "auto") == "bfloat16"


def test_auto_on_this_processor_is_what_its_flags_say():
    info = Path("/proc/cpuinfo")
    if not info.is_file() or platform.machine() != "x86_64":
        pytest.skip("only Linux on x86-64 lists its processor's flags")
    switched_off = torch.backends.cpu.get_cpu_capability() != "AVX512" or "ONEDNN_MAX_CPU_ISA" in os.environ
    native = bool({"avx512_bf16", "amx_bf16"} & set(info.read_text().split())) and not switched_off
    assert networks.has_native_bfloat16("cpu") is native
    assert networks.precision_on("cpu", "auto") == ("bfloat16" if native else "float32")
    assert networks.precision_on("cpu", "bfloat16") == "bfloat16"  # whoever insists gets it


@pytest.mark.parametrize("switch", [{"ATEN_CPU_CAPABILITY": "avx2"}, {"ONEDNN_MAX_CPU_ISA": "AVX2"}])
def test_a_switched_off_instruction_set_makes_auto_float32(switch):
    program = "from gan_tutor import networks; print(networks.precision_on('cpu', 'auto'))"
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | switch, capture_output=True, text=True, check=True
    )
    assert done.stdout == "float32\n"


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="precision must be auto, float32 or bfloat16, got 'half'"):
        networks.precision_on("cpu", "half")


def test_a_prepared_pair_trains_like_the_plain_one():
    """Ten turns: bf16's losses stay near float32's and the parameters move."""
    records = {}
    for precision in ("float32", "bfloat16"):
        G, D = pair()
        before = [p.clone() for p in G.parameters()]
        ready = [networks.prepare(n, precision=precision) for n in (G, D)]
        generator = torch.Generator().manual_seed(0)
        records[precision] = list(
            training.train(
                *ready, data.batches(data.digits(), 16, generator), loss=losses.nonsaturating, latent_dim=8, steps=10,
                opt_g=torch.optim.Adam(G.parameters(), 2e-4), opt_d=torch.optim.Adam(D.parameters(), 2e-4),
                generator=generator,
            )
        )  # fmt: skip
        assert not any(torch.equal(a, b) for a, b in zip(before, G.parameters(), strict=True))
    for exact, half in zip(records["float32"], records["bfloat16"], strict=True):
        assert half.loss_d.dtype == torch.float32
        assert half.loss_d.item() == pytest.approx(exact.loss_d.item(), abs=0.03)
        assert half.loss_g.item() == pytest.approx(exact.loss_g.item(), abs=0.03)


@pytest.mark.skipif(not hasattr(torch.compiler, "set_stance"), reason="torch before 2.6 has no set_stance")
def test_compiling_keeps_the_network_s_parameters():
    _, D = pair()
    ready = networks.prepare(D, compile=True)
    assert ready is not D
    assert all(a is b for a, b in zip(D.parameters(), ready.parameters(), strict=True))
    x = torch.randn(4, 1, 28, 28)
    with torch.compiler.set_stance("force_eager"):
        assert torch.equal(ready(x), D(x))


COMPILED = """
import torch
from gan_tutor import losses, networks, penalties

torch.manual_seed(0)
torch.set_num_threads(1)
G = networks.MLPGenerator(2, (2,), width=8, depth=1)
ready = networks.prepare(G, compile=True)
z = torch.randn(16, 2)
assert torch.allclose(ready(z), G(z), atol=1e-6)
ready(z).square().mean().backward()
compiled = [p.grad.clone() for p in G.parameters()]
G.zero_grad()
G(z).square().mean().backward()
assert all(torch.allclose(a, p.grad, atol=1e-6) for a, p in zip(compiled, G.parameters(), strict=True))

# Compiled logits and an eager penalty, which differentiates twice, on the same weights: the eager D's gradients.
D = networks.MLPDiscriminator((2,), width=8, depth=1)
x_real, x_fake = torch.randn(16, 2), torch.randn(16, 2)
found = []
for judge in (networks.prepare(D, compile=True), D):
    D.zero_grad()
    value = losses.relativistic.d(judge(x_real), judge(x_fake)) + 0.5 * penalties.r1_r2(D, x_real, x_fake)
    value.backward()
    found.append([value.detach(), *[p.grad.clone() for p in D.parameters()]])
assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*found, strict=True))
assert found[1][1].abs().max() > 0.01
"""


@pytest.mark.skipif(sys.platform == "win32", reason="only torch knows where Windows keeps its compilers")
@pytest.mark.parametrize(
    ("device", "variable", "named", "said"),
    [
        ("cpu", "CXX", "/nonexistent", r"C\+\+ compiler, but CXX names /nonexistent, which is none: install one"),
        ("cpu", "CXX", None, r"C\+\+ compiler, but there is no (g|clang)\+\+: install one"),
        ("cuda", "CC", "/nonexistent", "C compiler, but CC names /nonexistent, which is none"),
        ("cuda", "CC", None, "C compiler, but there is no gcc or clang"),
    ],
)
def test_compile_without_a_compiler_is_refused_before_anything_is_made(
    monkeypatch, tmp_path, device, variable, named, said
):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(variable, raising=False)
    if named:
        monkeypatch.setenv(variable, named)
    with pytest.raises(ValueError, match=said + ".*do without compile"):
        networks.prepare(nn.Linear(1, 1), device=device, compile=True)
    networks.prepare(nn.Linear(1, 1), device="cpu")  # nothing else asks for it


@pytest.mark.skipif(
    shutil.which("c++") is None and shutil.which("g++") is None, reason="torch.compile needs a C++ compiler"
)
def test_a_compiled_network_has_the_same_answers_and_gradients(tmp_path):
    command = [sys.executable, "-c", COMPILED]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    except subprocess.TimeoutExpired:
        pytest.skip("torch.compile took more than 60 s on this machine")
    assert done.returncode == 0, done.stderr


def test_check_range_compares_g_with_the_data():
    bounded, unbounded = networks.MLPGenerator(2, (1, 4, 4), output="tanh"), networks.MLPGenerator(2, (2,))
    networks.check_range(bounded, SimpleNamespace(range=(-1.0, 1.0)))
    networks.check_range(unbounded, data.ring())
    networks.check_range(networks.DCGANGenerator(8, width=4), data.digits())
    for G, source_range in ((bounded, None), (unbounded, (-1.0, 1.0)), (bounded, (0.0, 1.0))):
        with pytest.raises(ValueError, match=r"must equal the data's range .* use output='tanh'"):
            networks.check_range(G, SimpleNamespace(range=source_range))


def test_bf16_reaches_features_and_classes_and_the_conditions_too():
    """Each answer is the network's own under autocast: float32 numbers that differ from float32's, but little."""
    projection = networks.ProjectionDiscriminator(networks.MLPDiscriminator((2,), width=8), torch.nn.Embedding(3, 8))
    auxiliary = networks.AuxiliaryDiscriminator(networks.MLPDiscriminator((2,), width=8), 8, 3)
    x, y = torch.randn(6, 2), torch.tensor([0, 1, 2, 2, 1, 0])
    for network, method, inputs in (
        (projection, "forward", (x, y)), (projection, "features", (x, y)), (auxiliary, "classify", (x,)),
    ):  # fmt: skip
        found = getattr(networks.prepare(network, precision="bfloat16"), method)(*inputs)
        with torch.autocast("cpu", torch.bfloat16):
            expected = getattr(network, method)(*inputs)
        assert found.dtype == torch.float32, method
        assert torch.equal(found, expected.float()), method
        exact = getattr(network, method)(*inputs)
        assert not torch.equal(found, exact), method
        assert torch.allclose(found, exact, atol=0.05), method
