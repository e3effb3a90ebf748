"""Penalties against closed forms, double backpropagation and finite differences.

The checks take the module as an argument: `test_mutants.py` runs them on broken copies of it.
"""

import math

import pytest
import torch
from torch import nn

import gan_tutor.penalties as library
from gan_tutor import networks

SHAPES = ((40, 2), (33, 3, 4, 4))


def batch(shape, seed=0, scale=1.0, shift=0.0):
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed)) + shift


def linear(shape, norm=2.5):
    """D(x) = w x + 1 with |w| = norm, so that |grad D| = norm everywhere."""
    w = batch(math.prod(shape[1:]), seed=9)
    w = norm * w / w.norm()
    return lambda x: x.flatten(1) @ w + 1


def quadratic(x):
    """D(x) = |x|^2 / 2, whose gradient at x is x."""
    return x.flatten(1).square().sum(1) / 2


def norms(x):
    return x.flatten(1).double().square().sum(1).sqrt()


class Smooth(nn.Module):
    """A small D with a smooth non-linearity: finite differences converge."""

    def __init__(self, inputs):
        super().__init__()
        self.first, self.last = nn.Linear(inputs, 7), nn.Linear(7, 1)

    def forward(self, x):
        return self.last(self.first(x.flatten(1)).tanh()).flatten()


def by_double_backward(D, x):
    """Squared gradient norms of each sample, by the classical route and one sample at a time."""
    rows = []
    for sample in x:
        sample = sample[None].clone().requires_grad_()
        (gradient,) = torch.autograd.grad(D(sample).sum(), sample, create_graph=True)
        rows.append(gradient.square().sum())
    return torch.stack(rows)


def share(n, seed=5):
    return torch.rand(n, generator=torch.Generator().manual_seed(seed))


# Checks, shared with the mutants.


def check_linear(penalties):
    """A linear D has one gradient: |w|^2 / 2, |w|^2 / 2, |w|^2 and (|w| - 1)^2, whatever the samples."""
    for shape in SHAPES:
        x_real, x_fake = batch(shape, 1), batch(shape, 2)
        for norm in (2.5, 0.25):
            D = linear(shape, norm)
            assert penalties.r1(D, x_real, x_fake).item() == pytest.approx(norm**2 / 2, rel=1e-5)
            assert penalties.r2(D, x_real, x_fake).item() == pytest.approx(norm**2 / 2, rel=1e-5)
            assert penalties.r1_r2(D, x_real, x_fake).item() == pytest.approx(norm**2, rel=1e-5)
            assert penalties.wgan_gp(D, x_real, x_fake).item() == pytest.approx((norm - 1) ** 2, rel=1e-4)


def check_quadratic(penalties):
    """D = |x|^2 / 2: the penalty is a mean over samples of that sample's own norm, at the right samples."""
    for shape in SHAPES:
        x_real, x_fake = batch(shape, 1), batch(shape, 2, scale=3.0, shift=1.0)
        real, fake = (norms(x).square().mean().item() / 2 for x in (x_real, x_fake))
        assert penalties.r1(quadratic, x_real, x_fake).item() == pytest.approx(real, rel=1e-5)
        assert penalties.r2(quadratic, x_real, x_fake).item() == pytest.approx(fake, rel=1e-5)
        assert penalties.r1_r2(quadratic, x_real, x_fake).item() == pytest.approx(real + fake, rel=1e-5)
        u = share(len(x_real))
        v = u.view(-1, *[1] * (len(shape) - 1))
        between = norms(v * x_real + (1 - v) * x_fake)
        assert penalties.wgan_gp(quadratic, x_real, x_fake, u=u).item() == pytest.approx(
            (between - 1).square().mean().item(), rel=1e-5
        )


def check_endpoints(penalties):
    """u = 1 is the real sample and u = 0 the generated one."""
    x_real, x_fake = batch((40, 2), 1), batch((40, 2), 2, shift=5.0)
    for u, x in ((torch.ones(40), x_real), (torch.zeros(40), x_fake)):
        expected = (norms(x) - 1).square().mean().item()
        assert penalties.wgan_gp(quadratic, x_real, x_fake, u=u).item() == pytest.approx(expected, rel=1e-5)


