"""Conditions through data, objectives and the loop: the pair (x, y) stays together from the batch to both players."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from gan_tutor import data, losses, networks, objectives, penalties, training
from gan_tutor.networks import Given


def players(classes=8, latent_dim=2, width=16):
    """A conditional pair for points: code appended to z, projection in D."""
    G = networks.ConditionalGenerator(
        networks.MLPGenerator(latent_dim + 3, (2,), width=width), nn.Embedding(classes, 3)
    )
    D = networks.ProjectionDiscriminator(networks.MLPDiscriminator((2,), width=width), nn.Embedding(classes, width))
    opt_g, opt_d = (torch.optim.Adam(n.parameters(), 1e-3, (0.5, 0.999)) for n in (G, D))
    return G, D, opt_g, opt_d


def auxiliary(classes=8, width=16):
    D = networks.AuxiliaryDiscriminator(networks.MLPDiscriminator((2,), width=width), width, classes)
    return D, torch.optim.Adam(D.parameters(), 1e-3, (0.5, 0.999))


def state(network):
    return [value.clone() for value in network.state_dict().values()]


def equal(a, b):
    return all(torch.equal(x, y) for x, y in zip(state(a), state(b), strict=True))


# Labelled batches ------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [data.ring(), data.grid(), data.mixture_1d(), data.digits(), data.fashion()])
def test_labelled_batches_are_the_batches_with_their_labels(source):
    plain = data.batches(source, 16, torch.Generator().manual_seed(3))
    labelled = data.labelled_batches(source, 16, torch.Generator().manual_seed(3))
    for _ in range(3):
        x, (same, y) = next(plain), next(labelled)
        assert torch.equal(x, same)
        assert y.shape == (16,)
        assert y.dtype == torch.int64


def test_a_point_carries_the_number_of_its_component(generator):
    ring = data.ring(sigma=0.01)
    x, y = ring.sample_labelled(500, generator)
    assert torch.equal(torch.cdist(x, ring.means).argmin(1), y)
    assert y.bincount(minlength=8).min() > 30


def test_an_image_carries_its_own_label(generator):
    digits = data.digits()
    x, y = digits.sample_labelled(50, generator)
    for image, label in zip(x, y, strict=True):
        rows = (digits.images == image).flatten(1).all(1)
        assert label in digits.labels[rows]


def test_measured_quantities_travel_like_labels(generator):
    digits = data.digits("test")
    ink = digits.images.mean((1, 2, 3))[:, None]
    x, y = next(data.labelled_batches(digits.with_labels(ink), 32, generator))
    assert y.shape == (32, 1)
    torch.testing.assert_close(x.mean((1, 2, 3)), y[:, 0])


def test_a_source_without_labels_is_refused(generator):
    with pytest.raises(ValueError, match=r"has no labels: use an image set or a mixture, or data\.batches"):
        data.labelled_batches(data.swiss_roll(), 4, generator)
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        data.labelled_batches(data.ring(), 0, generator)


# The auxiliary classifier's terms --------------------------------------------------------------------


def test_the_classification_terms_are_the_cross_entropy_of_their_own_half(generator):
    (D, _), (x_real, y) = auxiliary(), data.ring().sample_labelled(32, generator)
    x_fake = x_real + 1
    real = objectives.class_of_real(Given(D, y), x_real, x_fake)
    fake = objectives.class_of_fake(Given(D, y), x_real, x_fake)
    torch.testing.assert_close(real, cross_entropy(D.classify(x_real), y))
    torch.testing.assert_close(fake, cross_entropy(D.classify(x_fake), y))
    assert (real - fake).abs() > 1e-3
    log_p = D.classify(x_real).log_softmax(1)
    torch.testing.assert_close(real, -torch.stack([log_p[i, k] for i, k in enumerate(y)]).mean())


def test_a_classifier_that_knows_nothing_costs_log_classes(generator):
    D, _ = auxiliary()
    nn.init.zeros_(D.classifier.weight)
    nn.init.zeros_(D.classifier.bias)
    x, y = data.ring().sample_labelled(16, generator)
    assert objectives.class_of_real(Given(D, y), x, x).item() == pytest.approx(2.0794415, rel=1e-5)


def test_the_term_enters_g_s_loss_with_its_weight_and_moves_g(generator):
    (D, _), G = auxiliary(), players()[0]
    x, y = data.ring().sample_labelled(16, generator)
    z = torch.randn(16, 2, generator=generator)
    arguments = (Given(G, y), Given(D, y), losses.nonsaturating, x, z)
    plain = objectives.generator_loss(*arguments)
    both = objectives.generator_loss(*arguments, objectives.class_of_fake, 0.7)
    torch.testing.assert_close(both, plain + 0.7 * cross_entropy(D.classify(G(z, y)), y))
    (gradient,) = torch.autograd.grad(both - plain, G.encode.weight)
    assert gradient.abs().sum() > 0


def test_g_s_step_takes_the_term_and_leaves_d_alone(generator):
    (D, _), (G, _, opt_g, _) = auxiliary(), players()
    x, y = data.ring().sample_labelled(16, generator)
    z, before = torch.randn(16, 2, generator=generator), state(D)
    expected = objectives.generator_loss(Given(G, y), Given(D, y), losses.hinge, x, z, objectives.class_of_fake, 2.0)
    got = training.g_step(Given(G, y), Given(D, y), opt_g, losses.hinge, x, z, objectives.class_of_fake, 2.0)
    torch.testing.assert_close(got, expected.detach())
    assert all(torch.equal(a, b) for a, b in zip(before, state(D), strict=True))
    assert all(p.requires_grad and p.grad is None for p in D.parameters())


# The loop --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "penalty"),
    [
        ("nonsaturating", None),
        ("relativistic", penalties.r1_r2),
        ("wasserstein", penalties.r1),
        ("feature_matching", None),
    ],
)
def test_training_on_pairs_is_the_hand_written_loop(loss, penalty):
    loss = losses.LOSSES[loss]
    torch.manual_seed(0)
    G, D, opt_g, opt_d = players()
    hand = copy.deepcopy((G, D))
    hand_g, hand_d = (torch.optim.Adam(n.parameters(), 1e-3, (0.5, 0.999)) for n in hand)
    generator = torch.Generator().manual_seed(5)
    records = list(
        training.train(
            G, D, data.labelled_batches(data.ring(), 16, generator), loss=loss, opt_g=opt_g, opt_d=opt_d,
            latent_dim=2, steps=5, generator=generator, n_critic=2, penalty=penalty, penalty_weight=0.1,
        )
    )  # fmt: skip
    g, d, generator = *hand, torch.Generator().manual_seed(5)
    for record in records:
        for _ in range(2):
            x, y = data.ring().sample_labelled(16, generator)
            z = training.sample_z(16, 2, generator)
            x_fake = g(z, y)
            value = loss.d(d(x, y), d(x_fake.detach(), y))
            if penalty is not None:
                value = value + 0.1 * penalty(Given(d, y), x, x_fake.detach())
            hand_d.zero_grad()
            value.backward()
            hand_d.step()
        judge = d.features if loss.on_features else d
        real = judge(x, y).detach() if loss.sees_real else None
        loss_g = loss.g(real, judge(x_fake, y))
        hand_g.zero_grad()
        loss_g.backward()
        hand_g.step()
        assert (record.loss_d.item(), record.loss_g.item()) == (value.item(), loss_g.item())
    assert equal(G, g)
    assert equal(D, d)


def test_training_with_an_auxiliary_classifier_is_the_hand_written_loop():
    torch.manual_seed(0)
    (G, _, opt_g, _), (D, opt_d) = players(), auxiliary()
    g, d = copy.deepcopy((G, D))
    hand_g, hand_d = (torch.optim.Adam(n.parameters(), 1e-3, (0.5, 0.999)) for n in (g, d))
    generator = torch.Generator().manual_seed(5)
    for _ in training.train(
        G, D, data.labelled_batches(data.ring(), 16, generator), loss=losses.nonsaturating, opt_g=opt_g, opt_d=opt_d,
        latent_dim=2, steps=4, generator=generator, penalty=objectives.class_of_real, penalty_weight=0.5,
        term=objectives.class_of_fake, term_weight=0.25,
    ):  # fmt: skip
        pass
    generator = torch.Generator().manual_seed(5)
    for _ in range(4):
        x, y = data.ring().sample_labelled(16, generator)
        x_fake = g(training.sample_z(16, 2, generator), y)
        hand_d.zero_grad()
        loss_d = losses.nonsaturating.d(d(x, y), d(x_fake.detach(), y)) + 0.5 * cross_entropy(d.classify(x), y)
        loss_d.backward()
        hand_d.step()
        hand_g.zero_grad()
        loss_g = losses.nonsaturating.g(None, d(x_fake, y)) + 0.25 * cross_entropy(d.classify(x_fake), y)
        loss_g.backward()
        hand_g.step()
    assert equal(G, g)
    assert equal(D, d)


def test_the_average_of_a_conditional_generator(generator):
    G, D, opt_g, opt_d = players()
    ema = copy.deepcopy(G).requires_grad_(False)
    expected = [p.detach().clone() for p in G.parameters()]
    for record in training.train(
        G, D, data.labelled_batches(data.ring(), 16, generator), loss=losses.nonsaturating, opt_g=opt_g, opt_d=opt_d,
        latent_dim=2, steps=3, generator=generator, ema=ema, ema_decay=0.6,
    ):  # fmt: skip
        decay = min(0.6, record.step / (record.step + 1))
        expected = [decay * e + (1 - decay) * p.detach() for e, p in zip(expected, G.parameters(), strict=True)]
    for average, e in zip(ema.parameters(), expected, strict=True):
        torch.testing.assert_close(average, e)


def test_a_trained_pair_puts_each_class_on_its_mode(generator):
    ring = data.ring(modes=4, sigma=0.1)
    G, D, _, _ = players(classes=4, width=64)
    opt_g, opt_d = (torch.optim.Adam(n.parameters(), 2e-3, (0.5, 0.999)) for n in (G, D))
    for _ in training.train(
        G, D, data.labelled_batches(ring, 64, generator), loss=losses.nonsaturating, opt_g=opt_g, opt_d=opt_d,
        latent_dim=2, steps=400, generator=generator,
    ):  # fmt: skip
        pass
    y = torch.arange(4).repeat(100)
    x = training.generate(G, 400, 2, generator, y=y)
    share = (torch.cdist(x, ring.means).argmin(1) == y).float().mean().item()
    assert 0.9 < share <= 1


# Sampling --------------------------------------------------------------------------------------------


def test_generate_asks_for_each_sample_s_own_condition():
    G = players()[0]
    y = torch.arange(8).repeat(3)
    got = training.generate(G, 24, 2, torch.Generator().manual_seed(2), y=y, batch=5)
    z = torch.randn(24, 2, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(got, G(z, y).detach())


def test_generate_refuses_a_wrong_number_of_conditions(generator):
    with pytest.raises(ValueError, match="y must hold one condition for each of the 5 samples, got 4"):
        training.generate(players()[0], 5, 2, generator, y=torch.zeros(4, dtype=torch.int64))
