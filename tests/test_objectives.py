"""Objectives: the sum of loss and penalty, on modules and on functional parameters, and who gets gradients."""

import math

import pytest
import torch
from torch import nn

from gan_tutor import losses, networks, penalties
from gan_tutor.objectives import class_of_fake, class_of_real, discriminator_loss, generator_loss

N = 32
PENALISED = [None, *penalties.PENALTIES]


@pytest.fixture
def players():
    return networks.MLPGenerator(3, (2,), width=8), networks.MLPDiscriminator((2,), width=8)


@pytest.fixture
def x_real():
    return torch.randn(N, 2, generator=torch.Generator().manual_seed(2)) + 1


@pytest.fixture
def z():
    return torch.randn(N, 3, generator=torch.Generator().manual_seed(3))


class Asked(nn.Module):
    """A D that writes down what it was asked about, and whether autograd was recording."""

    def __init__(self, D):
        super().__init__()
        self.D, self.questions = D, []

    def forward(self, x):
        self.questions.append((x.detach().clone(), torch.is_grad_enabled()))
        return self.D(x)

    def features(self, x):
        self.questions.append((x.detach().clone(), torch.is_grad_enabled()))
        return self.D.features(x)


def bound(name, u=None):
    if name is None:
        return None
    return penalties.PENALTIES[name] if name != "wgan_gp" else lambda *a: penalties.wgan_gp(*a, u=u)


@pytest.mark.parametrize("loss", losses.LOSSES.values(), ids=lambda loss: loss.name)
@pytest.mark.parametrize("name", PENALISED)
def test_the_discriminator_s_objective_is_loss_plus_weighted_penalty(players, x_real, z, loss, name):
    G, D = players
    penalty = bound(name, torch.linspace(0, 1, N))
    got = discriminator_loss(G, D, loss, x_real, z, penalty, 0.3)
    with torch.no_grad():
        x_fake = G(z)
    expected = loss.d(D(x_real), D(x_fake)).item()
    if name is not None:
        expected += 0.3 * penalty(D, x_real, x_fake).item()
    assert got.ndim == 0
    assert got.dtype == torch.float32
    assert got.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("loss", losses.LOSSES.values(), ids=lambda loss: loss.name)
def test_the_generator_s_objective_is_the_loss_of_its_samples(players, x_real, z, loss):
    G, D = players
    judge = D.features if loss.on_features else D
    expected = loss.g(judge(x_real), judge(G(z))).item()
    assert generator_loss(G, D, loss, x_real, z).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", PENALISED)
def test_no_graph_of_g_is_built_for_d(players, x_real, z, name):
    G, D = players
    recording = []
    G.register_forward_hook(lambda *_: recording.append(torch.is_grad_enabled()))
    discriminator_loss(G, D, losses.hinge, x_real, z, bound(name), 1.0).backward()
    assert recording == [False]
    assert all(p.grad is None for p in G.parameters())
    assert all(p.grad is not None for p in D.parameters() if p.ndim == 2)


@pytest.mark.parametrize("name", PENALISED)
def test_samples_that_carry_g_s_graph_are_cut_off_for_d(players, x_real, z, name):
    """One pass of G may serve both players: D's objective must not run back into it."""
    G, D = players
    x_fake = G(z)
    discriminator_loss(lambda _: x_fake, D, losses.nonsaturating, x_real, z, bound(name), 1.0).backward()
    assert all(p.grad is None for p in G.parameters())
    assert x_fake.requires_grad
    generator_loss(lambda _: x_fake, D, losses.nonsaturating, x_real, z).backward()  # its graph is still whole
    assert all(p.grad.abs().sum() > 0 for p in G.parameters())


@pytest.mark.parametrize("loss", losses.LOSSES.values(), ids=lambda loss: loss.name)
def test_g_asks_about_real_samples_only_if_the_loss_sees_them_and_takes_answers_as_constants(players, x_real, z, loss):
    G, D = players[0], Asked(players[1])
    generator_loss(G, D, loss, x_real, z)
    fakes = [recording for x, recording in D.questions if not torch.equal(x, x_real)]
    reals = [recording for x, recording in D.questions if torch.equal(x, x_real)]
    assert fakes == [True]
    assert reals == ([False] if loss.sees_real else [])


