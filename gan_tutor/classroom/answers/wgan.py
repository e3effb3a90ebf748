"""Spoilers: right answers and classic mistakes of chapter 7."""

import torch

from gan_tutor.classroom.record import Answer, Mistake

_BY_HAND = {"shifted": 3.0, "wider": 0.7979, "uniform": 0.5, "times_w": 10.0, "times_jsd": 1.0}
_ENDS = {"stiff": -0.9, "stiff_value": -1.8, "soft": 3.0, "threshold": 1.0, "one_sided": 1.1}


def _ways(x, y, u):  # type: ignore[no-untyped-def]
    return (x @ u).sort(dim=0).values - (y @ u).sort(dim=0).values


def _sliced(x, y, directions):  # type: ignore[no-untyped-def]
    return _ways(x, y, directions / directions.norm(dim=0)).abs().mean()


def _slopes(D, x, y):  # type: ignore[no-untyped-def]
    return (D(x)[:, None] - D(y)) / torch.cdist(x, y)


def _value(D, x, y):  # type: ignore[no-untyped-def]
    return D(x).mean() - D(y).mean()


def _in_pairs(D, x, y):  # type: ignore[no-untyped-def]
    n = min(len(x), len(y))
    return _value(D, x, y) / _slopes(D, x[:n], y[:n]).diagonal().max()


def _penalty(shares=lambda x: torch.rand(len(x), 1), graph=True, norm=lambda g: g.norm(dim=1), fine=None):  # type: ignore[no-untyped-def]
    def penalty(D, x_real, x_fake):  # type: ignore[no-untyped-def]
        u = shares(x_real)
        x_hat = (u * x_real + (1 - u) * x_fake).detach().requires_grad_()
        (grad,) = torch.autograd.grad(D(x_hat).sum(), x_hat, create_graph=graph)
        return (fine or (lambda n: (n - 1).square().mean()))(norm(grad))

    return penalty


