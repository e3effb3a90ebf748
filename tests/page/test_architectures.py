"""Networks with buffers, convolutions and conditions: the bytes against the eager trainer, and in evaluation mode."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from gan_tutor import networks, recipes
from gan_tutor.page_engine import bundle, graph, lowering, programs, source, tracing
from gan_tutor.recipes import Recipe

TANH = Recipe(width_g=16, width_d=16, activation_g="tanh", activation_d="tanh", batch_size=32, steps=200)
IMAGES = Recipe(
    data="digits", generator="dcgan", discriminator="dcgan", norm_d="batch", width_g=4, width_d=4, batch_size=16,
    latent_dim=20, steps=8, lr_g=2e-4, lr_d=2e-4,
)  # fmt: skip
CASES = {
    "batch_norm": IMAGES,
    "space_to_depth": replace(
        IMAGES, discriminator="space_to_depth", norm_d="none", mapping_g=16, refine_g=1, subpixel_g=True,
        loss="relativistic", penalty="r1_r2", penalty_weight=0.3,
    ),
    "projection": replace(
        IMAGES, discriminator="space_to_depth", norm_d="none", condition="projection", penalty="r1_r2",
    ),
    "spectral": replace(TANH, norm_d="spectral", penalty="r1", n_critic=2),
    "concat": replace(TANH, condition="concat", loss="relativistic", penalty="wgan_gp", latent_dim=3),
    "embedding": replace(TANH, condition="embedding", instance_noise=0.1, data="grid"),
}  # fmt: skip
TOLERANCE = {"batch_norm": 2e-5, "space_to_depth": 2e-5, "projection": 2e-5}  # their kinks are not smooth


# Each case is compiled once: its tests run in one process.
@pytest.fixture(scope="module", params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in CASES])
def played(request, worker):
    """A case's name, recipe, module with only the programs that its game needs, and their ONNX models."""
    recipe = CASES[request.param]
    G, D, found = programs.programs(recipe)
    trained = {"relativistic": "g_relativistic"}.get(recipe.loss, "g")
    wanted = {"generate", f"d_{recipe.penalty}", trained, "adam_d", "adam_g", "show", "judge", "settle_d"}
    found = [program for program in found if program.name in wanted]
    manifest = bundle.describe(recipe, G, D, found)
    exported = {program.name: tracing.to_onnx(program) for program in found}
    models = {name: model.SerializeToString() for name, model in exported.items()}
    in_c = source.write({name: graph.read(model) for name, model in exported.items()})
    wasm = lowering.to_wasm(in_c, manifest["programs"])
    return request.param, recipe, worker.Module(manifest, wasm), models


def test_losses_agree(worker, played):
    name, recipe, module, _ = played
    eager = [(float(r.loss_d), float(r.loss_g)) for r in recipes.run(recipes.build(recipe))]
    compiled = list(itertools.islice(worker.Turns(module, recipe), recipe.steps))
    np.testing.assert_allclose(compiled, eager, rtol=0, atol=TOLERANCE.get(name, 1e-5))
    assert np.ptp(np.array(eager), axis=0).min() > 1e-4


def test_onnxruntime_gives_every_answer_too(worker, played):
    """The same formulas by another compiler, for every call of some turns of a game."""
    _, recipe, module, models = played
    both = worker.Both(module, models.get)
    assert len(list(itertools.islice(worker.Turns(both, recipe), 4))) == 4
    assert both.compared == set(models) - {"show", "judge"}


def test_buffers_and_samples_agree(worker, played):
    _, recipe, module, _ = played
    game, turns = recipes.build(recipe), worker.Turns(module, recipe)
    for _ in zip(range(5), recipes.run(game), turns, strict=False):
        pass
    for letter, network in (("G", game.G), ("D", game.D)):
        whom = programs.player(network)
        held = dict(network.named_buffers())
        eager = programs.flat([held[key] for key in whom.buffers]).numpy() if whom.buffers else np.zeros(0)
        np.testing.assert_allclose(turns.buffers[letter], eager, rtol=1e-4, atol=1e-5)
    ports = {port["name"]: port["shape"] for port in module.manifest["programs"]["show"]["inputs"]}
    z = torch.randn(ports["z"])
    z[:, recipe.latent_dim :] = 0
    y = torch.arange(len(z)) % max(module.manifest["classes"], 1)
    shown = module("show", turns.held() | {"z": z.numpy(), "y": y.float().numpy()})["x"]
    G = game.G.eval() if not module.manifest["classes"] else networks.Given(game.G.eval(), y)
    with torch.no_grad():
        expected = G(z[:, : recipe.latent_dim]).numpy()
    np.testing.assert_allclose(shown, expected, rtol=1e-3, atol=1e-4)
