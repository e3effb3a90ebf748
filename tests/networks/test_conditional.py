"""Conditional players: each one against its formula, and `Given` as an ordinary player."""

import copy

import pytest
import torch
from torch import nn

from gan_tutor import networks, penalties, training
from gan_tutor.networks import Given

Y = torch.tensor([2, 0, 1, 2])


class Product(nn.Module):
    """D(x, y) = (<x, w> + <x, x>) y with features x y: a network whose answers are known."""

    def __init__(self, dimensions):
        super().__init__()
        self.w = nn.Parameter(torch.randn(dimensions))

    def features(self, x, y):
        return x * y

    def forward(self, x, y):
        return ((x * self.w).sum(1) + x.square().sum(1)) * y[:, 0]


def image_d(channels=1):
    return networks.SpaceToDepthDiscriminator(channels=channels, size=28, width=4, hidden=8)


# Given -----------------------------------------------------------------------------------------------


def test_given_fills_the_condition_in():
    D, x, y = Product(3), torch.randn(4, 3), torch.randn(4, 1)
    given = Given(D, y)
    torch.testing.assert_close(given(x), D(x, y))
    torch.testing.assert_close(given.features(x), x * y)
    assert [id(p) for p in given.parameters()] == [id(p) for p in D.parameters()]


@pytest.mark.parametrize("y", [torch.tensor([1, 2, 3]), torch.tensor([[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]])])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_given_repeats_its_conditions_in_order(y, times):
    seen = []

    class Recorder(nn.Module):
        def forward(self, x, y):
            seen.append(y)
            return x.sum(1)

    Given(Recorder(), y)(torch.zeros(3 * times, 2))
    assert torch.equal(seen[0], torch.cat([y] * times))


@pytest.mark.parametrize("n", [1, 3, 5, 6])
def test_given_refuses_samples_that_its_conditions_do_not_fit(n):
    with pytest.raises(ValueError, match=f"^4 conditions do not fit {n} samples: give one condition for each sample$"):
        Given(Product(2), torch.ones(4, 1))(torch.zeros(n, 2))


def test_r1_and_r2_of_a_given_d_are_those_of_each_half():
    D, y = Product(3), torch.rand(32, 1) + 0.5
    x_real, x_fake = torch.randn(32, 3), 2 * torch.randn(32, 3)
    expected = sum((((D.w + 2 * x) * y).square().sum(1)).mean() / 2 for x in (x_real, x_fake))
    torch.testing.assert_close(penalties.r1_r2(Given(D, y), x_real, x_fake), expected)
    halves = penalties.r1(Given(D, y), x_real, x_fake) + penalties.r2(Given(D, y), x_real, x_fake)
    torch.testing.assert_close(halves, expected)
    wrong_order = penalties.r1_r2(Given(D, y.flip(0)), x_real, x_fake)
    assert (wrong_order - expected).abs() > 0.01 * expected


def test_the_gradient_penalty_mixes_samples_of_one_condition():
    class Linear(nn.Module):
        def forward(self, x, y):
            return 3 * x[:, 0] * y

    y = torch.tensor([0.0, 1.0, 2.0])
    found = penalties.wgan_gp(Given(Linear(), y), torch.randn(3, 2), torch.randn(3, 2))
    assert found.item() == pytest.approx((1 + 4 + 25) / 3, rel=1e-4)


def test_a_frozen_given_takes_no_gradient_of_the_network():
    D, y, x = Product(2), torch.ones(4, 1), torch.randn(4, 2, requires_grad=True)
    given = Given(D, y)
    with training.frozen(given):
        given(x).sum().backward()
    assert D.w.grad is None
    assert D.w.requires_grad
    assert x.grad.abs().sum() > 0


# Encoders and the generator --------------------------------------------------------------------------


def test_one_hot_has_a_single_one_at_the_class():
    code = networks.OneHot(4)(Y)
    assert code.dtype == torch.float32
    assert torch.equal(code, torch.eye(4)[Y])


