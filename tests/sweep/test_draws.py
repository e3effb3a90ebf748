"""The random numbers of a stack: each GAN's are those of its own seed, drawn here from a generator of its own."""

from dataclasses import replace

import pytest
import torch

from gan_tutor import data
from gan_tutor.recipes import Recipe
from gan_tutor.sweep.draws import Draws

# Seeds of one group, none of them 0, not in order; the third GAN shares the draws of the first.
GANS = [Recipe(seed=s, latent_dim=n, width_g=4 + k) for k, (s, n) in enumerate([(7, 3), (4, 2), (7, 3), (7, 2)])]
CPU = torch.device("cpu")


@pytest.mark.parametrize("offset", [0, 1_000_003])
def test_every_draw_is_that_of_the_gan_s_own_seed(offset):
    draws, ring = Draws(GANS, CPU, offset), data.ring()
    assert len(draws.generators) == 3
    x, z, u, again = draws.real(ring, 5), draws.z(6), draws.u(4), draws.z(2)
    assert (x.shape, z.shape, u.shape, again.shape) == ((4, 5, 2), (4, 6, 3), (4, 4), (4, 2, 3))
    for number, gan in enumerate(GANS):
        generator, n = torch.Generator().manual_seed(gan.seed + offset), gan.latent_dim
        assert torch.equal(x[number], ring.sample(5, generator))
        assert torch.equal(z[number, :, :n], torch.randn(6, n, generator=generator))
        assert torch.equal(u[number], torch.rand(4, generator=generator))
        assert torch.equal(again[number, :, :n], torch.randn(2, n, generator=generator))
        assert not z[number, :, n:].any()


def test_noise_is_drawn_by_name_in_order_and_only_if_there_is_some():
    noisy = Draws([replace(gan, instance_noise=0.1) for gan in GANS], CPU)
    x = torch.zeros(4, 6, 2)
    found = noisy.noise(x, ("real", "fake"))
    assert list(found) == ["real", "fake"]
    for number, gan in enumerate(GANS):
        generator = torch.Generator().manual_seed(gan.seed)
        for name in ("real", "fake"):
            assert torch.equal(found[name][number], torch.randn(6, 2, generator=generator))
    still = Draws(GANS, CPU)
    before = [generator.get_state() for generator in still.generators]
    assert still.noise(x, ("real", "fake")) == {}
    assert all(map(torch.equal, before, [generator.get_state() for generator in still.generators]))
