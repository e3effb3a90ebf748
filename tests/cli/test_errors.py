"""Errors of one line that name their cure, and those of the program itself, which keep their traceback."""

import errno
import re
import sys
from pathlib import Path

import pytest
import torch
from small_runs import TINY

from gan_tutor import cli, evaluation


def test_a_measurement_that_fails_says_how_to_have_it_later(run, folder, monkeypatch):
    def failing(*arguments):
        raise ValueError("no such thing")

    monkeypatch.setattr(evaluation, "score", failing)
    status, _, errors = run("train", "ring", "--steps", 30, "--out", folder, "--resume", *TINY)
    assert status == 1
    assert errors.splitlines()[-1] == (
        "gan-tutor: no such thing; the run is whole at step 30: measure it by the same command with --resume"
    )


def test_the_traceback_of_an_error_can_be_had_and_a_foreign_one_says_so(run, folder, monkeypatch):
    assert run("sample", "none") == (
        1,
        "",
        "gan-tutor: no checkpoint at none; a run folder holds it as checkpoint.safetensors",
    )
    monkeypatch.setattr(sys, "argv", ["gan-tutor", "sample", "--traceback", "none"])
    with pytest.raises(FileNotFoundError, match="no checkpoint at none"):
        cli.main()
    monkeypatch.setattr(evaluation, "score", lambda *arguments: int("a bug of ours"))
    status, _, errors = run("evaluate", folder)
    assert status == 1
    assert errors == "gan-tutor: invalid literal for int() with base 10: 'a bug of ours' (--traceback shows where)"
    monkeypatch.setattr(evaluation, "least_samples", [].index)  # in C: the last line of Python is the library's own
    status, _, errors = run("evaluate", folder)
    assert (status, errors) == (1, "gan-tutor: 'ring' is not in list (--traceback shows where)")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "rings"), "ring_slow_d"),
        (("train",), "ring"),
        (("paint",), "train"),
        (("train", "ring", "--loss", "gan"), "nonsaturating"),
        (("train", "ring", "--steps", "0"), "steps must be positive, got 0"),
        (("train", "ring", "--steps", "many"), "many"),
        (("train", "ring", "--lr-g", "-1"), "lr_g must be positive, got -1"),
        (("train", "ring", "--generator", "dcgan"), "generator must be mlp for ring, got dcgan"),
        (("train", "ring", "--norm-d", "batch"), "norm_d must be none or spectral"),
        (("train", "ring", "--stepz", "3"), "--stepz"),
        (("train", "ring", "--device", "tpu"), "cuda"),
        (("train", "ring", "--checkpoint-every", "0"), "checkpoint.every must be at least 1, got 0"),
        (("train", "ring", "--checkpoint-minutes", "0"), "checkpoint.minutes must be positive, got 0"),
        (("train", "ring", "--log-every", "0"), "log.every must be at least 1, got 0"),
        (("train", "ring", "--samples", "0"), "samples must be at least 1, got 0"),
        (("train", "ring", "--threads", "0"), "threads must be at least 1, got 0"),
        (("train", "ring", "--samples", "1000001"), "samples must be at most 1000000, got 1000001"),
        (("train", "ring", "--threads", "100000"), "threads must be at most 1024, got 100000"),
        (("train", "ring", "--checkpoint-minutes", "nan"), "checkpoint.minutes must be positive, got nan"),
        (("train", "ring", "--seed", str(10**20)), f"seed must be at most {2**53 - 1}, got {10**20}"),
        (("train", "digits", "--samples", "3"), "samples must be at least 4 to be measured against digits, got 3"),
        (("sample", "none"), "no checkpoint at none"),
        (("sample", "none", "--n", "0"), "n must be at least 1, got 0"),
        (("sample", "none", "--seed", str(10**20)), f"seed must be at most {2**53 - 1}, got {10**20}"),
        (("sample", "none", "--seed=-1"), "seed must be at least 0, got -1"),
        (("sample", "none", "--out", "v1.2"), r"out must end in .png .* got v1.2: v1.2.png would be one"),
        (("evaluate", "none", "--n", "10000000"), "n must be at most 1000000, got 10000000"),
        (("evaluate", "none", "--seed", str(10**20)), f"seed must be at most {2**53 - 1}, got {10**20}"),
        (("sweep", "ring", "--grid", "seed=0..1", "--samples", "0"), "samples must be at least 1, got 0"),
        (("sweep", "ring", "--grid", "seed=inf"), "must be whole numbers, got 'inf'"),
        (("classroom", "grade", "none", "--jobs", "0"), "jobs must be from 1 to a million, got 0"),
        (("classroom", "grade", "none", "--memory-gib", "inf"), "memory.gib must be above 0 and at most .* got inf"),
        (("evaluate", "none"), "no checkpoint at none"),
    ],
)
def test_a_wrong_argument_is_named_without_a_traceback_and_nothing_is_written(
    run, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    short = () if "--steps" in arguments or "ring" not in arguments else ("--steps", 2)
    status, _, errors = run(*arguments, *short)
    assert status in (1, 2)
    assert re.search(message, " ".join(errors.replace("│", " ").split()))  # tyro breaks lines and draws a box
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


def test_one_of_several_processes_names_itself(run, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "2")
    status, _, errors = run("train", "ring", "--samples", "0", "--out", tmp_path / "run")
    assert status == 1
    assert errors == "gan-tutor (process 2): --samples must be at least 1, got 0"


def test_a_damaged_checkpoint_is_one_line(run, folder):
    path = folder / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    for command in (
        ("sample", folder),
        ("evaluate", folder),
        ("train", "ring", "--steps", 30, "--out", folder, "--resume", *TINY),
    ):
        status, _, errors = run(*command)
        assert status == 1
        assert len(errors.splitlines()) == 1
        assert errors.startswith(f"gan-tutor: {path} is not a readable checkpoint")


def test_cuda_without_a_gpu_is_a_clear_error(run, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    status, _, errors = run("train", "ring", "--device", "cuda", "--out", tmp_path / "run")
    assert status == 1
    assert errors == "gan-tutor: device cuda was asked for but torch sees no CUDA GPU; use --device auto or cpu"
    assert list(tmp_path.iterdir()) == []


def test_compile_without_a_compiler_is_one_line(run, tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "/nonexistent")
    status, _, errors = run("train", "ring", "--compile", "--device", "cpu", "--out", tmp_path / "a", *TINY)
    assert status == 1
    assert errors.splitlines()[-1].startswith("gan-tutor: compile needs a C++ compiler, but CXX names /nonexistent")
    assert not (tmp_path / "a").exists()


def test_a_compiler_that_fails_at_the_first_turn_is_one_line(run, tmp_path, monkeypatch):
    """As torch says it where Python's headers are missing; to make it say so takes a minute."""
    failed = type("InductorError", (RuntimeError,), {"__module__": "torch._inductor.exc"})

    def played(*arguments):
        raise failed("CppCompileError: C++ compile error\n\nOutput:\nPython.h: No such file or directory")

    monkeypatch.setattr("gan_tutor.cli.session.play", played)
    status, _, errors = run("train", "ring", "--out", tmp_path / "a", *TINY)
    assert status == 1
    assert errors.splitlines()[-1] == (
        "gan-tutor: --compile does not work here (CppCompileError: C++ compile error); "
        "without it the results are the same"
    )


def test_a_place_that_cannot_be_written_is_named_with_its_cure(run, folder, tmp_path, monkeypatch):
    """As for another user, or on a read-only disk; the superuser of a container may write everywhere."""
    mkdir = Path.mkdir

    def refused(path, *arguments, **keywords):
        if path.name == "forbidden":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        mkdir(path, *arguments, **keywords)

    monkeypatch.setattr(Path, "mkdir", refused)
    place = tmp_path / "forbidden"
    for command in (
        ("train", "ring", "--out", place, *TINY),
        ("sweep", "ring", "--grid", "seed=0..1", "--steps", 2, "--out", place),
        ("sample", folder, "--out", place / "a.png"),
    ):
        status, _, errors = run(*command)
        assert status == 1
        last = errors.splitlines()[-1]
        assert (
            last == f"gan-tutor: {place} cannot be written (Permission denied): choose a folder of your own with --out"
        )


def test_errors_of_the_program_itself_keep_their_traceback(run, monkeypatch):
    def broken(*arguments, **keywords):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("gan_tutor.cli.runs.host.tune", broken)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        run("train", "ring", *TINY)
