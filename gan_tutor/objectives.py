"""The two players' objectives: a loss, and a penalty for D, as scalars to minimise.

Both are pure functions of callables, so the same lines run on `nn.Module`s in training and on functional parameters
(`torch.func.functional_call`) in ensembles and traced programs.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from gan_tutor.losses import GanLoss
from gan_tutor.penalties import Critic, Penalty


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


def generator_loss(G: Callable[[Tensor], Tensor], D: Critic, loss: GanLoss, x_real: Tensor, z: Tensor) -> Tensor:
    """Return loss.g(D(x_real), D(G(z))), a float scalar.

    D's answers to real samples are constants, and are asked for only if the loss is paired.

    Args:
        G: Maps latents (M, latent_dim) to samples (M, ...).
        D: Maps samples to logits (N,); feature matching also needs `D.features`.
        loss: The adversarial loss.
        x_real: Real samples (N, ...), used by paired losses only.
        z: Latents (M, latent_dim).

    Raises:
        ValueError: The loss compares features and D has none.
    """
    judge = _features(D, loss.name) if loss.on_features else D
    fake = judge(G(z))
    if not loss.paired:
        return loss.g(None, fake)
    with torch.no_grad():
        real = judge(x_real)
    return loss.g(real, fake)


def _features(D: Critic, name: str) -> Callable[[Tensor], Tensor]:
    if not hasattr(D, "features"):
        raise ValueError(f"{name} compares features: D must have a method features(x) -> (N, F)")
    features: Callable[[Tensor], Tensor] = D.features
    return features
