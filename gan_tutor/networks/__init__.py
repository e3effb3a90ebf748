"""Generators and discriminators as `nn.Module`s, one file for each architecture.

Every generator maps latents (N, latent_dim) to samples (N, *shape) and states its `output_range`: (-1.0, 1.0) after a
tanh, None if unbounded. Every discriminator maps samples to logits (N,) and has `features(x)`, the (N, F) activations
before its last layer. None ends in a sigmoid.
"""

from gan_tutor.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_tutor.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_tutor.networks.prepare import check_range, prepare
from gan_tutor.networks.space_to_depth import SpaceToDepthDiscriminator

__all__ = [
    "DCGANDiscriminator",
    "DCGANGenerator",
    "MLPDiscriminator",
    "MLPGenerator",
    "SpaceToDepthDiscriminator",
    "check_range",
    "prepare",
]