def check_one_share_for_each_sample(penalties):
    """Without u, one uniform number for each sample is drawn from the generator that was given."""
    x_real, x_fake = batch((40, 2), 1), batch((40, 2), 2, shift=5.0)
    before = torch.get_rng_state()
    drawn = penalties.wgan_gp(quadratic, x_real, x_fake, generator=torch.Generator().manual_seed(5)).item()
    assert torch.equal(before, torch.get_rng_state())
    assert drawn == pytest.approx(penalties.wgan_gp(quadratic, x_real, x_fake, u=share(40)).item(), rel=1e-6)
    other = penalties.wgan_gp(quadratic, x_real, x_fake, generator=torch.Generator().manual_seed(6)).item()
    assert abs(drawn - other) > 1e-3


def check_independent_of_the_batch_size(penalties):
    """A mean: the batch three times over has the same penalty, and so has its half on average."""
    x_real, x_fake, u = batch((32, 2), 1), batch((32, 2), 2), share(32)
    for name, penalty in penalties.PENALTIES.items():
        extra = (lambda k: {"u": u.repeat(k)}) if name == "wgan_gp" else (lambda k: {})
        once = penalty(quadratic, x_real, x_fake, **extra(1)).item()
        thrice = penalty(quadratic, x_real.repeat(3, 1), x_fake.repeat(3, 1), **extra(3)).item()
        assert thrice == pytest.approx(once, rel=1e-5), name


def check_norm_of_each_sample(penalties):
    """Norms differ between samples: the mean of (norm - 1)^2 is not (mean norm - 1)^2, nor that of one big norm."""
    x = batch((32, 1, 4, 4), 3) * torch.linspace(0.1, 3, 32).view(-1, 1, 1, 1)
    got = penalties.wgan_gp(quadratic, x, x).item()
    assert got == pytest.approx((norms(x) - 1).square().mean().item(), rel=1e-5)
    assert abs(got - (norms(x).mean().item() - 1) ** 2) > 0.1
    assert penalties.squared_gradient_norm(quadratic, x).shape == (32,)


def check_parameter_gradients(penalties):
    """The penalty trains D: its gradient in D's parameters equals double backpropagation and finite differences."""
    for shape in SHAPES:
        torch.manual_seed(0)
        D = Smooth(math.prod(shape[1:])).double()
        with torch.no_grad():
            D.first.weight.mul_(2)
        x_real, x_fake = batch(shape, 1).double(), batch(shape, 2).double()
        u = share(len(x_real)).double()
        v = u.view(-1, *[1] * (len(shape) - 1))
        reference = {
            "r1": lambda: by_double_backward(D, x_real).mean() / 2,
            "r2": lambda: by_double_backward(D, x_fake).mean() / 2,
            "r1_r2": lambda: (by_double_backward(D, x_real) + by_double_backward(D, x_fake)).mean() / 2,
            "wgan_gp": lambda: (by_double_backward(D, v * x_real + (1 - v) * x_fake).sqrt() - 1).square().mean(),
        }
        for name, expected in reference.items():
            extra = {"u": u} if name == "wgan_gp" else {}
            value = lambda name=name, extra=extra: penalties.PENALTIES[name](D, x_real, x_fake, **extra)  # noqa: E731
            assert value().item() == pytest.approx(expected().item(), rel=1e-5), name
            parameters = [D.first.weight, D.first.bias, D.last.weight]
            got = torch.autograd.grad(value(), parameters)
            for g, w in zip(got, torch.autograd.grad(expected(), parameters), strict=True):
                assert torch.allclose(g, w, rtol=1e-4, atol=1e-6), name
            check_finite_differences(value, parameters, got)


