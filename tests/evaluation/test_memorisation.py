"""Memorisation: copies, fresh draws and far samples, against scipy's Mann-Whitney statistic and counts by hand."""

import pytest
import torch
from scipy import stats

from gan_tutor.evaluation import Memorisation, memorisation


def normal(n, features, seed):
    return torch.randn(n, features, generator=torch.Generator().manual_seed(seed))


def test_copies_are_caught():
    train, held_out = normal(300, 4, 0), normal(200, 4, 1)
    assert memorisation(train, held_out, train[:100]) == Memorisation(1.0, 1.0)
    near = memorisation(train, held_out, train[:100] + 1e-3 * normal(100, 4, 2))
    assert near.nearer > 0.99
    assert near.copies > 0.9


def test_fresh_draws_are_as_near_as_held_out_ones():
    found = [
        memorisation(normal(300, 4, 3 * s), normal(300, 4, 3 * s + 1), normal(300, 4, 3 * s + 2)) for s in range(20)
    ]
    nearer, copies = torch.tensor(found).mean(0).tolist()
    assert nearer == pytest.approx(0.5, abs=0.02)
    assert copies == pytest.approx(0.01, abs=0.01)


def test_a_half_copying_generator_lies_between():
    train, held_out = normal(300, 4, 0), normal(300, 4, 1)
    fake = torch.cat([train[:100], normal(100, 4, 2)])
    found = memorisation(train, held_out, fake)
    assert found.nearer == pytest.approx(0.75, abs=0.05)
    assert found.copies == pytest.approx(0.5, abs=0.03)


def test_far_samples_are_no_copies():
    assert memorisation(normal(50, 3, 0), normal(50, 3, 1), normal(50, 3, 2) + 100) == (0.0, 0.0)


def test_counts_by_hand_with_ties_counted_half():
    train = torch.zeros(1, 1)
    held_out = torch.tensor([[1.0], [2.0], [3.0], [-3.0]])
    fake = torch.tensor([[0.5], [-2.0]])  # nearer than 4 of 4; nearer than 2 and tied with 1
    assert memorisation(train, held_out, fake).nearer == pytest.approx((4 + 2.5) / 8)


def test_equals_scipy_s_mann_whitney():
    train, held_out, fake = normal(200, 3, 0), normal(150, 3, 1), 0.8 * normal(120, 3, 2)
    gaps = [torch.cdist(x, train).amin(1).numpy() for x in (held_out, fake)]
    expected = stats.mannwhitneyu(*gaps).statistic / (150 * 120)
    assert memorisation(train, held_out, fake).nearer == pytest.approx(expected, abs=1e-4)


def test_impossible_sets_are_refused():
    x = normal(20, 3, 0)
    with pytest.raises(ValueError, match="same F"):
        memorisation(x, x, x[:, :2])
    with pytest.raises(ValueError, match="at least 1 rows, got 20 and 0"):
        memorisation(x, x[:0], x)
    with pytest.raises(ValueError, match="finite, got NaN"):
        memorisation(x, x, x.where(x < x.max(), torch.nan))


def test_copies_are_nearer_than_the_nearest_hundredth_of_the_held_out():
    """Gaps 1, 2, ..., 101: a hundredth of the way along them lies 2 itself, which is not nearer."""
    held_out = torch.arange(1.0, 102.0)[:, None]
    for gap, copies in ((2.0, 0.0), (1.75, 1.0), (1.0, 1.0), (2.25, 0.0)):
        fake = torch.tensor([[gap], [-gap], [gap]])
        assert memorisation(torch.zeros(1, 1), held_out, fake).copies == copies