def test_real_logits_do_not_change_the_relativistic_gradient_of_d_s_parameters(players, x_real, z):
    G, D = players
    generator_loss(G, D, losses.relativistic, x_real, z).backward()
    got = [p.grad.clone() for p in D.parameters()]
    D.zero_grad()
    losses.relativistic.g(D(x_real).detach(), D(G(z))).backward()
    assert all(torch.allclose(a, p.grad, rtol=1e-6) for a, p in zip(got, D.parameters(), strict=True))


@pytest.mark.parametrize("loss", losses.LOSSES.values(), ids=lambda loss: loss.name)
def test_every_loss_moves_g(players, x_real, z, loss):
    G, D = players
    generator_loss(G, D, loss, x_real, z).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in G.parameters())


@pytest.mark.parametrize("loss", losses.LOSSES.values(), ids=lambda loss: loss.name)
def test_functional_parameters_give_the_same_values_and_gradients_as_modules(players, x_real, z, loss):
    G, D = players
    g_parameters, d_parameters = dict(G.named_parameters()), dict(D.named_parameters())

    def d_value(parameters):
        critic = lambda x: torch.func.functional_call(D, parameters, (x,))  # noqa: E731
        return discriminator_loss(G, critic, loss, x_real, z, penalties.r1_r2, 0.2)

    gradients, value = torch.func.grad_and_value(d_value)(d_parameters)
    module = discriminator_loss(G, D, loss, x_real, z, penalties.r1_r2, 0.2)
    module.backward()
    assert value.item() == module.item()
    for name, p in D.named_parameters():
        # Pairing cancels the last bias.
        expected = torch.zeros_like(p) if p.grad is None else p.grad
        assert torch.allclose(gradients[name], expected, rtol=1e-5, atol=1e-7), name

    def g_value(parameters):
        maker = lambda z: torch.func.functional_call(G, parameters, (z,))  # noqa: E731
        return generator_loss(maker, D, loss, x_real, z)

    gradients, value = torch.func.grad_and_value(g_value)(g_parameters)
    module = generator_loss(G, D, loss, x_real, z)
    module.backward()
    assert value.item() == module.item()
    for name, p in G.named_parameters():
        assert torch.allclose(gradients[name], p.grad, rtol=1e-5, atol=1e-7), name


def test_the_weight_may_be_a_tensor(players, x_real, z):
    G, D = players
    number = discriminator_loss(G, D, losses.hinge, x_real, z, penalties.r1, 0.25)
    weight = torch.tensor(0.25, requires_grad=True)
    tensor = discriminator_loss(G, D, losses.hinge, x_real, z, penalties.r1, weight)
    assert tensor.item() == pytest.approx(number.item(), rel=1e-6)
    tensor.backward()
    assert weight.grad.item() == pytest.approx(penalties.r1(D, x_real, x_real).item(), rel=1e-6)


def test_a_weight_of_zero_and_no_penalty_agree(players, x_real, z):
    G, D = players
    assert discriminator_loss(G, D, losses.hinge, x_real, z, penalties.r1, 0.0).item() == pytest.approx(
        discriminator_loss(G, D, losses.hinge, x_real, z).item(), rel=1e-7
    )


def test_feature_matching_needs_features(players, x_real, z):
    G, D = players
    with pytest.raises(ValueError, match=r"feature_matching compares features: D must have a method features\(x\)"):
        generator_loss(G, lambda x: D(x), losses.feature_matching, x_real, z)


def test_a_discriminator_with_column_logits_is_refused(players, x_real, z):
    G, D = players
    column = lambda x: D(x)[:, None]  # noqa: E731
    for loss in (losses.nonsaturating, losses.relativistic):
        with pytest.raises(ValueError, match=r"got \(32, 1\) and \(32, 1\); end D with \.flatten\(\)"):
            discriminator_loss(G, column, loss, x_real, z)
        with pytest.raises(ValueError, match=r"\(32, 1\)"):
            generator_loss(G, column, loss, x_real, z)


def test_paired_losses_need_equal_batches_and_others_do_not(players, x_real, z):
    G, D = players
    with pytest.raises(ValueError, match=r"got \(32,\) and \(7,\)"):
        discriminator_loss(G, D, losses.relativistic, x_real, z[:7])
    assert discriminator_loss(G, D, losses.nonsaturating, x_real, z[:7], penalties.r1_r2, 0.1).isfinite()


@pytest.mark.parametrize("loss", [losses.nonsaturating, losses.relativistic, losses.feature_matching],
                         ids=lambda loss: loss.name)  # fmt: skip
