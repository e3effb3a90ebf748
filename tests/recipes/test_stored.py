"""Games on disk: on data of one's own, and under another recipe."""

from dataclasses import asdict, replace

import pytest
import torch

from gan_tutor import checkpoints, data, recipes, training
from gan_tutor.recipes import Recipe

SMALL = Recipe(width_g=8, width_d=8, batch_size=16, steps=6)
IMAGES = replace(
    SMALL, data="digits", generator="dcgan", discriminator="dcgan", latent_dim=4, width_g=4, width_d=4, batch_size=8,
    steps=4,
)  # fmt: skip


def squares(channels=1, size=28, n=60, value=255, name="squares"):
    pixels = torch.zeros(n, channels, size, size, dtype=torch.uint8)
    pixels[..., 10:18, 10:18] = torch.arange(n, dtype=torch.uint8).view(-1, 1, 1, 1) % value
    return data.ImageSet(name, pixels, torch.zeros(n, dtype=torch.int64), ("square",))


def same(a, b):
    return all(
        torch.equal(x, y)
        for name in ("G", "D", "ema")
        for x, y in zip(getattr(a, name).state_dict().values(), getattr(b, name).state_dict().values(), strict=True)
    )


OWN = {
    "grey": (IMAGES, squares()),
    "colour": (IMAGES, squares(3, 32)),
    "of the recipe's name": (IMAGES, squares(name="digits")),
    "points": (SMALL, data.two_moons()),
}


@pytest.mark.parametrize("kind", OWN)
def test_data_of_one_s_own_survive_steering_and_resuming(tmp_path, kind):
    recipe, mine = OWN[kind]
    straight = recipes.build(recipe, data_source=mine)
    recipes.play(straight, until=4)
    game = recipes.build(recipe, data_source=mine)
    recipes.play(game, until=2)
    game = recipes.steer(game, replace(recipe, lr_g=0.5))
    assert game.own_data
    assert game.source.name == mine.name
    game = recipes.steer(game, recipe)
    recipes.save(game, tmp_path / "c.safetensors")
    resumed = recipes.resume(tmp_path / "c.safetensors", data_source=mine)
    for goes_on in (game, resumed):
        recipes.play(goes_on, until=4)
        assert same(goes_on, straight)
    G, _ = recipes.load_generator(tmp_path / "c.safetensors")
    assert G(torch.zeros(2, recipe.latent_dim)).shape == (2, *mine.shape)


@pytest.mark.parametrize("kind", OWN)
def test_without_them_a_game_is_not_resumed_and_nothing_else_takes_their_place(tmp_path, kind):
    recipe, mine = OWN[kind]
    path = tmp_path / "c.safetensors"
    recipes.save(recipes.build(recipe, data_source=mine), path)
    with pytest.raises(ValueError, match=r"was trained on data of its own \(.*data_source=\.\.\."):
        recipes.resume(path)
    with pytest.raises(ValueError, match="was trained on data of its own"):
        recipes.stored_source(path)
    others = [squares(n=61), squares(name="other"), squares(3), data.digits(), data.ring(), data.grid()]
    for other in others:
        with pytest.raises(ValueError, match=r"data_source must be what .* was trained on"):
            recipes.resume(path, data_source=other)


def test_a_recipe_s_own_data_are_opened_again(tmp_path):
    recipes.save(recipes.build(SMALL), tmp_path / "c.safetensors")
    game = recipes.resume(tmp_path / "c.safetensors")
    assert not game.own_data
    assert game.source.name == recipes.stored_source(tmp_path / "c.safetensors").name == "ring"


def test_other_data_that_a_recipe_names_take_the_place_of_one_s_own():
    for mine in (squares(), squares(3, 32)):
        game = recipes.build(IMAGES, data_source=mine)
        steered = recipes.steer(game, replace(IMAGES, data="fashion"))
        assert (steered.source.name, steered.own_data) == ("fashion", False)
        assert torch.equal(next(steered.D.parameters()), next(game.D.parameters())) == (mine.shape == (1, 28, 28))
        recipes.play(steered, until=2)


@pytest.mark.parametrize(
    "change",
    [
        {"lr_g": 0.1, "lr_d": 0.2}, {"beta1": 0.1, "beta2": 0.9}, {"steps": 9}, {"loss": "hinge"}, {"n_critic": 2},
        {"penalty": "r1", "penalty_weight": 2.0, "penalty_every": 2}, {"batch_size": 8}, {"ema_decay": 0.5},
        {"instance_noise": 0.1}, {"clip": 0.1}, {"schedule": "cosine"}, {"optimizer": "rmsprop"},
        {"data_root": "elsewhere"}, {},
    ],
    ids=str,
)  # fmt: skip
def test_a_stored_game_goes_on_under_another_recipe_as_a_steered_one_does(tmp_path, change):
    game, new = recipes.build(SMALL), replace(SMALL, **change)
    recipes.play(game, until=3)
    recipes.save(game, tmp_path / "c.safetensors")
    steered, resumed = recipes.steer(game, new), recipes.resume(tmp_path / "c.safetensors", recipe=new)
    assert resumed.recipe == new
    for goes_on in (steered, resumed):
        recipes.play(goes_on, until=6)
    assert same(steered, resumed)
    assert resumed.opt_g.param_groups[0].get("initial_lr", resumed.opt_g.param_groups[0]["lr"]) == new.lr_g


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"width_g": 9}, "width_g 9 (was 8)"), ({"seed": 1}, "seed 1 (was 0)"),
        ({"data": "grid"}, "data grid (was ring)"),
        ({"condition": "concat", "lr_g": 1.0}, "condition concat (was none)"),
        ({"data": "grid", "standardize": True}, "data grid (was ring), standardize True (was False)"),
    ],
)  # fmt: skip
def test_other_networks_data_or_seed_are_refused(tmp_path, change, told):
    recipes.save(recipes.build(SMALL), tmp_path / "c.safetensors")
    with pytest.raises(ValueError, match="its networks, data and seed must stay") as refused:
        recipes.resume(tmp_path / "c.safetensors", recipe=replace(SMALL, **change))
    assert f"cannot go on with {told}: " in str(refused.value)


