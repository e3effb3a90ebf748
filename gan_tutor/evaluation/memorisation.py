"""Does a generator repeat its training set? Distances to the nearest training sample, beside those of held-out ones."""

from typing import NamedTuple

import torch
from torch import Tensor

from gan_tutor.evaluation.distances import checked, nearest


class Memorisation(NamedTuple):
    """How near generated samples lie to the training set, measured against held-out real samples.

    Attributes:
        nearer: Chance that a generated sample lies nearer to the training set than a held-out real one, ties counted
            half: .5 for a perfect generator, 1 for copies, 0 for samples far away.
        copies: Share of generated samples that lie nearer to the training set than 99 % of the held-out samples: .01
            for a perfect generator, 1 for copies.
    """

    nearer: float
    copies: float


def memorisation(train: Tensor, held_out: Tensor, fake: Tensor) -> Memorisation:
    """Compare the distances to the nearest training sample of generated and of held-out real samples.

    Says nothing about quality or coverage: read it beside a measure of each.

    Args:
        train: Features or flattened pixels of the samples that G was trained on, (N, F).
        held_out: The same of real samples that it was not trained on, (M, F); 100 or more, for `copies` to mean much.
        fake: The same of generated samples, (L, F).

    Returns:
        `Memorisation(nearer, copies)`, each in [0, 1].

    Raises:
        ValueError: Shapes do not fit, a set is empty, or a value is not finite.

    Source: meehan2020copying. Differs: one statistic over the whole space; there one for each cell of a partition.
    """
    train, held_out = checked(train, held_out, at_least=1)
    train, fake = checked(train, fake, at_least=1)
    real_gap, fake_gap = nearest(held_out, train).sort().values, nearest(fake, train)
    beaten = len(real_gap) - torch.searchsorted(real_gap, fake_gap, right=True)
    not_beaten = torch.searchsorted(real_gap, fake_gap, right=False)
    wins = (beaten + (len(real_gap) - not_beaten)).double().mean() / 2
    copies = (fake_gap < real_gap.quantile(0.01)).double().mean()
    return Memorisation(nearer=float(wins) / len(real_gap), copies=float(copies))
