"""Spoilers: right answers and classic mistakes of chapter 8."""

import math

import torch
from torch.nn.functional import one_hot, softplus

from gan_tutor.classroom.record import Answer, Mistake


def _on_circle(angles, radius):  # type: ignore[no-untyped-def]
    return radius * torch.stack([angles.cos(), angles.sin()], dim=1)


def _centres(modes, radius):  # type: ignore[no-untyped-def]
    return _on_circle(torch.arange(modes) * (2 * math.pi / modes), radius)


def _even(mask):  # type: ignore[no-untyped-def]
    return mask.float() / mask.float().sum()


def _reverse_kl(counts, weights):  # type: ignore[no-untyped-def]
    shares = counts / counts.sum()
    return torch.xlogy(shares, shares / weights).sum()


_DISTANCE = {"A1": 0.25, "B1": 0.25, "A2": 0.4375, "B2": 0.3125}

ANSWERS = {
    "collapse-bug": Answer(
        _centres,
        (
            Mistake(
                "as-published",
                lambda modes, radius: _on_circle(torch.linspace(0, 2 * math.pi, modes), radius),
                "This still is the line that was found. Compare its first centre with its last.",
            ),
            Mistake(
                "one-dropped",
                lambda modes, radius: _on_circle(torch.linspace(0, 2 * math.pi, modes)[:-1], radius),
                "The twin is gone, and so is its place: one centre is missing, and the gaps are as wide as before.",
            ),
            Mistake(
                "one-too-many",
                lambda modes, radius: _on_circle(torch.linspace(0, 2 * math.pi, modes + 1), radius),
                "The gaps are right. The first centre stands in the list twice.",
            ),
            Mistake(
                "half-circle",
                lambda modes, radius: _on_circle(torch.arange(modes) * (math.pi / modes), radius),
                "These centres cover half of the circle.",
            ),
            Mistake(
                "turned",
                lambda modes, radius: _on_circle((torch.arange(modes) + 1) * (2 * math.pi / modes), radius),
                "The ring is right, but its first centre is not at (radius, 0).",
            ),
            Mistake(
                "clockwise",
                lambda modes, radius: _on_circle(-torch.arange(modes) * (2 * math.pi / modes), radius),
                "The centres run clockwise.",
            ),
            Mistake(
                "eight-built-in",
                lambda modes, radius: _on_circle(torch.arange(modes) * (2 * math.pi / 8), radius),
                "Your gap is that of eight modes. The function is asked for other numbers too.",
            ),
            Mistake(
                "degrees",
                lambda modes, radius: _on_circle(torch.arange(modes) * (360 / modes), radius),
                "torch.cos wants radians.",
            ),
        ),
    ),
    "collapse-frozen": Answer(
        lambda logits: _even(logits == logits.max()),
        (
            Mistake(
                "one-of-the-tied",
                lambda logits: one_hot(logits.argmax(), len(logits)).float(),
                "One place is right where one is highest. Which answer is the most diverse where two are?",
            ),
            Mistake(
                "softmax",
                lambda logits: logits.softmax(0),
                "A softmax keeps a share everywhere. Move a little of it to the highest place: does the cost fall?",
            ),
            Mistake(
                "even",
                lambda logits: torch.full_like(logits, 1 / len(logits)),
                "Even shares are what one wishes for. The loss pays each sample alone: what does it cost to move one?",
            ),
            Mistake(
                "lowest",
                lambda logits: _even(logits == logits.min()),
                "G wants its samples to be taken for real: does the price rise or fall with the logit?",
            ),
            Mistake(
                "not-shares",
                lambda logits: (logits == logits.max()).float(),
                "Your shares do not always sum to 1.",
            ),
            Mistake(
                "by-probability",
                lambda logits: logits.sigmoid() / logits.sigmoid().sum(),
                "You share in proportion to D's probabilities. A weighted mean is least with other weights.",
            ),
            Mistake(
                "by-price",
                lambda logits: softplus(-logits) / softplus(-logits).sum(),
                "You share in proportion to the price: the dearest place gets the most.",
            ),
            Mistake(
                "all-that-pass",
                lambda logits: _even(logits > 0),
                "Passing for real is not enough: a place with a higher logit costs less still.",
            ),
        ),
    ),
    "collapse-reverse-kl": Answer(
        _reverse_kl,
        (
            Mistake(
                "forward",
                lambda counts, weights: torch.xlogy(weights, weights * counts.sum() / counts).sum(),
                "This is the forward divergence, infinite if one mode is missing. Which shares stand before the log?",
            ),
            Mistake(
                "counts",
                lambda counts, weights: torch.xlogy(counts.float(), counts / weights).sum(),
                "Counts are no shares: twice as many samples must not change the divergence.",
            ),
            Mistake(
                "entropy",
                lambda counts, weights: torch.xlogy(counts / counts.sum(), counts / counts.sum()).sum(),
                "The true weights do not appear: this is minus the entropy of the shares.",
            ),
            Mistake(
                "uniform",
                lambda counts, weights: _reverse_kl(counts, torch.full_like(weights, 1 / len(weights))),
                "You compare with equal weights. The modes' own weights are given.",
            ),
            Mistake(
                "bits",
                lambda counts, weights: _reverse_kl(counts, weights) / math.log(2),
                "This is in bits. Nats are asked for.",
            ),
            Mistake(
                "mean",
                lambda counts, weights: _reverse_kl(counts, weights) / len(weights),
                "The shares are the weights of this sum already: do not divide by the number of modes.",
            ),
            Mistake(
                "mean-of-hit",
                lambda counts, weights: _reverse_kl(counts, weights) / (counts > 0).sum(),
                "The shares are the weights of this sum already: do not divide by the number of modes that are hit.",
            ),
            Mistake(
                "log-alone",
                lambda counts, weights: (counts / counts.sum() / weights)[counts > 0].log().sum(),
                "Each logarithm has to be weighted by its share.",
            ),
        ),
    ),
    "collapse-pairs": Answer(
        _DISTANCE,
        (
            Mistake(
                "unchanged",
                {**_DISTANCE, "A2": 0.25, "B2": 0.25},
                "A pack of two shows more than one sample does. Compare p x p and q x q pack by pack.",
            ),
            Mistake(
                "doubled",
                {**_DISTANCE, "A2": 0.5, "B2": 0.5},
                "The distance of packs is below m times that of one sample: some packs would be counted twice.",
            ),
            Mistake(
                "not-halved",
                {name: 2 * value for name, value in _DISTANCE.items()},
                "Total variation is half of the sum of the absolute differences.",
            ),
            Mistake(
                "exchanged",
                {**_DISTANCE, "A2": 0.3125, "B2": 0.4375},
                "A and B are exchanged for packs. Which of the two can be *proved* wrong by one pack?",
            ),
            Mistake(
                "one-formula",
                {**_DISTANCE, "B2": 0.4375},
                "1 - (1 - d)^m is right for A, where a missing mode is proof. B makes every pack, at times too rarely.",
            ),
            Mistake(
                "nothing-missing",
                {**_DISTANCE, "B1": 0.0, "B2": 0.0},
                "B makes all modes, but not with the right shares: the distance sees that too.",
            ),
            Mistake(
                "mixed-packs-forgotten",
                {**_DISTANCE, "B2": 0.1875},
                "B: you counted packs of two rare modes. How frequent are packs of one rare and one common mode?",
            ),
        ),
    ),
    "collapse-unrolled": Answer(
        lambda theta, psi, k, eta: -(psi - 2 * k * eta * theta),
        (
            Mistake(
                "not-through-the-steps",
                lambda theta, psi, k, eta: -(psi - k * eta * theta),
                "You use the later D as if it were a constant. psi_k depends on theta too.",
            ),
            Mistake(
                "no-steps",
                lambda theta, psi, k, eta: -psi,
                "This is G's gradient against the D of now. Nothing was unrolled.",
            ),
            Mistake(
                "velocity",
                lambda theta, psi, k, eta: psi - 2 * k * eta * theta,
                "This is how theta moves. The gradient of the loss points the other way.",
            ),
            Mistake(
                "uphill",
                lambda theta, psi, k, eta: -(psi + 2 * k * eta * theta),
                "Your D climbs its own loss. It minimises psi theta.",
            ),
            Mistake(
                "one-step",
                lambda theta, psi, k, eta: -(psi - 2 * eta * theta),
                "This is one step. D takes k of them.",
            ),
            Mistake(
                "second-path-only",
                lambda theta, psi, k, eta: k * eta * theta,
                "This is the part that comes through psi_k. Theta also stands in L_G itself.",
            ),
        ),
    ),
}
