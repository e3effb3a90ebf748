"""Settings of this process that make training on a CPU fast. Nothing here changes a single number."""

import ctypes
import platform

import torch

from gan_tutor.networks import has_native_bfloat16

# glibc's malloc.h
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_LARGEST_MMAP_THRESHOLD = 32 * 2**20


def instruction_set() -> str:
    """Return the vector instructions that PyTorch uses on this processor, as "AVX2" or "AVX512 with bfloat16".

    Stored results name it, because speed depends on it, and because "auto" precision does.
    """
    return torch.backends.cpu.get_cpu_capability() + (" with bfloat16" if has_native_bfloat16("cpu") else "")


def tune(threads: int = 1) -> None:
    """Use `threads` CPU threads in torch, and keep freed memory for the next step.

    One thread: the networks of this book are too small to share out. Freed memory: a step frees its activations and
    the next one asks for the same again; glibc gives large blocks back to the system in between, which then has to
    clear every page anew (about a fifth of a small DCGAN's step). Without glibc, only threads are set.

    Args:
        threads: CPU threads, at least 1.

    Raises:
        ValueError: `threads` is below 1.

    See the manual page mallopt(3); measured by benchmarks/host.py.
    """
    if threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    torch.set_num_threads(threads)
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
