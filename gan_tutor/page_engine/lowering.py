"""From programs to C, and from C to one WebAssembly module with zig's clang."""

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from gan_tutor.page_engine import graph, source, tracing
from gan_tutor.page_engine.programs import Program

FLAGS = (
    "-target", "wasm32-wasi", "-mexec-model=reactor", "-O3", "-fno-math-errno", "-ffp-contract=off",
    "-mcpu=generic+simd128+bulk_memory", "-Wl,--export=malloc", "-s",
)  # fmt: skip


def to_c(programs: Iterable[Program]) -> str:
    """Return a C file with one external function for each program: pointers to its inputs, then to its outputs."""
    return source.write({program.name: graph.read(tracing.to_onnx(program)) for program in programs})


def to_wasm(source: str, names: Iterable[str]) -> bytes:
    """Return a module that exports every program, `malloc` and its memory, and imports nothing.

    Args:
        source: The programs in C.
        names: Their names.

    Raises:
        RuntimeError: The compiler refused the source.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "programs.c"
        file.write_text(source, encoding="utf-8")
        exports = [f"-Wl,--export={name}" for name in names]
        command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, *exports, file.name, "-o", "programs.wasm"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"zig cannot compile the programs:\n{done.stderr[-3000:]}")
        return (Path(folder) / "programs.wasm").read_bytes()


def compiler() -> str:
    """Return what decides the bytes besides the source: versions and flags."""
    return " ".join([f"ziglang {version('ziglang')}", f"emx-onnx-cgen {version('emx-onnx-cgen')}", *FLAGS])
