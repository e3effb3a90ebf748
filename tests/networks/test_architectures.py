"""Every network: shapes, parameter counts, initial weights, features, declared range, refusals."""

import itertools
import math

import pytest
import torch
from torch import nn

from gan_tutor import networks

SIZES = (28, 32, 64)


def count(module):
    return sum(p.numel() for p in module.parameters())


def generators():
    torch.manual_seed(0)  # made when tests are collected, before the seed of any test
    yield networks.MLPGenerator(5, (2,)), (2,)
    yield networks.MLPGenerator(5, (1, 28, 28), output="tanh"), (1, 28, 28)
    yield networks.MLPGenerator(5, (2,), depth=0), (2,)
    for size in SIZES:
        for channels in (1, 3):
            yield networks.DCGANGenerator(5, channels=channels, size=size, width=4), (channels, size, size)


def discriminators():
    torch.manual_seed(0)  # made when tests are collected, before the seed of any test
    for norm in ("none", "spectral"):
        yield networks.MLPDiscriminator((2,), width=8, norm=norm), (2,)
        yield networks.MLPDiscriminator((3, 4, 4), width=8, depth=0, norm=norm), (3, 4, 4)
    for size in SIZES:
        for channels in (1, 3):
            yield networks.SpaceToDepthDiscriminator(channels=channels, size=size, width=4), (channels, size, size)
            for norm in ("batch", "none", "spectral"):
                yield (
                    networks.DCGANDiscriminator(channels=channels, size=size, width=4, norm=norm),
                    (channels, size, size),
                )


@pytest.mark.parametrize(("G", "shape"), list(generators()))
def test_generators_make_samples_of_their_shape_in_their_range(G, shape):
    x = G(100 * torch.randn(6, 5))
    assert x.shape == (6, *shape)
    assert x.dtype == torch.float32
    if G.output_range is None:
        assert x.abs().max() > 1
    else:
        assert G.output_range == (-1.0, 1.0)
        assert -1 <= x.min() < x.max() <= 1


@pytest.mark.parametrize(("D", "shape"), list(discriminators()))
def test_discriminators_return_one_raw_logit_for_each_sample(D, shape):
    x = torch.randn(6, *shape)
    logits = D(x)
    assert logits.shape == (6,)
    assert logits.dtype == torch.float32
    D.eval()
    features = D.features(x)
    assert features.shape == (6, D.last.in_features)
    assert torch.allclose(D.last(features).flatten(), D(x), atol=1e-6)
    # Raw: the last layer's scale and shift arrive unchanged, so nothing squashes them.
    if not hasattr(D.last, "parametrizations"):
        before = D(x)
        with torch.no_grad():
            D.last.weight.mul_(100)
            D.last.bias.mul_(100).add_(7)
        assert torch.allclose(D(x), 100 * before + 7, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("D", "shape"), list(discriminators()))
def test_without_batch_norm_a_logit_depends_on_its_own_sample_only(D, shape):
    x = torch.randn(6, *shape)
    D(x)
    if any(isinstance(m, nn.BatchNorm2d) for m in D.modules()):
        assert not torch.allclose(D(x)[:3], D(x[:3]), atol=1e-6)
    else:
        D.eval()
        assert torch.allclose(D(x)[:3], D(x[:3]), atol=1e-6)


def test_the_players_of_28x28_have_the_sizes_of_their_layers():
    """G: 64 -> 64x7x7 -> 32x14x14 -> 1x28x28. D: 16x7x7 -> 64x7x7 -> 96x4x4 -> 256 -> 1."""
    linear, norms = 64 * 64 * 49, 2 * 64 + 2 * 32
    convolutions = 64 * 32 * 16 + (32 * 16 + 1)
    G = networks.DCGANGenerator(64)
    assert count(G) == linear + norms + convolutions
    assert count(G) == pytest.approx(234_000, rel=0.01)
    D = networks.SpaceToDepthDiscriminator()
    assert count(D) == (16 * 64 * 9 + 64) + (64 * 96 * 9 + 96) + (96 * 16 * 256 + 256) + (256 + 1)


