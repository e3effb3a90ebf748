"""How good is a generator? Mode coverage, distances in a feature space, and closed forms where the density is known."""

from gan_tutor.evaluation.coverage import Coverage, coverage, perfect_sampler
from gan_tutor.evaluation.distances import PrecisionRecall, frechet_distance, kernel_distance, precision_recall
from gan_tutor.evaluation.features import FeatureNetwork, feature_facts, feature_network
from gan_tutor.evaluation.inception import inception_features, inception_fid, inception_kid
from gan_tutor.evaluation.score import NoMeasure, score
from gan_tutor.evaluation.theory import (
    game_value,
    jsd,
    kl,
    optimal_discriminator,
    optimal_logit,
    wasserstein,
    wasserstein_1d,
)

__all__ = [
    "Coverage",
    "FeatureNetwork",
    "NoMeasure",
    "PrecisionRecall",
    "coverage",
    "feature_facts",
    "feature_network",
    "frechet_distance",
    "game_value",
    "inception_features",
    "inception_fid",
    "inception_kid",
    "jsd",
    "kernel_distance",
    "kl",
    "optimal_discriminator",
    "optimal_logit",
    "perfect_sampler",
    "precision_recall",
    "score",
    "wasserstein",
    "wasserstein_1d",
]
