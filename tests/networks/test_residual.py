"""Residual players: shapes, the variance they start with, and that every penalty can be taken of them."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gan_tutor import losses, networks, penalties
from gan_tutor.networks.residual import ResidualBlock

SIZES = (28, 32, 64)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("channels", "depth"), [(1, 1), (3, 2)])
def test_shapes_range_and_features(size, channels, depth):
    torch.manual_seed(0)
    G = networks.ResidualGenerator(5, channels=channels, size=size, width=4, depth=depth)
    D = networks.ResidualDiscriminator(channels=channels, size=size, width=4, depth=depth)
    x = G(torch.randn(3, 5))
    assert x.shape == (3, channels, size, size)
    assert G.output_range == (-1.0, 1.0)
    assert x.abs().max() <= 1
    features = D.features(x)
    assert features.shape == (3, D.last.in_features)
    assert torch.allclose(D(x), D.last(features).flatten())
    assert D(x).shape == (3,)
    assert not any(isinstance(m, nn.modules.batchnorm._NormBase) for net in (G, D) for m in net.modules())


@pytest.mark.parametrize(("size", "sizes"), [(28, 3), (32, 4), (64, 5)])
def test_the_number_of_blocks_and_the_widths(size, sizes):
    D = networks.ResidualDiscriminator(size=size, width=4, depth=2)
    blocks = [m for m in D.modules() if isinstance(m, ResidualBlock)]
    assert [block.first.in_channels for block in blocks] == [4 * min(2 ** (k // 2), 8) for k in range(2 * sizes)]


def test_a_block_is_the_identity_at_first_and_not_after_a_step():
    torch.manual_seed(0)
    block, x = ResidualBlock(8, 4), torch.randn(4, 8, 6, 6)
    assert torch.equal(block(x), x)
    block(x).square().mean().backward()
    assert block.second.weight.grad.abs().max() > 0
    assert block.first.weight.std().item() == pytest.approx(math.sqrt(2 / 1.04 / 72 / 4), rel=0.1)
    torch.optim.SGD(block.parameters(), 0.1).step()
    assert not torch.equal(block(x), x)


def by_hand(x, block):
    """x + conv(act(conv(act(x)))) from the block's weights alone."""
    inner = F.conv2d(F.leaky_relu(x, 0.2), block.first.weight, block.first.bias, padding=1)
    return x + F.conv2d(F.leaky_relu(inner, 0.2), block.second.weight, None, padding=1)


def moved(network):
    """The network away from its start, where every block is the identity."""
    for p in network.parameters():
        nn.init.normal_(p, 0, 0.2)
    return network


def test_a_block_adds_its_branch_to_what_came_in():
    block, x = moved(ResidualBlock(3, 2)), torch.randn(4, 3, 6, 6)
    assert torch.allclose(block(x), by_hand(x, block), atol=1e-6)


