"""Spoilers: right answers and classic mistakes of chapter 9."""

import math

import torch

from gan_tutor import evaluation
from gan_tutor.classroom.record import Answer, Mistake


def _report(scaled=lambda x: x, reference=lambda fake, train: train):  # type: ignore[no-untyped-def]
    def report(network, fake, train):  # type: ignore[no-untyped-def]
        features = network.features(scaled(fake)), network.features(reference(fake, train))
        return evaluation.frechet_distance(*features)

    return report


def _unit(x):  # type: ignore[no-untyped-def]
    return (x + 1) / 2


def _first_100(fake, train):  # type: ignore[no-untyped-def]
    return train[:100]


def _accuracy(real, fake):  # type: ignore[no-untyped-def]
    return torch.cat([real > 0, fake < 0]).float().mean()


def _cubic(x, y):  # type: ignore[no-untyped-def]
    return (x @ y.T / x.shape[1] + 1) ** 3


def _mmd(a, b, kernel=_cubic, n_b=len, cross=2.0):  # type: ignore[no-untyped-def]
    n, m = len(a), n_b(b)
    k_aa, k_bb = kernel(a, a), kernel(b, b)
    within = (k_aa.sum() - k_aa.trace()) / (n * (n - 1)) + (k_bb.sum() - k_bb.trace()) / (m * (m - 1))
    return within - cross * kernel(a, b).mean()


def _inside(samples, centres, nth, radii=lambda r: r):  # type: ignore[no-untyped-def]
    near = radii(torch.cdist(centres, centres).kthvalue(nth, dim=1).values)
    return torch.cdist(samples, centres) <= near


def _share(found):  # type: ignore[no-untyped-def]
    return found.any(dim=1).float().mean()


def _mean_radius(r):  # type: ignore[no-untyped-def]
    return r.mean().expand_as(r)


_NUMBERS = {"A": 0.5, "B": 0.64, "floor": 2.208, "needed": 15771}
_GUESS = {"no_eight_modes": 729, "no_eight_kl": math.log(1000 / 729), "same_modes": 10, "same_kl": math.log(100)}