def test_mlps_have_the_layers_that_were_asked_for():
    assert count(networks.MLPGenerator(2, (2,), width=128, depth=2)) == (2 + 1) * 128 + 129 * 128 + 129 * 2
    assert count(networks.MLPGenerator(2, (3,), depth=0)) == (2 + 1) * 3
    assert count(networks.MLPDiscriminator((1, 28, 28), width=8, depth=1)) == 785 * 8 + 9
    G = networks.MLPGenerator(2, (2,), activation=nn.Tanh)
    assert [type(m) for m in G.hidden] == [nn.Linear, nn.Tanh] * 2
    D = networks.MLPDiscriminator((2,))
    assert [type(m) for m in D.hidden] == [nn.Linear, nn.LeakyReLU] * 2
    assert all(m.negative_slope == 0.2 for m in D.hidden if isinstance(m, nn.LeakyReLU))


def test_a_generator_without_hidden_layers_is_affine():
    G = networks.MLPGenerator(2, (2,), depth=0)
    a, b = torch.randn(2, 5, 2)
    assert torch.allclose(G(0.3 * a + 0.7 * b), 0.3 * G(a) + 0.7 * G(b), atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
def test_dcgan_starts_from_the_paper_s_weights(size):
    """Convolutions from N(0, 0.02^2), BatchNorm scales from N(1, 0.02^2), eps and momentum of torch."""
    G, D = networks.DCGANGenerator(8, size=size, width=16), networks.DCGANDiscriminator(size=size, width=32)
    for network in (G, D):
        kernels = [m.weight for m in network.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
        weights = torch.cat([k.flatten() for k in kernels])
        assert len(kernels) == {28: 2, 32: 3, 64: 4}[size]
        assert weights.std().item() == pytest.approx(0.02, rel=0.05)
        assert weights.mean().item() == pytest.approx(0, abs=0.02 * 5 / math.sqrt(len(weights)))
        norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
        scales = torch.cat([m.weight for m in norms])
        assert scales.mean().item() == pytest.approx(1, abs=0.02 * 5 / math.sqrt(len(scales)))
        assert 0.01 < scales.std().item() < 0.03
        # BatchNorm2d(n, 0.8) would set eps.
        assert all(m.eps == 1e-5 and m.momentum == 0.1 and (m.bias == 0).all() for m in norms)
    space = networks.SpaceToDepthDiscriminator(size=size)
    kernels = torch.cat([m.weight.flatten() for m in space.modules() if isinstance(m, nn.Conv2d)])
    assert kernels.std().item() == pytest.approx(0.02, rel=0.05)


def test_dcgan_d_has_no_norm_on_its_first_and_last_layer():
    kinds = [type(m) for m in networks.DCGANDiscriminator(size=64).hidden]
    assert kinds[:2] == [nn.Conv2d, nn.LeakyReLU]
    assert kinds[-1] is nn.Flatten
    assert kinds.count(nn.BatchNorm2d) == 3
    for norm in ("none", "spectral"):
        D = networks.DCGANDiscriminator(norm=norm)
        assert not any(isinstance(m, nn.BatchNorm2d) for m in D.modules())
    assert all(m.negative_slope == 0.2 for m in D.modules() if isinstance(m, nn.LeakyReLU))


@pytest.mark.parametrize(
    "make",
    [
        lambda: networks.MLPDiscriminator((2,), width=32, depth=3, norm="spectral"),
        lambda: networks.DCGANDiscriminator(size=28, width=8, norm="spectral"),
    ],
)
def test_spectral_norm_bounds_every_layer_and_the_whole_d(make):
    D = make()
    x = torch.randn(64, *((2,) if isinstance(D, networks.MLPDiscriminator) else (1, 28, 28)))
    for _ in range(60):
        D(x)  # a power iteration for each forward pass in training mode
    D.eval()
    layers = [m for m in D.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
    assert layers
    assert all(hasattr(m, "parametrizations") for m in layers)
    for layer in layers:
        top = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2).item()
        assert top == pytest.approx(1.0, abs=0.02)
    if isinstance(D, networks.MLPDiscriminator):  # a flattened kernel's norm is not the convolution's
        y = x + 0.1 * torch.randn_like(x)
        ratio = (D(x) - D(y)).abs() / (x - y).flatten(1).norm(dim=1)
        assert 0 < ratio.max().item() <= 1.02


@pytest.mark.parametrize("size", [0, 14, 27, 30, 128])
def test_dcgan_refuses_other_sizes(size):
    for make in (lambda: networks.DCGANGenerator(8, size=size), lambda: networks.DCGANDiscriminator(size=size)):
        with pytest.raises(ValueError, match=rf"size must be one of \[28, 32, 64\], got {size}; resize"):
            make()


def test_unknown_words_are_refused_with_the_allowed_ones():
    with pytest.raises(ValueError, match='output must be "linear" or "tanh", got \'sigmoid\''):
        networks.MLPGenerator(2, (2,), output="sigmoid")
    with pytest.raises(ValueError, match='norm must be "none" or "spectral", got \'batch\''):
        networks.MLPDiscriminator((2,), norm="batch")
    with pytest.raises(ValueError, match='norm must be "batch", "none" or "spectral", got \'layer\''):
        networks.DCGANDiscriminator(norm="layer")
    with pytest.raises(ValueError, match="size must be a multiple of 4, got 30"):
        networks.SpaceToDepthDiscriminator(size=30)


def test_no_network_ends_in_a_sigmoid():
    for D, _ in discriminators():
        assert not any(isinstance(m, (nn.Sigmoid, nn.Softmax, nn.Tanh)) for m in D.modules())


def test_refining_adds_3x3_convolutions_at_the_first_feature_map():
    plain, refined = networks.DCGANGenerator(8, width=4), networks.DCGANGenerator(8, width=4, refine=2)
    added = sum(p.numel() for p in refined.parameters()) - sum(p.numel() for p in plain.parameters())
    assert added == 2 * (8 * 8 * 9 + 2 * 8)
    assert refined(torch.randn(5, 8)).shape == (5, 1, 28, 28)


def test_a_mapping_is_one_hidden_layer_before_the_first_feature_map():
    plain, mapped = networks.DCGANGenerator(8, width=4), networks.DCGANGenerator(8, width=4, mapping=16)
    assert [type(m) for m in mapped.net[:3]] == [torch.nn.Linear, torch.nn.ReLU, torch.nn.Linear]
    count = [sum(p.numel() for p in network.parameters()) for network in (plain, mapped)]
    first = 8 * 7 * 7  # 2 * width channels of 7x7
    assert count[1] - count[0] == (8 * 16 + 16) + (16 - 8) * first
    assert mapped(torch.randn(5, 8)).shape == (5, 1, 28, 28)


def test_a_subpixel_layer_is_a_transposed_convolution_with_a_6x6_kernel():
    """Pixel 2i + a takes x[i + u - 1] for u in 0, 1, 2: entry a + 4 - 2u of a kernel with stride 2 and padding 2."""
    G = networks.DCGANGenerator(8, channels=3, width=4, subpixel=True)
    convolution = G.net[-3]
    kernel = torch.zeros(4, 3, 6, 6)
    for a, b, u, v in itertools.product((0, 1), (0, 1), range(3), range(3)):
        kernel[:, :, a + 4 - 2 * u, b + 4 - 2 * v] = convolution.weight[2 * a + b :: 4, :, u, v].T
    x = torch.randn(5, 4, 14, 14)
    bias = convolution.bias.view(3, 4)
    expected = nn.functional.conv_transpose2d(x, kernel, None, 2, 2) + bias.view(1, 3, 2, 2).repeat(1, 1, 14, 14)
    assert torch.allclose(G.net[-2](convolution(x)), expected, atol=1e-6)
    assert G(torch.randn(5, 8)).shape == (5, 3, 28, 28)
    assert count(G) - count(networks.DCGANGenerator(8, channels=3, width=4)) == (4 * 12 * 9 + 12) - (4 * 3 * 16 + 3)


def normalised(x, norm):
    """BatchNorm over batch and pixels, with its own scale and shift."""
    mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, correction=0)
    scale, shift = norm.weight.view(1, -1, 1, 1), norm.bias.view(1, -1, 1, 1)
    return (x - mean) / (variance + 1e-5).sqrt() * scale + shift


@pytest.mark.parametrize("subpixel", [False, True])
@pytest.mark.parametrize(("mapping", "refine"), [(0, 0), (6, 2)])
def test_a_dcgan_generator_is_its_layers_in_order(subpixel, mapping, refine):
    """linear (ReLU, linear), each convolution after norm and ReLU, tanh at the end and no ReLU before it."""
    G = networks.DCGANGenerator(5, channels=2, width=3, mapping=mapping, refine=refine, subpixel=subpixel)
    for p in G.parameters():
        nn.init.normal_(p, 0, 0.3)
    layers = iter([m for m in G.net if any(True for _ in m.parameters(recurse=False))])
    z = torch.randn(4, 5)
    first = next(layers)
    h = nn.functional.linear(z, first.weight, first.bias)
    if mapping:
        second = next(layers)
        h = nn.functional.linear(h.relu(), second.weight, second.bias)
    h = h.view(4, 6, 7, 7)
    for _ in range(refine):
        h, convolution = normalised(h, next(layers)).relu(), next(layers)
        h = nn.functional.conv2d(h, convolution.weight, convolution.bias, padding=1)
    h, doubling = normalised(h, next(layers)).relu(), next(layers)
    h = nn.functional.conv_transpose2d(h, doubling.weight, doubling.bias, 2, 1)
    h, last = normalised(h, next(layers)).relu(), next(layers)
    if subpixel:
        h = nn.functional.conv2d(h, last.weight, last.bias, padding=1)  # channel 4 c + 2 a + b is pixel (a, b) of c
        h = h.view(4, 2, 2, 2, 14, 14).permute(0, 1, 4, 2, 5, 3).reshape(4, 2, 28, 28)
    else:
        h = nn.functional.conv_transpose2d(h, last.weight, last.bias, 2, 1)
    assert list(layers) == []
    assert last.bias is not None
    assert torch.allclose(G(z), h.tanh(), atol=1e-5)
    assert h.min() < -0.5 < 0.5 < h.max()


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_a_dcgan_discriminator_is_its_layers_in_order(norm):
    """Convolutions of stride 2, a norm on all but the first, LeakyReLU after each, and a linear layer."""
    D, x = networks.DCGANDiscriminator(channels=2, size=32, width=3, norm=norm), torch.randn(4, 2, 32, 32)
    for p in D.parameters():
        nn.init.normal_(p, 0, 0.3)
    layers = iter([m for m in D.hidden if any(True for _ in m.parameters(recurse=False))])
    h = x
    for k in range(3):
        convolution = next(layers)
        h = nn.functional.conv2d(h, convolution.weight, convolution.bias, 2, 1)
        if norm == "batch" and k:
            assert convolution.bias is None
            h = normalised(h, next(layers))
        h = nn.functional.leaky_relu(h, 0.2)
    assert list(layers) == []
    assert torch.allclose(D.features(x), h.flatten(1), rtol=1e-4, atol=1e-4)
    expected = nn.functional.linear(h.flatten(1), D.last.weight, D.last.bias).flatten()
    assert torch.allclose(D(x), expected, rtol=1e-4, atol=1e-3)


def test_a_space_to_depth_discriminator_is_its_layers_in_order():
    D, x = networks.SpaceToDepthDiscriminator(channels=2, size=12, width=4, hidden=5), torch.randn(4, 2, 12, 12)
    for p in D.parameters():
        nn.init.normal_(p, 0, 0.3)
    first, second, hidden = (m for m in D.hidden if any(True for _ in m.parameters()))
    blocks = x.view(4, 2, 3, 4, 3, 4).permute(0, 1, 3, 5, 2, 4).reshape(4, 32, 3, 3)
    h = nn.functional.leaky_relu(nn.functional.conv2d(blocks, first.weight, first.bias, padding=1), 0.2)
    h = nn.functional.leaky_relu(nn.functional.conv2d(h, second.weight, second.bias, 2, 1), 0.2)
    assert h.shape == (4, 6, 2, 2)
    h = nn.functional.leaky_relu(nn.functional.linear(h.flatten(1), hidden.weight, hidden.bias), 0.2)
    assert torch.allclose(D.features(x), h, rtol=1e-4, atol=1e-4)
    assert torch.allclose(D(x), nn.functional.linear(h, D.last.weight, D.last.bias).flatten(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("output", ["linear", "tanh"])
def test_mlps_are_their_layers_in_order(output):
    G = networks.MLPGenerator(3, (2, 4), width=5, depth=2, output=output)
    D = networks.MLPDiscriminator((2, 4), width=5, depth=2)
    z, x = torch.randn(6, 3), torch.randn(6, 2, 4)

    def hidden(h, network, activation):
        for layer in (network.hidden[0], network.hidden[2]):
            h = activation(nn.functional.linear(h, layer.weight, layer.bias))
        return h

    made = nn.functional.linear(hidden(z, G, torch.relu), G.last.weight, G.last.bias)
    assert torch.allclose(G(z), (made.tanh() if output == "tanh" else made).view(6, 2, 4), atol=1e-6)
    features = hidden(x.flatten(1), D, lambda h: nn.functional.leaky_relu(h, 0.2))
    assert torch.allclose(D.features(x), features, atol=1e-6)
    assert torch.allclose(D(x), nn.functional.linear(features, D.last.weight, D.last.bias).flatten(), atol=1e-6)


def test_what_is_left_out_is_what_the_docstrings_say():
    """Widths, depths and activations by default are the ones a recipe's defaults were played with."""
    for ours, named in (
        (networks.MLPGenerator(3, (2,)), networks.MLPGenerator(3, (2,), width=128, depth=2, activation=nn.ReLU)),
        (networks.MLPDiscriminator((2,)), networks.MLPDiscriminator((2,), width=128, depth=2, norm="none")),
        (networks.DCGANGenerator(3), networks.DCGANGenerator(3, channels=1, size=28, width=32, mapping=0, refine=0)),
        (networks.DCGANDiscriminator(), networks.DCGANDiscriminator(channels=1, size=28, width=32, norm="batch")),
        (networks.SpaceToDepthDiscriminator(),
         networks.SpaceToDepthDiscriminator(channels=1, size=28, width=64, hidden=256)),
        (networks.ResidualGenerator(3), networks.ResidualGenerator(3, channels=1, size=28, width=32, depth=1)),
        (networks.ResidualDiscriminator(), networks.ResidualDiscriminator(channels=1, size=28, width=32, depth=1)),
    ):  # fmt: skip
        assert str(ours) == str(named)
    assert networks.MLPGenerator(3, (2,)).output_range is None


def test_spectral_layers_start_as_torch_draws_them_with_one_iteration_a_pass():
    """Their scale is divided out, so nothing is drawn anew: one seed gives the layers alone, and the next number."""
    torch.manual_seed(3)
    D = networks.DCGANDiscriminator(width=4, norm="spectral")
    after = torch.rand(2)
    torch.manual_seed(3)
    wrap = nn.utils.parametrizations.spectral_norm
    first, second = wrap(nn.Conv2d(1, 4, 4, 2, 1)), wrap(nn.Conv2d(4, 8, 4, 2, 1))
    layers = [first, second, wrap(nn.Linear(8 * 49, 1))]
    assert torch.equal(torch.rand(2), after)
    found = [m for m in D.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    for ours, theirs in zip(found, layers, strict=True):
        pairs = zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
    for network in (D, networks.MLPDiscriminator((2,), width=8, norm="spectral")):
        wrapped = [m for m in network.modules() if hasattr(m, "n_power_iterations")]
        assert {m.n_power_iterations for m in wrapped} == {1}
        assert len(wrapped) == 3
