"""A GAN in a sweep is the recipe's run: same weights, batches, latents and losses as `recipes.run`, step for step."""

from dataclasses import replace

import pytest
import torch

from gan_tutor import data, losses, penalties, recipes, sweep
from gan_tutor.recipes import Recipe

TURNS = 50
SMALL = Recipe(width_g=16, width_d=12, activation_d="tanh", batch_size=32, steps=TURNS)
GAMES = {
    **{f"loss_{name}": {"loss": name} for name in losses.LOSSES},
    **{f"penalty_{name}": {"penalty": name, "loss": "relativistic"} for name in penalties.PENALTIES},
    "wgan_gp": {"loss": "wasserstein", "penalty": "wgan_gp", "n_critic": 3, "beta1": 0.0, "beta2": 0.9},
    "lazy": {"loss": "wasserstein", "penalty": "wgan_gp", "penalty_every": 3, "schedule": "cosine"},
    "lazy_r1": {"penalty": "r1", "penalty_every": 4, "schedule": "cooldown"},
    "rmsprop_clip": {"loss": "wasserstein", "optimizer": "rmsprop", "clip": 0.05, "n_critic": 2},
    "sgd": {"optimizer": "sgd", "lr_g": 0.02, "lr_d": 0.02},
    "smoothed": {"real_target": 0.9},
    "noise": {"instance_noise": 0.3, "loss": "relativistic", "penalty": "wgan_gp"},
    "noise_features": {"instance_noise": 0.1, "loss": "feature_matching"},
    "affine": {"data": "gaussian", "depth_g": 0, "depth_d": 1},
    "leaky": {"data": "grid", "standardize": True, "activation_d": "leaky_relu", "activation_g": "tanh", "depth_d": 3},
    "moons": {"data": "two_moons", "ema_decay": 0.0},
}
MEMBERS = (
    {"seed": 0},
    {"seed": 1, "lr_g": 3e-3, "latent_dim": 1, "beta1": 0.0},
    {"seed": 0, "lr_d": 2e-4, "latent_dim": 5, "penalty_weight": 0.3, "beta2": 0.9, "ema_decay": 0.8},
    {"seed": 0, "lr_d": 3e-3},
)


def largest_difference(ours, theirs):
    """The largest difference of two networks' parameters, as a share of the largest entry of each tensor."""
    pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
    return max(((a - b).abs().max() / b.abs().max()).item() for a, b in pairs)


class InDouble:
    """A source whose samples are in double precision, which separates another rounding from another mathematics."""

    def __init__(self, source):
        self.source = source

    def sample(self, n, generator):
        return self.source.sample(n, generator).double()


def doubled_game(recipe):
    game = recipes.build(recipe)
    for network in (game.G, game.D, game.ema):
        network.double()
    game.source = InDouble(game.source)
    game.batches = data.batches(game.source, recipe.batch_size, game.generator)
    return game


def doubled_stack(wanted):
    stack = sweep.build(wanted)
    for players in (stack.G, stack.D):
        players.theta = players.theta.double()
        players.moments = tuple(moment.double() for moment in players.moments)
    stack.ema, stack.source = stack.ema.double(), InDouble(stack.source)
    return stack


@pytest.mark.parametrize("name", GAMES)
def test_every_gan_is_its_recipes_run(name):
    wanted = [replace(SMALL, **GAMES[name], **own) for own in members(name)]
    stack = doubled_stack(wanted)
    records = list(sweep.run(stack))
    assert [record.step for record in records] == list(range(1, TURNS + 1))
    for number, recipe in enumerate(wanted):
        game = doubled_game(recipe)
        alone = list(recipes.run(game))
        ours = sweep.member(stack, number)
        assert {p.dtype for net in (ours.G, game.G, ours.D, game.D) for p in net.parameters()} == {torch.float64}
        for a, b in ((ours.G, game.G), (ours.D, game.D), (ours.ema, game.ema)):
            assert largest_difference(a, b) < 1e-8
        for player in ("loss_d", "loss_g"):
            together = torch.stack([getattr(record, player)[number] for record in records])
            torch.testing.assert_close(
                together, torch.stack([getattr(r, player) for r in alone]), rtol=1e-9, atol=1e-11
            )
    assert not stack.diverged_at.any()


def members(name):
    """The members of a group, without numbers that its game sets for all."""
    return [{k: v for k, v in own.items() if k not in GAMES[name]} for own in MEMBERS]


@pytest.mark.parametrize("name", ["loss_nonsaturating", "penalty_r1_r2", "wgan_gp"])
def test_in_single_precision_the_rounding_stays_small(name):
    recipe = replace(SMALL, **GAMES[name])
    stack = sweep.build([recipe, replace(recipe, seed=4)])
    for _ in sweep.run(stack):
        pass
    game = recipes.build(recipe)
    for _ in recipes.run(game):
        pass
    ours = sweep.member(stack, 0)
    assert max(largest_difference(a, b) for a, b in ((ours.G, game.G), (ours.D, game.D))) < 1e-5 * TURNS


def test_padding_keeps_zeros_zero():
    stack = sweep.build([replace(SMALL, latent_dim=n, steps=5, penalty="r1") for n in (1, 4)])
    for _ in sweep.run(stack):
        pass
    weights = stack.G.theta[0, : 16 * 4].view(16, 4)
    assert torch.equal(weights[:, 1:], torch.zeros(16, 3))
    assert weights[:, 0].abs().min() > 0
    assert stack.G.theta[1, : 16 * 4].abs().min() > 0


def test_a_diverged_gan_leaves_its_neighbours_alone():
    calm = replace(SMALL, activation_d="leaky_relu", loss="least_squares", optimizer="sgd", lr_d=1e-2, lr_g=1e-2)
    wild = replace(calm, lr_d=1e4, lr_g=1e4)
    beside = sweep.build([calm, wild, replace(calm, seed=3)])
    alone = sweep.build([calm, calm, replace(calm, seed=3)])
    for _ in zip(sweep.run(beside), sweep.run(alone), strict=True):
        pass
    assert torch.equal(beside.G.theta[[0, 2]], alone.G.theta[[0, 2]])
    assert beside.diverged_at.tolist()[::2] == [0, 0]
    game = recipes.build(wild)
    with pytest.raises(FloatingPointError) as stopped:
        for _ in recipes.run(game):
            pass
    assert beside.diverged_at[1] == stopped.value.step
    rows = sweep.measure(beside, samples=500)
    assert rows[1]["diverged_at"] == stopped.value.step
    assert all(value is None for name, value in rows[1].items() if name != "diverged_at")
    assert rows[0]["diverged_at"] is None
    assert rows[0]["high_quality"] is not None
    assert rows[0].keys() == rows[1].keys()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_a_gan_is_its_recipes_run_there():
    recipe = replace(SMALL, loss="relativistic", penalty="r1_r2")
    stack = sweep.build([recipe, replace(recipe, seed=4, latent_dim=3)], "cuda")
    for _ in sweep.run(stack):
        pass
    game = recipes.build(recipe, "cuda")
    for _ in recipes.run(game):
        pass
    assert stack.ema.device.type == "cuda"
    assert largest_difference(sweep.member(stack, 0).G, game.G.cpu()) < 1e-3
