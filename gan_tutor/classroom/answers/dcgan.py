"""Spoilers: right answers and classic mistakes of chapter 5."""

import math

import torch
from torch import nn

from gan_tutor.classroom.record import Answer, Mistake


def _stamped(h, kernel, stride, padding, *, add=True):  # type: ignore[no-untyped-def]
    out = torch.zeros(stride * (len(h) - 1) + len(kernel))
    for i, height in enumerate(h):
        place = slice(stride * i, stride * i + len(kernel))
        out[place] = height * kernel + (out[place] if add else 0)
    return out[padding : len(out) - padding]


def _uncut(h, kernel, stride):  # type: ignore[no-untyped-def]
    return _stamped(h, kernel, stride, 0)


def _scale(terms, mean_square, sigma):  # type: ignore[no-untyped-def]
    return math.sqrt(terms * mean_square) * sigma


def _of_leaky(slope):  # type: ignore[no-untyped-def]
    """Mean square of LeakyReLU of a standard normal variable."""
    return (1 + slope**2) / 2


_MIXED = {"separate mean": 0.0, "separate std": 1.0, "mixed mean": 0.6, "mixed std": 0.8}

ANSWERS = {
    "dcgan-sizes": Answer(
        lambda k, s: ((k - s + (k - s) % 2) // 2, (k - s) % 2),
        (
            Mistake(
                "rounded-down",
                lambda k, s: ((k - s) // 2, 0),
                "For odd k - s the image comes out one pixel too large. Rounding does not solve the equation.",
            ),
            Mistake(
                "added-on-top",
                lambda k, s: ((k - s) // 2, (k - s) % 2),
                "For odd k - s there was one pixel too many already, and output_padding adds another.",
            ),
            Mistake(
                "stride-two",
                lambda k, s: ((k - 2 + k % 2) // 2, k % 2),
                "This is right for stride 2. Where does s stand in the equation?",
            ),
            Mistake(
                "convolution",
                lambda k, s: ((k - 1) // 2, 0),
                "This padding keeps the size in a convolution of stride 1. What is the formula of the transposed one?",
            ),
            Mistake(
                "largest",
                lambda k, s: ((k - 1) // 2, s - 1),
                "For odd k this has the right size, but output_padding could be smaller; for even k it misses.",
            ),
            Mistake(
                "exchanged",
                lambda k, s: ((k - s) % 2, (k - s + (k - s) % 2) // 2),
                "The two numbers are in the other order: padding first.",
            ),
            Mistake(
                "not-halved",
                lambda k, s: (k - s, 0),
                "The padding is cut off at both ends, so it counts twice.",
            ),
        ),
    ),
    "dcgan-stamps": Answer(
        _stamped,
        (
            Mistake(
                "not-cut",
                lambda h, kernel, stride, padding: _uncut(h, kernel, stride),
                "All stamps are there, and so are the ends that the padding cuts off.",
            ),
            Mistake(
                "overwritten",
                lambda h, kernel, stride, padding: _stamped(h, kernel, stride, padding, add=False),
                "Where stamps overlap, the later one replaces the earlier one. What should happen there?",
            ),
            Mistake(
                "flipped",
                lambda h, kernel, stride, padding: _stamped(h, kernel.flip(0), stride, padding),
                "Each stamp is the kernel backwards.",
            ),
            Mistake(
                "stride-one",
                lambda h, kernel, stride, padding: _stamped(h, kernel, 1, padding),
                "The stamps stand one place apart, whatever the stride.",
            ),
            Mistake(
                "cut-at-the-start",
                lambda h, kernel, stride, padding: _uncut(h, kernel, stride)[2 * padding :],
                "The length is right, but the cut is all at one end.",
            ),
            Mistake(
                "cut-at-the-end",
                lambda h, kernel, stride, padding: _uncut(h, kernel, stride)[: -2 * padding],
                "The length is right. Does the padding take away places at the beginning too?",
            ),
            Mistake(
                "cut-once",
                lambda h, kernel, stride, padding: _uncut(h, kernel, stride)[padding:],
                "One end is cut, the other one is not.",
            ),
        ),
    ),
    "dcgan-scale": Answer(
        lambda channels, k, stride, sigma, slope: _scale(channels * (k / stride) ** 2, _of_leaky(slope), sigma),
        (
            Mistake(
                "slope-forgotten",
                lambda channels, k, stride, sigma, slope: _scale(channels * (k / stride) ** 2, 0.5, sigma),
                "Right for ReLU. LeakyReLU lets a part of the negative half through.",
            ),
            Mistake(
                "slope-not-squared",
                lambda channels, k, stride, sigma, slope: _scale(channels * (k / stride) ** 2, (1 + slope) / 2, sigma),
                "A number that is shrunk by the slope has a square that is shrunk by how much?",
            ),
            Mistake(
                "whole-kernel",
                lambda channels, k, stride, sigma, slope: _scale(channels * k**2, _of_leaky(slope), sigma),
                "You counted every weight of the kernel. How many stamps reach one pixel?",
            ),
            Mistake(
                "one-dimension",
                lambda channels, k, stride, sigma, slope: _scale(channels * k / stride, _of_leaky(slope), sigma),
                "This many stamps reach a point of a line. An image has two dimensions.",
            ),
            Mistake(
                "variance",
                lambda channels, k, stride, sigma, slope: (
                    _scale(channels * (k / stride) ** 2, _of_leaky(slope), sigma) ** 2
                ),
                "This is the variance. Its square root is asked for.",
            ),
            Mistake(
                "no-activation",
                lambda channels, k, stride, sigma, slope: _scale(channels * (k / stride) ** 2, 1.0, sigma),
                "The mean square behind BatchNorm is 1. What does LeakyReLU make of it?",
            ),
            Mistake(
                "spread-for-mean-square",
                lambda channels, k, stride, sigma, slope: _scale(
                    channels * (k / stride) ** 2, _of_leaky(slope) - (1 - slope) ** 2 / (2 * math.pi), sigma
                ),
                "You took the variance of the activation. Times a weight of mean 0, does its mean add to the spread?",
            ),
        ),
    ),
    "dcgan-batchnorm": Answer(
        lambda channels: nn.BatchNorm2d(channels, momentum=0.2),
        (
            Mistake(
                "as-published",
                lambda channels: nn.BatchNorm2d(channels, 0.8),
                "The output is still too faint. What is added to the variance here?",
            ),
            Mistake(
                "keras-momentum",
                lambda channels: nn.BatchNorm2d(channels, momentum=0.8),
                "The output has spread 1 now. But these averages keep 0.2 of their old value: whose share is momentum?",
            ),
            Mistake(
                "default-momentum",
                nn.BatchNorm2d,
                "The output has spread 1 now. With the default the averages keep 0.9 of their old value.",
            ),
            Mistake(
                "both",
                lambda channels: nn.BatchNorm2d(channels, 0.8, 0.2),
                "The momentum is right. The 0.8 still stands where it does not belong.",
            ),
            Mistake(
                "no-scale-and-shift",
                lambda channels: nn.BatchNorm2d(channels, momentum=0.2, affine=False),
                "This layer has no gamma and no beta to learn.",
            ),
            Mistake(
                "no-averages",
                lambda channels: nn.BatchNorm2d(channels, track_running_stats=False),
                "This layer keeps no running averages: in evaluation mode it looks at the batch too.",
            ),
        ),
    ),
    "dcgan-mixed": Answer(
        _MIXED,
        (
            Mistake(
                "variance-inside-only",
                {**_MIXED, "mixed mean": 0.75, "mixed std": 1.0},
                "You divided by 4, the spread inside one kind. The mixed batch also varies from kind to kind.",
            ),
            Mistake(
                "divided-by-variance",
                {**_MIXED, "mixed mean": 0.12, "mixed std": 0.16},
                "25 is the variance of the mixed batch. By what does BatchNorm divide?",
            ),
            Mistake(
                "mean-kept",
                {**_MIXED, "separate mean": 0.75},
                "In a batch of its own, whose mean is subtracted?",
            ),
            Mistake(
                "variances-added",
                {**_MIXED, "mixed mean": 3 / math.sqrt(32), "mixed std": 4 / math.sqrt(32)},
                "The two variances are added. A mixture's variance is a mean over both kinds, plus what lies between.",
            ),
            Mistake(
                "exchanged",
                {"separate mean": 0.6, "separate std": 0.8, "mixed mean": 0.0, "mixed std": 1.0},
                "The cases are exchanged: which batch consists of real samples only?",
            ),
            Mistake(
                "all-normalised",
                {"separate mean": 0.0, "separate std": 1.0, "mixed mean": 0.0, "mixed std": 1.0},
                "The mixed batch as a whole has mean 0 and spread 1. The question is about the real half of it.",
            ),
        ),
    ),
}
