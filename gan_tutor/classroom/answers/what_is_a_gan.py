"""Spoilers: right answers and classic mistakes of chapter 1."""

import math

import torch

from gan_tutor.classroom.record import Answer, Mistake

_GROWTH = {"1 to 2": 2.0, "2 to 2": 4.0, "3 to 2": 4.0, "2 to 3": 4.0, "64 to 784": 2.0**64}


def _normal(z):  # type: ignore[no-untyped-def]
    return (-z.square() / 2).exp() / math.sqrt(2 * math.pi)


def _equal_pairs(samples):  # type: ignore[no-untyped-def]
    flat = samples.flatten(1)
    return ((flat[:, None] == flat).all(2).sum() - len(flat)) / 2


def _pairs(samples):  # type: ignore[no-untyped-def]
    return len(samples) * (len(samples) - 1) / 2


def _distinct(samples):  # type: ignore[no-untyped-def]
    return len(samples.flatten(1).unique(dim=0))


def _share(right):  # type: ignore[no-untyped-def]
    return right.float().mean()


ANSWERS = {
    "gan-square": Answer(
        lambda x: _normal(x.sqrt()) / x.sqrt(),
        (
            Mistake(
                "one-latent",
                lambda x: _normal(x.sqrt()) / (2 * x.sqrt()),
                "The density that you get integrates to one half. From which other latent is x reached?",
            ),
            Mistake(
                "no-steepness",
                lambda x: 2 * _normal(x.sqrt()),
                "You added the densities of the latents. How long is the piece that a short piece dz becomes?",
            ),
            Mistake(
                "multiplied",
                lambda x: 4 * x.sqrt() * _normal(x.sqrt()),
                "Where G is steep, samples come out spread. Does its steepness multiply the density, or divide it?",
            ),
            Mistake(
                "steepness-at-x",
                lambda x: _normal(x.sqrt()) / x,
                "You put x into G'. The steepness is that of G at the latent.",
            ),
            Mistake(
                "latent-density-at-x",
                lambda x: _normal(x) / x.sqrt(),
                "You put x into the normal density. It is the density of z: at which z?",
            ),
            Mistake("not-moved", lambda x: _normal(x), "This is the density of z. What has G done to it?"),
        ),
    ),
    "gan-price": Answer(
        lambda s, d: d * (math.log(s) + 1 / (2 * s**2) - 0.5),
        (
            Mistake(
                "reversed",
                lambda s, d: d * (-math.log(s) + s**2 / 2 - 0.5),
                "You averaged over samples of the model. The likelihood is measured on samples of the truth.",
            ),
            Mistake(
                "one-dimension",
                lambda s, d: math.log(s) + 1 / (2 * s**2) - 0.5,
                "That is what one dimension costs. There are d of them.",
            ),
            Mistake(
                "variance-for-sigma",
                lambda s, d: d * (math.log(s) / 2 + 1 / (2 * s) - 0.5),
                "You took s for the ratio of the variances. It is the ratio of the standard deviations.",
            ),
            Mistake(
                "normaliser-only",
                lambda s, d: d * math.log(s),
                "This is the part of the constants. The exponents differ too: what is the mean of x squared?",
            ),
            Mistake(
                "truth-forgotten",
                lambda s, d: d * (math.log(s) + 1 / (2 * s**2)),
                "For s = 1 nothing is lost. What does your formula say there?",
            ),
            Mistake(
                "exponents-only",
                lambda s, d: d * (1 / (2 * s**2) - 0.5),
                "Only the exponents are compared. A wider normal density is also lower: where is its constant?",
            ),
        ),
    ),
    "gan-thread": Answer(
        _GROWTH,
        (
            Mistake(
                "size-of-data",
                {"1 to 2": 4.0, "2 to 2": 4.0, "3 to 2": 4.0, "2 to 3": 8.0, "64 to 784": 2.0**784},
                "You counted as if samples filled the whole space. Can a continuous G make an area out of a line?",
            ),
            Mistake(
                "size-of-latent",
                {**_GROWTH, "3 to 2": 8.0},
                "Three numbers go in, but where do the samples lie? In a plane, no more than an area can be covered.",
            ),
            Mistake(
                "always-two",
                dict.fromkeys(_GROWTH, 2.0),
                "Twice as many boxes is what a segment needs. Draw a filled square, and halve the side of the boxes.",
            ),
            Mistake(
                "fewer",
                {name: 1 / factor for name, factor in _GROWTH.items()},
                "Smaller boxes: are there more of them, or fewer?",
            ),
            Mistake(
                "added",
                {**_GROWTH, "64 to 784": 128.0},
                "64 doublings: do factors add, or multiply?",
            ),
        ),
    ),
    "gan-birthday": Answer(
        lambda samples: _pairs(samples) / _equal_pairs(samples),
        (
            Mistake(
                "pairs-twice",
                lambda samples: _pairs(samples) / (2 * _equal_pairs(samples)),
                "Every equal pair is counted twice, as (i, j) and as (j, i).",
            ),
            Mistake(
                "with-itself",
                lambda samples: _pairs(samples) / (_equal_pairs(samples) + len(samples)),
                "Each sample equals itself. Are these among the pairs that you counted?",
            ),
            Mistake(
                "half-the-table",
                lambda samples: _pairs(samples) / (_equal_pairs(samples) + len(samples) / 2),
                "Halving the table of comparisons leaves half of its diagonal, where each sample meets itself.",
            ),
            Mistake(
                "all-twice",
                lambda samples: _pairs(samples) / (2 * _equal_pairs(samples) + len(samples)),
                "You counted every place of the table of comparisons, also its diagonal, and each pair twice.",
            ),
            Mistake(
                "n-squared",
                lambda samples: len(samples) ** 2 / (2 * _equal_pairs(samples)),
                "That is near. But a sample makes no pair with itself: how many pairs are there, exactly?",
            ),
            Mistake(
                "repeats",
                lambda samples: _pairs(samples) / (len(samples) - _distinct(samples)),
                "You counted samples that had come before. Three equal samples are three equal pairs, not two.",
            ),
            Mistake(
                "distinct",
                _distinct,
                "This is how many different pictures came up. Those that never came up count too.",
            ),
            Mistake(
                "probability",
                lambda samples: _equal_pairs(samples) / _pairs(samples),
                "This estimates the probability that two draws are equal. How is N found from it?",
            ),
            Mistake(
                "one-pixel",
                lambda samples: (
                    2
                    * _pairs(samples)
                    / ((samples.flatten(1)[:, None] == samples.flatten(1)).any(2).sum() - len(samples))
                ),
                "Pictures that agree in one pixel count as equal here. All pixels must agree.",
            ),
        ),
    ),
    "gan-accuracy": Answer(
        lambda real, fake: (_share(real > 0) + _share(fake < 0)) / 2,
        (
            Mistake(
                "as-published",
                lambda real, fake: _share(fake > 0),
                "This is still the published number: how often D is fooled by G. Real samples do not enter.",
            ),
            Mistake(
                "real-only",
                lambda real, fake: _share(real > 0),
                "D is asked about real samples only. One that calls all samples real gets 100 per cent.",
            ),
            Mistake(
                "generated-only",
                lambda real, fake: _share(fake < 0),
                "D is asked about generated samples only. One that calls all samples generated gets 100 per cent.",
            ),
            Mistake(
                "ones-for-both",
                lambda real, fake: (_share(real > 0) + _share(fake > 0)) / 2,
                "Both batches are compared with ones. Which answer to a generated sample is right?",
            ),
            Mistake(
                "inverted",
                lambda real, fake: (_share(real < 0) + _share(fake > 0)) / 2,
                "This is the share of wrong answers.",
            ),
            Mistake(
                "logit-for-probability",
                lambda real, fake: (_share(real > 0.5) + _share(fake < 0.5)) / 2,
                "One half is the border for probabilities. At which logit is the probability one half?",
            ),
            Mistake(
                "sum",
                lambda real, fake: _share(real > 0) + _share(fake < 0),
                "A D that is never wrong gets 2 from this. Two shares were added: what is their mean?",
            ),
            Mistake(
                "pooled",
                lambda real, fake: _share(torch.cat([real > 0, fake < 0])),
                "The batches differ in size and are poured together. Each kind is to count one half.",
            ),
        ),
    ),
}
