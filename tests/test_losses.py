"""Losses against closed forms, independent implementations and the traps of the field.

The checks take the module as an argument: `test_mutants.py` runs them on broken copies of it.
"""

import math
import re

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import gan_tutor.losses as library

NAMES = (
    "minimax", "nonsaturating", "least_squares", "hinge", "wasserstein", "relativistic", "feature_matching",
)  # fmt: skip
ON_LOGITS = NAMES[:-1]
REAL = (2.0, -1.0, 0.5, 4.0)
FAKE = (-3.0, 1.0, 0.25, -0.5)


def log_sigmoid(x):
    return -np.logaddexp(0, -x)


def numpy_d(name, real, fake):
    """D's loss of each paper, written from the paper in float64 and without softplus."""
    if name in ("minimax", "nonsaturating", "feature_matching"):
        return -log_sigmoid(real).mean() - log_sigmoid(-fake).mean()
    if name == "least_squares":
        return 0.5 * ((real - 1) ** 2).mean() + 0.5 * (fake**2).mean()
    if name == "hinge":
        return -np.minimum(0, real - 1).mean() - np.minimum(0, -fake - 1).mean()
    if name == "wasserstein":
        return -(real.mean() - fake.mean())
    return -log_sigmoid(real - fake).mean()


def numpy_g(name, real, fake):
    if name == "minimax":
        return log_sigmoid(-fake).mean()
    if name == "nonsaturating":
        return -log_sigmoid(fake).mean()
    if name == "least_squares":
        return 0.5 * ((fake - 1) ** 2).mean()
    if name in ("hinge", "wasserstein"):
        return -fake.mean()
    return -log_sigmoid(fake - real).mean()


def numpy_gradient(name, player, real, fake):
    """The derivative of a loss in real_logits and fake_logits, by hand; G's has no part in real logits."""
    n = len(real)
    sigma = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    zero = np.zeros(n)
    if player == "d":
        pair = {
            "minimax": (-sigma(-real), sigma(fake)),
            "nonsaturating": (-sigma(-real), sigma(fake)),
            "feature_matching": (-sigma(-real), sigma(fake)),
            "least_squares": (real - 1, fake),
            "hinge": (-1.0 * (real < 1), 1.0 * (fake > -1)),
            "wasserstein": (zero - 1, zero + 1),
            "relativistic": (-sigma(fake - real), sigma(fake - real)),
        }[name]
    else:
        pair = {
            "minimax": (zero, -sigma(fake)),
            "nonsaturating": (zero, -sigma(-fake)),
            "least_squares": (zero, fake - 1),
            "hinge": (zero, zero - 1),
            "wasserstein": (zero, zero - 1),
            "relativistic": (sigma(real - fake), -sigma(real - fake)),
        }[name]
    return [part / n for part in pair]


def logits(seed=0, n=64, scale=3.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n, generator=generator), scale * torch.randn(n, generator=generator) - 1


def gradients(function, real, fake):
    real, fake = real.clone().requires_grad_(), fake.clone().requires_grad_()
    got = torch.autograd.grad(function(real, fake), (real, fake), allow_unused=True)
    return [torch.zeros_like(real) if g is None else g for g in got]


# Checks, shared with the mutants.


def check_zero_logits(losses):
    """Every loss at zero logits, to the closed form: 2 ln 2, ln 2, 1/2, 2, 0."""
    ln2 = math.log(2)
    expected = {
        "minimax": (2 * ln2, -ln2),
        "nonsaturating": (2 * ln2, ln2),
        "least_squares": (0.5, 0.5),
        "hinge": (2.0, 0.0),
        "wasserstein": (0.0, 0.0),
        "relativistic": (ln2, ln2),
    }
    for name, (d, g) in expected.items():
        zero = torch.zeros(5)
        assert losses.LOSSES[name].d(zero, zero).item() == pytest.approx(d, abs=1e-6), name
        assert losses.LOSSES[name].g(zero, zero).item() == pytest.approx(g, abs=1e-6), name


