"""One call that measures samples against the source they imitate, by whatever the source allows."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gan_tutor.evaluation.coverage import coverage, perfect_sampler
from gan_tutor.evaluation.distances import frechet_distance, kernel_distance, precision_recall
from gan_tutor.evaluation.features import feature_network, frechet_floor
from gan_tutor.evaluation.stacked import perfect_stacked, stacked_score
from gan_tutor.evaluation.theory import wasserstein, wasserstein_1d


class NoMeasure(ValueError):
    """The source has neither a known density nor a feature network."""


def score(samples: Tensor, source: Any, generator: torch.Generator | None = None) -> dict[str, float]:
    """Measure samples against their source, beside what a perfect sampler would get with as many samples.

    * A mixture with several modes, 6 sigma apart or more: `modes`, `high_quality`, `reverse_kl`, and the same of a
      perfect sampler.
    * Any other density: `wasserstein` of up to 1000 samples to as many fresh real points, and the same between two real
      draws of that size.
    * `digits` and `fashion`: `frechet_distance`, `kernel_distance`, `precision` and `recall` to the source's images, on
      the features of the shipped classifier, and as the floor the Fréchet distance of as many held-out real images.
    * `stacked_digits`: `modes` and `kl`, and the same of a perfect sampler.

    Args:
        samples: Generated samples (N, *shape), of any float type and on any device.
        source: A density or an image set.
        generator: Randomness of the real draws.

    Raises:
        NoMeasure: The source has no measure here; use `inception_fid` for natural images.
    """
    if hasattr(source, "means") and len(source.means) > 1 and (source.sigmas > 0).all() and _apart(source):
        return _modes(samples, source)
    if hasattr(source, "log_prob"):
        return _transport(samples, source, generator)
    if source.name in ("digits", "fashion"):
        return _features(samples, source)
    if source.name == "stacked_digits":
        got, best = stacked_score(samples), perfect_stacked(len(samples))
        return {"modes": got.modes, "kl": got.kl, "perfect_modes": best[0], "perfect_kl": best[1]}
    raise NoMeasure(
        f"no feature network ships for {source.name}: use evaluation.inception_fid with real and generated images"
    )


def least_samples(name: str) -> int:
    """Return how few samples `score` can measure against a source of this name: the third neighbours need four."""
    return 4 if name in ("digits", "fashion") else 1


def _apart(mixture: Any) -> bool:
    """Whether no two balls of 3 sigma meet: only then is a sample of one mode, and a perfect sampler's score known."""
    return bool((torch.pdist(mixture.means) > 6 * mixture.sigmas.max()).all())


def _modes(samples: Tensor, source: Any) -> dict[str, float]:
    got, best = coverage(samples, source), perfect_sampler(source, len(samples))
    pairs = {"": got, "perfect_": best}
    return {
        f"{who}{name}": getattr(c, name) for who, c in pairs.items() for name in ("modes", "high_quality", "reverse_kl")
    }


def _transport(samples: Tensor, source: Any, generator: torch.Generator | None) -> dict[str, float]:
    n = min(len(samples), 1000)
    distance: Callable[[Tensor, Tensor], float] = wasserstein if samples.shape[1] > 1 else _first_coordinate
    real, again = source.sample(n, generator), source.sample(n, generator)
    return {"wasserstein": distance(samples[:n], real), "perfect_wasserstein": distance(again, real)}


def _first_coordinate(a: Tensor, b: Tensor) -> float:
    return wasserstein_1d(a[:, 0], b[:, 0])


def _features(samples: Tensor, source: Any) -> dict[str, float]:
    network = feature_network(source.name)
    fake, real = network.features(samples.cpu()), network.features(source.images.cpu())
    precision, recall = precision_recall(real, fake)
    return {
        "frechet_distance": frechet_distance(fake, real),
        "floor_frechet_distance": frechet_floor(source.name, len(samples)),
        "kernel_distance": kernel_distance(fake, real),
        "precision": precision,
        "recall": recall,
    }