def check_finite_differences(value, parameters, gradients, step=1e-2):
    """The slope along a random direction, by a four-point rule whose error is of order step^4."""
    generator = torch.Generator().manual_seed(3)
    directions = [torch.randn(p.shape, generator=generator, dtype=p.dtype) for p in parameters]
    size = torch.stack([d.square().sum() for d in directions]).sum().sqrt()
    slope = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True)).item() / size.item()

    def at(distance):
        with torch.no_grad():
            for p, d in zip(parameters, directions, strict=True):
                p += distance / size * d
        result = value().item()
        with torch.no_grad():
            for p, d in zip(parameters, directions, strict=True):
                p -= distance / size * d
        return result

    rule = (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)
    assert abs(slope) > 1e-4
    assert slope == pytest.approx(rule, rel=2e-3, abs=1e-6)


def check_samples_stay_constants(penalties):
    """A penalty is about D: neither real nor generated samples receive a gradient or keep a graph."""
    torch.manual_seed(0)
    D = Smooth(2)
    for name, penalty in penalties.PENALTIES.items():
        x_real, x_fake = batch((32, 2), 1).requires_grad_(), batch((32, 2), 2).requires_grad_()
        D.zero_grad()
        penalty(D, x_real, x_fake).backward()
        assert (x_real.grad, x_fake.grad) == (None, None), name
        assert D.first.weight.grad.abs().sum() > 0, name
        plain = batch((32, 2), 1)
        penalty(D, plain, plain)
        assert not plain.requires_grad, name


def check_flat_critic(penalties):
    """A D that is flat has penalty 0 (WGAN-GP: 1) and finite gradients: a square root has none at 0."""
    D = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1), nn.Flatten(0))
    with torch.no_grad():
        D[0].bias.fill_(-1e3)  # every unit is off
    x_real, x_fake = batch((32, 2), 1), batch((32, 2), 2)
    for name, penalty in penalties.PENALTIES.items():
        D.zero_grad()
        value = penalty(D, x_real, x_fake)
        value.backward()
        assert value.item() == pytest.approx(1.0 if name == "wgan_gp" else 0.0, abs=1e-5), name
        assert all(p.grad is None or p.grad.isfinite().all() for p in D.parameters()), name


def check_shapes(penalties):
    """Batches that cannot be mixed one to one, and a u of another shape, are refused."""
    x = batch((32, 2), 1)
    with pytest.raises(ValueError, match=r"shapes must agree, got \(32, 2\) and \(31, 2\)"):
        penalties.wgan_gp(quadratic, x, x[:31])
    with pytest.raises(ValueError, match=r"shapes must agree, got \(32, 2\) and \(1, 2\)"):
        penalties.wgan_gp(quadratic, x, x[:1])
    for u in (torch.rand(1), torch.rand(32, 1), torch.tensor(0.5)):
        with pytest.raises(ValueError, match=r"u must hold one share for each sample, shape \(32,\), got"):
            penalties.wgan_gp(quadratic, x, x, u=u)


def check_clip_weights(penalties):
    """Weights beyond the limit land on it, on their own side; the others stay as they are."""
    D = nn.Linear(3, 2)
    with torch.no_grad():
        D.weight.copy_(torch.tensor([[-2.0, -0.01, 0.0], [0.005, 0.02, 7.0]]))
        D.bias.copy_(torch.tensor([0.5, -0.004]))
    parameters = list(D.parameters())
    penalties.clip_weights(D, 0.01)
    assert torch.equal(D.weight, torch.tensor([[-0.01, -0.01, 0.0], [0.005, 0.01, 0.01]]))
    assert torch.equal(D.bias, torch.tensor([0.01, -0.004]))
    assert all(a is b and a.requires_grad for a, b in zip(parameters, D.parameters(), strict=True))
    for limit in (0.0, -0.01, math.inf, -math.inf, math.nan):
        with pytest.raises(ValueError, match="limit must be positive and finite, got"):
            penalties.clip_weights(D, limit)
    assert D.weight.abs().max() == 0.01