def check_hand_picked(losses):
    """Four logits whose losses can be added up on paper."""
    real, fake = torch.tensor(REAL), torch.tensor(FAKE)
    expected = {
        "least_squares": ((1 + 4 + 0.25 + 9) / 8 + (9 + 1 + 0.0625 + 0.25) / 8, (16 + 0 + 0.5625 + 2.25) / 8),
        "hinge": ((0 + 2 + 0.5 + 0) / 4 + (0 + 2 + 1.25 + 0.5) / 4, 2.25 / 4),
        "wasserstein": (-2.25 / 4 - 5.5 / 4, 2.25 / 4),
    }
    for name, (d, g) in expected.items():
        assert losses.LOSSES[name].d(real, fake).item() == pytest.approx(d, rel=1e-6), name
        assert losses.LOSSES[name].g(real, fake).item() == pytest.approx(g, rel=1e-6), name


def check_numpy(losses):
    """The same numbers as a float64 implementation written from the papers."""
    for real, fake in (logits(0), logits(1, n=7, scale=0.1), (torch.tensor(REAL), torch.tensor(FAKE))):
        r, f = real.double().numpy(), fake.double().numpy()
        for name in NAMES:
            assert losses.LOSSES[name].d(real, fake).item() == pytest.approx(numpy_d(name, r, f), rel=1e-5), name
        for name in ON_LOGITS:
            assert losses.LOSSES[name].g(real, fake).item() == pytest.approx(numpy_g(name, r, f), rel=1e-5), name


def check_gradients(losses):
    """Each logit's gradient, sign and 1/N included."""
    real, fake = logits(2, n=33)
    for name in NAMES:
        for player in ("d", "g") if name in ON_LOGITS else ("d",):
            got = gradients(getattr(losses.LOSSES[name], player), real, fake)
            want = numpy_gradient(name, player, real.double().numpy(), fake.double().numpy())
            for g, w in zip(got, want, strict=True):
                assert g.double().numpy() == pytest.approx(w, rel=1e-5, abs=1e-8), (name, player)


def check_sure_discriminator(losses):
    """At fake logits of -20 the minimax gradient is gone and the non-saturating one is whole: -1/N."""
    fake = torch.full((8,), -20.0)
    vanishing = gradients(losses.minimax.g, fake, fake)[1]
    assert (vanishing.abs() < 1e-9).all()
    assert (vanishing < 0).all()
    whole = gradients(losses.nonsaturating.g, fake, fake)[1]
    assert whole.numpy() == pytest.approx(np.full(8, -1 / 8), rel=1e-6)
    # A hundred below, 1e-8 in a logarithm would have cut the gradient to 0.
    far = gradients(losses.nonsaturating.g, fake - 80, fake - 80)[1]
    assert far.numpy() == pytest.approx(np.full(8, -1 / 8), rel=1e-6)


def check_extreme_logits(losses):
    """Logits of +-1e4 overflow nowhere: exact values, finite gradients, also in half precision."""
    big = 1e4
    for name in ON_LOGITS:
        loss = losses.LOSSES[name]
        for a in (-big, big):
            for b in (-big, big):
                real, fake = torch.full((4,), a), torch.full((4,), b)
                assert loss.d(real, fake).item() == pytest.approx(
                    numpy_d(name, real.double().numpy(), fake.double().numpy()), rel=1e-6, abs=1e-6
                ), name
                assert loss.g(real, fake).item() == pytest.approx(
                    numpy_g(name, real.double().numpy(), fake.double().numpy()), rel=1e-6, abs=1e-6
                ), name
                for player in (loss.d, loss.g):
                    assert all(g.isfinite().all() for g in gradients(player, real, fake)), name
                half = loss.d(real.half(), fake.half()), loss.g(real.half(), fake.half())
                assert all(value.isfinite() for value in half), name


