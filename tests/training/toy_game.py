"""A small game in the plane for the tests of the loop, and how to compare what it leaves."""

import torch

from gan_tutor import data, losses, networks, training

BATCH, LATENT = 16, 3


def toy(lr=1e-2, optimizer=torch.optim.Adam, **options):
    """A small pair in the plane, with optimisers of their own."""
    torch.manual_seed(0)
    G, D = networks.MLPGenerator(LATENT, (2,), width=8), networks.MLPDiscriminator((2,), width=8)
    return G, D, optimizer(G.parameters(), lr, **options), optimizer(D.parameters(), lr, **options)


def settings(seed=1, **changes):
    """Keyword arguments of `train`; the batches share the game's generator."""
    generator = torch.Generator().manual_seed(seed)
    common = {"loss": losses.nonsaturating, "latent_dim": LATENT, "steps": 5, "generator": generator}
    return common | changes


def real_batches(options, source=None):
    return data.batches(source or data.ring(), BATCH, options["generator"])


def play(G, D, opt_g, opt_d, **changes):
    options = settings(**changes)
    return list(training.train(G, D, real_batches(options), opt_g=opt_g, opt_d=opt_d, **options))


def state(*modules):
    return [value.clone() for module in modules for value in module.state_dict().values()]


def equal(a, b):
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
