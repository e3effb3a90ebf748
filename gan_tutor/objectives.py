"""The two players' objectives: a loss, and a penalty for D, as scalars to minimise.

Both are pure functions of callables, so the same lines run on `nn.Module`s in training and on functional parameters
(`torch.func.functional_call`) in ensembles and traced programs.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from gan_tutor.losses import GanLoss
from gan_tutor.penalties import Critic, Penalty

# A further term of G's loss has the call shape of a penalty.
Term = Penalty


def discriminator_loss(
    G: Callable[[Tensor], Tensor],
    D: Critic,
    loss: GanLoss,
    x_real: Tensor,
    z: Tensor,
    penalty: Penalty | None = None,
    weight: float | Tensor = 1.0,
) -> Tensor:
    """Return loss.d(D(x_real), D(G(z))) + weight * penalty(D, x_real, G(z)), a float scalar.

    G is a constant here: nothing of its graph is built.

    Args:
        G: Maps latents (M, latent_dim) to samples (M, ...).
        D: Maps samples to logits (N,).
        loss: The adversarial loss.
        x_real: Real samples (N, ...).
        z: Latents (M, latent_dim); paired losses and `wgan_gp` need M = N.
        penalty: A function of (D, x_real, x_fake), or None.
        weight: gamma of R1/R2, lambda of WGAN-GP.
    """
    with torch.no_grad():
        x_fake = G(z).detach()  # G may hand out samples it made before, with their graph
    adversarial = loss.d(D(x_real), D(x_fake))
    return adversarial if penalty is None else adversarial + weight * penalty(D, x_real, x_fake)


def generator_loss(
    G: Callable[[Tensor], Tensor],
    D: Critic,
    loss: GanLoss,
    x_real: Tensor,
    z: Tensor,
    term: Term | None = None,
    weight: float | Tensor = 1.0,
) -> Tensor:
    """Return loss.g(D(x_real), D(G(z))) + weight * term(D, x_real, G(z)), a float scalar.

    D's answers to real samples are constants, and are asked for only if the loss looks at them.

    Args:
        G: Maps latents (M, latent_dim) to samples (M, ...).
        D: Maps samples to logits (N,); feature matching also needs `D.features`.
        loss: The adversarial loss.
        x_real: Real samples (N, ...), used by losses that look at them and by `term`.
        z: Latents (M, latent_dim).
        term: What G minimises besides, such as `class_of_fake`; a function of (D, x_real, x_fake), or None.
        weight: Factor of `term`.

    Raises:
        ValueError: The loss compares features and D has none.
    """
    judge = _features(D, loss.name) if loss.on_features else D
    x_fake = G(z)
    fake, real = judge(x_fake), None
    if loss.sees_real:
        with torch.no_grad():
            real = judge(x_real)
    adversarial = loss.g(real, fake)
    return adversarial if term is None else adversarial + weight * term(D, x_real, x_fake)


def unrolled(
    D: nn.Module,
    G: Callable[[Tensor], Tensor],
    loss: GanLoss,
    x_real: Tensor,
    z: Tensor,
    *,
    steps: int,
    lr: float,
) -> Critic:
    """Return D as it will answer after `steps` steps of plain gradient descent on its loss against G(z).

    phi_0 = phi, phi_(k+1) = phi_k - lr * grad L_D(theta, phi_k), on one batch. D itself does not change, neither its
    parameters nor its buffers, such as BatchNorm's running statistics: the D that looks ahead has copies of both. The
    answers depend on G's parameters also through phi_1, ..., phi_steps: G's gradient of `generator_loss` with them
    foresees how D will react. A loss that looks at real samples loses a part of that, because there D's answers to them
    are constants.

    Args:
        D: The discriminator.
        G: Maps latents to samples.
        loss: The adversarial loss.
        x_real: Real samples (N, ...).
        z: Latents (M, latent_dim).
        steps: How far to look ahead; 0 is D as it is.
        lr: D's learning rate in these steps.

    Raises:
        ValueError: `steps` is negative.

    Source: metz2017unrolled. Differs: the reference code looks ahead with Adam.
    """
    if steps < 0:
        raise ValueError(f"steps must be at least 0, got {steps}")
    parameters = {name: p.detach().requires_grad_() for name, p in D.named_parameters()}
    buffers = {name: b.clone() for name, b in D.named_buffers()}
    x_fake = G(z)
    for _ in range(steps):
        real, fake = (functional_call(D, (parameters, buffers), x) for x in (x_real, x_fake))
        loss_d = loss.d(real, fake)
        slopes = torch.autograd.grad(loss_d, list(parameters.values()), create_graph=True)
        parameters = {name: p - lr * slope for (name, p), slope in zip(parameters.items(), slopes, strict=True)}

    def later(x: Tensor) -> Tensor:
        answers: Tensor = functional_call(D, (parameters, buffers), x)
        return answers

    return later


def class_of_real(D: Critic, x_real: Tensor, x_fake: Tensor) -> Tensor:
    """Return the cross-entropy, in nats, of D's classifier on real samples: a term for D's loss, in a penalty's place.

    D is a `networks.Given` around a network that can `classify`. Source: odena2017acgan. Differs: there D also learns
    the classes of generated samples.
    """
    return _class_error(D, x_real)


def class_of_fake(D: Critic, x_real: Tensor, x_fake: Tensor) -> Tensor:
    """Return the cross-entropy, in nats, of D's classifier on generated samples: a term for G's loss.

    D is a `networks.Given` around a network that can `classify`. Source: odena2017acgan.
    """
    return _class_error(D, x_fake)


def _class_error(D: Any, x: Tensor) -> Tensor:
    return cross_entropy(D.classify(x).float(), D.y)


def _features(D: Critic, name: str) -> Callable[[Tensor], Tensor]:
    if not hasattr(D, "features"):
        raise ValueError(f"{name} compares features: D must have a method features(x) -> (N, F)")
    features: Callable[[Tensor], Tensor] = D.features
    return features