def check_half_precision(losses):
    """float16 and bfloat16 logits give the float32 loss of the same rounded numbers; float64 stays float64."""
    real, fake = logits(3, n=512)
    for name in ON_LOGITS:
        loss = losses.LOSSES[name]
        for dtype in (torch.float16, torch.bfloat16, torch.float32):
            r, f = real.to(dtype), fake.to(dtype)
            for player in (loss.d, loss.g):
                assert player(r, f).dtype == torch.float32, (name, dtype)
                assert player(r, f).item() == player(r.float(), f.float()).item(), (name, dtype)
        assert loss.d(real.double(), fake.double()).dtype == torch.float64
        assert loss.g(None if not loss.paired else real.double(), fake.double()).dtype == torch.float64


def check_batch_invariances(losses):
    """A mean over samples: repeating or permuting the batch changes nothing."""
    real, fake = logits(4)
    order = torch.randperm(len(real), generator=torch.Generator().manual_seed(0))
    for name in ON_LOGITS:
        for player in (losses.LOSSES[name].d, losses.LOSSES[name].g):
            value = player(real, fake).item()
            assert player(real.repeat(3), fake.repeat(3)).item() == pytest.approx(value, rel=1e-5), name
            assert player(real[order], fake[order]).item() == pytest.approx(value, rel=1e-5), name
            if not losses.LOSSES[name].paired:
                assert player(real, fake[order]).item() == pytest.approx(value, rel=1e-5), name


def check_pairing(losses):
    """The relativistic loss depends on who is paired with whom, and on differences of logits only."""
    real, fake = logits(5)
    for player in (losses.relativistic.d, losses.relativistic.g):
        value = player(real, fake).item()
        assert player(real + 7.5, fake + 7.5).item() == pytest.approx(value, rel=1e-5)
        assert abs(player(real, fake.flip(0)).item() - value) > 1e-3
    assert losses.relativistic.g(real, fake).item() == pytest.approx(losses.relativistic.d(fake, real).item(), rel=1e-6)
    one = losses.wasserstein
    assert one.d(real + 7.5, fake + 7.5).item() == pytest.approx(one.d(real, fake).item(), abs=1e-5)
    assert one.g(None, fake + 7.5).item() == pytest.approx(one.g(None, fake).item() - 7.5, rel=1e-5)


def check_feature_matching(losses):
    """|mean difference|^2 summed over features, and its gradient -2 (mean difference) / N."""
    generator = torch.Generator().manual_seed(0)
    real, fake = torch.randn(40, 5, generator=generator), torch.randn(40, 5, generator=generator) + 1
    difference = real.double().numpy().mean(0) - fake.double().numpy().mean(0)
    assert losses.feature_matching.g(real, fake).item() == pytest.approx((difference**2).sum(), rel=1e-5)
    got = gradients(losses.feature_matching.g, real, fake)[1].double().numpy()
    assert got == pytest.approx(np.tile(-2 * difference / 40, (40, 1)), rel=1e-4, abs=1e-8)
    assert losses.feature_matching.g(real, real).item() == 0.0
    fewer = fake[:7].double().numpy().mean(0)
    assert losses.feature_matching.g(real, fake[:7]).item() == pytest.approx(
        ((real.double().numpy().mean(0) - fewer) ** 2).sum(), rel=1e-5
    )
    assert losses.feature_matching.g(real.bfloat16(), fake.bfloat16()).dtype == torch.float32


