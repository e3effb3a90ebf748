"""Differentiable augmentation beside a plain loop over images, and D's gradients through it."""

import math

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from gan_tutor import networks, penalties, recipes
from gan_tutor.networks.diffaugment import DRAWS, diffaugment
from gan_tutor.recipes import Recipe

POLICIES = [("color",), ("translation",), ("cutout",), ("color", "translation", "cutout"), ("cutout", "color")]


def one_by_one(x, policy, u):
    """The same changes, an image at a time in numpy, pixel by pixel where pixels move."""
    found = []
    for image, numbers in zip(x.numpy().copy(), u.numpy(), strict=True):
        height, width = sides = image.shape[1:]
        for name in policy:
            if name == "color":
                image = image + (numbers[0] - 0.5)
                grey = image.mean(axis=0, keepdims=True)
                image = grey + (image - grey) * 2 * numbers[1]
                image = image.mean() + (image - image.mean()) * (0.5 + numbers[2])
            elif name == "translation":
                down, right = (
                    int(v * (2 * ((s + 4) // 8) + 1)) - (s + 4) // 8 for v, s in zip(numbers[3:5], sides, strict=True)
                )
                moved = np.zeros_like(image)
                for i in range(height):
                    for j in range(width):
                        if 0 <= i + down < height and 0 <= j + right < width:
                            moved[:, i, j] = image[:, i + down, j + right]
                image = moved
            else:
                image = image.copy()
                tall, broad = height // 2, width // 2
                y = int(numbers[5] * (height - tall % 2 + 1))
                z = int(numbers[6] * (width - broad % 2 + 1))
                for i in range(y - tall // 2, y - tall // 2 + tall):
                    for j in range(z - broad // 2, z - broad // 2 + broad):
                        if 0 <= i < height and 0 <= j < width:
                            image[:, i, j] = 0
        found.append(image)
    return torch.from_numpy(np.stack(found))


@pytest.mark.parametrize("policy", POLICIES, ids=",".join)
@pytest.mark.parametrize("shape", [(40, 1, 28, 28), (40, 3, 32, 32), (20, 3, 16, 24), (20, 2, 9, 15)])
def test_a_batch_is_changed_as_each_image_alone(policy, shape, generator):
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    u = torch.rand(shape[0], DRAWS, generator=generator, dtype=torch.float64)
    u[0], u[1] = 0.0, 1 - 1e-12  # both ends of every range
    assert torch.allclose(diffaugment(x, policy, u), one_by_one(x, policy, u), atol=1e-12)


def test_the_largest_float_below_one_stays_in_range():
    x, u = torch.randn(2, 1, 64, 64), torch.full((2, DRAWS), math.nextafter(1.0, 0.0), dtype=torch.float32)
    assert u.max() == 1.0  # rounded up: worse than what torch.rand gives
    changed = diffaugment(x, ("translation", "cutout"), u)
    assert torch.equal(diffaugment(x, ("translation",), u)[:, :, :-8, :-8], x[:, :, 8:, 8:])
    assert changed.isfinite().all()


@pytest.mark.parametrize("policy", POLICIES, ids=",".join)
def test_it_can_be_differentiated_twice(policy, generator):
    x = torch.randn(2, 2, 8, 9, generator=generator, dtype=torch.float64, requires_grad=True)
    u = torch.rand(2, DRAWS, generator=generator, dtype=torch.float64)
    changed = lambda x: diffaugment(x, policy, u).pow(3)  # noqa: E731
    assert gradcheck(changed, (x,))
    assert gradgradcheck(changed, (x,))


def discriminator():
    torch.manual_seed(0)
    return networks.SpaceToDepthDiscriminator(width=8, hidden=16)


def test_every_call_draws_anew_from_the_game_s_generator_only(generator):
    augmented, x = networks.DiffAugmented(discriminator(), "color,cutout", generator), torch.randn(4, 1, 28, 28)
    state, globally = generator.get_state(), torch.get_rng_state()
    first, second = augmented(x), augmented(x)
    assert not torch.equal(first, second)
    generator.set_state(state)
    assert torch.equal(augmented(x), first)
    generator.set_state(state)
    u = torch.rand(4, DRAWS, generator=generator)
    assert torch.equal(first, augmented.network(diffaugment(x, ("color", "cutout"), u)))
    assert torch.equal(globally, torch.get_rng_state())


def test_features_and_conditions_pass_through(generator):
    D = networks.ProjectionDiscriminator(discriminator(), torch.nn.Embedding(3, 16))
    augmented, x, y = (
        networks.DiffAugmented(D, "translation", generator),
        torch.randn(5, 1, 28, 28),
        torch.arange(5) % 3,
    )
    state = generator.get_state()
    logits = augmented(x, y)
    generator.set_state(state)
    changed = diffaugment(x, ("translation",), torch.rand(5, DRAWS, generator=generator))
    assert torch.equal(logits, D(changed, y))
    generator.set_state(state)
    assert torch.equal(augmented.features(x, y), D.features(changed, y))
    auxiliary = networks.AuxiliaryDiscriminator(discriminator(), 16, 3)
    generator.set_state(state)
    assert torch.equal(
        networks.DiffAugmented(auxiliary, "translation", generator).classify(x), auxiliary.classify(changed)
    )


def test_a_penalty_is_the_gradient_at_the_image_before_its_change(generator):
    """For a linear D: the slope goes through the change, so a hole takes its part away."""
    weight = torch.randn(1, 28, 28, generator=generator)
    D = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 1, bias=False), torch.nn.Flatten(0))
    D[1].weight.data = weight.flatten()[None]
    augmented, x = networks.DiffAugmented(D, "cutout", generator), torch.randn(6, 1, 28, 28)
    state = generator.get_state()
    found = penalties.r1(augmented, x, x)
    generator.set_state(state)
    kept = diffaugment(torch.ones(6, 1, 28, 28), ("cutout",), torch.rand(6, DRAWS, generator=generator))
    assert found.item() == pytest.approx(((kept * weight).flatten(1).square().sum(1).mean() / 2).item(), rel=1e-5)
    assert found < penalties.r1(D, x, x)


@pytest.mark.parametrize("loss", ["nonsaturating", "relativistic"])
@pytest.mark.parametrize("penalty", ["none", "r1_r2", "wgan_gp"])
def test_a_game_with_it_is_played_and_repeats(loss, penalty):
    recipe = Recipe(
        data="fashion", generator="dcgan", discriminator="space_to_depth", latent_dim=4, width_g=4, width_d=4,
        batch_size=8, steps=3, loss=loss, penalty=penalty, diffaugment="color,translation,cutout",
    )  # fmt: skip
    runs = [[(r.loss_d.item(), r.loss_g.item()) for r in recipes.run(recipes.build(recipe))] for _ in range(2)]
    assert runs[0] == runs[1]
    game = recipes.build(recipe)
    assert isinstance(game.ready_d, networks.DiffAugmented)
    assert type(game.D) is networks.SpaceToDepthDiscriminator


@pytest.mark.parametrize("policy", ["", "colour", "color, cutout", "color,color", "color,"])
def test_another_policy_is_refused(policy, generator):
    with pytest.raises(ValueError, match="diffaugment must be some of color, translation, cutout"):
        networks.DiffAugmented(discriminator(), policy, generator)
