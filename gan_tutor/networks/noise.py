"""Instance noise: D sees every sample, real or generated, through the same Gaussian noise."""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from gan_tutor.share import ALONE, Share


class Noisy(nn.Module):
    """D(x + sigma e) with e ~ N(0, I), drawn anew for every call.

    Noise gives data and samples overlapping supports, so that the divergence between them has a gradient. What D then
    compares is the two distributions blurred by sigma.

    Args:
        D: A discriminator.
        sigma: Standard deviation in data units, at least 0.
        generator: Source of the noise.
        share: This process's share of every batch that D sees.

    Source: sonderby2017amortised, arjovsky2017towards.
    """

    def __init__(self, D: nn.Module, sigma: float, generator: torch.Generator, share: Share = ALONE) -> None:
        super().__init__()
        if sigma < 0:
            raise ValueError(f"sigma must be at least 0, got {sigma}")
        self.network = D
        self.sigma = sigma
        self.generator = generator
        self.share = share

    def forward(self, x: Tensor, *condition: Tensor) -> Tensor:
        return self.network(self._blurred(x), *condition)

    def features(self, x: Tensor, *condition: Tensor) -> Tensor:
        """Return the features (N, F) of the blurred samples."""
        return cast(Callable[..., Tensor], self.network.features)(self._blurred(x), *condition)

    def classify(self, x: Tensor) -> Tensor:
        """Return the class logits (N, classes) of the blurred samples."""
        return cast(Callable[..., Tensor], self.network.classify)(self._blurred(x))

    def _blurred(self, x: Tensor) -> Tensor:
        def noise(n: int) -> Tensor:
            return torch.randn(n, *x.shape[1:], generator=self.generator, device=x.device, dtype=torch.float32)

        return x + self.sigma * self.share.own(noise, len(x))