def test_a_step_that_is_no_count_is_damage(tmp_path):
    game, path = recipes.build(SMALL), tmp_path / "c.safetensors"
    recipes.save(game, path)
    meta = checkpoints.read_meta(path)
    assert meta == checkpoints.load(path).meta
    for step in ("3", -1, 2.0, True):
        checkpoints.save(path, game.parts(), meta | {"step": step})
        with pytest.raises(ValueError, match="its step must be a whole number from 0"):
            recipes.resume(path)


def test_playing_beyond_the_last_step_is_refused_before_any_turn():
    game = recipes.build(SMALL)
    with pytest.raises(ValueError, match="until must be at most the recipe's 6 steps, got 7"):
        recipes.play(game, until=7)
    assert game.step == 0
    recipes.play(game, until=6)
    recipes.play(game, until=6)
    assert game.step == 6


def test_a_generator_from_a_file_is_the_average_and_not_g(tmp_path):
    """In evaluation mode and frozen, with the weights of ema, whose G has moved away from it."""
    game, path = recipes.build(replace(SMALL, ema_decay=0.9)), tmp_path / "c.safetensors"
    recipes.play(game, until=5)
    recipes.save(game, path)
    G, recipe = recipes.load_generator(path)
    assert recipe == game.recipe
    assert all(map(torch.equal, G.state_dict().values(), game.ema.state_dict().values()))
    assert not any(map(torch.equal, G.state_dict().values(), game.G.state_dict().values()))
    assert not G.training
    assert not any(p.requires_grad for p in G.parameters())


@pytest.mark.parametrize("part", ["G", "D", "ema"])
@pytest.mark.parametrize(("value", "told"), [(float("inf"), "inf"), (float("nan"), "nan")])
def test_a_game_with_a_weight_that_is_no_number_is_neither_sound_nor_saved(tmp_path, part, value, told):
    game, path = recipes.build(SMALL), tmp_path / "c.safetensors"
    recipes.play(game, until=2)
    list(getattr(game, part).parameters())[1].data[3] = value
    with pytest.raises(training.NonFinite, match=f"a weight of {part} became {told} at step 2"):
        recipes.save(game, path)
    assert not path.exists()


def test_a_resumed_game_has_the_file_s_step_recipe_and_randomness(tmp_path):
    game, path = recipes.build(replace(SMALL, seed=4)), tmp_path / "c.safetensors"
    recipes.play(game, until=3)
    recipes.save(game, path)
    resumed = recipes.resume(path)
    assert (resumed.step, resumed.recipe) == (3, game.recipe)
    assert recipes.stored_recipe(path) == game.recipe
    assert torch.equal(resumed.generator.get_state(), game.generator.get_state())
    for name in ("opt_g", "opt_d"):
        ours, theirs = (getattr(one, name).state_dict()["state"] for one in (resumed, game))
        assert ours.keys() == theirs.keys() != set()
        for number, state in theirs.items():
            assert ours[number].keys() == state.keys()
            assert all(torch.equal(ours[number][key], value) for key, value in state.items())
    meta = checkpoints.read_meta(path)
    assert (meta["step"], meta["device"], meta["precision"]) == (3, "cpu", "float32")
    assert "own_data" not in meta


def test_the_folder_of_a_stored_game_s_files_may_have_moved(tmp_path):
    """data_root of the call is looked under, and the recipe's if there is none."""
    path, old, new = tmp_path / "c.safetensors", tmp_path / "old", tmp_path / "new"
    recipe = replace(IMAGES, data="MNIST", data_root=str(old))
    checkpoints.save(path, {}, {"recipe": asdict(recipe), "step": 0, "device": "cpu"})
    for root, asked in ((old, {}), (new, {"data_root": str(new)})):
        with pytest.raises(FileNotFoundError, match=str(root / "MNIST")):
            recipes.stored_source(path, **asked)


def test_the_time_of_earlier_sessions_is_in_the_file_or_none(tmp_path):
    game, path = recipes.build(SMALL), tmp_path / "c.safetensors"
    game.timed = (3, 1.5)
    recipes.save(game, path)
    assert recipes.resume(path).timed == (3, 1.5)
    meta = {name: value for name, value in checkpoints.read_meta(path).items() if name != "timed"}
    checkpoints.save(path, game.parts(), meta)  # as an earlier version wrote it
    assert recipes.resume(path).timed == (0, 0.0)
    for damaged in ("3", [3], [3, 1], [3.0, 1.5], [3, 1.5, 2], {"turns": 3}):
        checkpoints.save(path, game.parts(), meta | {"timed": damaged})
        with pytest.raises(ValueError, match="timed must be a number of turns and one of seconds, got"):
            recipes.resume(path)
