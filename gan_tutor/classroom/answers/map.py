"""Spoilers: right answers and classic mistakes of chapter 10."""

import torch
from torch.nn.functional import softplus

from gan_tutor.classroom.record import Answer, Mistake


def _adam(rate=lambda lr: lr[:, None], unbiased=True, eps_inside=False, whole=False, new_m=0.5, new_v=0.001):  # type: ignore[no-untyped-def]
    def step(theta, m, v, gradient, lr, t):  # type: ignore[no-untyped-def]
        m = (1 - new_m) * m + new_m * gradient
        v = (1 - new_v) * v + new_v * gradient**2
        m_hat, v_hat = (m / (1 - 0.5**t), v / (1 - 0.999**t)) if unbiased else (m, v)
        v_hat = v_hat.mean(1, keepdim=True) if whole else v_hat
        root = (v_hat + 1e-8).sqrt() if eps_inside else v_hat.sqrt() + 1e-8
        return theta - rate(lr) * m_hat / root, m, v

    return step


def _critics(  # type: ignore[no-untyped-def]
    total=lambda real, fake: (softplus(-real) + softplus(fake)).mean(1).sum(),
    norm=lambda g: g.norm(dim=1, keepdim=True),
    rate=lambda lr: lr[:, None],
):
    def step(w, x_real, x_fake, lr):  # type: ignore[no-untyped-def]
        w = w.clone().requires_grad_()
        real, fake = (torch.einsum("bnd,bd->bn", x, w) for x in (x_real, x_fake))
        (grad,) = torch.autograd.grad(total(real, fake), w)
        return (w - rate(lr) * grad / norm(grad).clamp(min=1)).detach()

    return step


def _mean(real, fake):  # type: ignore[no-untyped-def]
    return (softplus(-real) + softplus(fake)).mean()


def _summed(real, fake):  # type: ignore[no-untyped-def]
    return (softplus(-real) + softplus(fake)).sum()


def _overlap(counts, n, p):  # type: ignore[no-untyped-def]
    return torch.minimum(counts / n, p).sum() / p.sum()


def _diagonals(order=lambda n: range(n - 1, -n, -1), of=lambda d: d.mean(), turned=lambda means: means):  # type: ignore[no-untyped-def]
    return lambda means: torch.stack([of(turned(means).diagonal(k)) for k in order(len(means))])


_LUCK = {"error": 0.0693, "best": 0.868, "fresh": 0.7, "seeds": 36}

ANSWERS = {
    "map-rows": Answer(
        _adam(),
        (
            Mistake(
                "columns",
                _adam(rate=lambda lr: lr),
                "Your rates run along the columns: parameter 0 of every GAN got the first GAN's rate.",
            ),
            Mistake("one-rate", _adam(rate=lambda lr: lr.mean()), "All GANs moved with one rate."),
            Mistake(
                "no-bias",
                _adam(unbiased=False),
                "The averages began at 0 and are too small in the first steps. What does Adam divide them by?",
            ),
            Mistake(
                "one-scale",
                _adam(whole=True),
                "You divided a whole row by one root mean square. Adam keeps one for each parameter.",
            ),
            Mistake(
                "betas-exchanged",
                _adam(new_m=0.001, new_v=0.5),
                "beta1 = 0.5 belongs to the gradient, beta2 = 0.999 to its square.",
            ),
        ),
    ),
    "map-coupled": Answer(
        _critics(),
        (
            Mistake(
                "as-given",
                _critics(_mean, lambda g: g.norm(), lambda lr: lr),
                "This is the given function's step. Compare one critic alone with the same critic in a stack.",
            ),
            Mistake(
                "mean-over-critics",
                _critics(_mean),
                "A critic's gradient is divided by the number of critics. Its loss is a mean over its own samples.",
            ),
            Mistake(
                "one-norm",
                _critics(norm=lambda g: g.norm()),
                "One norm over the whole stack: a critic is slowed by its neighbours' gradients.",
            ),
            Mistake(
                "columns",
                _critics(rate=lambda lr: lr),
                "The rates multiply the columns of the gradient. A critic is a row.",
            ),
            Mistake(
                "sum-of-samples",
                _critics(_summed),
                "A critic's loss is the mean over its samples; only over critics is a sum right.",
            ),
            Mistake(
                "norm-of-columns",
                _critics(norm=lambda g: g.norm(dim=0, keepdim=True)),
                "You took the norm over the critics, for each weight. It belongs to one critic and all its weights.",
            ),
            Mistake(
                "no-limit",
                _critics(norm=torch.ones_like),
                "The limit on a critic's own gradient is gone. It was meant; only its reach was wrong.",
            ),
        ),
    ),
    "map-overlap": Answer(
        _overlap,
        (
            Mistake(
                "not-divided",
                lambda counts, n, p: torch.minimum(counts / n, p).sum(),
                "A perfect sampler would get less than 1: some of its own samples lie outside the modes.",
            ),
            Mistake(
                "shares-of-good",
                lambda counts, n, p: torch.minimum(counts / counts.sum(), p).sum() / p.sum(),
                "You divided by the samples inside modes. A blurred generator must pay for those outside.",
            ),
            Mistake(
                "no-minimum",
                lambda counts, n, p: (counts / n).sum() / p.sum(),
                "This is the share of good samples. A generator with one sharp mode would get 1.",
            ),
            Mistake(
                "modes-hit",
                lambda counts, n, p: (counts > 0).float().mean(),
                "You counted modes. One lucky sample is not a mode that is covered in its full share.",
            ),
            Mistake(
                "larger",
                lambda counts, n, p: torch.maximum(counts / n, p).sum() / p.sum(),
                "The larger of the two is the union. What both have in common is the smaller.",
            ),
        ),
    ),
    "map-ratios": Answer(
        _diagonals(),
        (
            Mistake(
                "reversed",
                _diagonals(order=lambda n: range(-n + 1, n)),
                "Your list runs from the fastest D to the slowest. Row i is D's rate, column j is G's.",
            ),
            Mistake("sums", _diagonals(of=lambda d: d.sum()), "The main diagonal has n pixels, a corner has one."),
            Mistake(
                "other-diagonals",
                _diagonals(turned=lambda means: means.flip(0)),
                "Along these lines the product of the two rates is the same, not their ratio.",
            ),
            Mistake(
                "brightest",
                _diagonals(of=lambda d: d.max()),
                "The brightest pixel of a diagonal is chosen by luck too. The mean is asked for.",
            ),
        ),
    ),
    "map-luck": Answer(
        _LUCK,
        (
            Mistake(
                "one-seeds-spread",
                {**_LUCK, "error": 0.12, "best": 0.992},
                "0.12 is how much one seed varies. A pixel is the mean of three.",
            ),
            Mistake(
                "divided-by-three",
                {**_LUCK, "error": 0.04, "best": 0.797},
                "Variances of independent numbers add. With what power of their number does a mean's deviation fall?",
            ),
            Mistake(
                "best-comes-back",
                {**_LUCK, "fresh": 0.868},
                "Fresh seeds know nothing of why this pixel was chosen. What is its true value?",
            ),
            Mistake(
                "six-seeds",
                {**_LUCK, "seeds": 6},
                "Six seeds make the error the root of six times smaller, not six times.",
            ),
            Mistake(
                "three-more-seeds",
                {**_LUCK, "seeds": 12},
                "The error must fall from 0.12 for one seed to 0.02. Start from one seed, not from three.",
            ),
        ),
    ),
}
