"""Packs, juries and teams: what they compute, and that the ordinary steps train them as they are."""

import pytest
import torch
from torch import nn

from gan_tutor import data, losses, networks, penalties, training


def mlp(coordinates=2, width=8):
    return networks.MLPDiscriminator((coordinates,), width=width)


@pytest.mark.parametrize("m", [1, 2, 3])
def test_a_pack_is_m_consecutive_samples_side_by_side(m):
    x, D = torch.randn(6, 2), mlp(2 * m)
    logits = networks.Packed(D, m)(x)
    by_hand = torch.cat([D(torch.cat(list(x[i : i + m]))[None]) for i in range(0, 6, m)])
    assert logits.shape == (6 // m,)
    torch.testing.assert_close(logits, by_hand)
    assert networks.Packed(D, m).features(x).shape == (6 // m, 8)


def test_images_are_packed_by_channels():
    x = torch.randn(6, 1, 28, 28)
    D = networks.SpaceToDepthDiscriminator(channels=2, size=28, width=4)
    packs = torch.stack([torch.cat([x[i], x[i + 1]]) for i in (0, 2, 4)])
    torch.testing.assert_close(networks.Packed(D, 2)(x), D(packs))


def test_a_pack_sees_what_single_samples_hide():
    """Two ways to sample from {-1, 1} with equal shares; only pairs tell copies from independent draws."""
    same = torch.tensor([[1.0], [1.0], [-1.0], [-1.0]])
    mixed = torch.tensor([[1.0], [-1.0], [1.0], [-1.0]])

    class Product(nn.Module):
        def forward(self, x):
            return x.prod(dim=1)

    D = networks.Packed(Product(), 2)
    assert D(same).tolist() == [1, 1]
    assert D(mixed).tolist() == [-1, -1]
    assert sorted(same.flatten().tolist()) == sorted(mixed.flatten().tolist())


def test_a_pack_of_a_linear_d_has_the_closed_form_penalty():
    D = networks.MLPDiscriminator((4,), depth=0)
    w = D.last.weight.flatten()
    real, fake = torch.randn(8, 2), torch.randn(8, 2)
    expected = w.square().sum() / 2  # of a pack; the mean over its 2 samples is half of it
    torch.testing.assert_close(penalties.r1(networks.Packed(D, 2), real, fake), expected / 2)
    torch.testing.assert_close(penalties.r1_r2(networks.Packed(D, 2), real, fake), expected)


@pytest.mark.parametrize("n", [0, 5, 7])
def test_a_batch_that_does_not_fit_is_refused(n):
    with pytest.raises(ValueError, match=f"multiple of m = 2 samples, got {n}"):
        networks.Packed(mlp(4), 2)(torch.randn(n, 2))


def test_a_pack_of_nothing_is_refused():
    with pytest.raises(ValueError, match="m must be at least 1, got 0"):
        networks.Packed(mlp(), 0)


def test_discriminators_return_all_logits_and_features():
    Ds = [mlp(), mlp(width=5), mlp()]
    jury, x = networks.Discriminators(Ds), torch.randn(4, 2)
    torch.testing.assert_close(jury(x), torch.cat([D(x) for D in Ds]))
    assert jury(x).shape == (12,)
    assert jury.features(x).shape == (4, 8 + 5 + 8)


@pytest.mark.parametrize(
    "loss", [loss for loss in losses.LOSSES.values() if not loss.on_features], ids=lambda x: x.name
)
def test_every_loss_of_a_jury_is_the_mean_of_the_losses(loss):
    Ds = [mlp(), mlp(), mlp()]
    jury, real, fake = networks.Discriminators(Ds), torch.randn(4, 2), torch.randn(4, 2)
    for player in (loss.d, loss.g):
        each = torch.stack([player(D(real), D(fake)) for D in Ds])
        torch.testing.assert_close(player(jury(real), jury(fake)), each.mean())


def test_each_takes_the_penalty_of_every_member_alone():
    Ds = [networks.MLPDiscriminator((2,), depth=0) for _ in range(2)]
    with torch.no_grad():
        Ds[1].last.weight.copy_(-Ds[0].last.weight)
    jury, real, fake = networks.Discriminators(Ds), torch.randn(8, 2), torch.randn(8, 2)
    norm = Ds[0].last.weight.square().sum()
    torch.testing.assert_close(networks.each(penalties.r1)(jury, real, fake), norm / 2)
    assert penalties.r1(jury, real, fake) < 1e-12  # their slopes cancel in the sum: the reason for `each`


@pytest.mark.parametrize("n", [1, 2, 6, 7])
def test_generators_take_turns(n):
    Gs = [networks.MLPGenerator(2, (2,), width=4) for _ in range(3)]
    z = torch.randn(n, 2)
    made = networks.Generators(Gs)(z)
    torch.testing.assert_close(made, torch.cat([Gs[i % 3](z[i : i + 1]) for i in range(n)]))


def test_generators_make_images_too_and_state_their_range():
    Gs = [networks.DCGANGenerator(3, width=4) for _ in range(2)]
    team = networks.Generators(Gs)
    assert team(torch.randn(5, 3)).shape == (5, 1, 28, 28)
    assert team.output_range == (-1.0, 1.0)


def test_generators_of_different_ranges_are_refused():
    Gs = [networks.MLPGenerator(2, (2,)), networks.MLPGenerator(2, (2,), output="tanh")]
    with pytest.raises(ValueError, match="must have one output range"):
        networks.Generators(Gs)


@pytest.mark.parametrize("ensemble", [networks.Discriminators, networks.Generators])
def test_an_empty_ensemble_is_refused(ensemble):
    with pytest.raises(ValueError, match="at least one network, got none"):
        ensemble([])


@pytest.mark.parametrize("loss", ["nonsaturating", "relativistic"])
def test_train_plays_with_ensembles_as_with_any_network(loss, generator):
    D = networks.Discriminators([networks.Packed(mlp(4), 2), networks.Packed(mlp(4), 2)])
    G = networks.Generators([networks.MLPGenerator(2, (2,), width=4) for _ in range(2)])
    before = [p.clone() for p in (*D.parameters(), *G.parameters())]
    turns = training.train(
        G, D, data.batches(data.ring(), 8, generator), loss=losses.LOSSES[loss], latent_dim=2, steps=2,
        opt_g=torch.optim.Adam(G.parameters(), 1e-2), opt_d=torch.optim.Adam(D.parameters(), 1e-2),
        generator=generator, penalty=networks.each(penalties.r1_r2),
    )  # fmt: skip
    assert len(list(turns)) == 2
    after = [*D.parameters(), *G.parameters()]
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True) if a.ndim > 1)
    assert training.generate(G, 7, 2, generator, batch=4).shape == (7, 2)