ANSWERS = {
    "evaluation-bug": Answer(
        _report(),
        (
            Mistake(
                "as-published",
                _report(_unit, _first_100),
                "This still is the script that was found. Begin with the range: what does the network expect?",
            ),
            Mistake(
                "reference-left",
                _report(reference=_first_100),
                "The range is mended. How many reference images are used, and what does that do to the floor?",
            ),
            Mistake(
                "range-left",
                _report(_unit),
                "The reference is mended. The two heaps still reach the network with different ranges.",
            ),
            Mistake(
                "both-in-the-wrong-range",
                _report(_unit, lambda fake, train: _unit(train)),
                "Both heaps are treated alike now, and both wrongly: the network learned from images in [-1, 1].",
            ),
            Mistake(
                "as-many",
                _report(reference=lambda fake, train: train[: len(fake)]),
                "You cut the reference to the number of samples. Both heaps add to the bias: why give images away?",
            ),
            Mistake(
                "root",
                lambda network, fake, train: _report()(network, fake, train) ** 0.5,
                "You took the root. The square is what gets reported.",
            ),
            Mistake(
                "pixels",
                lambda network, fake, train: evaluation.frechet_distance(fake.flatten(1), train.flatten(1)),
                "This compares pixels. The distance is one of the network's features.",
            ),
        ),
    ),
    "evaluation-accuracy": Answer(
        _accuracy,
        (
            Mistake(
                "as-published",
                lambda real, fake: (real.sigmoid().round() == 1).float().mean(),
                "This still is the published number: generated images do not occur in it.",
            ),
            Mistake(
                "fooled-counts",
                lambda real, fake: torch.cat([real > 0, fake > 0]).float().mean(),
                "Here D is right when it takes a generated image for real. This is the share of the answer real.",
            ),
            Mistake(
                "only-generated",
                lambda real, fake: (fake < 0).float().mean(),
                "Now the real images are missing.",
            ),
            Mistake(
                "mean-of-two",
                lambda real, fake: ((real > 0).float().mean() + (fake < 0).float().mean()) / 2,
                "You average two shares. The share of all samples weighs the larger heap more.",
            ),
            Mistake(
                "sum-of-two",
                lambda real, fake: (real > 0).float().mean() + (fake < 0).float().mean(),
                "Two shares were added: a D that is always right would get 2.",
            ),
            Mistake(
                "threshold",
                lambda real, fake: torch.cat([real > 0.5, fake < 0.5]).float().mean(),
                "One half is the threshold of a probability. D gives logits.",
            ),
            Mistake(
                "sigmoid-twice",
                lambda real, fake: torch.cat([real.sigmoid() > 0, fake.sigmoid() < 0]).float().mean(),
                "You compare probabilities with 0, the threshold of logits.",
            ),
        ),
    ),
    "evaluation-worse-model": Answer(
        _NUMBERS,
        (
            Mistake(
                "root-reported",
                {**_NUMBERS, "A": 0.5**0.5, "B": 0.8},
                "These are the roots. The square gets reported.",
            ),
            Mistake(
                "variance-for-deviation",
                {**_NUMBERS, "B": 64 * 0.19**2, "needed": 2 * 1104 / (64 * 0.19**2 - 0.5)},
                "B: the trace term compares roots of covariances. The root of 0.81 is 0.9.",
            ),
            Mistake(
                "trace-of-difference",
                {**_NUMBERS, "B": 64 * 0.19, "needed": 2 * 1104 / (64 * 0.19 - 0.5)},
                "B: this is the difference of the traces. The formula has their sum and twice the root of the product.",
            ),
            Mistake(
                "one-dimension",
                {**_NUMBERS, "B": 0.01, "needed": 2 * 1104 / 0.49},
                "B: this is one dimension. There are 64 of them.",
            ),
            Mistake(
                "one-heap",
                {**_NUMBERS, "floor": 1.104, "needed": 1104 / 0.14},
                "Floor: both heaps are samples, and each adds its own 1/n.",
            ),
            Mistake(
                "trace-forgotten",
                {**_NUMBERS, "floor": 2 * 17.25 / 1000, "needed": 2 * 17.25 / 0.14},
                "Floor: the trace of the covariance of 64 features of variance 1 is not 1.",
            ),
            Mistake(
                "needed-one-heap",
                {**_NUMBERS, "needed": 1104 / 0.14},
                "Needed: the floor is right. For the last number you used one heap only.",
            ),
        ),
    ),
    "evaluation-kernel": Answer(
        _mmd,
        (
            Mistake(
                "as-given",
                lambda a, b: _mmd(a, b, n_b=lambda _: len(a)),
                "The second heap is still divided by the pairs of the first. How many pairs has a heap of M?",
            ),
            Mistake(
                "diagonal-kept",
                lambda a, b: _cubic(a, a).mean() + _cubic(b, b).mean() - 2 * _cubic(a, b).mean(),
                "The pairs of a sample with itself are back, and with them the bias: look at heaps of one kind.",
            ),
            Mistake(
                "divided-by-squares",
                lambda a, b: (
                    _cubic(a, a).fill_diagonal_(0).mean()
                    + _cubic(b, b).fill_diagonal_(0).mean()
                    - 2 * _cubic(a, b).mean()
                ),
                "The diagonal is left out of the sums, but still counted in the number of pairs.",
            ),
            Mistake(
                "clipped",
                lambda a, b: _mmd(a, b).clamp(min=0),
                "No value of yours is negative. An estimate of 0 that is right on average falls on both sides.",
            ),
            Mistake(
                "cross-once",
                lambda a, b: _mmd(a, b, cross=1.0),
                "The square of a difference has its mixed term twice.",
            ),
            Mistake(
                "heaps-exchanged",
                lambda a, b: (
                    (_cubic(a, a).sum() - _cubic(a, a).trace()) / (len(b) * (len(b) - 1))
                    + (_cubic(b, b).sum() - _cubic(b, b).trace()) / (len(a) * (len(a) - 1))
                    - 2 * _cubic(a, b).mean()
                ),
                "Each heap is divided by the pairs of the other one.",
            ),
            Mistake(
                "squared-kernel",
                lambda a, b: _mmd(a, b, kernel=lambda x, y: (x @ y.T / x.shape[1] + 1) ** 2),
                "Your kernel sees means and covariances only. The given one is a third power.",
            ),
        ),
    ),
    "evaluation-precision": Answer(
        lambda real, fake, k: (_share(_inside(fake, real, k + 1)), _share(_inside(real, fake, k + 1))),
        (
            Mistake(
                "self-counted",
                lambda real, fake, k: (_share(_inside(fake, real, k)), _share(_inside(real, fake, k))),
                "Your balls are too small: the nearest sample to a sample is itself.",
            ),
            Mistake(
                "exchanged",
                lambda real, fake, k: (_share(_inside(real, fake, k + 1)), _share(_inside(fake, real, k + 1))),
                "Precision and recall are exchanged: whose quality is asked for first, and in whose balls?",
            ),
            Mistake(
                "one-radius",
                lambda real, fake, k: (
                    _share(_inside(fake, real, k + 1, _mean_radius)),
                    _share(_inside(real, fake, k + 1, _mean_radius)),
                ),
                "All of your balls have one size. At the rim of the data they must be larger.",
            ),
            Mistake(
                "density",
                lambda real, fake, k: (
                    _inside(fake, real, k + 1).float().sum(1).mean() / k,
                    _inside(real, fake, k + 1).float().sum(1).mean() / k,
                ),
                "You count balls. Precision counts samples: one ball is enough, and more do not count more.",
            ),
            Mistake(
                "share-of-pairs",
                lambda real, fake, k: (
                    _inside(fake, real, k + 1).float().mean(),
                    _inside(real, fake, k + 1).float().mean(),
                ),
                "This is the share of pairs of a sample and a ball. A sample needs one ball only.",
            ),
            Mistake(
                "coverage",
                lambda real, fake, k: (
                    _share(_inside(fake, real, k + 1)),
                    _inside(fake, real, k + 1).any(dim=0).float().mean(),
                ),
                "The second number is coverage: real balls with a generated sample. Recall uses the generator's balls.",
            ),
            Mistake(
                "all-balls",
                lambda real, fake, k: (
                    _inside(fake, real, k + 1).all(dim=1).float().mean(),
                    _inside(real, fake, k + 1).all(dim=1).float().mean(),
                ),
                "A sample does not have to lie in every ball.",
            ),
        ),
    ),
    "evaluation-never-eight": Answer(
        _GUESS,
        (
            Mistake(
                "one-channel",
                {**_GUESS, "no_eight_modes": 900, "no_eight_kl": math.log(10 / 9)},
                "No 8: this is right for a generator that avoids the 8 in one channel.",
            ),
            Mistake(
                "one-mode",
                {**_GUESS, "no_eight_modes": 999, "no_eight_kl": math.log(1000 / 999)},
                "No 8: more than the triple 888 is lost. How many triples contain an 8 somewhere?",
            ),
            Mistake(
                "bits",
                {**_GUESS, "no_eight_kl": math.log2(1000 / 729), "same_kl": math.log2(100)},
                "These divergences are in bits. Nats are asked for.",
            ),
            Mistake(
                "channels-add-up",
                {**_GUESS, "same_kl": 0.0},
                "Same digit: each channel is perfect, but channels add up only if they are independent.",
            ),
            Mistake(
                "infinite",
                {**_GUESS, "no_eight_kl": math.inf, "same_kl": math.inf},
                "This is the divergence the other way round. Here a missing mode adds 0 log 0 = 0.",
            ),
            Mistake(
                "entropy",
                {**_GUESS, "same_kl": math.log(10)},
                "Same digit: log 10 is the entropy of what is made. How far is it from log 1000?",
            ),
            Mistake(
                "a-thousand",
                {**_GUESS, "same_modes": 1000, "same_kl": 0.0},
                "Same digit: can the triple 123 occur?",
            ),
        ),
    ),
}