def test_both_objectives_can_be_traced_with_their_gradients(players, x_real, z, loss):
    """The traced program, given other parameters and samples, computes what the library computes."""
    from torch.fx.experimental.proxy_tensor import make_fx

    G, D = players
    names = dict(D.named_parameters()).keys(), dict(G.named_parameters()).keys()

    class Functional:
        def __init__(self, network, parameters):
            self.network, self.parameters = network, parameters

        def __call__(self, x):
            return torch.func.functional_call(self.network, self.parameters, (x,))

        def features(self, x):
            return self.network.hidden(x.flatten(1))  # parameters of D are constants in G's objective

    def d_step(values, x_real, z):
        def value(p):
            return discriminator_loss(G, Functional(D, p), loss, x_real, z, penalties.r1_r2, 0.2)

        return torch.func.grad_and_value(value)(dict(zip(names[0], values, strict=True)))

    def g_step(values, x_real, z):
        def value(p):
            critic = D if loss.on_features else Functional(D, dict(D.named_parameters()))
            return generator_loss(Functional(G, p), critic, loss, x_real, z)

        return torch.func.grad_and_value(value)(dict(zip(names[1], values, strict=True)))

    generator = torch.Generator().manual_seed(8)
    for step, network in ((d_step, D), (g_step, G)):
        values = [p.detach().clone() for p in network.parameters()]
        traced = make_fx(step)(values, x_real, z)
        others = [v + 0.1 * torch.randn(v.shape, generator=generator) for v in values]
        arguments = others, x_real + 1, z.flip(0)
        (got, got_value), (want, want_value) = traced(*arguments), step(*arguments)
        assert got_value.item() == pytest.approx(want_value.item(), rel=1e-6)
        assert all(torch.allclose(got[k], want[k], rtol=1e-5, atol=1e-7) for k in want)


def test_without_a_weight_a_penalty_and_a_term_count_once(players, x_real, z):
    G, D = players
    x_fake = G(z).detach()
    value = penalties.r1_r2(D, x_real, x_fake).item()
    assert value > 1e-3
    for objective, loss in (
        (discriminator_loss, losses.hinge.d(D(x_real), D(x_fake)).item()),
        (generator_loss, losses.hinge.g(None, D(x_fake)).item()),
    ):
        assert objective(G, D, losses.hinge, x_real, z, penalties.r1_r2).item() == pytest.approx(loss + value, rel=1e-5)
        assert objective(G, D, losses.hinge, x_real, z, penalties.r1_r2, 3.0).item() == pytest.approx(
            loss + 3 * value, rel=1e-5
        )


@pytest.mark.parametrize("loss", [losses.hinge, losses.feature_matching], ids=lambda loss: loss.name)
def test_a_term_of_g_is_asked_of_d_and_both_batches_and_moves_g(players, x_real, z, loss):
    G, D = players
    seen = []

    def term(judge, real, fake):
        seen.append((judge, real, fake))
        return (fake.mean(0) - real.mean(0)).square().sum()

    got = generator_loss(G, D, loss, x_real, z, term, 0.3)
    made = G(z)
    value = (made.mean(0) - x_real.mean(0)).square().sum()
    plain = generator_loss(G, D, loss, x_real, z)
    assert got.item() == pytest.approx((plain + 0.3 * value).item(), rel=1e-5)
    ((judge, real, fake),) = seen
    assert judge is D
    assert real is x_real
    assert torch.equal(fake, made)
    slopes = torch.autograd.grad(got, list(G.parameters()))
    expected = torch.autograd.grad(plain + 0.3 * value, list(G.parameters()))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(slopes, expected, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_classification_terms_are_cross_entropies_in_nats(dtype):
    """Of real samples for D, of generated ones for G, each by its own row's class; half-precision logits as float32."""
    logits_real = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0]], dtype=dtype)
    logits_fake = torch.tensor([[-2.0, 0.25, 0.5], [1.0, 0.0, -1.5]], dtype=dtype)
    y = torch.tensor([2, 0])

    class Classifier(nn.Module):
        def classify(self, x):
            return logits_real if x is real else logits_fake

    real, fake = torch.zeros(2, 4), torch.ones(2, 4)
    D = networks.Given(Classifier(), y)
    for term, logits in ((class_of_real, logits_real), (class_of_fake, logits_fake)):
        rows = zip(logits.double().tolist(), y.tolist(), strict=True)
        expected = sum(math.log(sum(math.exp(v) for v in row)) - row[k] for row, k in rows) / 2
        got = term(D, real, fake)
        assert got.dtype == torch.float32
        assert got.item() == pytest.approx(expected, rel=1e-6)