def test_the_generator_sees_z_and_the_code():
    G = networks.ConditionalGenerator(networks.MLPGenerator(5, (2,), depth=0), networks.OneHot(3))
    z = torch.randn(4, 2)
    affine = G.G.last
    expected = z @ affine.weight[:, :2].T + affine.weight[:, 2 + Y].T + affine.bias
    torch.testing.assert_close(G(z, Y), expected)
    assert G.output_range is None
    assert networks.ConditionalGenerator(networks.DCGANGenerator(5, width=2), nn.Identity()).output_range == (-1, 1)


def test_a_one_hot_code_before_a_linear_layer_is_an_embedding():
    """The first layer's columns are the learned codes: one-hot and embedding are one model."""
    one_hot = networks.ConditionalGenerator(networks.MLPGenerator(2 + 3, (2,), width=8, depth=1), networks.OneHot(3))
    embedded = networks.ConditionalGenerator(networks.MLPGenerator(2 + 8, (2,), width=8, depth=1), nn.Embedding(3, 8))
    first, other = one_hot.G.hidden[0], embedded.G.hidden[0]
    with torch.no_grad():
        other.weight.copy_(torch.cat([first.weight[:, :2], torch.eye(8)], dim=1))
        other.bias.copy_(first.bias)
        embedded.encode.weight.copy_(first.weight[:, 2:].T)
    embedded.G.last.load_state_dict(one_hot.G.last.state_dict())
    z = torch.randn(4, 2)
    torch.testing.assert_close(embedded(z, Y), one_hot(z, Y))


def test_conditions_may_be_measured_quantities():
    G = networks.ConditionalGenerator(networks.MLPGenerator(4, (2,), depth=0), nn.Identity())
    z, y = torch.randn(4, 2), torch.randn(4, 2)
    torch.testing.assert_close(G(z, y), G.G(torch.cat([z, y], 1)))


# Discriminators --------------------------------------------------------------------------------------


def test_concatenation_adds_coordinates_to_a_point():
    D = networks.ConcatDiscriminator(networks.MLPDiscriminator((5,), depth=0), networks.OneHot(3))
    x = torch.randn(4, 2)
    weight, bias = D.D.last.weight[0], D.D.last.bias
    torch.testing.assert_close(D(x, Y), x @ weight[:2] + weight[2 + Y] + bias)
    torch.testing.assert_close(D.features(x, Y), torch.cat([x, torch.eye(3)[Y]], 1))


def test_concatenation_adds_constant_planes_to_an_image():
    seen = []

    class Sees(nn.Module):
        def features(self, x):
            return x.flatten(1)

        def forward(self, x):
            seen.append(x)
            return x.flatten(1).sum(1)

    x = torch.randn(4, 1, 6, 6)
    networks.ConcatDiscriminator(Sees(), networks.OneHot(3))(x, Y)
    assert seen[0].shape == (4, 4, 6, 6)
    assert torch.equal(seen[0][:, :1], x)
    assert torch.equal(seen[0][:, 1:], torch.eye(3)[Y][:, :, None, None].expand(4, 3, 6, 6))
    plane = nn.Sequential(nn.Embedding(3, 36), nn.Unflatten(1, (1, 6, 6)))
    networks.ConcatDiscriminator(Sees(), plane)(x, Y)
    assert torch.equal(seen[1], torch.cat([x, plane[0].weight[Y].view(4, 1, 6, 6)], 1))


def test_projection_is_the_logit_plus_an_inner_product():
    D = networks.ProjectionDiscriminator(image_d(), nn.Embedding(3, 8))
    x = torch.rand(4, 1, 28, 28)
    f = D.D.features(x)
    torch.testing.assert_close(D.features(x, Y), f)
    expected = D.D(x) + torch.stack([D.encode.weight[y] @ f[i] for i, y in enumerate(Y)])
    torch.testing.assert_close(D(x, Y), expected)
    nn.init.zeros_(D.encode.weight)
    torch.testing.assert_close(D(x, Y), D.D(x))


