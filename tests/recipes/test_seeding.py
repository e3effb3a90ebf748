"""Initial weights follow the seed alone: not the thread, not the global generator, which nobody moves."""

import threading
from dataclasses import replace

import pytest
import torch

from gan_tutor import data, evaluation, recipes, training
from gan_tutor.recipes import Recipe, players
from gan_tutor.recipes.seeding import seeded

SMALL = Recipe(width_g=8, width_d=8, batch_size=8)
KINDS = {
    "points": SMALL,
    "spectral, by class": replace(SMALL, norm_d="spectral", condition="projection"),
    "embedding": replace(SMALL, condition="embedding"),
    "dcgan": replace(recipes.named("digits_classical"), data="digits", width_g=4, width_d=4),
    "modern": replace(recipes.named("fashion_modern"), width_g=8, width_d=8),
}


def weights(*networks):
    return [value.clone() for network in networks for value in network.state_dict().values()]


def equal(one, other):
    return len(one) == len(other) and all(map(torch.equal, one, other))


@pytest.mark.parametrize("recipe", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("seed", [0, 7])
def test_the_weights_are_those_of_torchs_own_seed(recipe, seed):
    recipe = replace(recipe, seed=seed)
    shape = recipes.sample_shape(recipe)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        expected = weights(players.generator(recipe, shape), players.discriminator(recipe, shape))
    game = recipes.build(recipe)
    assert equal(weights(game.G, game.D), expected)


def test_other_threads_change_neither_the_weights_nor_the_users_random_numbers():
    expected = {seed: weights((game := recipes.build(replace(SMALL, seed=seed))).G, game.D) for seed in (0, 1)}
    torch.manual_seed(123)
    own = [torch.rand(3) for _ in range(300)]
    torch.manual_seed(123)
    wrong, go = [], threading.Barrier(3)

    def build(seed):
        go.wait()
        for _ in range(60):
            game = recipes.build(replace(SMALL, seed=seed))
            if not equal(weights(game.G, game.D), expected[seed]):
                wrong.append(seed)

    threads = [threading.Thread(target=build, args=(seed,)) for seed in (0, 1)]
    for thread in threads:
        thread.start()
    go.wait()
    drawn = [torch.rand(3) for _ in range(300)]  # what a cell draws while two labs are built
    for thread in threads:
        thread.join()
    assert wrong == []
    assert equal(drawn, own)


def test_a_generator_from_a_checkpoint_leaves_the_users_random_numbers(tmp_path):
    recipes.save(recipes.build(SMALL), tmp_path / "game.safetensors")
    torch.manual_seed(5)
    before = torch.get_rng_state()
    recipes.load_generator(tmp_path / "game.safetensors")
    assert torch.equal(torch.get_rng_state(), before)


def test_initial_weights_do_not_follow_the_default_device():
    expected = recipes.build(SMALL)
    with torch.device("meta"):
        with seeded(SMALL.seed):
            G = players.generator(SMALL, (2,))
        assert torch.empty(1).is_meta
    assert equal(weights(G), weights(expected.G))


def test_a_given_generator_is_kept_and_functions_without_one_get_it():
    theirs = torch.Generator().manual_seed(9)
    with seeded(3):
        drawn = torch.rand(4, generator=theirs), torch.randn(4), torch.randint(9, (4,))
    ours = torch.Generator().manual_seed(3)
    expected = [
        torch.rand(4, generator=torch.Generator().manual_seed(9)), torch.randn(4, generator=ours),
        torch.randint(9, (4,), generator=ours),
    ]  # fmt: skip
    assert equal(drawn, expected)


DIGITS = Recipe(
    data="digits", generator="dcgan", discriminator="dcgan", norm_d="batch", latent_dim=4, width_g=2, width_d=2,
    batch_size=8, steps=3, augment="none", diffaugment="color,translation", condition="projection",
)  # fmt: skip
GAMES = {
    "points": replace(SMALL, steps=3, penalty="wgan_gp", instance_noise=0.1),
    "line": replace(SMALL, data="gaussian", steps=3, penalty="r1"),
    "curve": replace(SMALL, data="two_moons", steps=3),
    "images": DIGITS,
}


def measured(recipe):
    """Weights, samples and scores of a game that was built, played, sampled from and measured."""
    game = recipes.build(recipe)
    recipes.play(game, until=recipe.steps)
    generator = torch.Generator().manual_seed(5)
    y = torch.tensor([0, 1, 2, 3, 4] * 4, device="cpu") if recipe.condition != "none" else None
    samples = training.generate(game.ema, 20, recipe.latent_dim, generator, y=y)
    source = game.source
    if recipe.data == "digits":  # fewer real images
        source = data.ImageSet("digits", source.pixels[:50], source.labels[:50], source.classes)
    return [p.detach() for p in game.G.parameters()], samples, evaluation.score(samples, source, generator)


@pytest.mark.parametrize("kind", GAMES)
def test_torch_s_default_device_and_number_type_play_no_part(kind):
    """A device without memory shows each tensor that followed the default; float64 draws other random numbers."""
    weights_, samples, scores = measured(GAMES[kind])
    for name in ("device", "dtype"):
        try:
            if name == "device":
                torch.set_default_device("meta")
            else:
                torch.set_default_dtype(torch.float64)
            found, drawn, got = measured(GAMES[kind])
        finally:
            torch.set_default_device(None)
            torch.set_default_dtype(torch.float32)
        assert equal(found, weights_)
        assert torch.equal(drawn, samples)
        assert drawn.dtype == torch.float32
        assert got == pytest.approx(scores, rel=1e-9, nan_ok=True)
