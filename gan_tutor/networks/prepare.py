"""Make a network fast on its device, without a line of the loop knowing."""

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn


class Autocast(nn.Module):
    """Run a network's layers in bfloat16 and return float32, with the network's own float32 parameters.

    A penalty of such a D is the gradient through bfloat16 layers, taken at float32 samples: the norm, its mean and its
    weight are float32. bfloat16 has float32's range, so a squared norm neither overflows nor vanishes, as it does in
    float16, which R1 and R2 do not survive: there is no float16 here.
    """

    def __init__(self, network: nn.Module, device_type: str) -> None:
        super().__init__()
        self.network = network
        self.device_type = device_type

    def forward(self, *inputs: Tensor) -> Tensor:
        return self._run(self.network, *inputs)

    def features(self, *inputs: Tensor) -> Tensor:
        """Return the network's features (N, F) in float32."""
        return self._run(cast(Callable[..., Tensor], self.network.features), *inputs)

    def classify(self, x: Tensor) -> Tensor:
        """Return the class logits (N, classes) of a network with a classifier, in float32."""
        return self._run(cast(Callable[..., Tensor], self.network.classify), x)

    def _run(self, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        with torch.autocast(self.device_type, torch.bfloat16):
            return function(*inputs).float()


Precision = Literal["auto", "float32", "bfloat16"]


def has_native_bfloat16(device: str | torch.device = "cpu") -> bool:
    """Return whether the device computes in bfloat16 itself, so that bfloat16 is faster than float32 there.

    Elsewhere PyTorch emulates bfloat16: a turn of the digits recipe then takes about 13 times as long as in float32 on
    a processor with AVX2 only. The answer is True for a GPU from Ampere on, and for an x86 processor with the AVX-512
    or AMX instructions for bfloat16, unless PyTorch was told to leave them alone (ATEN_CPU_CAPABILITY,
    ONEDNN_MAX_CPU_ISA). It is False where nothing is known, as for Arm processors and Apple's GPUs.
    """
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu" or "AVX512" not in torch.backends.cpu.get_cpu_capability():
        return False
    most = os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA") or "ALL"
    if not re.search("ALL|DEFAULT|BF16|FP16|AMX|AVX10", most.upper()):
        return False
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # PyTorch 2.4 has no such question
    return bool(asked()) if asked is not None else _cpu_has("avx512_bf16", "amx_bf16")


def _cpu_has(*flags: str) -> bool:
    info = Path("/proc/cpuinfo")
    return info.is_file() and not set(flags).isdisjoint(info.read_text().split())


def precision_on(device: str | torch.device, precision: Precision) -> Literal["float32", "bfloat16"]:
    """Return the precision in which layers are computed on a device: for "auto", bfloat16 only where it is native.

    Raises:
        ValueError: bfloat16 was insisted on and the GPU has none: its convolutions would fail, not only be slow.
    """
    device = torch.device(device)
    if precision == "auto":
        return "bfloat16" if has_native_bfloat16(device) else "float32"
    if precision == "bfloat16" and device.type == "cuda" and not has_native_bfloat16(device):
        name = torch.cuda.get_device_name(device)
        raise ValueError(f"precision bfloat16 needs a GPU with bfloat16, {name} has none; use auto or float32")
    if precision not in ("float32", "bfloat16"):
        raise ValueError(f"precision must be auto, float32 or bfloat16, got {precision!r}")
    return precision


def prepare(
    network: nn.Module,
    *,
    device: str | torch.device = "cpu",
    precision: Precision = "float32",
    channels_last: bool = False,
    compile: bool = False,
) -> nn.Module:
    """Move `network` to the device and return the module to train with: itself, or a wrapper around it.

    Keep the network for checkpoints, averages and penalties: it holds the parameters, and a compiled D cannot be
    differentiated twice. Whether a GPU may round float32 matrices to TF32 is the process's choice and none of these:
    `torch.set_float32_matmul_precision("high")` allows it.

    Args:
        network: A generator or a discriminator; moved in place.
        device: Where to train.
        precision: Compute layers in float32 or bfloat16, or "auto": in bfloat16 where it is native, else in float32
            (`precision_on`). Parameters, outputs and losses are float32 in any case.
        channels_last: Store convolution weights channels-last, which GPUs read faster.
        compile: Wrap with `torch.compile`.

    Raises:
        ValueError: bfloat16 was insisted on and the GPU has none, or `compile` and there is no compiler.
    """
    device = torch.device(device)
    chosen = precision_on(device, precision)
    if compile:
        _must_have_compiler(device)
    network.to(device)
    if channels_last:
        network.to(memory_format=torch.channels_last)
    ready: nn.Module = Autocast(network, device.type) if chosen == "bfloat16" else network
    return cast(nn.Module, torch.compile(ready)) if compile else ready


def _must_have_compiler(device: torch.device) -> None:
    """Refuse torch.compile without the compiler that it calls at the first turn, after all else has been made.

    For a CPU this is the C++ compiler that CXX names, or else the system's; for a GPU Triton calls a C compiler.
    """
    if sys.platform == "win32":  # torch.compile looks in places that it alone knows
        return
    language, variable, usual = "C++", "CXX", ["clang++" if sys.platform == "darwin" else "g++"]
    if device.type == "cuda":
        language, variable, usual = "C", "CC", ["gcc", "clang"]
    named = os.environ.get(variable)
    if not any(map(shutil.which, [named] if named else usual)):
        looked = f"{variable} names {named}, which is none" if named else f"there is no {' or '.join(usual)}"
        raise ValueError(
            f"compile needs a {language} compiler, but {looked}: install one, such as Debian's package g++, name it in "
            f"{variable}, or do without compile, which changes no result"
        )


def check_range(G: nn.Module, source: Any) -> None:
    """Refuse a generator whose output range differs from the range of the data it shall imitate.

    Args:
        G: A generator with `output_range`.
        source: A data source with `range`: (low, high), or None if unbounded.

    Raises:
        ValueError: One is bounded and the other is not, or the bounds differ.
    """
    if G.output_range != source.range:
        raise ValueError(
            f"G's output range {G.output_range} must equal the data's range {source.range}: "
            "use output='tanh' for images in [-1, 1] and output='linear' for unbounded data"
        )