def check_unequal_batches(penalties):
    """R1 + R2 is the sum of the two penalties for batches of any sizes: each mean has half the weight."""
    x_real, x_fake = batch((10, 2), 3), batch((3, 2), 4, scale=3.0)
    for first, second in ((x_real, x_fake), (x_fake, x_real)):
        expected = (norms(first) ** 2).mean() / 2 + (norms(second) ** 2).mean() / 2
        assert penalties.r1_r2(quadratic, first, second).item() == pytest.approx(expected.item(), rel=1e-5)
        both = penalties.r1(quadratic, first, second) + penalties.r2(quadratic, first, second)
        assert both.item() == pytest.approx(expected.item(), rel=1e-5)


def check_half_precision(penalties):
    """Half-precision gradients are squared and summed in float32: 300^2 + 400^2 is infinite in float16."""
    for dtype in (torch.float16, torch.bfloat16):
        w = torch.tensor([304.0, 404.0], dtype=dtype)  # exact in both
        n = int(w[0]) ** 2 + int(w[1]) ** 2
        x_real, x_fake = batch((8, 2), 1).to(dtype), batch((8, 2), 2).to(dtype)
        expected = {"r1": n / 2, "r2": n / 2, "r1_r2": n, "wgan_gp": (math.sqrt(n) - 1) ** 2}
        for name, value in expected.items():
            extra = {"u": share(8).to(dtype)} if name == "wgan_gp" else {}
            got = penalties.PENALTIES[name](lambda x, w=w: (x * w).sum(1), x_real, x_fake, **extra)
            assert got.dtype == torch.float32, (name, dtype)
            assert got.item() == pytest.approx(value, rel=1e-6), (name, dtype)


def check_samples_stay_constants_inside_a_transform(penalties):
    """Inside torch.func the samples are constants too: what they were made of gets no gradient from the penalty."""
    x_real, x_fake = batch((8, 2), 1), batch((8, 2), 2)
    for name, penalty in penalties.PENALTIES.items():
        extra = {"u": share(8)} if name == "wgan_gp" else {}

        def value(scale, slope, penalty=penalty, extra=extra):
            return penalty(lambda x: slope * quadratic(x), scale * x_real, scale * x_fake, **extra)

        scale, slope = torch.tensor(1.5), torch.tensor(2.0)
        assert torch.func.grad(value, argnums=0)(scale, slope).item() == 0, name
        assert torch.func.grad(value, argnums=1)(scale, slope).abs().item() > 0.1, name


def check_gradients_that_cannot_be_taken(penalties):
    """Without a gradient to take a penalty says so; under no_grad it is only measured."""
    x = batch((4, 2), 5)
    taken = penalties.squared_gradient_norm(quadratic, x)
    with torch.no_grad():
        measured = penalties.squared_gradient_norm(quadratic, x)
    assert torch.equal(measured, taken)
    assert not measured.requires_grad
    with pytest.raises(ValueError, match=r"samples must be floating point to have a gradient, got torch\.int64"):
        penalties.squared_gradient_norm(quadratic, x.long())
    with torch.inference_mode(), pytest.raises(ValueError, match=r"in torch\.inference_mode: use torch\.no_grad"):
        penalties.squared_gradient_norm(quadratic, x)
    with pytest.raises(RuntimeError, match="does not require grad"):  # D's own mistake is not taken for another
        penalties.squared_gradient_norm(lambda samples: quadratic(samples.detach()), x)
    inside = torch.func.vmap(lambda one: penalties.squared_gradient_norm(quadratic, one[None])[0])(x)
    torch.testing.assert_close(inside, taken.detach())


