"""The smallest players: a generator that is one number and a discriminator that is one slope."""

import torch
from torch import Tensor, nn


class DiracGenerator(nn.Module):
    """z (N, any) -> N copies of the number theta, shape (N, 1): all mass at one point, whatever z is.

    Source: mescheder2018convergence.
    """

    def __init__(self, theta: float = 1.0) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(float(theta)))
        self.output_range = None

    def forward(self, z: Tensor) -> Tensor:
        return self.theta.expand(len(z), 1)


class DiracDiscriminator(nn.Module):
    """x (N, 1) -> logits psi x, shape (N,): a line through the origin, where the data are.

    Source: mescheder2018convergence.
    """

    def __init__(self, psi: float = 1.0) -> None:
        super().__init__()
        self.psi = nn.Parameter(torch.tensor(float(psi)))

    def features(self, x: Tensor) -> Tensor:
        """Return x itself (N, 1)."""
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.psi * self.features(x).flatten()
