"""The random numbers of many games: each GAN gets exactly the draws of its recipe alone, in the same order.

What a game draws depends on its seed and on its latent_dim; the rest of the order is the group's. GANs that agree in
both share a generator, so a hundred learning rates with one seed cost one game's draws.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import pad

from gan_tutor.data import Source
from gan_tutor.recipes import Recipe
from gan_tutor.training import sample_z


class Draws:
    """The generators of a group's games.

    Args:
        recipes: The group, GAN by GAN.
        device: Where to draw.
        offset: Added to every seed.
    """

    def __init__(self, recipes: Sequence[Recipe], device: torch.device, offset: int = 0) -> None:
        keys = list(dict.fromkeys((recipe.seed, recipe.latent_dim) for recipe in recipes))
        self.generators = [torch.Generator(device).manual_seed(seed + offset) for seed, _ in keys]
        self.latent_dims = [latent_dim for _, latent_dim in keys]
        owners = [keys.index((recipe.seed, recipe.latent_dim)) for recipe in recipes]
        self.owners = torch.tensor(owners, device=device)
        self.noisy = recipes[0].instance_noise > 0

    def real(self, source: Source, n: int) -> Tensor:
        """Draw a real batch for every GAN, (B, n, d)."""
        return self._for_all(lambda generator, _: source.sample(n, generator))

    def z(self, n: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw latents for every GAN, (B, n, largest latent_dim), zero beyond its own latent_dim."""
        widest = max(self.latent_dims)
        return self._for_all(lambda generator, own: pad(sample_z(n, own, generator, dtype), (0, widest - own)))

    def noise(self, x: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Draw the instance noise N(0, I) that each call of D adds, (B, n, d) by name; nothing if there is none."""
        wanted = names if self.noisy else ()
        return {name: self._for_all(partial(_normal, x.shape[1:])) for name in wanted}

    def u(self, n: int) -> Tensor:
        """Draw the mixing shares of WGAN-GP, (B, n) in [0, 1)."""
        return self._for_all(lambda g, _: torch.rand(n, generator=g, device=g.device, dtype=torch.float32))

    def _for_all(self, draw: Callable[[torch.Generator, int], Tensor]) -> Tensor:
        drawn = [draw(generator, own) for generator, own in zip(self.generators, self.latent_dims, strict=True)]
        return torch.stack(drawn)[self.owners]


def _normal(shape: torch.Size, generator: torch.Generator, _: int) -> Tensor:
    return torch.randn(shape, generator=generator, device=generator.device, dtype=torch.float32)