CHECKS = [
    value
    for name, value in globals().copy().items()
    if name.startswith("check_") and name != "check_finite_differences"
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_penalties(check):
    check(library)


# What no mutant needs.


def test_the_registry_names_every_penalty():
    assert {name: penalty.__name__ for name, penalty in library.PENALTIES.items()} == {
        name: name for name in ("r1", "r2", "r1_r2", "wgan_gp")
    }


def test_without_a_generator_the_global_one_is_used():
    x_real, x_fake = batch((32, 2), 1), batch((32, 2), 2, shift=5.0)
    torch.manual_seed(3)
    first = library.wgan_gp(quadratic, x_real, x_fake).item()
    torch.manual_seed(3)
    u = torch.rand(32)
    assert first == pytest.approx(library.wgan_gp(quadratic, x_real, x_fake, u=u).item(), rel=1e-6)


@pytest.mark.parametrize("name", library.PENALTIES)
def test_an_ensemble_under_vmap_and_grad_equals_its_members(name):
    members = [networks.MLPDiscriminator((2,), width=8, depth=1) for _ in range(3)]
    parameters, buffers = torch.func.stack_module_state(members)
    x_real, x_fake, u = batch((32, 2), 1), batch((32, 2), 2), share(32)
    extra = {"u": u} if name == "wgan_gp" else {}

    def value(parameters, buffers):
        D = lambda x: torch.func.functional_call(members[0], (parameters, buffers), (x,))  # noqa: E731
        return library.PENALTIES[name](D, x_real, x_fake, **extra)

    gradients, values = torch.vmap(torch.func.grad_and_value(value))(parameters, buffers)
    for k, member in enumerate(members):
        alone = library.PENALTIES[name](member, x_real, x_fake, **extra)
        assert values[k].item() == pytest.approx(alone.item(), rel=1e-5)
        alone.backward()
        for key, p in member.named_parameters():
            expected = torch.zeros_like(p) if p.grad is None else p.grad
            assert torch.allclose(gradients[key][k], expected, rtol=1e-4, atol=1e-6), key


@pytest.mark.parametrize("name", library.PENALTIES)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_penalties_train_a_spectrally_normalised_d(name, precision):
    D = networks.MLPDiscriminator((1, 8, 8), width=16, norm="spectral")
    ready = networks.prepare(D, precision=precision)
    value = library.PENALTIES[name](ready, batch((32, 1, 8, 8), 1), batch((32, 1, 8, 8), 2))
    value.backward()
    assert value.dtype == torch.float32
    assert 0 < value.item() < 2
    weights = [p for key, p in D.named_parameters() if "original" in key]
    assert weights
    assert all(p.grad.isfinite().all() and p.grad.abs().sum() > 0 for p in weights)


@pytest.mark.parametrize("name", library.PENALTIES)
def test_penalties_under_bf16_are_close_to_float32(name):
    D = networks.SpaceToDepthDiscriminator(size=8, width=8)
    with torch.no_grad():
        for p in D.parameters():
            p.mul_(3)
    x_real, x_fake = batch((32, 1, 8, 8), 1), batch((32, 1, 8, 8), 2)
    extra = {"u": share(32)} if name == "wgan_gp" else {}
    exact = library.PENALTIES[name](D, x_real, x_fake, **extra)
    half = library.PENALTIES[name](networks.prepare(D, precision="bfloat16"), x_real, x_fake, **extra)
    assert half.dtype == exact.dtype == torch.float32
    assert half.item() == pytest.approx(exact.item(), rel=0.05)
    want = torch.autograd.grad(exact, D.last.weight)[0]
    got = torch.autograd.grad(half, D.last.weight)[0]
    assert torch.nn.functional.cosine_similarity(got.flatten(), want.flatten(), dim=0) > 0.99
    assert got.norm().item() == pytest.approx(want.norm().item(), rel=0.05)


def test_clipping_to_nan_is_refused():
    D = nn.Linear(2, 1)
    with pytest.raises(ValueError, match="limit must be positive"):
        library.clip_weights(D, math.nan)


def test_float64_stays_float64():
    w = torch.tensor([1 / 3, 1.0], dtype=torch.float64)
    value = library.r1(lambda x: x @ w, batch((32, 2)).double(), None)
    assert value.dtype == torch.float64
    assert value.item() == pytest.approx(5 / 9, rel=1e-12)


def test_clipping_bounds_a_trained_critic_s_slope():
    D = networks.MLPDiscriminator((2,), width=8, depth=1)
    library.clip_weights(D, 0.05)
    # |W2| |W1| with 0.05 everywhere: at most 0.05 sqrt(8) * 0.05 sqrt(16).
    slope = library.squared_gradient_norm(D, batch((64, 2), 1, scale=10)).sqrt().max().item()
    assert 0 < slope <= 0.05**2 * math.sqrt(8 * 16) + 1e-6