def test_projection_holds_the_best_logit_of_equal_gaussians():
    """p(x|y) = N(a_y, 1), q(x|y) = N(b_y, 1), p(y) = q(y): log p/q = (a_y - b_y) x - (a_y^2 - b_y^2) / 2."""
    a, b = torch.tensor([-1.0, 2.0, 0.5]), torch.tensor([1.0, 1.0, -0.5])
    x = torch.randn(4, 1)
    D = networks.MLPDiscriminator((1,), depth=0)

    class WithOne(nn.Module):
        """Features (x, 1), so that a class also has a constant."""

        def __init__(self):
            super().__init__()
            self.last = nn.Linear(2, 1)

        def features(self, x):
            return torch.cat([x, torch.ones_like(x)], 1)

    D = networks.ProjectionDiscriminator(WithOne(), nn.Embedding(3, 2))
    with torch.no_grad():
        D.D.last.weight.zero_()
        D.D.last.bias.zero_()
        D.encode.weight.copy_(torch.stack([a - b, (b**2 - a**2) / 2], 1))
    p, q = (torch.distributions.Normal(mean[Y], 1).log_prob(x[:, 0]) for mean in (a, b))
    torch.testing.assert_close(D(x, Y), p - q)


@pytest.mark.parametrize("encode", [nn.Embedding(3, 1), nn.Embedding(3, 4), nn.Identity()])
def test_projection_refuses_a_code_that_would_broadcast(encode):
    D = networks.ProjectionDiscriminator(image_d(), encode)
    with pytest.raises(ValueError, match=r"shape of D's features, \(4, 8\), got .*use nn.Embedding\(classes, 8\)"):
        D(torch.zeros(4, 1, 28, 28), Y)


def test_the_auxiliary_d_judges_without_the_condition_and_names_the_class():
    D = networks.AuxiliaryDiscriminator(image_d(), 8, 3)
    x = torch.rand(4, 1, 28, 28)
    torch.testing.assert_close(D(x, Y), D.D(x))
    torch.testing.assert_close(D(x, Y.flip(0)), D.D(x))
    f = D.D.features(x)
    torch.testing.assert_close(D.features(x, Y), f)
    torch.testing.assert_close(D.classify(x), f @ D.classifier.weight.T + D.classifier.bias)
    torch.testing.assert_close(Given(D, Y).classify(x), D.classify(x))


DISCRIMINATORS = {
    "one-hot": lambda: networks.ConcatDiscriminator(image_d(1 + 3), networks.OneHot(3)),
    "plane": lambda: networks.ConcatDiscriminator(
        image_d(2), nn.Sequential(nn.Embedding(3, 784), nn.Unflatten(1, (1, 28, 28)))
    ),
    "projection": lambda: networks.ProjectionDiscriminator(image_d(), nn.Embedding(3, 8)),
    "auxiliary": lambda: networks.AuxiliaryDiscriminator(image_d(), 8, 3),
}


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_logits_have_shape_n_and_depend_on_the_own_condition_only(name):
    D = DISCRIMINATORS[name]()
    x = torch.rand(4, 1, 28, 28)
    logits = D(x, Y)
    assert logits.shape == (4,)
    changed = Y.clone()
    changed[0] = 1
    other = D(x, changed)
    torch.testing.assert_close(other[1:], logits[1:])
    assert ((other[0] - logits[0]).abs() > 1e-7) == (name != "auxiliary")


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_bf16_keeps_the_condition(name):
    D = DISCRIMINATORS[name]()
    x, exact = torch.rand(4, 1, 28, 28), copy.deepcopy(D)
    ready = networks.prepare(D, precision="bfloat16")
    half, full = Given(ready, Y), Given(exact, Y)
    for a, b in ((half(x), full(x)), (half.features(x), full.features(x))):
        assert a.dtype == torch.float32
        assert (a - b).abs().max() < 0.02 * b.abs().max() + 0.01
    if name == "auxiliary":
        assert half.classify(x).dtype == torch.float32
        torch.testing.assert_close(half.classify(x), full.classify(x), rtol=0.02, atol=0.01)
