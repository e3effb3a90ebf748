"""Spoilers: right answers and classic mistakes of chapter 4."""

import math

import torch
from torch.nn.functional import softplus

from gan_tutor import losses
from gan_tutor.classroom.record import Answer, Mistake


def _ragan(real, fake):  # type: ignore[no-untyped-def]
    return softplus(fake.mean() - real).mean() + softplus(fake - real.mean()).mean()


def _published(real, fake):  # type: ignore[no-untyped-def]
    return (real.sigmoid() - 1).square().mean() + (fake.sigmoid() + 1).square().mean()


_SLOPES = {"minimax": -0.9933, "nonsaturating": -0.0067, "least_squares": 4.0, "hinge": -1.0}
_LIMITS = {
    "nonsaturating": 0.0,
    "least_squares": math.inf,
    "hinge": 0.0,
    "wasserstein": -math.inf,
    "relativistic": 0.0,
}

ANSWERS = {
    "losses-too-convincing": Answer(
        _SLOPES,
        (
            Mistake(
                "signs",
                {name: -slope for name, slope in _SLOPES.items()},
                "Every sign is the opposite: the slope is the derivative of the loss, not how the logit moves.",
            ),
            Mistake(
                "exchanged",
                {**_SLOPES, "minimax": -0.0067, "nonsaturating": -0.9933},
                "Minimax and non-saturating are exchanged. Which is flat where D is *sure* that a sample is fake?",
            ),
            Mistake(
                "minimax-only",
                {**_SLOPES, "minimax": -0.0067},
                "Minimax: the slope of -softplus(l) is -sigma(l). Is sigma(5) near 0 or near 1?",
            ),
            Mistake(
                "probability",
                {**_SLOPES, "least_squares": -0.0067},
                "Least squares compares the raw logit with its target, not the probability.",
            ),
            Mistake(
                "clipped",
                {**_SLOPES, "hinge": 0.0},
                "The hinge is in D's loss only. What does G's loss of the same pair look like?",
            ),
        ),
    ),
    "losses-ragan": Answer(
        _ragan,
        (
            Mistake(
                "pairs",
                lambda real, fake: 2 * softplus(fake - real).mean(),
                "You compare samples in pairs. Each sample is to be compared with the mean of the other kind.",
            ),
            Mistake(
                "real-side-in-pairs",
                lambda real, fake: softplus(fake - real).mean() + softplus(fake - real.mean()).mean(),
                "One of the two terms compares in pairs, sample i with sample i. Where is its mean of the other kind?",
            ),
            Mistake(
                "exchanged",
                lambda real, fake: _ragan(fake, real),
                "Your loss is G's: it falls as fake logits rise. Are real and fake in the right order?",
            ),
            Mistake(
                "one-term",
                lambda real, fake: softplus(fake.mean() - real).mean(),
                "Only real samples are judged. Where is the term of the generated ones?",
            ),
            Mistake(
                "other-term",
                lambda real, fake: softplus(fake - real.mean()).mean(),
                "Only generated samples are judged. Where is the term of the real ones?",
            ),
            Mistake(
                "sum",
                lambda real, fake: len(real) * _ragan(real, fake),
                "A sum over the batch stands where a mean should: twice the batch must not double the loss.",
            ),
            Mistake(
                "halved",
                lambda real, fake: _ragan(real, fake) / 2,
                "The two terms are added, not averaged.",
            ),
            Mistake(
                "sigmoid-twice",
                lambda real, fake: _ragan(real.sigmoid(), fake.sigmoid()),
                "You turned the logits into probabilities first. softplus already is -log sigma of a logit.",
            ),
            Mistake(
                "mean-outside",
                lambda real, fake: softplus(fake.mean() - real.mean()) * 2,
                "You take the mean of both kinds before softplus. Only the *other* kind is averaged inside.",
            ),
        ),
    ),
    "losses-two-sided": Answer(
        lambda p, q, a, b: (a * p + b * q) / (p + q),
        (
            Mistake(
                "logit",
                lambda p, q, a, b: torch.tensor((a * p + b * q) / (p + q)).logit().item(),
                "This is the best logit. The probability sigma of it is asked for.",
            ),
            Mistake(
                "targets-exchanged",
                lambda p, q, a, b: (b * p + a * q) / (p + q),
                "The targets are exchanged: a belongs to the real samples, whose density is p.",
            ),
            Mistake(
                "one-sided",
                lambda p, q, a, b: a * p / (p + q),
                "This is one-sided smoothing: the fake target b does not appear in it.",
            ),
            Mistake(
                "not-divided",
                lambda p, q, a, b: a * p + b * q,
                "With a = b = 1 the answer must be 1 wherever you look. Is something missing under the fraction?",
            ),
            Mistake(
                "no-smoothing",
                lambda p, q, a, b: p / (p + q),
                "This is the optimum for the targets 1 and 0. Where are a and b?",
            ),
        ),
    ),
    "losses-scale": Answer(
        _LIMITS,
        (
            Mistake(
                "squares-stop",
                {**_LIMITS, "least_squares": 0.0},
                "Least squares pays for the distance from its targets 1 and 0, on both sides of them.",
            ),
            Mistake(
                "wasserstein-stops",
                {**_LIMITS, "wasserstein": 0.0},
                "Nothing stops the Wasserstein loss: it is linear in the logits.",
            ),
            Mistake(
                "hinge-falls",
                {**_LIMITS, "hinge": -math.inf},
                "max(0, ...) cannot be below 0. From which logit on does the hinge loss pay nothing?",
            ),
            Mistake(
                "wasserstein-rises",
                {**_LIMITS, "wasserstein": math.inf},
                "The sign of Wasserstein: does a D that is right pay more or less as its logits grow?",
            ),
            Mistake(
                "equilibrium",
                {**_LIMITS, "nonsaturating": 2 * math.log(2), "relativistic": math.log(2)},
                "2 log 2 and log 2 are the losses of a D that knows nothing. This D is right.",
            ),
        ),
    ),
    "losses-published-wgan": Answer(
        losses.wasserstein.d_formula,
        (
            Mistake("as-published", _published, "This still is the published loss. What is its slope at logit -8?"),
            Mistake(
                "only-sigmoid-removed",
                lambda real, fake: (real - 1).square().mean() + (fake + 1).square().mean(),
                "Without the sigmoid it is a least-squares loss. A Wasserstein loss has no targets.",
            ),
            Mistake(
                "sign",
                lambda real, fake: real.mean() - fake.mean(),
                "This is the distance that D wants to make *large*. D's loss is minimised.",
            ),
            Mistake(
                "probabilities",
                lambda real, fake: fake.sigmoid().mean() - real.sigmoid().mean(),
                "The squares are gone, the sigmoid is not: a critic's answer is used as it is.",
            ),
            Mistake(
                "hinge",
                losses.hinge.d_formula,
                "This is the hinge loss: its slope is 0 beyond the margin. Wasserstein's slope is the same everywhere.",
            ),
        ),
    ),
}
