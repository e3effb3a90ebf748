"""GAN losses: pairs of pure functions of logits, one pair for each paper.

Every loss has the call shape `loss.d(real_logits, fake_logits)` and `loss.g(real_logits, fake_logits)`, real first,
both to be minimised. Logits are D's raw outputs, of shape (N,): D never ends in a sigmoid. Half-precision logits are
promoted to float32, and every formula stays finite for logits up to +-1e4 because it is written with softplus instead
of log(sigmoid(.)).

With sigma the logistic function, softplus(x) = log(1 + exp(x)) = -log sigma(-x). So -log D(x) is
softplus(-real_logits) and -log(1 - D(G(z))) is softplus(fake_logits).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus


@dataclass(frozen=True)
class GanLoss:
    """One adversarial loss: what D minimises and what G minimises.

    Attributes:
        name: The name under which recipes know it.
        d_formula: D's loss of float (N,) logits on real and on generated samples.
        g_formula: G's loss of the same two arguments.
        sees_real: G's loss also looks at the real samples, so `g` needs `real_logits`.
        paired: Row i of the real samples is compared with row i of the generated ones, so both need the same N.
        on_features: G's loss compares D's features (N, F), from `D.features(x)`, in place of logits.
    """

    name: str
    d_formula: Callable[[Tensor, Tensor], Tensor]
    g_formula: Callable[[Any, Tensor], Tensor]
    sees_real: bool = False
    paired: bool = False
    on_features: bool = False

    def d(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return D's loss, a float scalar, from logits (N,) on real and (M,) on generated samples; M = N if `paired`.

        Raises:
            ValueError: A tensor has more dimensions than one or none, or a paired loss gets unequal shapes.
        """
        self._check("d", real_logits, fake_logits, dimensions=1)
        return self.d_formula(_at_least_float32(real_logits), _at_least_float32(fake_logits))

    def g(self, real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
        """Return G's loss, a float scalar.

        Args:
            real_logits: D's logits (N,) on real samples, or features (N, F) if `on_features`; None unless `sees_real`.
            fake_logits: The same on generated samples, (M,) or (M, F); M = N if `paired`.

        Raises:
            ValueError: A shape is wrong, or `real_logits` is None and the loss looks at real samples.
        """
        if real_logits is None:
            if self.sees_real:
                raise ValueError(f"{self.name}.g compares generated with real samples: real_logits must not be None")
            self._check("g", fake_logits, fake_logits, dimensions=1)
            return self.g_formula(None, _at_least_float32(fake_logits))
        self._check("g", real_logits, fake_logits, dimensions=2 if self.on_features else 1)
        return self.g_formula(_at_least_float32(real_logits), _at_least_float32(fake_logits))

    def _check(self, player: str, real: Tensor, fake: Tensor, *, dimensions: int) -> None:
        same = real.shape == fake.shape or not self.paired
        if real.ndim == fake.ndim == dimensions and same:
            return
        want, cure = ("(N,)", "end D with .flatten()") if dimensions == 1 else ("(N, F)", "pass D.features(x)")
        if real.ndim == fake.ndim == dimensions:
            cure = "draw as many real samples as latents"
        raise ValueError(
            f"{self.name}.{player}: real_logits and fake_logits must both have shape {want}"
            f"{' with the same N' if self.paired else ''}, got {tuple(real.shape)} and {tuple(fake.shape)}; {cure}"
        )


def _at_least_float32(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


minimax = GanLoss(
    "minimax",
    d_formula=lambda real, fake: softplus(-real).mean() + softplus(fake).mean(),
    g_formula=lambda real, fake: -softplus(fake).mean(),
)
"""The game of the first paper. D: -E log D(x) - E log(1 - D(G(z))). G: E log(1 - D(G(z))).

G's gradient in a logit is -sigma(fake_logits) / N: it vanishes exactly where D is sure. D in [0, inf), G in (-inf, 0].
Source: goodfellow2014gan.
"""

nonsaturating = GanLoss(
    "nonsaturating",
    d_formula=minimax.d_formula,
    g_formula=lambda real, fake: softplus(-fake).mean(),
)
"""The first paper's practical advice: D as in `minimax`; G: -E log D(G(z)).

G's gradient in a logit is -sigma(-fake_logits) / N: about -1/N where D is sure. Both in [0, inf).
Source: goodfellow2014gan.
"""

least_squares = GanLoss(
    "least_squares",
    d_formula=lambda real, fake: ((real - 1).square().mean() + fake.square().mean()) / 2,
    g_formula=lambda real, fake: (fake - 1).square().mean() / 2,
)
"""LSGAN with targets real 1, fake 0, G 1. D: E (D(x) - 1)^2 / 2 + E D(G(z))^2 / 2. G: E (D(G(z)) - 1)^2 / 2.

D(x) is the raw output here, not a probability. Both in [0, inf). Source: mao2017lsgan.
"""

hinge = GanLoss(
    "hinge",
    d_formula=lambda real, fake: relu(1 - real).mean() + relu(1 + fake).mean(),
    g_formula=lambda real, fake: -fake.mean(),
)
"""D: E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))). G: -E D(G(z)). D in [0, inf), G unbounded.

Source: lim2017geometric, miyato2018sngan.
"""

wasserstein = GanLoss(
    "wasserstein",
    d_formula=lambda real, fake: fake.mean() - real.mean(),
    g_formula=lambda real, fake: -fake.mean(),
)
"""The critic's loss. D: E D(G(z)) - E D(x). G: -E D(G(z)). Unbounded.

Minus D's loss estimates the Wasserstein-1 distance only while D is 1-Lipschitz, which this formula does not enforce:
add `penalties.wgan_gp`, `penalties.clip_weights` or spectral norm. Source: arjovsky2017wgan.
"""

relativistic = GanLoss(
    "relativistic",
    d_formula=lambda real, fake: softplus(fake - real).mean(),
    g_formula=lambda real, fake: softplus(real - fake).mean(),
    sees_real=True,
    paired=True,
)
"""The relativistic pairing game. D: E softplus(D(G(z)) - D(x)). G: E softplus(D(x) - D(G(z))). Both in [0, inf).

Sample i of one batch is paired with sample i of the other, so the shapes must agree: (N, 1) - (N,) would broadcast to
(N, N). Source: jolicoeur2020relativistic_f, huang2024r3gan. Differs: G's loss is the non-saturating form of the R3GAN
reference code; the paper's text writes one value that G and D optimise in opposite directions.
"""

feature_matching = GanLoss(
    "feature_matching",
    d_formula=minimax.d_formula,
    g_formula=lambda real, fake: (real.mean(0) - fake.mean(0)).square().sum(),
    sees_real=True,
    on_features=True,
)
"""D as in `minimax`; G: |E f(x) - E f(G(z))|^2 with f(x) the features (N, F) before D's last layer.

The two batches may differ in size: their means are compared, not their rows.
G's loss is in squared feature units. Source: salimans2016improved.
"""


def label_smoothing(loss: GanLoss = nonsaturating, real_target: float = 0.9) -> GanLoss:
    """Return `loss` with D's target on real samples lowered from 1 to `real_target`; fakes keep the target 0.

    D: -E [a log D(x) + (1 - a) log(1 - D(x))] - E log(1 - D(G(z))) with a = `real_target`. G is unchanged. The best D
    is a p / (p + q), so D stops growing more confident on real samples.

    Args:
        loss: A cross-entropy loss: `minimax` or `nonsaturating`.
        real_target: The target a, in (0.5, 1].

    Raises:
        ValueError: The loss has no cross-entropy target, or `real_target` is outside (0.5, 1].

    Source: salimans2016improved.
    """
    if loss.d_formula is not minimax.d_formula or loss.on_features:
        raise ValueError(
            f"label smoothing changes a cross-entropy target, which {loss.name} does not have; "
            "use minimax or nonsaturating"
        )
    if not 0.5 < real_target <= 1:
        raise ValueError(f"real_target must be in (0.5, 1], got {real_target}; 1 is no smoothing, 0.9 is usual")
    return replace(
        loss,
        name=f"{loss.name} with real target {real_target:g}",
        d_formula=lambda real, fake: (softplus(real) - real_target * real).mean() + softplus(fake).mean(),
    )


LOSSES = {
    loss.name: loss
    for loss in (minimax, nonsaturating, least_squares, hinge, wasserstein, relativistic, feature_matching)
}

EQUILIBRIUM_D = {"minimax": 2 * math.log(2), "nonsaturating": 2 * math.log(2), "relativistic": math.log(2)}
"""D's loss in nats when D cannot tell real from generated. Not a sign of success: a D that knows nothing has it too."""
