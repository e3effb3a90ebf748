"""Penalties on D: pure functions of a callable D and of samples.

Every penalty has the call shape `penalty(D, x_real, x_fake)` and returns a float scalar without its weight: the
objective multiplies by gamma (R1, R2) or lambda (WGAN-GP). Norms are taken for each sample, over all of its
dimensions. D must treat the samples of a batch independently (no BatchNorm), or "the gradient at a sample" means
nothing. Penalties also work inside `torch.func` transforms.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

Critic = Callable[[Tensor], Tensor]
Penalty = Callable[[Critic, Tensor, Tensor], Tensor]


def squared_gradient_norm(D: Critic, x: Tensor) -> Tensor:
    """Return |grad_x D(x)|^2 of each sample, shape (N,), differentiable in D's parameters.

    Args:
        D: Maps (N, ...) to logits (N,), each sample on its own.
        x: Samples (N, ...), floating point.

    Under `torch.no_grad` the norm is a constant.

    Raises:
        ValueError: The samples are whole numbers, or the call is inside `torch.inference_mode`.
    """
    if not x.is_floating_point():
        raise ValueError(f"samples must be floating point to have a gradient, got {x.dtype}")
    if torch.is_inference_mode_enabled():
        raise ValueError("a gradient of D cannot be taken in torch.inference_mode: use torch.no_grad")
    try:
        leaf = x.detach().requires_grad_()
    except RuntimeError:
        if torch._C._functorch.peek_interpreter_stack() is None:
            raise
        # Inside a torch.func transform, which has its own derivative.
        gradient = torch.func.grad(lambda samples: D(samples).sum())(x.detach())
    else:
        differentiable = torch.is_grad_enabled()
        with torch.enable_grad():  # also under no_grad, where a penalty is only measured
            (gradient,) = torch.autograd.grad(D(leaf).sum(), leaf, create_graph=differentiable)
    return gradient.to(torch.promote_types(gradient.dtype, torch.float32)).flatten(1).square().sum(1)


def r1(D: Critic, x_real: Tensor, x_fake: Tensor) -> Tensor:
    """E |grad D(x_real)|^2 / 2, in squared logits per squared data unit. Source: mescheder2018convergence."""
    return squared_gradient_norm(D, x_real).mean() / 2


def r2(D: Critic, x_real: Tensor, x_fake: Tensor) -> Tensor:
    """E |grad D(x_fake)|^2 / 2, in squared logits per squared data unit. Source: mescheder2018convergence."""
    return squared_gradient_norm(D, x_fake).mean() / 2


def r1_r2(D: Critic, x_real: Tensor, x_fake: Tensor) -> Tensor:
    """R1 + R2, both gradients from one pass of D over all samples, the real ones first.

    Args:
        D: Maps samples to logits, each sample on its own.
        x_real: Real samples (N, ...).
        x_fake: Generated samples (M, ...); each of the two means has half the weight, whatever N and M are.

    Source: huang2024r3gan, roth2017stabilizing.
    """
    norms = squared_gradient_norm(D, torch.cat([x_real, x_fake]))
    if len(x_real) == len(x_fake):
        return norms.mean()
    return (norms[: len(x_real)].mean() + norms[len(x_real) :].mean()) / 2


def wgan_gp(
    D: Critic,
    x_real: Tensor,
    x_fake: Tensor,
    *,
    u: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """E (|grad D(x_hat)| - 1)^2 with x_hat = u x_real + (1 - u) x_fake, one u in [0, 1] for each sample.

    Args:
        D: The critic.
        x_real: Real samples (N, ...).
        x_fake: Generated samples (N, ...).
        u: Mixing shares (N,); drawn uniformly from `generator` if None.
        generator: The game's generator; torch's global one if None.

    Raises:
        ValueError: The batches differ in shape, or u is not of shape (N,).

    Source: gulrajani2017wgangp.
    """
    if x_real.shape != x_fake.shape:
        raise ValueError(
            "wgan_gp mixes real and generated samples one to one: shapes must agree, "
            f"got {tuple(x_real.shape)} and {tuple(x_fake.shape)}"
        )
    n = len(x_real)
    if u is None:
        u = torch.rand(n, generator=generator, device=x_real.device, dtype=torch.float32)
    if u.shape != (n,):
        raise ValueError(f"u must hold one share for each sample, shape ({n},), got {tuple(u.shape)}")
    share = u.view(n, *[1] * (x_real.ndim - 1))
    x_hat = share * x_real + (1 - share) * x_fake
    # The square root has an infinite slope at 0: a critic that is flat somewhere must not answer NaN.
    norm = (squared_gradient_norm(D, x_hat) + 1e-12).sqrt()
    return (norm - 1).square().mean()


@torch.no_grad()
def clip_weights(D: nn.Module, limit: float) -> None:
    """Clamp every parameter of D to [-limit, limit], in place: WGAN's first, crude Lipschitz constraint.

    Raises:
        ValueError: `limit` is not positive and finite.

    Source: arjovsky2017wgan.
    """
    if not 0 < limit < math.inf:
        raise ValueError(f"limit must be positive and finite, got {limit}; the paper uses 0.01")
    for parameter in D.parameters():
        parameter.clamp_(-limit, limit)


PENALTIES: dict[str, Penalty] = {"r1": r1, "r2": r2, "r1_r2": r1_r2, "wgan_gp": wgan_gp}
