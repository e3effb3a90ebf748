"""benchmarks/gpu.py plays on a CPU what it will measure on a GPU, and refuses to measure without one."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
CPU = torch.device("cpu")


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in ("gpu", "loop", "machine"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import gpu as module

    return module


def test_a_turn_is_timed_for_both_losses(gpu):
    found = gpu.turn(CPU, dry=True)
    assert list(found["games"]) == ["nonsaturating", "relativistic, R1 + R2"]
    assert all(game["eager"]["times_as_fast"] == 1 for game in found["games"].values())
    assert "held" not in found


def test_faces_are_raced_and_counted(gpu):
    found = gpu.faces(CPU, dry=True)
    assert {"tight", "pytorch-examples", "gan_tutor, float32"} <= set(found["contestants"])
    assert found["contestants"]["pytorch-examples"]["times_as_fast"] == 1
    assert all(row["ms_per_turn"] > 0 for row in found["contestants"].values())
    card = found["card"]
    assert 0 < card["share_of_peak_flops"] < 1
    assert 0 < card["share_of_peak_bandwidth"] < 1
    assert card["operations_per_turn"] > 1e6


def test_modes_are_counted_on_a_run(gpu):
    (row,) = gpu.stacked(CPU, dry=True)["rows"]
    assert 1 <= row["modes"] <= 60
    assert 0 < row["perfect_kl"] < row["kl"] <= 6.91


def test_the_grid_is_scored(gpu):
    assert gpu.grid(CPU, dry=True)["seeds"][0]["perfect_modes"] == 25


def test_bytes_are_those_of_what_is_read_and_written(gpu):
    a, b = torch.ones(100), torch.ones(100)
    with gpu.Traffic() as traffic:
        (a + b).view(10, 10)
    assert traffic.bytes == 3 * 400


def test_ratios_are_those_within_rounds(gpu):
    found = gpu.ratios({"a": [1.0, 2.0, 9.0], "b": [3.0, 4.0, 9.0]}, "b")
    assert found["a"] == {"ms_per_turn": 2000.0, "times_as_fast": 2.0}
    assert found["b"]["times_as_fast"] == 1.0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU to measure")
@pytest.mark.parametrize(("script", "options"), [("gpu.py", []), ("memory.py", ["--device", "cuda"])])
def test_without_a_gpu_nothing_is_measured_and_the_expectation_is_said(script, options):
    done = subprocess.run([sys.executable, str(BENCHMARKS / script), *options], capture_output=True, text=True)
    assert done.returncode == 2
    assert "GPU" in done.stderr
    assert "there is none" in done.stderr
