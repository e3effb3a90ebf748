"""Latents, and samples in evaluation mode that do not depend on how they are batched."""

import pytest
import torch
from torch import nn
from toy_game import LATENT, equal, state

from gan_tutor import networks, training


def test_latents_are_standard_normal_and_the_generator_s_own():
    z = training.sample_z(20_000, 3, torch.Generator().manual_seed(0))
    assert z.shape == (20_000, 3)
    assert z.dtype == torch.float32
    assert z.mean(0).tolist() == pytest.approx([0, 0, 0], abs=0.03)
    assert torch.cov(z.T).flatten().tolist() == pytest.approx(torch.eye(3).flatten().tolist(), abs=0.04)
    assert torch.equal(z, training.sample_z(20_000, 3, torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("training_mode", [True, False])
def test_generate_samples_in_evaluation_mode_and_gives_the_mode_back(training_mode):
    G = networks.DCGANGenerator(LATENT, width=4).train(training_mode)
    before = state(G)
    seen = []
    G.register_forward_hook(lambda module, *_: seen.append(module.training))
    x = training.generate(G, 5, LATENT, torch.Generator().manual_seed(0), batch=2)
    assert seen == [False, False, False]
    assert G.training is training_mode
    assert x.shape == (5, 1, 28, 28)
    assert not x.requires_grad
    assert equal(state(G), before)


def test_generate_does_not_depend_on_the_batch_size():
    G = networks.DCGANGenerator(LATENT, width=4)
    for _ in range(3):
        G(torch.randn(16, LATENT))  # running statistics unlike a batch's own
    whole, parts, ones = (
        training.generate(G, 7, LATENT, torch.Generator().manual_seed(0), batch=batch) for batch in (500, 3, 1)
    )
    assert torch.allclose(whole, parts, atol=1e-5)
    assert torch.allclose(whole, ones, atol=1e-5)
    G.eval()
    with torch.no_grad():
        expected = G(training.sample_z(7, LATENT, torch.Generator().manual_seed(0)))
    assert torch.allclose(whole, expected, atol=1e-6)


def test_generate_gives_the_mode_back_after_a_failure():
    G = networks.MLPGenerator(LATENT, (2,), width=8).train()
    with pytest.raises(RuntimeError):
        training.generate(G, 5, LATENT + 1, torch.Generator())
    assert G.training


def test_generate_leaves_a_layer_in_evaluation_mode_as_it_was():
    G = networks.DCGANGenerator(LATENT, width=4)
    layer = next(m for m in G.modules() if isinstance(m, nn.BatchNorm2d)).eval()
    training.generate(G, 3, LATENT, torch.Generator())
    assert G.training
    assert not layer.training


@pytest.mark.parametrize(("n", "batch"), [(0, 500), (-1, 500), (5, 0)])
def test_generate_refuses_empty_requests(n, batch):
    with pytest.raises(ValueError, match="n and batch must be at least 1"):
        training.generate(networks.MLPGenerator(2, (2,)), n, 2, torch.Generator(), batch=batch)


def test_generate_gives_each_condition_to_its_own_sample():
    """Classes far apart, in batches that do not divide n."""
    G = networks.ConditionalGenerator(networks.MLPGenerator(LATENT + 4, (2,), width=8), networks.OneHot(4))
    y = torch.tensor([3, 0, 2, 1, 3, 3, 0])
    got = training.generate(G, 7, LATENT, torch.Generator().manual_seed(0), y=y, batch=3)
    z = torch.randn(7, LATENT, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(got, G(z, y), atol=1e-6)
        assert not torch.allclose(got, G(z, y.flip(0)), atol=1e-3)
    for wrong in (y[:6], torch.cat([y, y])):
        with pytest.raises(ValueError, match=f"one condition for each of the 7 samples, got {len(wrong)}"):
            training.generate(G, 7, LATENT, torch.Generator(), y=wrong)


def test_one_sample_one_at_a_time_is_allowed():
    G = networks.MLPGenerator(LATENT, (2,), width=8)
    assert training.generate(G, 1, LATENT, torch.Generator(), batch=1).shape == (1, 2)
