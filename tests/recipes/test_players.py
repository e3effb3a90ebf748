"""Names become networks: each player gets its own width, depth and activation, whatever the other's are."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from gan_tutor import networks
from gan_tutor.recipes import Recipe, players

POINTS = Recipe(latent_dim=3, width_g=5, width_d=7, depth_g=1, depth_d=3, activation_g="tanh", activation_d="relu")
IMAGES = replace(POINTS, data="digits", width_g=4, width_d=6, depth_d=2)
SHAPE = (1, 28, 28)


def same(ours, theirs):
    """Whether two networks have the same layers, and the same weights after the same seed."""
    a, b = (network.state_dict() for network in (ours, theirs))
    return str(ours) == str(theirs) and all(torch.equal(x, y) for x, y in zip(a.values(), b.values(), strict=True))


def seeded(make):
    torch.manual_seed(0)
    return make()


@pytest.mark.parametrize(
    ("recipe", "shape", "expected"),
    [
        (POINTS, (2,), lambda: networks.MLPGenerator(3, (2,), width=5, depth=1, activation=nn.Tanh)),
        (IMAGES, SHAPE, lambda: networks.MLPGenerator(3, SHAPE, width=4, depth=1, activation=nn.Tanh, output="tanh")),
        (replace(IMAGES, generator="dcgan", mapping_g=9, refine_g=2, subpixel_g=True), SHAPE,
         lambda: networks.DCGANGenerator(3, width=4, mapping=9, refine=2, subpixel=True)),
        (replace(IMAGES, generator="dcgan", data="CIFAR10"), (3, 32, 32),
         lambda: networks.DCGANGenerator(3, channels=3, size=32, width=4)),
        (replace(IMAGES, generator="residual", data="CIFAR10"), (3, 32, 32),
         lambda: networks.ResidualGenerator(3, channels=3, size=32, width=4, depth=1)),
    ],
)  # fmt: skip
def test_a_generator_is_the_one_its_fields_say(recipe, shape, expected):
    assert same(seeded(lambda: players.generator(recipe, shape)), seeded(expected))


@pytest.mark.parametrize(
    ("recipe", "shape", "expected"),
    [
        (POINTS, (2,), lambda: networks.MLPDiscriminator((2,), width=7, depth=3, activation=nn.ReLU)),
        (replace(POINTS, norm_d="spectral"), (2,),
         lambda: networks.MLPDiscriminator((2,), width=7, depth=3, activation=nn.ReLU, norm="spectral")),
        (replace(IMAGES, discriminator="dcgan", norm_d="spectral"), SHAPE,
         lambda: networks.DCGANDiscriminator(width=6, norm="spectral")),
        (replace(IMAGES, discriminator="dcgan", data="CelebA"), (3, 64, 64),
         lambda: networks.DCGANDiscriminator(channels=3, size=64, width=6, norm="none")),
        (replace(IMAGES, discriminator="space_to_depth", data="CIFAR10"), (3, 32, 32),
         lambda: networks.SpaceToDepthDiscriminator(channels=3, size=32, width=6)),
        (replace(IMAGES, discriminator="residual", data="CIFAR10"), (3, 32, 32),
         lambda: networks.ResidualDiscriminator(channels=3, size=32, width=6, depth=2)),
    ],
)  # fmt: skip
def test_a_discriminator_is_the_one_its_fields_say(recipe, shape, expected):
    assert same(seeded(lambda: players.discriminator(recipe, shape)), seeded(expected))


@pytest.mark.parametrize(("name", "kind"), [("relu", nn.ReLU), ("leaky_relu", nn.LeakyReLU), ("tanh", nn.Tanh)])
def test_activations_by_name(name, kind):
    G = players.generator(replace(POINTS, activation_g=name), (2,))
    D = players.discriminator(replace(POINTS, activation_d=name), (2,))
    for network, others in ((G, 1), (D, 3)):
        found = [m for m in network.hidden if not isinstance(m, nn.Linear)]
        assert [type(m) for m in found] == [kind] * others
        assert all(m.negative_slope == 0.2 for m in found if name == "leaky_relu")


def test_a_conditional_generator_has_a_code_of_sixteen_numbers_beside_z():
    G = players.generator(replace(IMAGES, generator="dcgan", condition="projection"), SHAPE)
    assert (G.encode.num_embeddings, G.encode.embedding_dim) == (10, 16)
    assert G.G.net[0].in_features == 3 + 16


@pytest.mark.parametrize(("condition", "channels"), [("concat", 1 + 10), ("embedding", 1 + 1)])
def test_a_discriminator_sees_the_class_in_planes_beside_the_image(condition, channels):
    recipe = replace(IMAGES, discriminator="dcgan", condition=condition)
    D = players.discriminator(recipe, SHAPE)
    assert D.D.hidden[0].in_channels == channels
    x, y = torch.randn(4, *SHAPE), torch.tensor([0, 3, 3, 9])
    code = D.encode(y)
    if condition == "concat":
        assert torch.equal(code, nn.functional.one_hot(y, 10).float())
    else:
        assert code.shape == (4, 1, 28, 28)
        assert torch.equal(code.flatten(1), D.encode[0].weight[y])
    assert D(x, y).shape == (4,)


@pytest.mark.parametrize(("condition", "inputs"), [("concat", 2 + 8), ("embedding", 2 + 16)])
def test_a_discriminator_of_points_sees_the_class_in_coordinates(condition, inputs):
    D = players.discriminator(replace(POINTS, condition=condition), (2,))
    assert D.D.hidden[0].in_features == inputs
    assert D(torch.randn(4, 2), torch.tensor([0, 3, 3, 7])).shape == (4,)


@pytest.mark.parametrize("norm", ["none", "spectral"])
@pytest.mark.parametrize("condition", ["projection", "auxiliary"])
def test_a_class_s_head_is_normalised_as_the_rest_of_d(condition, norm):
    recipe = replace(IMAGES, discriminator="dcgan", norm_d=norm, condition=condition)
    D = players.discriminator(recipe, SHAPE)
    head = D.encode if condition == "projection" else D.classifier
    features = 12 * 7 * 7
    assert tuple(head.weight.shape) == (10, features) == (10, D.D.last.in_features)
    assert hasattr(head, "parametrizations") == (norm == "spectral")


@pytest.mark.parametrize("recipe", [
    POINTS, replace(POINTS, data="gaussian"), replace(IMAGES, generator="dcgan", discriminator="residual"),
    replace(IMAGES, data="stacked_digits", discriminator="space_to_depth"),
    replace(IMAGES, data="CelebA", generator="residual", discriminator="dcgan"),
])  # fmt: skip
def test_the_count_of_parameters_is_that_of_the_networks(recipe):
    shape = players.sample_shape(recipe)
    made = players.generator(recipe, shape), players.discriminator(recipe, shape)
    assert players.parameter_count(recipe) == sum(p.numel() for network in made for p in network.parameters())
    assert made[0](torch.randn(2, 3)).shape == (2, *shape)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("ring", (2,)), ("point", (2,)), ("two_moons", (2,)), ("gaussian", (1,)), ("mixture_1d", (1,)), ("digits", SHAPE),
     ("MNIST", SHAPE), ("stacked_digits", (3, 28, 28)), ("CIFAR10", (3, 32, 32)), ("CelebA", (3, 64, 64))],
)  # fmt: skip
def test_the_shape_of_a_sample(name, shape):
    assert players.sample_shape(replace(POINTS, data=name)) == shape


def test_the_number_of_classes():
    assert players.class_count(replace(POINTS, condition="concat")) == 8
    assert players.class_count(replace(IMAGES, condition="concat")) == 10
    assert players.class_count(POINTS) == players.class_count(IMAGES) == 0
