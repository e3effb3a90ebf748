"""Instance noise: the blur D sees, its randomness, and what passes through."""

import math

import pytest
import torch

from gan_tutor import networks


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


def test_negative_noise_is_refused(generator):
    with pytest.raises(ValueError, match=r"sigma must be at least 0, got -0\.1"):
        networks.Noisy(linear(), -0.1, generator)
