"""Every call of a whole game's programs, answered by onnxruntime too: the same formulas, another compiler."""

import itertools
from dataclasses import replace

import pytest

from gan_tutor.losses import LOSSES
from gan_tutor.page_engine import bundle, tracing
from gan_tutor.penalties import PENALTIES

TURNS = 10
pytestmark = pytest.mark.xdist_group("small_bundle")  # compiled once: all run in one process


@pytest.fixture(scope="module")
def both(worker, small_traced, small_bundle):
    def model(name):
        (program,) = (program for program in small_traced.programs if program.name == name)
        return tracing.to_onnx(program, small_traced.graphs[name]).SerializeToString()

    return worker.Both(worker.Module(*bundle.read(small_bundle)), model)


@pytest.mark.parametrize("penalty", ["none", *PENALTIES])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_step_of_each_player_with_every_loss_and_penalty(worker, both, small, loss, penalty):
    both.compared.clear()
    recipe = replace(small, loss=loss, penalty=penalty, penalty_weight=0.3, instance_noise=0.1)
    assert len(list(itertools.islice(worker.Turns(both, recipe), TURNS))) == TURNS
    assert both.compared >= {"generate", f"d_{penalty}", "adam_d", "adam_g"}
    assert len(both.compared) == 5
