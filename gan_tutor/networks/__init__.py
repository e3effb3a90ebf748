"""Generators and discriminators as `nn.Module`s, one file for each architecture.

Every generator maps latents (N, latent_dim) to samples (N, *shape) and states its `output_range`: (-1.0, 1.0) after a
tanh, None if unbounded. Every discriminator maps samples to logits (N,) and has `features(x)`, the (N, F) activations
before its last layer. None ends in a sigmoid.
"""

from gan_tutor.networks.conditional import (
    AuxiliaryDiscriminator,
    ConcatDiscriminator,
    ConditionalGenerator,
    Given,
    OneHot,
    ProjectionDiscriminator,
)
from gan_tutor.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_tutor.networks.diffaugment import DiffAugmented, changes
from gan_tutor.networks.dirac import DiracDiscriminator, DiracGenerator
from gan_tutor.networks.ensembles import Discriminators, Generators, Packed, each
from gan_tutor.networks.minibatch_std import MinibatchStd, WithMinibatchStd
from gan_tutor.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_tutor.networks.noise import Noisy
from gan_tutor.networks.prepare import Precision, check_range, has_native_bfloat16, precision_on, prepare
from gan_tutor.networks.residual import ResidualDiscriminator, ResidualGenerator
from gan_tutor.networks.space_to_depth import SpaceToDepthDiscriminator

__all__ = [
    "AuxiliaryDiscriminator",
    "ConcatDiscriminator",
    "ConditionalGenerator",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "DiffAugmented",
    "DiracDiscriminator",
    "DiracGenerator",
    "Discriminators",
    "Generators",
    "Given",
    "MLPDiscriminator",
    "MLPGenerator",
    "MinibatchStd",
    "Noisy",
    "OneHot",
    "Packed",
    "Precision",
    "ProjectionDiscriminator",
    "ResidualDiscriminator",
    "ResidualGenerator",
    "SpaceToDepthDiscriminator",
    "WithMinibatchStd",
    "changes",
    "check_range",
    "each",
    "has_native_bfloat16",
    "precision_on",
    "prepare",
]