def test_the_players_are_their_layers_in_order():
    """z -> linear -> blocks, doubled -> act, conv, tanh; x -> conv -> blocks, halved -> act -> linear."""
    G, z = moved(networks.ResidualGenerator(5, channels=2, size=28, width=2)), torch.randn(3, 5)
    D, x = moved(networks.ResidualDiscriminator(channels=2, size=28, width=2)), torch.randn(3, 2, 28, 28)
    weights = iter([m for m in G.modules() if isinstance(m, (nn.Linear, nn.Conv2d))])
    layers = [m for m in G.modules() if isinstance(m, (nn.Linear, nn.Conv2d, ResidualBlock))]
    outer = [m for m in layers if not any(m in set(b.modules()) for b in layers if isinstance(b, ResidualBlock)) or
             isinstance(m, ResidualBlock)]  # fmt: skip
    first, block_1, narrow_1, block_2, narrow_2, block_3, last = outer
    assert next(weights) is first
    h = by_hand(F.linear(z, first.weight, first.bias).view(3, 8, 7, 7), block_1)
    for narrow, block in ((narrow_1, block_2), (narrow_2, block_3)):
        h = F.conv2d(h, narrow.weight)
        h = by_hand(h.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3), block)
    expected = F.conv2d(F.leaky_relu(h, 0.2), last.weight, last.bias, padding=1).tanh()
    assert torch.allclose(G(z), expected, atol=1e-5)
    entry, block_1, wide_1, block_2, wide_2, block_3 = D.hidden[:6]
    h = by_hand(F.conv2d(x, entry.weight, entry.bias, padding=1), block_1)
    for wide, block in ((wide_1, block_2), (wide_2, block_3)):
        h = by_hand(F.conv2d(h, wide.weight, stride=2), block)
    h = F.leaky_relu(h, 0.2).flatten(1)
    assert torch.allclose(D.features(x), h, rtol=1e-4, atol=1e-5)
    assert torch.allclose(D(x), F.linear(h, D.last.weight, D.last.bias).flatten(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("depth", [1, 2])
def test_every_layer_starts_with_its_own_gain(depth):
    """Standard deviation gain / sqrt(inputs): sqrt(2 / 1.04) after an activation, over sqrt(blocks) in a block."""
    G = networks.ResidualGenerator(64, channels=3, size=28, width=24, depth=depth)
    D = networks.ResidualDiscriminator(channels=3, size=28, width=24, depth=depth)
    after, in_block = math.sqrt(2 / 1.04), math.sqrt(2 / 1.04 / (3 * depth))
    for network in (G, D):
        blocks = [m for m in network.modules() if isinstance(m, ResidualBlock)]
        inner = {id(b.first): in_block for b in blocks} | {id(b.second): 0.0 for b in blocks}
        layers = [m for m in network.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
        assert len(blocks) == 3 * depth
        for layer in layers:
            gain = inner.get(id(layer), after if layer is layers[-1] else 1.0)
            expected = gain / math.sqrt(layer.weight[0].numel())
            sure = 5 / math.sqrt(2 * layer.weight.numel())  # five standard errors of a standard deviation
            assert layer.weight.square().mean().sqrt().item() == pytest.approx(expected, rel=sure)
            assert layer.bias is None or not layer.bias.any()
        assert layers[-1].bias is not None


def deviations(network, inputs, kinds):
    """Root mean square of the outputs of the layers of some kinds, while the network sees the inputs."""
    seen = []
    hooks = [
        m.register_forward_hook(lambda m, i, o: seen.append(o.square().mean().sqrt().item()))
        for m in network.modules()
        if isinstance(m, kinds)
    ]
    network(inputs)
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize(("size", "depth"), [(28, 1), (32, 3), (64, 1)])
def test_unit_variance_goes_through_both_players_at_first(size, depth):
    """Each map keeps the variance in the mean over weights; a 3x3 one loses what lies outside, up to 5 %."""
    torch.manual_seed(1)
    found = {"G": [], "D": [], "logit": []}
    for _ in range(4):
        G = networks.ResidualGenerator(64, channels=3, size=size, width=16, depth=depth)
        D = networks.ResidualDiscriminator(channels=3, size=size, width=16, depth=depth)
        found["G"].append(deviations(G.net[:-1], torch.randn(16, 64), ResidualBlock))
        found["G"][-1].append(G.net[:-1](torch.randn(16, 64)).square().mean().sqrt().item())
        x = torch.randn(16, 3, size, size)
        found["D"].append(deviations(D, x, ResidualBlock))
        found["logit"].append(D(x).square().mean().sqrt().item())
    for name, low, high in (("G", 0.8, 1.2), ("D", 0.8, 1.2), ("logit", 0.5, 1.6)):
        mean = torch.tensor(found[name]).mean(0)
        assert mean.min() > low, (name, mean)
        assert mean.max() < high, (name, mean)


@pytest.mark.parametrize("size", [28, 64])
def test_one_pixel_s_gradient_reaches_every_parameter_that_is_not_behind_zeros(size):
    torch.manual_seed(0)
    G = networks.ResidualGenerator(5, size=size, width=4)
    D = networks.ResidualDiscriminator(size=size, width=4)
    losses.nonsaturating.g(None, D(G(torch.randn(8, 5)))).backward()
    for network in (G, D):
        for name, p in network.named_parameters():
            behind = ".first." in name  # its outputs meet weights of zero
            assert (p.grad.abs().max() > 0) != behind, name


@pytest.mark.parametrize("name", penalties.PENALTIES)
def test_penalties_are_per_sample(name):
    torch.manual_seed(0)
    D = networks.ResidualDiscriminator(width=4)
    for p in D.parameters():  # not at its start, where it is linear but for one activation
        nn.init.normal_(p, 0, 0.1)
    real, fake, u = torch.randn(6, 1, 28, 28), torch.randn(6, 1, 28, 28), torch.rand(6)
    penalty = penalties.PENALTIES[name]
    more = {"u": u} if name == "wgan_gp" else {}
    whole = penalty(D, real, fake, **more)
    rows = [penalty(D, real[i : i + 1], fake[i : i + 1], **({"u": u[i : i + 1]} if more else {})) for i in range(6)]
    assert whole.item() == pytest.approx(torch.stack(rows).mean().item(), rel=1e-4)
    whole.backward()
    assert D.hidden[0].weight.grad.abs().max() > 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 48}, r"size must be one of \[28, 32, 64\], got 48; resize the images"),
        ({"depth": 0}, "depth must be at least 1 residual block at each size, got 0"),
    ],
)
def test_impossible_sizes_are_refused(values, message):
    for build in (networks.ResidualDiscriminator, lambda **v: networks.ResidualGenerator(4, **v)):
        with pytest.raises(ValueError, match=message):
            build(**values)
