"""The Inception Score against its closed forms, its bounds, and the generators that fool it."""

import math

import pytest
import torch
from scipy import stats

from gan_tutor.evaluation import inception_score


def test_one_sure_image_a_class_is_the_maximum():
    assert inception_score(torch.eye(10)) == pytest.approx(10, rel=1e-12)
    assert inception_score(torch.eye(10).repeat(50, 1)) == pytest.approx(10, rel=1e-12)


def test_the_same_answer_for_every_image_is_the_minimum(generator):
    row = torch.rand(1, 10, generator=generator)
    assert inception_score((row / row.sum()).expand(30, -1)) == pytest.approx(1, abs=1e-6)
    assert inception_score(torch.full((7, 5), 0.2)) == pytest.approx(1, abs=1e-6)
    assert inception_score(torch.eye(10)[[3] * 40]) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("classes", [1, 2, 7])
def test_sure_answers_spread_over_k_classes_score_k(classes):
    assert inception_score(torch.eye(10)[:classes].repeat(3, 1)) == pytest.approx(classes, rel=1e-12)


def test_two_classes_by_hand():
    got = inception_score(torch.tensor([[0.9, 0.1], [0.1, 0.9]]))
    assert got == pytest.approx(math.exp(0.9 * math.log(1.8) + 0.1 * math.log(0.2)), rel=1e-6)


def test_equals_scipy_s_divergences_and_stays_within_its_bounds(generator):
    p = (3 * torch.randn(80, 6, generator=generator)).double().softmax(1)
    each = stats.entropy(p.numpy(), p.mean(0, keepdim=True).numpy(), axis=1)
    assert inception_score(p) == pytest.approx(math.exp(each.mean()), rel=1e-9)
    assert 1 < inception_score(p) < 6
    assert 1 < inception_score(p[:2]) < 2, "at most N"


def test_it_ignores_everything_but_the_classifier_s_answers():
    p = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]])
    assert inception_score(p) == pytest.approx(inception_score(p.flip(0)), rel=1e-12)
    assert inception_score(p.requires_grad_()) == pytest.approx(inception_score(p.detach()), rel=1e-12)


@pytest.mark.parametrize(
    "wrong",
    [torch.ones(4), torch.zeros(0, 3), torch.randn(4, 3), torch.ones(4, 3), torch.tensor([[1.5, -0.5]]),
     torch.full((2, 2), torch.nan)],
)  # fmt: skip
def test_what_is_no_probability_is_refused(wrong):
    with pytest.raises(ValueError, match=r"rows that are at least 0 and sum to 1.*softmax\(1\)"):
        inception_score(wrong)


def test_one_answer_for_all_images_is_never_below_one():
    """Rounding leaves of the information a little on either side of 0."""
    found = []
    for seed in range(30):
        row = torch.rand(1, 7, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        found.append(inception_score((row / row.sum()).expand(13, -1)))
    assert min(found) == 1
    assert max(found) == pytest.approx(1, abs=1e-12)
