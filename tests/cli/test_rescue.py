"""Out of memory and divergence: the advice is one that works here."""

import re

import pytest
import torch
from small_runs import TINY

from gan_tutor import recipes, training
from gan_tutor.cli import folder as folder_module
from gan_tutor.cli import rescue


@pytest.mark.parametrize(
    ("fits", "advice"),
    [
        (5, "out of memory with batch_size 16: --batch-size 4 fits here; --precision bfloat16 about halves the memory "
            "of activations; or share the same batch between 4 GPUs with torchrun --nproc-per-node 4"),
        (0, "out of memory with batch_size 16, and a batch of one sample a process does not fit either: lower "
            "--width-g and --width-d, now 8 and 8, to half; --precision bfloat16 about halves the memory of "
            "activations"),
    ],
)  # fmt: skip
def test_out_of_memory_says_which_setting_to_change_and_by_how_much(run, tmp_path, monkeypatch, fits, advice):
    d_step = training.d_step

    def full(G, D, opt_d, loss, x_real, *rest):
        if len(x_real) > fits:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return d_step(G, D, opt_d, loss, x_real, *rest)

    monkeypatch.setattr(training, "d_step", full)
    status, _, errors = run("train", "ring", "--steps", 5, "--out", tmp_path / "run", *TINY)
    assert status == 1
    assert errors.splitlines()[-1] == f"gan-tutor: {advice}"
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("every", "width", "way"),
    [
        (1, 128, "go on by the same command with (--previous .*): 20 turns from step 1 stay finite with it"),
        (1, 8, "go on by the same command with (--previous .*): 20 turns from step 2 stay finite with it"),
        (2, 8, "go on by the same command with (--resume .*): 20 turns from step 2 stay finite with it"),
        (
            3,
            8,
            "what {out} keeps comes too late .*: begin again with another (--out) and (.*): its first 20 turns stay .*",
        ),
        (
            9,
            8,
            "{out} holds no checkpoint yet: begin again by the same command with (.*): its first 20 turns stay finite",
        ),
    ],
)
def test_divergence_is_one_line_whose_advice_works(run, tmp_path, every, width, way):
    """A critic without any bound: its weights outgrow float32 within four turns, with no way back from the last one."""
    out = tmp_path / "run"
    wild = ("--loss", "wasserstein", "--optimizer", "sgd", "--beta1", 0, "--steps", 25, "--checkpoint-every", every)
    command = ("train", "ring", "--out", out, *TINY, "--width-g", width, "--width-d", width, *wild)
    status, _, errors = run(*command, "--lr-d", 10, "--lr-g", 10)
    assert status == 1
    assert "Traceback" not in errors
    step = 3 if width == 128 else 4
    diverged = f"gan-tutor: loss_d became nan at step {step}: the run has diverged and cannot recover; "
    told = re.fullmatch(re.escape(diverged) + way.format(out=re.escape(str(out))), errors.splitlines()[-1])
    assert told, errors
    flags = " ".join(told.groups()).replace("--out", f"--out {tmp_path / 'other'}").split()
    assert {"--lr-g", "--lr-d"} < set(flags)
    status, _, errors = run(*command, *flags)
    assert status == 0, errors
    (checkpoint,) = tmp_path.glob("other/checkpoint.safetensors" if "--out" in flags else "run/checkpoint.safetensors")
    assert recipes.resume(checkpoint).step == 25


def test_a_cure_that_cannot_be_tried_is_not_promised(tmp_path, monkeypatch):
    game = recipes.build(recipes.Recipe(width_g=4, width_d=4, batch_size=4))
    monkeypatch.setattr(recipes, "build", lambda **_: (_ for _ in ()).throw(RuntimeError("no room for a second game")))
    told = rescue.way_back(folder_module.Folder(tmp_path), game)
    assert told.endswith("begin again by the same command with much lower learning rates, or a penalty")
