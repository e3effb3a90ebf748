"""Process settings: what they must change, and that they change no number."""

import platform
import subprocess
import sys

import pytest
import torch

from gan_tutor import host

STEPS = """
import resource, sys
import torch
from gan_tutor import host, recipes
if sys.argv[1] == "tuned":
    host.tune()
else:
    torch.set_num_threads(1)
game = recipes.build(recipes.Recipe(data="digits", generator="dcgan", discriminator="dcgan", norm_d="batch",
                                    latent_dim=16, width_g=16, width_d=16, steps=16))
turns = recipes.run(game)
for _ in range(6):  # the heap grows to its size
    record = next(turns)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for record in turns:
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, record.loss_d.item(), record.loss_g.item())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is asked to keep freed memory")
def test_a_tuned_process_keeps_its_pages_and_computes_the_same():
    plain, tuned = (
        subprocess.run(
            [sys.executable, "-c", STEPS, kind], capture_output=True, text=True, check=True, timeout=120
        ).stdout.split()
        for kind in ("plain", "tuned")
    )
    assert int(tuned[0]) < 0.2 * int(plain[0])
    assert tuned[1:] == plain[1:]


def test_threads_are_set():
    before = torch.get_num_threads()
    try:
        host.tune(2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("threads", [0, -1])
def test_fewer_than_one_thread_is_refused(threads):
    with pytest.raises(ValueError, match=f"threads must be at least 1, got {threads}"):
        host.tune(threads)
