"""From ONNX models to one WebAssembly module, with kept libraries: emx-onnx-cgen writes C, zig compiles it."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import onnx
from emx_onnx_cgen import Compiler
from emx_onnx_cgen.compiler import CompilerOptions

FLAGS = (
    "-target", "wasm32-wasi", "-mexec-model=reactor", "-O3", "-fno-math-errno", "-ffp-contract=off",
    "-mcpu=generic+simd128+bulk_memory", "-Wl,--export=malloc", "-Wl,--stack,67108864", "-s",
)  # fmt: skip


def to_c(name: str, model: onnx.ModelProto) -> str:
    """Return C with one external function `name`, whose arguments are the model's inputs and outputs in order."""
    options = CompilerOptions(model_name=name, large_temp_threshold_bytes=0, large_weight_threshold=0)
    text = Compiler(options).compile(model)
    # Several programs share a file: their own functions and constants get the program's name.
    text = re.sub(r"\b(node\d+_|weight\d+_|ref_scalar_)", rf"{name}_\1", text)
    return re.sub(r"^extern const .*?;\n", "", text, flags=re.M).replace("const EMX_UNUSED", "static const EMX_UNUSED")


def to_wasm(sources: Mapping[str, str]) -> bytes:
    """Return a module that exports every program, `malloc` and its memory, and imports nothing.

    Args:
        sources: The C of each program by its name.

    Raises:
        RuntimeError: The compiler refused the source.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "programs.c"
        file.write_text("\n".join(sources.values()), encoding="utf-8")
        exports = [f"-Wl,--export={name}" for name in sources]
        command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, *exports, file.name, "-o", "programs.wasm"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"zig cannot compile the programs:\n{done.stderr[-3000:]}")
        return (Path(folder) / "programs.wasm").read_bytes()


def compiler() -> str:
    """Return what decides the bytes besides the source: versions and flags."""
    return " ".join([f"ziglang {version('ziglang')}", f"emx-onnx-cgen {version('emx-onnx-cgen')}", *FLAGS])
