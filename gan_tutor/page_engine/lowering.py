"""From programs to C, and from C to one WebAssembly module with zig's clang."""

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path

from torch.fx import GraphModule

from gan_tutor.page_engine import graph, source, tracing
from gan_tutor.page_engine.causes import essence
from gan_tutor.page_engine.players import Program
from gan_tutor.page_engine.progress import Share, ignored

FLAGS = (
    "-target", "wasm32-wasi", "-mexec-model=reactor", "-O3", "-fno-math-errno", "-ffp-contract=off",
    "-mcpu=generic+simd128+bulk_memory", "-Wl,--export=malloc", "-s",
)  # fmt: skip


def to_c(programs: Iterable[Program], traced: Mapping[str, GraphModule] | None = None, share: Share = ignored) -> str:
    """Return a C file with one external function for each program: pointers to its inputs, then to its outputs.

    Args:
        programs: What to write.
        traced: Their graphs by name, if they were traced before.
        share: Told how much is done, from 0 to 1.
    """
    held, wanted, graphs = traced or {}, list(programs), {}
    for number, program in enumerate(wanted):
        share(number / len(wanted))
        graphs[program.name] = graph.read(tracing.to_onnx(program, held.get(program.name)))
    return source.write(graphs)


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
    """Return what decides the bytes besides the traced graphs: versions, flags and this package's own passes."""
    with as_file(files("gan_tutor.page_engine")) as own:
        passes = hashlib.sha256(b"".join(essence(own / name) for name in _PASSES)).hexdigest()
    return " ".join([*(f"{name} {version(name)}" for name in _LIBRARIES), *FLAGS, passes])


_LIBRARIES = ("torch", "onnx", "onnxscript", "emx-onnx-cgen", "ziglang")
_PASSES = ("tracing.py", "graph.py", "fusion.py", "convolutions.py", "source.py", "kernels.c", "lowering.py")
