"""Minibatch standard deviation against numpy, and what it lets D see."""

import numpy as np
import pytest
import torch

from gan_tutor import networks, penalties


@pytest.mark.parametrize("shape", [(3,), (2, 4, 5)])
@pytest.mark.parametrize("group", [4, None])
def test_the_number_is_numpy_s_standard_deviation_averaged(shape, group):
    x = torch.randn(8, *shape) * 3 + 1
    out = networks.MinibatchStd(group)(x)
    assert out.shape == (8, shape[0] + 1, *shape[1:])
    torch.testing.assert_close(out[:, :-1], x)
    for start in range(0, 8, group or 8):
        part = slice(start, start + (group or 8))
        expected = np.std(x[part].numpy(), axis=0).mean()
        torch.testing.assert_close(out[part, -1], torch.full_like(out[part, -1], float(expected)))


def test_a_last_smaller_group_has_its_own_number():
    x = torch.tensor([[0.0], [2.0], [5.0]])
    torch.testing.assert_close(networks.MinibatchStd(2)(x)[:, 1], torch.tensor([1.0, 1.0, 1e-4]))


def test_copies_have_spread_zero_and_a_finite_gradient():
    x = torch.ones(4, 2, requires_grad=True)
    out = networks.MinibatchStd(4)(x)
    assert out[:, -1].max() < 1e-3
    out[:, -1].sum().backward()
    assert x.grad.isfinite().all()


def test_the_gradient_pushes_samples_apart():
    x = torch.tensor([[0.0], [1.0]], requires_grad=True)
    networks.MinibatchStd(2)(x)[0, -1].backward()
    torch.testing.assert_close(x.grad, torch.tensor([[-0.5], [0.5]]))


@pytest.mark.parametrize("group", [1, 0, -4])
def test_a_group_of_one_is_refused(group):
    with pytest.raises(ValueError, match=f"at least 2 or None for the whole batch, got {group}"):
        networks.MinibatchStd(group)


def test_the_wrapper_gives_d_one_more_coordinate():
    D, x = networks.MLPDiscriminator((3,), width=8), torch.randn(8, 2)
    wrapped = networks.WithMinibatchStd(D)
    torch.testing.assert_close(wrapped(x), D(networks.MinibatchStd(4)(x)))
    torch.testing.assert_close(wrapped.features(x), D.features(networks.MinibatchStd(4)(x)))


def test_d_can_tell_copies_from_draws_at_the_same_points():
    """Same set of points over the batch; only their order in groups differs."""
    D = networks.MLPDiscriminator((2,), depth=0)
    with torch.no_grad():
        D.last.weight.copy_(torch.tensor([[0.0, 1.0]]))
        D.last.bias.zero_()
    judge = networks.WithMinibatchStd(D, 2)
    copies, draws = torch.tensor([[1.0], [1.0], [-1.0], [-1.0]]), torch.tensor([[1.0], [-1.0], [1.0], [-1.0]])
    assert judge(copies).max() < 1e-3
    assert judge(draws).min() > 0.999


def test_real_and_generated_samples_do_not_mix_in_a_penalty():
    judge = networks.WithMinibatchStd(networks.MLPDiscriminator((3,), width=8), 4)
    real, fake = torch.randn(8, 2), 5 + torch.randn(8, 2)
    both = penalties.r1_r2(judge, real, fake)
    torch.testing.assert_close(both, penalties.r1(judge, real, fake) + penalties.r2(judge, real, fake))
