"""Instance noise: the blur D sees, its randomness, and what passes through."""

import math

import pytest
import torch

from gan_tutor import networks
from gan_tutor.share import Share


def linear():
    D = networks.MLPDiscriminator((2,), depth=0)
    with torch.no_grad():
        D.last.weight.copy_(torch.tensor([[3.0, -4.0]]))
    return D


def test_a_linear_logit_gets_noise_of_sigma_times_its_slope(generator):
    D, x = linear(), torch.zeros(20_000, 2)
    logits = networks.Noisy(D, 0.2, generator)(x) - D(x)
    assert logits.std().item() == pytest.approx(0.2 * math.hypot(3, 4), rel=0.03)
    assert logits.mean().item() == pytest.approx(0, abs=0.03)


def test_noise_is_new_at_every_call_and_repeats_from_the_generator_s_state(generator):
    noisy, x = networks.Noisy(linear(), 0.5, generator), torch.ones(4, 2)
    state = generator.get_state()
    first, second = noisy(x), noisy(x)
    assert not torch.equal(first, second)
    generator.set_state(state)
    assert torch.equal(noisy(x), first)


def test_no_noise_is_d_itself_with_features_and_condition(generator):
    D = networks.ProjectionDiscriminator(networks.MLPDiscriminator((2,), width=8), torch.nn.Embedding(3, 8))
    noisy, x, y = networks.Noisy(D, 0.0, generator), torch.randn(5, 2), torch.tensor([0, 1, 2, 0, 1])
    assert torch.equal(noisy(x, y), D(x, y))
    assert torch.equal(noisy.features(x, y), D.features(x, y))
    auxiliary = networks.AuxiliaryDiscriminator(networks.MLPDiscriminator((2,), width=8), 8, 3)
    assert torch.equal(networks.Noisy(auxiliary, 0.0, generator).classify(x), auxiliary.classify(x))


def test_logits_features_and_classes_are_those_of_the_blurred_samples():
    """Each call equals D at x + sigma e, with e drawn here from a generator in the same state."""
    plain = networks.MLPDiscriminator((2,), width=8)
    projection = networks.ProjectionDiscriminator(networks.MLPDiscriminator((2,), width=8), torch.nn.Embedding(3, 8))
    auxiliary = networks.AuxiliaryDiscriminator(networks.MLPDiscriminator((2,), width=8), 8, 3)
    x, y = torch.randn(6, 2), torch.tensor([0, 1, 2, 0, 1, 2])
    blurred = x + 0.7 * torch.randn(6, 2, generator=torch.Generator().manual_seed(4))
    for D, method, rest in (
        (plain, "forward", ()), (plain, "features", ()),
        (projection, "forward", (y,)), (projection, "features", (y,)), (auxiliary, "classify", ()),
    ):  # fmt: skip
        noisy = networks.Noisy(D, 0.7, torch.Generator().manual_seed(4))
        assert torch.allclose(getattr(noisy, method)(x, *rest), getattr(D, method)(blurred, *rest), atol=1e-6)
        assert not torch.allclose(getattr(D, method)(x, *rest), getattr(D, method)(blurred, *rest), atol=1e-2)


def test_two_processes_blur_their_rows_as_one_process_blurs_all():
    D, x = linear(), torch.randn(8, 2)
    whole = networks.Noisy(D, 0.7, torch.Generator().manual_seed(4))(x)
    for rank in (0, 1):
        rows = slice(4 * rank, 4 * rank + 4)
        part = networks.Noisy(D, 0.7, torch.Generator().manual_seed(4), Share(rank, 2))(x[rows])
        assert torch.allclose(part, whole[rows], atol=1e-6)


def test_negative_noise_is_refused(generator):
    with pytest.raises(ValueError, match=r"sigma must be at least 0, got -0\.1"):
        networks.Noisy(linear(), -0.1, generator)
