"""Stacked digits counted by the classifier: counts by hand, closed forms, simulation, and real draws at the ceiling."""

import math

import numpy as np
import pytest
import torch

from gan_tutor import data
from gan_tutor.evaluation import perfect_stacked, stacked_score


def written(modes):
    """Images (N, 3, 28, 28) whose channels carry their digit as a constant, and a classifier that reads it."""
    modes = torch.as_tensor(modes)
    digits = torch.stack([modes // 100, modes // 10 % 10, modes % 10], dim=1)
    return (digits / 4.5 - 1)[:, :, None, None].expand(-1, -1, 28, 28).contiguous()


def read(images):
    digit = ((images[:, 0, 0, 0] + 1) * 4.5).round().long()
    return torch.nn.functional.one_hot(digit, 10).float()


def test_counts_by_hand():
    got = stacked_score(written([0, 7, 7, 123, 999, 999, 999, 40]), read)
    assert got.modes == 5
    assert {k: int(got.counts[k]) for k in (0, 7, 40, 123, 999)} == {0: 1, 7: 2, 40: 1, 123: 1, 999: 3}
    share = torch.tensor([1, 2, 1, 1, 3]) / 8
    assert got.kl == pytest.approx(float((share * (share * 1000).log()).sum()), rel=1e-6)


def test_the_two_ends_of_the_scale():
    even = stacked_score(written(torch.arange(1000)), read)
    assert even.modes == 1000
    assert even.kl == pytest.approx(0, abs=1e-9)
    collapsed = stacked_score(written([314] * 1500), read)
    assert collapsed.modes == 1
    assert collapsed.kl == pytest.approx(math.log(1000), rel=1e-9)


def test_half_of_the_modes_costs_log_two():
    got = stacked_score(written(torch.arange(500).repeat(3)), read)
    assert got.modes == 500
    assert got.kl == pytest.approx(math.log(2), rel=1e-9)


def test_a_hit_mode_can_be_starved():
    modes = torch.cat([torch.arange(1000), torch.zeros(9000, dtype=torch.long)])
    got = stacked_score(written(modes), read)
    assert got.modes == 1000
    assert got.kl > 5


def test_perfect_by_hand_and_by_simulation():
    assert perfect_stacked(1) == (pytest.approx(1), pytest.approx(math.log(1000)))
    # Two draws fall together with probability 1/1000, and then the KL is log 1000, else log 500.
    assert perfect_stacked(2) == (
        pytest.approx(2 - 1 / 1000), pytest.approx(math.log(500) * 0.999 + math.log(1000) * 0.001)
    )  # fmt: skip
    counts = np.random.default_rng(0).multinomial(3000, np.full(1000, 1e-3), size=300)
    share = counts / 3000
    with np.errstate(divide="ignore", invalid="ignore"):
        kl = np.where(share > 0, share * np.log(1000 * share), 0).sum(1)
    modes, expected = perfect_stacked(3000)
    assert (counts > 0).sum(1).mean() == pytest.approx(modes, abs=1.5)
    assert kl.mean() == pytest.approx(expected, rel=0.01)


def test_perfect_approaches_the_large_n_formula():
    assert perfect_stacked(26_000)[1] == pytest.approx(999 / 52_000, rel=0.02)
    assert perfect_stacked(26_000)[0] == pytest.approx(1000, abs=1e-3)


def test_real_draws_are_as_good_as_perfect(generator):
    images, modes = data.stacked_digits().sample_labelled(1500, generator)
    got, best = stacked_score(images), perfect_stacked(1500)
    assert got.modes == pytest.approx(best[0], abs=35)
    assert got.kl == pytest.approx(best[1], rel=0.1)
    exact = torch.bincount(modes, minlength=1000)
    assert (got.counts - exact).abs().sum() <= 0.02 * 2 * 1500, "the classifier misreads a training digit now and then"


def test_other_images_are_refused():
    with pytest.raises(ValueError, match=r"shape \(N, 3, 28, 28\) with N >= 1, got \(4, 1, 28, 28\)"):
        stacked_score(torch.zeros(4, 1, 28, 28))
    with pytest.raises(ValueError, match="N >= 1"):
        stacked_score(torch.zeros(0, 3, 28, 28))
    with pytest.raises(ValueError, match=r"must lie in \[-1, 1\]"):
        stacked_score(torch.full((2, 3, 28, 28), 2.0))
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        perfect_stacked(0)


def test_equal_shares_are_never_below_zero():
    """Rounding leaves of 0 a little on either side, whatever the number of samples."""
    found = [stacked_score(written(torch.arange(1000).repeat(k)), read).kl for k in (1, 3)]
    found += [stacked_score(written(torch.arange(0, 1000, step)), read).kl for step in (3, 7)]
    assert min(found) >= 0
    assert found[:2] == pytest.approx([0, 0], abs=1e-12)
    assert found[2:] == pytest.approx([math.log(1000 / 334), math.log(1000 / 143)], rel=1e-12)