def check_label_smoothing(losses):
    """Cross entropy against a target of 0.9 on real samples only, best at D = a p / (p + q)."""
    real, fake = logits(6)
    for base in (losses.minimax, losses.nonsaturating):
        smooth = losses.label_smoothing(base, 0.9)
        expected = F.binary_cross_entropy_with_logits(real, torch.full_like(real, 0.9))
        expected += F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
        assert smooth.d(real, fake).item() == pytest.approx(expected.item(), rel=1e-6)
        assert smooth.g(None, fake).item() == base.g(None, fake).item()
        assert smooth.name != base.name
        assert "0.9" in smooth.name
    # Two places: p is 3/4 and 1/4 there, q is 1/4 and 3/4.
    best = torch.logit(0.9 * torch.tensor([0.75, 0.25], dtype=torch.float64)).requires_grad_()
    smooth = losses.label_smoothing(real_target=0.9)
    at = lambda t: smooth.d(t[[0, 0, 0, 1]], t[[0, 1, 1, 1]])  # noqa: E731
    (slope,) = torch.autograd.grad(at(best), best)
    assert slope.numpy() == pytest.approx([0, 0], abs=1e-12)
    for away in (-0.1, 0.1):
        assert at(best + away).item() > at(best).item() + 1e-5
    assert losses.label_smoothing(real_target=1.0).d(real, fake).item() == pytest.approx(
        losses.nonsaturating.d(real, fake).item(), rel=1e-6
    )


def check_shapes(losses):
    """(N, 1) against (N,) would broadcast to (N, N) and look sane: every loss refuses it, both ways."""
    row, column = torch.zeros(4), torch.zeros(4, 1)
    for loss in losses.LOSSES.values():
        for pair in ((column, row), (row, column), (column, column), (row, torch.tensor(0.0))):
            with pytest.raises(ValueError, match=r"must both have shape \(N,"):
                loss.d(*pair)
    for name in ON_LOGITS:
        for pair in ((column, row), (row, column), (column, column)):
            with pytest.raises(ValueError, match=r"must both have shape \(N,\)"):
                losses.LOSSES[name].g(*pair)
        if not losses.LOSSES[name].sees_real:
            with pytest.raises(ValueError, match=r"must both have shape \(N,\)"):
                losses.LOSSES[name].g(None, column)
    for player in (losses.relativistic.d, losses.relativistic.g):
        with pytest.raises(ValueError, match=r"got \(4,\) and \(3,\)"):
            player(row, row[:3])
        with pytest.raises(ValueError, match=r"got \(4,\) and \(1,\)"):
            player(row, row[:1])
    with pytest.raises(ValueError, match=r"shape \(N, F\), got \(4,\) and \(4,\)"):
        losses.feature_matching.g(row, row)


CHECKS = [value for name, value in globals().copy().items() if name.startswith("check_")]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_losses(check):
    check(library)


# What no mutant needs.


