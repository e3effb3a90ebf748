"""Initial weights follow the seed alone: not the thread, not the global generator, which nobody moves."""

import threading
from dataclasses import replace

import pytest
import torch

from gan_tutor import recipes
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
