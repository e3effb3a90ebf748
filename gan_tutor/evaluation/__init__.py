"""How good is a generator? Mode coverage, distances in a feature space, and closed forms where the density is known."""

from gan_tutor.evaluation.coverage import Coverage, coverage, perfect_sampler
from gan_tutor.evaluation.distances import (
    DensityCoverage,
    PrecisionRecall,
    density_coverage,
    expected_coverage,
    frechet_distance,
    frechet_infinity,
    kernel_distance,
    precision_recall,
)
from gan_tutor.evaluation.dynamics import consensus, dirac_eigenvalues, dirac_field, eigenvalues, play
from gan_tutor.evaluation.features import FeatureNetwork, class_accuracy, feature_facts, feature_network, frechet_floor
from gan_tutor.evaluation.inception import inception_features, inception_fid, inception_kid
from gan_tutor.evaluation.inception_score import inception_score
from gan_tutor.evaluation.memorisation import Memorisation, memorisation
from gan_tutor.evaluation.score import NoMeasure, least_samples, score
from gan_tutor.evaluation.stacked import StackedScore, perfect_stacked, stacked_score
from gan_tutor.evaluation.theory import (
    Transport,
    game_value,
    jsd,
    kl,
    optimal_discriminator,
    optimal_logit,
    sliced_wasserstein,
    transport,
    wasserstein,
    wasserstein_1d,
)

__all__ = [
    "Coverage",
    "DensityCoverage",
    "FeatureNetwork",
    "Memorisation",
    "NoMeasure",
    "PrecisionRecall",
    "StackedScore",
    "Transport",
    "class_accuracy",
    "consensus",
    "coverage",
    "density_coverage",
    "dirac_eigenvalues",
    "dirac_field",
    "eigenvalues",
    "expected_coverage",
    "feature_facts",
    "feature_network",
    "frechet_distance",
    "frechet_floor",
    "frechet_infinity",
    "game_value",
    "inception_features",
    "inception_fid",
    "inception_kid",
    "inception_score",
    "jsd",
    "kernel_distance",
    "kl",
    "least_samples",
    "memorisation",
    "optimal_discriminator",
    "optimal_logit",
    "perfect_sampler",
    "perfect_stacked",
    "play",
    "precision_recall",
    "score",
    "sliced_wasserstein",
    "stacked_score",
    "transport",
    "wasserstein",
    "wasserstein_1d",
]