def test_the_message_names_the_loss_the_shapes_and_the_cure():
    message = (
        "relativistic.d: real_logits and fake_logits must both have shape (N,) with the same N, got (4, 1) and (4,); "
        "end D with .flatten()"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        library.relativistic.d(torch.zeros(4, 1), torch.zeros(4))
    message = "hinge.g: real_logits and fake_logits must both have shape (N,), got (2, 1)"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        library.hinge.g(None, torch.zeros(2, 1))


@pytest.mark.parametrize("name", ["minimax", "nonsaturating"])
def test_cross_entropy_losses_equal_torch_s(name):
    real, fake = logits(7)
    ones, zeros = torch.ones_like(real), torch.zeros_like(real)
    bce = F.binary_cross_entropy_with_logits
    assert library.LOSSES[name].d(real, fake).item() == pytest.approx(
        (bce(real, ones) + bce(fake, zeros)).item(), rel=1e-6
    )
    expected = bce(fake, ones) if name == "nonsaturating" else -bce(fake, zeros)
    assert library.LOSSES[name].g(None, fake).item() == pytest.approx(expected.item(), rel=1e-6)


def test_least_squares_equals_torch_s_mse():
    real, fake = logits(8)
    ones, zeros = torch.ones_like(real), torch.zeros_like(real)
    expected = (F.mse_loss(real, ones) + F.mse_loss(fake, zeros)) / 2
    assert library.least_squares.d(real, fake).item() == pytest.approx(expected.item(), rel=1e-6)
    assert library.least_squares.g(None, fake).item() == pytest.approx(F.mse_loss(fake, ones).item() / 2, rel=1e-6)


def test_unpaired_losses_accept_unequal_batches():
    real, fake = logits(9)[0], logits(10, n=17)[1]
    r, f = real.double().numpy(), fake.double().numpy()
    for name in ("minimax", "nonsaturating", "least_squares", "hinge", "wasserstein", "feature_matching"):
        assert library.LOSSES[name].d(real, fake).item() == pytest.approx(numpy_d(name, r, f), rel=1e-5)
        if name != "feature_matching":
            assert library.LOSSES[name].g(real, fake).item() == pytest.approx(numpy_g(name, r, f), rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_only_losses_that_see_real_samples_need_real_logits_in_g(name):
    loss, fake = library.LOSSES[name], logits(11)[1]
    if loss.sees_real:
        with pytest.raises(ValueError, match=rf"{name}\.g compares .* real_logits must not be None"):
            loss.g(None, fake)
    else:
        assert loss.g(None, fake).item() == loss.g(torch.full_like(fake, 3.0), fake).item()


def test_saturating_and_nonsaturating_share_d_and_the_sign_of_g_s_gradient():
    real, fake = logits(12)
    assert library.minimax.d(real, fake).item() == library.nonsaturating.d(real, fake).item()
    assert library.minimax.g(None, fake).item() != library.nonsaturating.g(None, fake).item()
    for name in ("minimax", "nonsaturating"):
        assert (gradients(library.LOSSES[name].g, real, fake)[1] < 0).all()


@pytest.mark.parametrize("target", [0.5, 0.0, -0.1, 1.1, 2.0, float("nan")])
def test_label_smoothing_refuses_a_target_outside_its_range(target):
    with pytest.raises(ValueError, match=r"real_target must be in \(0\.5, 1\], got"):
        library.label_smoothing(real_target=target)


@pytest.mark.parametrize("name", ["least_squares", "hinge", "wasserstein", "relativistic", "feature_matching"])
def test_label_smoothing_refuses_losses_without_a_cross_entropy_target(name):
    with pytest.raises(ValueError, match=f"which {name} does not have; use minimax or nonsaturating"):
        library.label_smoothing(library.LOSSES[name], 0.9)


def test_label_smoothing_is_not_applied_twice():
    with pytest.raises(ValueError, match="does not have"):
        library.label_smoothing(library.label_smoothing(), 0.8)


def test_label_smoothing_is_finite_at_extreme_logits():
    smooth, big = library.label_smoothing(real_target=0.9), torch.full((4,), 1e4)
    # A sure and right D pays (1 - a) * 1e4 on real samples; a sure and wrong one a * 1e4.
    assert smooth.d(big, -big).item() == pytest.approx(1e3, rel=1e-5)
    assert smooth.d(-big, -big).item() == pytest.approx(9e3, rel=1e-5)
    assert all(g.isfinite().all() for g in gradients(smooth.d, big, -big))


def test_the_registry_knows_every_loss_under_its_own_name():
    assert tuple(library.LOSSES) == NAMES
    for name, loss in library.LOSSES.items():
        assert loss.name == name
        assert getattr(library, name) is loss
    with pytest.raises(AttributeError):
        library.hinge.name = "other"  # frozen


def test_equilibrium_values_are_those_of_a_discriminator_that_knows_nothing():
    zero = torch.zeros(3)
    for name, value in library.EQUILIBRIUM_D.items():
        assert library.LOSSES[name].d(zero, zero).item() == pytest.approx(value, rel=1e-6)
        assert library.LOSSES[name].d(zero, zero + 1).item() != pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize("name", ON_LOGITS)
def test_losses_work_inside_vmap(name):
    real, fake = (part.view(4, 16) for part in logits(13))
    loss = library.LOSSES[name]
    for player in (loss.d, loss.g):
        together: Tensor = torch.vmap(player)(real, fake)
        alone = torch.stack([player(r, f) for r, f in zip(real, fake, strict=True)])
        assert torch.allclose(together, alone, rtol=1e-6, atol=1e-7)