ANSWERS = {
    "wgan-gaussians": Answer(
        _BY_HAND,
        (
            Mistake(
                "means-only",
                {**_BY_HAND, "wider": 0.0},
                "Wider: equal means are not equal distributions. The quantiles differ for every u but one half.",
            ),
            Mistake(
                "squared-way",
                {**_BY_HAND, "wider": 1.0, "uniform": 0.577},
                "You squared the way and took the root of the mean, which is chapter 9's W2. The way itself is meant.",
            ),
            Mistake(
                "variance",
                {**_BY_HAND, "wider": 2.394},
                "Wider: the quantile function is stretched by the standard deviation, not by the variance.",
            ),
            Mistake(
                "divergence-scales",
                {**_BY_HAND, "times_jsd": 10.0},
                "A divergence is an integral of densities. What does a change of unit do to a density, and to dx?",
            ),
            Mistake(
                "ends-only",
                {**_BY_HAND, "uniform": 1.0},
                "Uniform: only the last grain of earth moves by 1. How far does the grain at u move?",
            ),
            Mistake(
                "scales-squared",
                {**_BY_HAND, "times_w": 100.0},
                "W is mass times way, and the mass is 1 in every unit.",
            ),
        ),
    ),
    "wgan-sliced": Answer(
        _sliced,
        (
            Mistake(
                "not-normalised",
                lambda x, y, directions: _ways(x, y, directions).abs().mean(),
                "Twice as long directions double your number. A projection needs directions of length 1.",
            ),
            Mistake(
                "rows-normalised",
                lambda x, y, d: _ways(x, y, d / d.norm(dim=1, keepdim=True)).abs().mean(),
                "You normalised the rows of the matrix. A direction is a column.",
            ),
            Mistake(
                "unsorted",
                lambda x, y, d: ((x - y) @ (d / d.norm(dim=0))).abs().mean(),
                "Sample i is paired with sample i, as they come. Which pairing is the cheapest on a line?",
            ),
            Mistake(
                "wrong-dimension",
                lambda x, y, d: (
                    ((x @ (d / d.norm(dim=0))).sort(dim=1).values - (y @ (d / d.norm(dim=0))).sort(dim=1).values)
                    .abs()
                    .mean()
                ),
                "You sort the directions of one point. The points of one direction are to be sorted.",
            ),
            Mistake(
                "signed",
                lambda x, y, d: _ways(x, y, d / d.norm(dim=0)).mean().abs(),
                "Ways to the left and to the right cancel. Each way costs its length.",
            ),
            Mistake(
                "squared",
                lambda x, y, d: _ways(x, y, d / d.norm(dim=0)).square().mean(),
                "The cost is the way itself, not its square.",
            ),
            Mistake(
                "sum",
                lambda x, y, d: _ways(x, y, d / d.norm(dim=0)).abs().sum(0).mean(),
                "Each of the N points has the mass 1/N: a mean over points, not a sum.",
            ),
            Mistake(
                "sorted-first",
                lambda x, y, d: ((x.sort(0).values - y.sort(0).values) @ (d / d.norm(dim=0))).abs().mean(),
                "You sort the coordinates, then project. Which numbers lie on the line?",
            ),
        ),
    ),
    "wgan-certified": Answer(
        lambda D, x, y: _value(D, x, y) / _slopes(D, x, y).max(),
        (
            Mistake(
                "undivided",
                _value,
                "This is the critic's value: ten times the critic reports ten times as much. Divide by its slope.",
            ),
            Mistake(
                "pairs-as-they-come",
                _in_pairs,
                "You look at the pairs (i, i) only. The best plan may use any pair, so all of them count.",
            ),
            Mistake(
                "mean-slope",
                lambda D, x, y: _value(D, x, y) / _slopes(D, x, y).mean(),
                "The mean slope proves nothing. The inequality needs a slope that no pair exceeds.",
            ),
            Mistake(
                "steepest-rise",
                lambda D, x, y: _value(D, x, y) / (D(x)[:, None] - D(y)).max(),
                "This is the largest rise. A slope is a rise divided by the way.",
            ),
            Mistake(
                "squared-way",
                lambda D, x, y: _value(D, x, y) / ((D(x)[:, None] - D(y)) / torch.cdist(x, y).square()).max(),
                "You divide by the squared distance of the points.",
            ),
            Mistake(
                "largest-over-nearest",
                lambda D, x, y: _value(D, x, y) / ((D(x)[:, None] - D(y)).max() / torch.cdist(x, y).min()),
                "The largest rise and the shortest way belong to different pairs. Divide pair by pair.",
            ),
            Mistake(
                "best-pair",
                lambda D, x, y: _slopes(D, x, y).max(),
                "This is L. What is it to divide?",
            ),
        ),
    ),
    "wgan-bug": Answer(
        _penalty(),
        (
            Mistake(
                "as-published",
                _penalty(lambda x: torch.rand(1), False, lambda g: g.norm(dim=0)),
                "This still is the code that was found. Begin with the symptoms: which shape has the norm?",
            ),
            Mistake(
                "one-share",
                _penalty(lambda x: torch.rand(1)),
                "Slope and graph are right. All points lie at the same share of their way: draw one for each sample.",
            ),
            Mistake(
                "no-graph",
                _penalty(graph=False),
                "The value is right, and nothing follows from it: it does not depend on the critic's weights.",
            ),
            Mistake(
                "norm-over-batch",
                _penalty(norm=lambda g: g.norm(dim=0)),
                "The norm still runs over the batch, for each coordinate. Each sample has a norm of its own.",
            ),
            Mistake(
                "one-norm",
                _penalty(norm=lambda g: g.norm()),
                "One norm was taken over the whole batch. Each sample has its own.",
            ),
            Mistake(
                "two-left",
                _penalty(lambda x: torch.rand(1), graph=False),
                "The norm is mended. Two faults are left: where D is asked, and what backward can reach.",
            ),
            Mistake(
                "share-and-norm-left",
                _penalty(lambda x: torch.rand(1), norm=lambda g: g.norm(dim=0)),
                "The penalty trains the critic now. Two faults are left: where D is asked, and which norm is taken.",
            ),
            Mistake(
                "graph-and-norm-left",
                _penalty(graph=False, norm=lambda g: g.norm(dim=0)),
                "The shares are mended. Two faults are left: which norm is taken, and what backward can reach.",
            ),
            Mistake(
                "mean-of-logits",
                _penalty(norm=lambda g: g.norm(dim=1) / len(g)),
                "You differentiate the mean of D's answers: each gradient is divided by the size of the batch.",
            ),
            Mistake(
                "share-per-coordinate",
                _penalty(lambda x: torch.rand(x.shape)),
                "Each coordinate has a share of its own: such points fill a box, not the way between the two samples.",
            ),
            Mistake(
                "squared-norm",
                _penalty(norm=lambda g: g.square().sum(1)),
                "The squared norm is compared with 1. The norm itself is meant.",
            ),
            Mistake(
                "one-sided",
                _penalty(fine=lambda n: (n - 1).relu().square().mean()),
                "This is the one-sided penalty: slopes below 1 are not fined.",
            ),
            Mistake(
                "sum",
                _penalty(fine=lambda n: (n - 1).square().sum()),
                "A sum over the batch stands where a mean should.",
            ),
        ),
    ),
    "wgan-valley": Answer(
        _ENDS,
        (
            Mistake(
                "no-valley",
                {**_ENDS, "stiff": 1.1, "stiff_value": 2.2},
                "Stiff: to come to the right side the slope must pass 0. Does J rise all the way there?",
            ),
            Mistake(
                "held-at-minus-one",
                {**_ENDS, "stiff": -1.0, "stiff_value": -2.0},
                "Stiff: at -1 the fine is 0 and its derivative too, but the first term still pulls.",
            ),
            Mistake(
                "pulled-the-wrong-way",
                {**_ENDS, "stiff": -1.1, "stiff_value": -2.2},
                "Stiff: s d grows with s. On which side of -1 does that pull the slope?",
            ),
            Mistake(
                "not-on-the-branch",
                {**_ENDS, "soft": 1.0},
                "Soft: your formula gives a positive slope, but it was derived for negative ones.",
            ),
            Mistake(
                "threshold-doubled",
                {**_ENDS, "threshold": 2.0},
                "Threshold: for which lambda is the stationary point exactly 0? Mind the 2 of the square.",
            ),
            Mistake(
                "one-sided-caught",
                {**_ENDS, "one_sided": -0.9},
                "One-sided: what does this penalty fine at -0.5?",
            ),
            Mistake(
                "one-sided-exact",
                {**_ENDS, "one_sided": 1.0},
                "One-sided: at slope 1 the fine begins with derivative 0, and d still pulls.",
            ),
        ),
    ),
}
