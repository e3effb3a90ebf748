"""What a page knows: initial draws that give torch's own weights, and columns that give the library's own losses."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from gan_tutor import losses, objectives, recipes
from gan_tutor.page_engine import bundle, manifest, programs
from gan_tutor.recipes import Recipe

IMAGES = Recipe(data="digits", generator="dcgan", discriminator="dcgan", width_g=4, width_d=4, latent_dim=64)
BUILT = {
    **{f"latent_{n}": Recipe(width_g=8, width_d=8, latent_dim=n, seed=n) for n in (1, 2, 7, 16, 40)},
    "affine": Recipe(data="gaussian", depth_g=0, width_d=8, latent_dim=1),
    "batch_norm": replace(IMAGES, norm_d="batch"),
    "space_to_depth": replace(IMAGES, discriminator="space_to_depth", mapping_g=8, refine_g=1, subpixel_g=True),
    "projection": replace(IMAGES, condition="projection", latent_dim=5),
    "spectral": Recipe(width_g=8, width_d=8, norm_d="spectral", seed=3),
}


def described(recipe):
    """The manifest of a recipe's bundle, without its programs."""
    G, D, _ = programs.programs(recipe)
    return json.loads(json.dumps(bundle.describe(recipe, G, D, [])))


@pytest.mark.parametrize("recipe", BUILT.values(), ids=BUILT)
def test_replayed_draws_are_the_initial_weights_bit_for_bit(worker, recipe):
    facts = described(recipe)
    theta, buffers = worker.initial(facts, recipe)
    game = recipes.build(recipe)
    for letter, network in (("G", game.G), ("D", game.D)):
        layout = programs.player(network)
        wide = programs.player(getattr(recipes.build(replace(recipe, latent_dim=facts["latent"])), letter))
        for name, values in programs.split(torch.from_numpy(theta[letter]), wide.parameters).items():
            own = dict(network.named_parameters())[name].detach()
            kept = values[:, : own.shape[1]] if own.shape != values.shape else values
            assert torch.equal(kept, own), name
            assert values.count_nonzero() == kept.count_nonzero()  # unused latents have zero weights
        if recipe.norm_d != "spectral":
            held = dict(network.named_buffers())
            expected = programs.flat([held[k] for k in layout.buffers]) if layout.buffers else torch.zeros(0)
            assert torch.equal(torch.from_numpy(buffers[letter]), expected)


@pytest.mark.parametrize("loss", losses.LOSSES.values(), ids=losses.LOSSES)
def test_columns_give_the_librarys_losses(loss):
    columns = manifest.loss_columns()
    real, fake = torch.randn(9) * 3, torch.randn(9) * 3
    d = programs.mixed(
        list(programs.D_FORMULAS.values()), torch.tensor(columns["d_losses"][loss.name]).float().unbind()
    )
    torch.testing.assert_close(d.d(real, fake), loss.d(real, fake))
    chosen = columns["g_losses"][loss.name]
    g = programs.mixed(programs.G_FORMULAS[chosen["program"]], torch.tensor(chosen["weights"]).float().unbind())
    shape = (9, 1) if loss.on_features else (9,)
    torch.testing.assert_close(
        g.g_formula(real.view(shape), fake.view(shape)), loss.g_formula(real.view(shape), fake.view(shape))
    )


@pytest.mark.parametrize("target", [0.51, 0.6, 0.75, 0.9, 1.0])
@pytest.mark.parametrize("name", ["minimax", "nonsaturating"])
def test_label_smoothing_is_affine_in_the_target(name, target):
    columns = manifest.loss_columns()
    share = (1 - target) / (1 - columns["smoothed_target"])
    weights = [w * (1 - share) for w in columns["d_losses"][name]]
    weights[columns["smoothed"][name]] = share
    mixed = programs.mixed(list(programs.D_FORMULAS.values()), torch.tensor(weights).unbind())
    real, fake = torch.randn(50) * 5, torch.randn(50) * 5
    expected = losses.label_smoothing(losses.LOSSES[name], target).d(real, fake)
    torch.testing.assert_close(mixed.d(real, fake), expected)


def test_an_optimisers_program_also_tells_the_gradients_length():
    *_, found = programs.programs(Recipe(width_g=8, width_d=8))
    for name in ("adam", "rmsprop", "sgd"):
        program = next(program for program in found if program.name == f"{name}_d")
        inputs = [torch.randn(port.shape) for port in program.inputs]
        *_, norm = program.function(*inputs[:1], *(x.square() for x in inputs[1:3]), *inputs[3:])
        torch.testing.assert_close(norm, inputs[3].norm().reshape(1))
        assert [port.name for port in program.outputs] == ["theta", "state_0", "state_1", "norm"]


def test_arrows_are_the_gradient_of_gs_loss():
    recipe = Recipe(width_g=8, width_d=8)
    _, D, found = programs.programs(recipe)
    arrows = next(program for program in found if program.name == "arrows")
    theta = programs.flat([p.detach() for p in D.network.parameters()])
    real, fake = torch.randn(60, 2), torch.randn(60, 2)
    for name, weights in manifest.loss_columns()["arrows"].items():
        moved = fake.clone().requires_grad_()
        value = objectives.generator_loss(lambda _, x=moved: x, D.network, losses.LOSSES[name], real, fake)
        (expected,) = torch.autograd.grad(value, moved)
        (found_gradient,) = arrows.function(theta, real, fake, torch.tensor(weights).float())
        torch.testing.assert_close(found_gradient, expected, rtol=1e-4, atol=1e-7)
    assert "feature_matching" not in manifest.loss_columns()["arrows"]


def test_auxiliary_is_refused():
    with pytest.raises(ValueError, match="condition must be none, concat, embedding or projection on a page"):
        programs.programs(Recipe(condition="auxiliary"))


def test_ports_and_matching_fields():
    facts = described(Recipe(latent_dim=3, width_d=32))
    assert facts["match"]["width_d"] == 32
    assert facts["match"]["condition"] == "none"
    assert "latent_dim" not in facts["match"]
    assert sorted(map(int, facts["init"])) == list(range(1, 17))
    assert described(Recipe(latent_dim=20))["match"]["latent_dim"] == 20
    _, _, found = programs.programs(Recipe(condition="concat"))
    ports = {program.name: [port.name for port in program.inputs] for program in found}
    assert ports["d_wgan_gp"] == ["theta_d", "x_real", "x_fake", "y", "noise_real", "noise_fake", "u", "knobs"]
    assert ports["g_relativistic"] == ["theta_g", "theta_d", "x_real", "z", "y", "noise_fake", "noise_real", "knobs"]
    assert "arrows" not in ports
    assert np.prod(found[0].outputs[0].shape) == 128 * 2


@pytest.mark.parametrize("change", [{"augment": "flip"}, {"diffaugment": "cutout"}])
def test_augmentation_is_refused_and_a_bundle_does_not_serve_it(change):
    images = replace(IMAGES, data="fashion")
    with pytest.raises(ValueError, match="augment must be none and diffaugment empty on a page, got"):
        programs.programs(replace(images, **change))
    shared = manifest.matching(images)
    assert (shared["augment"], shared["diffaugment"]) == ("none", "")
    assert "cuda_graph" not in shared
