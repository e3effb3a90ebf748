"""Spoilers: right answers and classic mistakes of chapter 2."""

import math

import torch
from torch.nn.functional import softplus

from gan_tutor.classroom.record import Answer, Mistake

LOG2 = math.log(2)
_AT_LEAST = {"sum in bits": 0.518, "mean over the batch": 0.443, "two bits": 0.0}


def _gap(p, q, y, cell):  # type: ignore[no-untyped-def]
    best = p / (p + q)
    return (p * (best / y).log() + q * ((1 - best) / (1 - y)).log()).sum() * cell


def _coins(p, q, y):  # type: ignore[no-untyped-def]
    """KL between coins with chances y* and y."""
    best = p / (p + q)
    return best * (best / y).log() + (1 - best) * ((1 - best) / (1 - y)).log()


def _loss_d(real, fake):  # type: ignore[no-untyped-def]
    return softplus(-real).mean() + softplus(fake).mean()


def _rounded(real, fake):  # type: ignore[no-untyped-def]
    return real.sigmoid().log().mean() + (1 - fake.sigmoid()).log().mean()


ANSWERS = {
    "objective-unbalanced": Answer(
        lambda p, q, k: k * p / (k * p + q),
        (
            Mistake("balanced", lambda p, q, k: p / (p + q), "This is the optimum for k = 1. Where does k come in?"),
            Mistake(
                "generated-weighted",
                lambda p, q, k: p / (p + k * q),
                "With more real samples, should D say real more often, or less often?",
            ),
            Mistake(
                "numerator-only",
                lambda p, q, k: k * p / (p + q),
                "For a large k this is above 1. A probability of real and one of generated must add to 1.",
            ),
            Mistake(
                "logit",
                lambda p, q, k: math.log(k * p / q),
                "This is the best logit, log p - log q plus a constant. The probability is asked for.",
            ),
            Mistake(
                "generated",
                lambda p, q, k: q / (k * p + q),
                "This is the probability that the sample is generated.",
            ),
            Mistake(
                "coin-only",
                lambda p, q, k: k / (k + 1),
                "This is what D says before it has seen x. What do the densities at x add to it?",
            ),
        ),
    ),
    "objective-gap": Answer(
        _gap,
        (
            Mistake(
                "unweighted",
                lambda p, q, y, cell: _coins(p, q, y).sum() * cell,
                "Every point counts alike here, also where there are hardly any samples. What is V a mean over?",
            ),
            Mistake(
                "mixture",
                lambda p, q, y, cell: _gap(p, q, y, cell) / 2,
                "You weigh by the even mixture m. V is a sum of two expectations, not their mean.",
            ),
            Mistake(
                "reversed",
                lambda p, q, y, cell: _gap(y * (p + q), (1 - y) * (p + q), p / (p + q), cell),
                "The two coins are exchanged. Samples come up as p and q say, not as D believes.",
            ),
            Mistake(
                "real-only",
                lambda p, q, y, cell: (p * (p / (p + q) / y).log()).sum() * cell,
                "Only the real samples' part is there, and it can be negative. What does D lose on generated ones?",
            ),
            Mistake(
                "no-cell",
                lambda p, q, y, cell: _gap(p, q, y, 1.0),
                "The sum over the grid becomes an integral only when each point stands for a cell. How large is one?",
            ),
            Mistake(
                "mean",
                lambda p, q, y, cell: _gap(p, q, y, 1 / len(p)),
                "A mean over the points takes the grid for samples. Sum, and multiply by the cell.",
            ),
            Mistake(
                "real-weighted",
                lambda p, q, y, cell: (p * ((p / (p + q) / y).log() + (q / (p + q) / (1 - y)).log())).sum() * cell,
                "Both logarithms are weighed by p. Which density belongs to log(1 - y)?",
            ),
        ),
    ),
    "objective-boxes": Answer(
        lambda t: min(t, 1) * LOG2,
        (
            Mistake(
                "grows-on",
                lambda t: t * LOG2,
                "Right up to t = 1. But the divergence cannot exceed log 2: what happens when nothing overlaps?",
            ),
            Mistake(
                "overlap",
                lambda t: max(1 - t, 0) * LOG2,
                "This is largest for equal distributions. Which part of the boxes adds to the divergence?",
            ),
            Mistake(
                "sum-of-two",
                lambda t: 2 * min(t, 1) * LOG2,
                "You added the two KL divergences. JSD is their mean.",
            ),
            Mistake(
                "one-side",
                lambda t: min(t, 1) * LOG2 / 2,
                "Only one of the two boxes sticks out here. What does the other one add?",
            ),
            Mistake(
                "bits",
                lambda t: float(min(t, 1)),
                "This is right in bits. Nats are asked for: which logarithm is used?",
            ),
            Mistake(
                "value",
                lambda t: 2 * min(t, 1) * LOG2 - 2 * LOG2,
                "This is the value of the game against the best D. How does JSD follow from it?",
            ),
        ),
    ),
    "objective-reading": Answer(
        _AT_LEAST,
        (
            Mistake(
                "bits-kept",
                {**_AT_LEAST, "sum in bits": LOG2 - 0.505 / 2, "two bits": LOG2 - 1},
                "Two of the losses are in bits, and log 2 in the bound is in nats. Bring both to one unit.",
            ),
            Mistake(
                "mean-taken-for-sum",
                {**_AT_LEAST, "mean over the batch": LOG2 - 0.125},
                "A mean over both kinds of sample is not L_D: how many times larger is the sum of the two means?",
            ),
            Mistake(
                "not-halved",
                {"sum in bits": LOG2 * 0.495, "mean over the batch": LOG2 - 0.5, "two bits": -LOG2},
                "All of L_D is subtracted. In the value stands 2 JSD, so what is subtracted from log 2?",
            ),
            Mistake(
                "doubled",
                {name: 2 * value for name, value in _AT_LEAST.items()},
                "This bounds 2 JSD. The question is about JSD.",
            ),
            Mistake(
                "answer-in-bits",
                {"sum in bits": 1 - 0.505 / 2, "mean over the batch": 1 - 0.25 / LOG2, "two bits": 0.0},
                "The answers are in bits. Nats are asked for.",
            ),
            Mistake(
                "blind-judge",
                {**_AT_LEAST, "two bits": LOG2},
                "Two bits are the loss of a D that sees no difference. Does that prove that p and q are far apart?",
            ),
        ),
    ),
    "objective-total-loss": Answer(
        lambda real, fake: (_loss_d(real, fake), -_loss_d(real, fake)),
        (
            Mistake(
                "as-published",
                lambda real, fake: (_rounded(real, fake), _rounded(real, fake)),
                "This is still one loss for both. With it D learns to call real samples generated, and G helps.",
            ),
            Mistake(
                "both-minimise",
                lambda real, fake: (-_loss_d(real, fake), -_loss_d(real, fake)),
                "The logarithms are safe now, but both players still make V small. Who of them wants it large?",
            ),
            Mistake(
                "both-maximise",
                lambda real, fake: (_loss_d(real, fake), _loss_d(real, fake)),
                "Now both players make V large: G helps D to recognise its samples.",
            ),
            Mistake(
                "exchanged",
                lambda real, fake: (-_loss_d(real, fake), _loss_d(real, fake)),
                "The payments add to zero, but the players are exchanged: this D calls real samples generated.",
            ),
            Mistake(
                "log-of-zero",
                lambda real, fake: (-_rounded(real, fake), _rounded(real, fake)),
                "The signs are right. At a logit of 50 the sigmoid is rounded to 1: what is then the logarithm?",
            ),
            Mistake(
                "not-zero-sum",
                lambda real, fake: (_loss_d(real, fake), -softplus(fake).mean()),
                "G's gradient is right, but the two payments do not add to zero: a term of V is missing for G.",
            ),
            Mistake(
                "non-saturating",
                lambda real, fake: (_loss_d(real, fake), softplus(-fake).mean()),
                "This G plays the other game of the first paper, which is not zero-sum. Here it pays what D wins.",
            ),
            Mistake(
                "mean-of-both",
                lambda real, fake: (_loss_d(real, fake) / 2, -_loss_d(real, fake) / 2),
                "V is the sum of two means, and you halved it. At zero logits D pays 2 log 2.",
            ),
            Mistake(
                "one-mean",
                lambda real, fake: (
                    2 * softplus(torch.cat([-real, fake])).mean(),
                    -2 * softplus(torch.cat([-real, fake])).mean(),
                ),
                "One mean over both batches favours the larger one. V has a mean for each.",
            ),
        ),
    ),
}
