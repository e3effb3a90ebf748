"""Every call of a whole game's programs, answered by onnxruntime too: the same formulas, another compiler."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from gan_tutor.losses import LOSSES
from gan_tutor.page_engine import bundle, lowering, programs, tracing
from gan_tutor.penalties import PENALTIES
from gan_tutor.recipes import Recipe

TURNS = 10
IMAGES = Recipe(
    data="digits", generator="dcgan", discriminator="dcgan", norm_d="batch", width_g=4, width_d=4, batch_size=16,
    latent_dim=20, steps=8, lr_g=2e-4, lr_d=2e-4,
)  # fmt: skip

pytestmark = pytest.mark.xdist_group("small_bundle")  # compiled once: all run in one process


class Both:
    """A module whose every answer is compared with onnxruntime's on the same inputs."""

    def __init__(self, module, found):
        self.onnxruntime = pytest.importorskip("onnxruntime")
        self.module, self.manifest = module, module.manifest
        self.programs, self.sessions, self.compared = {program.name: program for program in found}, {}, set()

    def session(self, program):
        if program not in self.sessions:
            model = tracing.to_onnx(self.programs[program]).SerializeToString()
            self.sessions[program] = self.onnxruntime.InferenceSession(model)
        return self.sessions[program]

    def __call__(self, program, values):
        found = self.module(program, values)
        inputs = {
            port["name"]: np.asarray(values[port["name"]], np.float32)
            for port in self.manifest["programs"][program]["inputs"]
        }
        session = self.session(program)
        wanted = [one.name for one in session.get_inputs()]  # an input that changes nothing is not in the graph
        named = zip(found.items(), session.run(None, {name: inputs[name] for name in wanted}), strict=True)
        for (name, ours), theirs in named:
            np.testing.assert_allclose(
                ours, theirs, rtol=1e-4, atol=1e-5 * (1 + np.abs(theirs).max()), err_msg=f"{program}: {name}"
            )
        self.compared.add(program)
        return found


@pytest.fixture(scope="module")
def both(worker, small, small_bundle):
    return Both(worker.Module(*bundle.read(small_bundle)), programs.programs(small)[2])


@pytest.mark.parametrize("penalty", ["none", *PENALTIES])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_step_of_each_player_with_every_loss_and_penalty(worker, both, small, loss, penalty):
    both.compared.clear()
    recipe = replace(small, loss=loss, penalty=penalty, penalty_weight=0.3, instance_noise=0.1)
    assert len(list(itertools.islice(worker.Turns(both, recipe), TURNS))) == TURNS
    assert both.compared >= {"generate", f"d_{penalty}", "adam_d", "adam_g"}
    assert len(both.compared) == 5


@pytest.mark.parametrize(
    "recipe",
    [IMAGES, replace(IMAGES, discriminator="space_to_depth", norm_d="none", loss="relativistic", penalty="r1_r2")],
    ids=["batch_norm", "relativistic_r1_r2"],
)
def test_convolutions_and_batch_norm_too(worker, recipe):
    G, D, found = programs.programs(recipe)
    trained = {"relativistic": "g_relativistic"}.get(recipe.loss, "g")
    found = [p for p in found if p.name in {"generate", f"d_{recipe.penalty}", trained, "adam_d", "adam_g"}]
    manifest = bundle.describe(recipe, G, D, found)
    module = worker.Module(manifest, lowering.to_wasm(lowering.to_c(found), manifest["programs"]))
    both = Both(module, found)
    assert len(list(itertools.islice(worker.Turns(both, recipe), 4))) == 4
    assert both.compared == {p.name for p in found}
