"""The explorer's files: packed weights, directions, and a program that draws what torch draws."""

import base64
import json
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from gan_tutor import networks, recipes, training
from gan_tutor.lab import latent

explorer = pytest.importorskip("gan_tutor.page_engine.explorer", reason="needs the extra 'page'")
MODELS = latent.models()


def facts(name):
    return json.loads((latent.FILES / f"{name}.json").read_text())


@pytest.mark.parametrize("levels", [31, 127])
@pytest.mark.parametrize(("shape", "outputs"), [((5, 7), 0), ((4, 3, 3, 3), 0), ((3, 4, 2, 2), 1)])
def test_a_weight_is_off_by_half_a_step_of_its_channel_at_most(shape, outputs, levels):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    weight.select(outputs, 1).mul_(1e-3)
    weight.select(outputs, 2).zero_()
    q, scale = explorer.quantise(weight, outputs, levels)
    assert (q.dtype, q.shape) == (torch.int8, weight.shape)
    assert q.abs().max() == levels
    back = explorer.dequantise(q, scale, outputs)
    for k in range(shape[outputs]):
        error = (back - weight).select(outputs, k).abs().max()
        assert error <= scale[k] / 2 * (1 + 1e-5)
    assert torch.equal(back.select(outputs, 2), torch.zeros_like(back.select(outputs, 2)))
    assert scale[1] < scale[0] / 100


def small(**changes):
    G = networks.DCGANGenerator(6, width=4, **changes)
    torch.manual_seed(1)
    with torch.no_grad():
        for value in G.state_dict().values():
            if value.is_floating_point():
                value.copy_(torch.rand_like(value) + 0.1)
    return G.eval()


@pytest.mark.parametrize("changes", [{}, {"mapping": 8, "refine": 1, "subpixel": True}])
def test_what_is_packed_comes_back(changes):
    G = small(**changes)
    whom, layers = explorer.player(G), explorer.quantised(G)
    assert set(layers.values()) >= {nn.Linear, nn.ConvTranspose2d}
    records, packed = explorer.pack(whom)
    values = explorer.split(explorer.unpack(records, packed), whom.parameters | whom.buffers)
    state = G.state_dict()
    for name, value in values.items():
        if name in layers:
            outputs = 1 if layers[name] is nn.ConvTranspose2d else 0
            q, scale = explorer.quantise(state[name], outputs, 31 if layers[name] is nn.Linear else 127)
            torch.testing.assert_close(value, explorer.dequantise(q, scale, outputs), rtol=0, atol=0)
        else:
            assert torch.equal(value, state[name])
    assert {record["count"] for record in records if "channels" not in record} <= {4, 8, 1}


def test_the_metric_of_a_linear_generator_is_known():
    G = nn.Linear(5, 12).double()
    z = torch.randn(7, 5, dtype=torch.float64)
    torch.testing.assert_close(explorer.metric(G, z), G.weight.T @ G.weight)
    axes = explorer.principal_axes(explorer.metric(G, z))
    _, stretch, rows = torch.linalg.svd(G.weight.detach())
    torch.testing.assert_close(axes.shares.double(), stretch**2 / (stretch**2).sum(), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close((axes.vectors.double() @ rows.T).abs(), torch.eye(5).double(), rtol=0, atol=1e-5)
    assert (axes.vectors.gather(1, axes.vectors.abs().argmax(1, keepdim=True)) > 0).all()


def test_the_metric_is_what_small_steps_measure():
    G = small().double()
    z = torch.randn(3, 6, dtype=torch.float64)
    d = torch.randn(6, dtype=torch.float64) * 1e-5
    with torch.no_grad():
        moved = (G(z + d) - G(z - d)).flatten(1).square().sum(1).mean() / 4
    torch.testing.assert_close(d @ explorer.metric(G, z) @ d, moved, rtol=1e-4, atol=0)


def test_a_conditional_generator_is_a_plain_one_with_codes():
    recipe = replace(recipes.named("digits_projection"), width_g=8)
    G = recipes.build(recipe).ema.eval()
    inner, codes = explorer.plain(G)
    z, y = torch.randn(4, 64), torch.tensor([0, 3, 9, 3])
    torch.testing.assert_close(inner(torch.cat([z, codes[y]], dim=1)), G(z, y))
    axes = explorer.axes_of(G, 64, n=20)
    torch.testing.assert_close(axes.vectors @ axes.vectors.T, torch.eye(64), rtol=0, atol=1e-4)
    assert axes.shares.sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_the_program_draws_what_torch_draws(name, worker):
    file = facts(name)
    G = explorer.load(latent.FILES / f"{name}.json", recipes.named(name))
    module = worker.Module(file, zlib.decompress(base64.b64decode(file["wasm"])))
    values = explorer.unpack(file["tensors"], zlib.decompress(base64.b64decode(file["weights"]))).numpy()
    (cut,) = file["programs"]["show"]["inputs"][0]["shape"]
    weights = {"theta_g": values[:cut], "buffers_g": values[cut:]}
    for seed in (0, 7, 99):
        z = training.sample_z(1, file["latent"], torch.Generator().manual_seed(seed))
        y = torch.tensor([seed % 10])
        with torch.no_grad():
            expected = G(z, y) if file["classes"] else G(z)
        code = file["codes"][seed % 10] if file["classes"] else []
        made = module("show", weights | {"z": np.array([[*z[0].tolist(), *code]], np.float32)})["x"]
        assert np.abs(made - expected.numpy()).max() < 1e-4
        assert expected.max() - expected.min() > 0.5, "an image of nothing"


@pytest.mark.parametrize("name", MODELS)
def test_a_file_says_how_it_was_made_and_few_bits_are_enough(name):
    file, recipe = facts(name), recipes.named(name)
    made = file["made"]
    assert (made["recipe"], made["seed"], made["steps"]) == (name, 0, recipe.steps)
    before, after = (made[bits]["frechet_distance"] for bits in ("float32", "packed"))
    assert abs(after / before - 1) < 0.02
    assert made["float32"]["floor_frechet_distance"] < before < 15
    assert len(file["classes"]) == recipes.class_count(recipe) == len(file["codes"])
    assert file["shares"][:6] == sorted(file["shares"], reverse=True)[:6]
    axes = torch.tensor(file["axes"])
    torch.testing.assert_close(axes @ axes.T, torch.eye(8), rtol=0, atol=1e-4)
    assert (latent.FILES / f"{name}.json").stat().st_size < 700_000
    assert (latent.FILES / f"{name}.png").stat().st_size < 12_000


def test_the_stored_generators_answer_to_their_classes():
    G = explorer.load(latent.FILES / "digits_projection.json", recipes.named("digits_projection"))
    y = torch.arange(200) % 10
    images = training.generate(G, 200, 64, torch.Generator().manual_seed(0), y=y)
    from gan_tutor import evaluation

    assert evaluation.class_accuracy(images, y, "digits") > 0.85


def test_a_file_is_written_and_loaded(tmp_path):
    recipe = replace(recipes.named("digits"), width_g=4, mapping_g=0, refine_g=0)
    G = recipes.build(recipe).ema
    file = explorer.describe("mine", G, recipe, (), {"seed": 0})
    explorer.write(file, tmp_path / "mine.json")
    assert json.loads((tmp_path / "mine.json").read_text()) == file
    back = explorer.load(tmp_path / "mine.json", recipe)
    z = torch.randn(3, 64)
    with torch.no_grad():
        assert (back(z) - G.eval()(z)).abs().max() < 0.05
