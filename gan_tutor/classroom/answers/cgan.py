"""Spoilers: right answers and classic mistakes of chapter 6."""

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from gan_tutor.classroom.record import Answer, Mistake


class _Judge(nn.Module):
    def __init__(self, inputs, join):  # type: ignore[no-untyped-def]
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(inputs, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
        self.join = join

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        logits: Tensor = self.layers(self.join(x, c))
        return logits.flatten()


def _judge(inputs, join):  # type: ignore[no-untyped-def]
    """A class like the student's: inputs(classes) numbers, joined by join(x, c, classes)."""
    return lambda classes: _Judge(inputs(classes), lambda x, c: join(x, c, classes))


class _Embedding(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.code = nn.Embedding(classes, classes)
        self.judge = _Judge(2 + classes, lambda x, c: torch.cat([x, self.code(c)], dim=1))

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        logits: Tensor = self.judge(x, c)
        return logits


def _found(points, labels, n, generator):  # type: ignore[no-untyped-def]
    x = points[torch.randint(len(points), (n,), generator=generator)]
    return x, labels[torch.randint(len(labels), (n,), generator=generator)]


def _rows(points, n, generator=None):  # type: ignore[no-untyped-def]
    return torch.randint(len(points), (n,), generator=generator)


def _batch(points, labels, n, generator):  # type: ignore[no-untyped-def]
    rows = _rows(points, n, generator)
    return points[rows], labels[rows]


def _from_global(points, labels, n, generator):  # type: ignore[no-untyped-def]
    return _batch(points, labels, n, None)


def _without_replacement(points, labels, n, generator):  # type: ignore[no-untyped-def]
    rows = torch.randperm(len(points), generator=generator)[:n]
    return points[rows], labels[rows]


def _one_label(points, labels, n, generator):  # type: ignore[no-untyped-def]
    x, y = _batch(points, labels, n, generator)
    return x, y[:1].expand(n)


def _spreads(features, labels, classes):  # type: ignore[no-untyped-def]
    return torch.stack([features[labels == k].var(dim=0) for k in classes])


def _variances(made, asked, real, labels):  # type: ignore[no-untyped-def]
    """Variances (K, F) of the samples and of the real images."""
    classes = labels.unique()
    return _spreads(made, asked, classes), _spreads(real, labels, classes)


def _ratio(reduce):  # type: ignore[no-untyped-def]
    return lambda *heaps: reduce(*_variances(*heaps))


ANSWERS = {
    "cgan-listing": Answer(
        _judge(lambda k: 2 + k, lambda x, c, k: torch.cat([x, one_hot(c, k).float()], dim=1)),
        (
            Mistake(
                "as-published",
                _judge(lambda k: 2, lambda x, c, k: x),
                "This still is the listing: c is an argument and not an input. Which layer has to be larger?",
            ),
            Mistake(
                "number",
                _judge(lambda k: 3, lambda x, c, k: torch.cat([x, c[:, None].float()], dim=1)),
                "The number of a class is not its code: class 6 is not twice as much as class 3.",
            ),
            Mistake(
                "scaled-number",
                _judge(lambda k: 3, lambda x, c, k: torch.cat([x, c[:, None] / k], dim=1)),
                "A scaled number still puts the classes in a row. A one-hot code has one input for each class.",
            ),
            Mistake(
                "code-first",
                _judge(lambda k: 2 + k, lambda x, c, k: torch.cat([one_hot(c, k).float(), x], dim=1)),
                "Nothing is wrong but the order: the point comes first, its code after it.",
            ),
            Mistake(
                "point-forgotten",
                _judge(lambda k: k, lambda x, c, k: one_hot(c, k).float()),
                "Now D sees the order and not what was delivered.",
            ),
            Mistake(
                "zeros",
                _judge(lambda k: 2 + k, lambda x, c, k: torch.cat([x, torch.zeros(len(x), k)], dim=1)),
                "The layer is large enough, and what reaches it does not depend on c.",
            ),
            Mistake(
                "embedding",
                _Embedding,
                "A learned code works too. Here the plain one-hot code is asked for, which has no weights of its own.",
            ),
        ),
    ),
    "cgan-bug": Answer(
        _batch,
        (
            Mistake(
                "as-published",
                _found,
                "The points and the labels still come from different draws.",
            ),
            Mistake(
                "global-generator",
                _from_global,
                "The pairs are right, but they do not come from the generator that was given: no run can be repeated.",
            ),
            Mistake(
                "without-replacement",
                _without_replacement,
                "A small data set cannot fill a large batch unless its rows are drawn with replacement.",
            ),
            Mistake(
                "one-label",
                _one_label,
                "All points of your batch have the same label.",
            ),
            Mistake(
                "labels-not-drawn",
                lambda points, labels, n, generator: (points[_rows(points, n, generator)], labels[:n]),
                "The points are drawn, the labels are the first ones of the data.",
            ),
            Mistake(
                "points-not-drawn",
                lambda points, labels, n, generator: (points[:n], labels[_rows(points, n, generator)]),
                "The labels are drawn, the points are the first ones of the data.",
            ),
            Mistake(
                "exchanged",
                lambda points, labels, n, generator: _batch(points, labels, n, generator)[::-1],
                "Points first, labels second.",
            ),
            Mistake(
                "shifted",
                lambda points, labels, n, generator: _batch(points, labels.roll(1), n, generator),
                "Every point has the label of a neighbour in the data.",
            ),
        ),
    ),
    "cgan-chance": Answer(
        lambda asked, made: (asked * made).sum(),
        (
            Mistake(
                "one-over-k",
                lambda asked, made: 1 / len(asked),
                "1/K is right if all classes are ordered equally often. Here they are not.",
            ),
            Mistake(
                "orders-only",
                lambda asked, made: asked.square().sum(),
                "Your number does not depend on what the generator makes.",
            ),
            Mistake(
                "samples-only",
                lambda asked, made: made.square().sum(),
                "Your number does not depend on what is ordered.",
            ),
            Mistake(
                "overlap",
                lambda asked, made: torch.minimum(asked, made).sum(),
                "This would need samples that are handed out to fitting orders: somebody who listens.",
            ),
            Mistake(
                "best-guess",
                lambda asked, made: asked.max(),
                "This is for one who always makes the class ordered most. This generator makes other classes too.",
            ),
            Mistake(
                "mean",
                lambda asked, made: (asked * made).mean(),
                "The K ways to be right exclude each other: their probabilities are added, not averaged.",
            ),
        ),
    ),
    "cgan-variance": Answer(
        _ratio(lambda made, real: (made.sum(1) / real.sum(1)).mean()),
        (
            Mistake(
                "whole-heap",
                lambda made, asked, real, labels: made.var(dim=0).sum() / real.var(dim=0).sum(),
                "This is the variance of the whole heap: one image for each class would pass for variety.",
            ),
            Mistake(
                "ratio-of-means",
                _ratio(lambda made, real: made.sum() / real.sum()),
                "You divide means by means. Each class has a ratio of its own, and these are averaged.",
            ),
            Mistake(
                "ratio-of-each-feature",
                _ratio(lambda made, real: (made / real).mean()),
                "You divide feature by feature. Sum the variances over the features first.",
            ),
            Mistake(
                "deviations",
                _ratio(lambda made, real: (made.sqrt().sum(1) / real.sqrt().sum(1)).mean()),
                "These are standard deviations.",
            ),
            Mistake(
                "not-divided",
                _ratio(lambda made, real: made.sum(1).mean()),
                "The real images do not appear: no one can tell whether your number is large.",
            ),
            Mistake(
                "upside-down",
                _ratio(lambda made, real: (real.sum(1) / made.sum(1)).mean()),
                "The ratio is upside down: a generator with no variety must get 0.",
            ),
            Mistake(
                "summed",
                _ratio(lambda made, real: (made.sum(1) / real.sum(1)).sum()),
                "A sum over the classes stands where a mean should.",
            ),
        ),
    ),
    "cgan-projection": Answer(
        lambda a, b: torch.stack([a - b, (b**2 - a**2) / 2], dim=1),
        (
            Mistake(
                "signs",
                lambda a, b: torch.stack([b - a, (a**2 - b**2) / 2], dim=1),
                "This D calls generated samples real: which density stands on top?",
            ),
            Mistake(
                "no-half",
                lambda a, b: torch.stack([a - b, b**2 - a**2], dim=1),
                "The constant is twice too large. Where is the 2 in the exponent of a Gaussian?",
            ),
            Mistake(
                "no-constant",
                lambda a, b: torch.stack([a - b, torch.zeros_like(a)], dim=1),
                "Your D is 0 at x = 0. It must be 0 where the two densities are equal.",
            ),
            Mistake(
                "constant-sign",
                lambda a, b: torch.stack([a - b, (a**2 - b**2) / 2], dim=1),
                "The slope is right. At which x is your D 0, and at which x are the densities equal?",
            ),
            Mistake(
                "columns-exchanged",
                lambda a, b: torch.stack([(b**2 - a**2) / 2, a - b], dim=1),
                "The columns are exchanged: f(x) is (x, 1) in this order.",
            ),
            Mistake(
                "square-of-difference",
                lambda a, b: torch.stack([a - b, -((a - b) ** 2) / 2], dim=1),
                "The difference of two squares is not the square of the difference.",
            ),
        ),
    ),
}
