"""The two players of a recipe: here, and only here, an architecture's name becomes networks."""

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from gan_tutor import networks
from gan_tutor.recipes.record import CLASSES, IMAGE_SETS, Recipe

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "tanh": nn.Tanh,
}
CODE = 16  # size of a class's learned code


def sample_shape(recipe: Recipe) -> tuple[int, ...]:
    """Return the shape of one sample of the recipe's data, without opening the data."""
    images = {"stacked_digits": (3, 28, 28), "CIFAR10": (3, 32, 32), "CelebA": (3, 64, 64)}
    if recipe.data in IMAGE_SETS:
        return images.get(recipe.data, (1, 28, 28))
    return (1,) if recipe.data in ("gaussian", "mixture_1d") else (2,)


def class_count(recipe: Recipe) -> int:
    """Return how many classes a conditional recipe can be asked for, without opening the data; 0 without condition."""
    return 0 if recipe.condition == "none" else CLASSES[recipe.data]


def parameter_count(recipe: Recipe) -> int:
    """Return how many numbers G and D of a recipe learn together, without making them or opening the data."""
    shape = sample_shape(recipe)
    with torch.device("meta"):
        networks_of = generator(recipe, shape), discriminator(recipe, shape)
    return sum(p.numel() for network in networks_of for p in network.parameters())


def generator(recipe: Recipe, shape: tuple[int, ...]) -> nn.Module:
    """Build the recipe's G for samples of a shape; its weights are drawn as torch's layers draw them."""
    classes = class_count(recipe)
    if not classes:
        return _plain_generator(recipe, shape, recipe.latent_dim)
    G = _plain_generator(recipe, shape, recipe.latent_dim + CODE)
    return networks.ConditionalGenerator(G, nn.Embedding(classes, CODE))


def _side(shape: tuple[int, ...], network: str) -> int:
    """Return the pixels a side of the images that a convolutional network is built for.

    Raises:
        ValueError: The samples are no images (C, H, W), or not square.
    """
    if len(shape) != 3 or shape[1] != shape[2]:
        raise ValueError(
            f"a {network} network needs square images (C, H, W), got samples of shape {tuple(shape)}; crop or resize "
            "them, or use mlp players"
        )
    return shape[-1]


def _plain_generator(recipe: Recipe, shape: tuple[int, ...], inputs: int) -> nn.Module:
    if recipe.generator == "dcgan":
        return networks.DCGANGenerator(
            inputs,
            channels=shape[0],
            size=_side(shape, recipe.generator),
            width=recipe.width_g,
            mapping=recipe.mapping_g,
            refine=recipe.refine_g,
            subpixel=recipe.subpixel_g,
        )
    if recipe.generator == "residual":
        return networks.ResidualGenerator(
            inputs,
            channels=shape[0],
            size=_side(shape, recipe.generator),
            width=recipe.width_g,
            depth=recipe.depth_g,
        )
    return networks.MLPGenerator(
        inputs,
        shape,
        width=recipe.width_g,
        depth=recipe.depth_g,
        activation=ACTIVATIONS[recipe.activation_g],
        output="tanh" if recipe.data in IMAGE_SETS else "linear",
    )


def discriminator(recipe: Recipe, shape: tuple[int, ...]) -> nn.Module:
    """Build the recipe's D for samples of a shape; its weights are drawn as torch's layers draw them."""
    classes = class_count(recipe)
    if recipe.condition in ("concat", "embedding"):
        # What is appended to a sample: a plane beside an image, coordinates beside a point.
        code = (1, *shape[1:]) if len(shape) == 3 else (CODE,)
        learned = nn.Sequential(nn.Embedding(classes, math.prod(code)), nn.Unflatten(1, code))
        more, encode = (classes, networks.OneHot(classes)) if recipe.condition == "concat" else (code[0], learned)
        return networks.ConcatDiscriminator(_plain_discriminator(recipe, (shape[0] + more, *shape[1:])), encode)
    D = _plain_discriminator(recipe, shape)
    if recipe.condition == "none":
        return D
    wrap: Callable[[Any], Any] = spectral_norm if recipe.norm_d == "spectral" else lambda layer: layer
    features = int(cast(nn.Linear, D.last).in_features)
    if recipe.condition == "projection":
        return networks.ProjectionDiscriminator(D, wrap(nn.Embedding(classes, features)))
    both = networks.AuxiliaryDiscriminator(D, features, classes)
    wrap(both.classifier)
    return both


def _plain_discriminator(recipe: Recipe, shape: tuple[int, ...]) -> nn.Module:
    if recipe.discriminator != "mlp":
        channels, size, width = shape[0], _side(shape, recipe.discriminator), recipe.width_d
        if recipe.discriminator == "dcgan":
            return networks.DCGANDiscriminator(channels=channels, size=size, width=width, norm=recipe.norm_d)
        if recipe.discriminator == "space_to_depth":
            return networks.SpaceToDepthDiscriminator(channels=channels, size=size, width=width)
        return networks.ResidualDiscriminator(channels=channels, size=size, width=width, depth=recipe.depth_d)
    return networks.MLPDiscriminator(
        shape,
        width=recipe.width_d,
        depth=recipe.depth_d,
        activation=ACTIVATIONS[recipe.activation_d],
        norm=recipe.norm_d,
    )
