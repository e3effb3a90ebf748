"""A game that goes on under another recipe, and links to recipes."""

import copy
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy, softplus

from gan_tutor import data, recipes
from gan_tutor.recipes import Recipe, players
from gan_tutor.recipes import game as games

SMALL = Recipe(width_g=8, width_d=8, batch_size=8, steps=10**6)


def values(game, name):
    return list(getattr(game, name).state_dict().values())


def played(recipe, steps):
    game = recipes.build(recipe)
    recipes.play(game, until=steps)
    return game


def test_steering_to_the_same_recipe_changes_nothing():
    steered = recipes.steer(played(SMALL, 9), SMALL)
    recipes.play(steered, until=20)
    plain = played(SMALL, 20)
    for name in ("G", "D", "ema"):
        assert all(map(torch.equal, values(steered, name), values(plain, name)))
    assert steered.step == plain.step == 20


def test_a_new_learning_rate_is_in_force_and_the_moments_stay():
    game = played(SMALL, 5)
    moments = game.opt_g.state_dict()["state"][0]["exp_avg"].clone()
    steered = recipes.steer(game, replace(SMALL, lr_g=3e-4, beta1=0.1))
    assert steered.opt_g.param_groups[0]["lr"] == 3e-4
    assert steered.opt_g.param_groups[0]["betas"] == (0.1, 0.999)
    assert steered.opt_d.param_groups[0]["lr"] == SMALL.lr_d
    assert torch.equal(steered.opt_g.state_dict()["state"][0]["exp_avg"], moments)


def test_another_optimiser_starts_without_memory():
    steered = recipes.steer(played(SMALL, 5), replace(SMALL, optimizer="sgd"))
    assert steered.opt_g.state_dict()["state"] == {}
    recipes.play(steered, until=7)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ()), ({"loss": "hinge", "lr_d": 1e-4, "seed": 3}, ()), ({"latent_dim": 3}, ("G",)),
        ({"norm_d": "spectral"}, ("D",)),
        ({"data": "grid"}, ("data",)), ({"data": "grid", "width_d": 9}, ("data", "D")),
        ({"data": "gaussian"}, ("data", "G", "D")), ({"condition": "concat"}, ("G", "D")),
    ],
)  # fmt: skip
def test_what_is_rebuilt(change, expected):
    assert recipes.rebuilt(SMALL, replace(SMALL, **change)) == expected


def test_one_player_alone_in_a_conditional_game():
    game = recipes.build(replace(SMALL, condition="projection"))
    before = {name: [v.clone() for v in values(game, name)] for name in ("G", "D")}
    assert recipes.step_d(game).isfinite()
    assert all(map(torch.equal, before["G"], values(game, "G")))
    middle = [v.clone() for v in values(game, "D")]
    assert not all(map(torch.equal, before["D"], middle))
    assert recipes.step_g(game).isfinite()
    assert all(map(torch.equal, middle, values(game, "D")))
    assert not all(map(torch.equal, before["G"], values(game, "G")))


@pytest.mark.parametrize("name", recipes.NAMES)
def test_a_link_gives_the_recipe_back(name):
    recipe = recipes.named(name)
    link = recipes.to_link(recipe)
    assert link.startswith("#lab=")
    assert recipes.from_link(link) == recipe


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("", "must begin with"),
        ("#lab=%%%", "damaged"),
        ("#lab=" + "A" * 5000, "4000 characters"),
        ("#lab=e30x", "damaged"),
        ("#lab=WzFd", "JSON object"),
        ("#lab=eyJub3BlIjoxfQ", "no field 'nope'"),
        ("#lab=eyJsb3NzIjoieCJ9", "loss must be one of"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_foreign_link_is_refused_in_words(link, said):
    with pytest.raises(ValueError, match=said):
        recipes.from_link(link)


@pytest.mark.parametrize("steps", [0, 3, 500])
def test_a_step_of_g_alone_moves_its_average_as_the_next_turn_would(steps):
    game = recipes.build(replace(SMALL, ema_decay=0.9))
    game.step = steps
    before = [p.clone() for p in game.ema.parameters()]
    recipes.step_g(game)
    decay = min(0.9, (steps + 1) / (steps + 2))
    for average, old, new in zip(game.ema.parameters(), before, game.G.parameters(), strict=True):
        assert torch.allclose(average, decay * old + (1 - decay) * new, atol=1e-7)
    assert not all(map(torch.equal, before, game.ema.parameters()))


@pytest.mark.parametrize("every", [1, 7])
def test_a_step_of_d_alone_takes_the_penalty_with_its_plain_weight(every):
    recipe = replace(SMALL, penalty="r1", penalty_weight=0.3, penalty_every=every)
    game, bare = recipes.build(recipe), recipes.build(replace(recipe, penalty="none"))
    drawn_from = game.generator.get_state()
    loss, plain = recipes.step_d(game), recipes.step_d(bare)
    again = recipes.build(recipe)
    again.generator.set_state(drawn_from)
    x = next(again.batches).requires_grad_()
    (gradient,) = torch.autograd.grad(again.D(x).sum(), x)
    r1 = gradient.square().sum(1).mean().item() / 2
    assert (loss - plain).item() == pytest.approx(0.3 * r1, rel=1e-4)


@pytest.mark.parametrize(
    ("change", "lost"),
    [({"lr_g": 0.1, "loss": "hinge", "seed": 4}, False), ({"optimizer": "sgd"}, True), ({"width_d": 9}, True),
     ({"data": "grid"}, True), ({}, False)],
)  # fmt: skip
def test_what_loses_state(change, lost):
    assert recipes.loses(SMALL, replace(SMALL, **change)) is lost
    assert recipes.loses(replace(SMALL, **change), SMALL) is lost


IN_PLACE = [
    {"lr_g": 3e-4}, {"lr_d": 3e-2, "beta1": 0.1, "beta2": 0.9}, {"loss": "hinge"}, {"penalty": "wgan_gp"},
    {"penalty": "r1", "penalty_weight": 0.2, "penalty_every": 2}, {"clip": 0.05}, {"instance_noise": 0.3},
    {"batch_size": 5}, {"n_critic": 3}, {"ema_decay": 0.5}, {"schedule": "cosine", "steps": 40}, {"seed": 9},
    {"real_target": 0.9}, {"optimizer": "sgd"}, {"optimizer": "rmsprop", "lr_g": 1e-4},
]  # fmt: skip
STARTS = {
    "adam": replace(SMALL, steps=60),
    "adam, noise, clip, penalty": replace(SMALL, steps=60, instance_noise=0.2, clip=0.3, penalty="r1"),
    "momentum, by class": replace(SMALL, steps=60, optimizer="sgd", beta1=0.9, lr_g=1e-2, condition="projection"),
    "rmsprop, spectral": replace(SMALL, steps=60, optimizer="rmsprop", norm_d="spectral", schedule="cosine"),
}


def built_anew(game, recipe):
    """Steering by the long way: a new game, and every state loaded into it."""
    new = recipes.build(recipe)
    for name in ("G", "D", "ema"):
        getattr(new, name).load_state_dict(copy.deepcopy(getattr(game, name).state_dict()))
    if recipe.optimizer == game.recipe.optimizer:
        for name in ("opt_g", "opt_d"):
            own = getattr(new, name).state_dict()["param_groups"]
            state = copy.deepcopy(getattr(game, name).state_dict()["state"])
            getattr(new, name).load_state_dict({"state": state, "param_groups": own})
    new.generator.set_state(game.generator.get_state())
    new.step = game.step
    return new


@pytest.mark.parametrize("change", IN_PLACE, ids=lambda change: "-".join(change))
@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_steering_in_place_plays_on_as_a_game_built_anew(start, change):
    game = played(start, 7)
    recipe = replace(start, **change)
    expected = built_anew(game, recipe)
    steered = recipes.steer(game, recipe)
    for one in (steered, expected):
        recipes.step_d(one)
        recipes.play(one, until=15)
        recipes.step_g(one)
    assert torch.equal(steered.generator.get_state(), expected.generator.get_state())
    for name in ("G", "D", "ema"):
        assert all(map(torch.equal, values(steered, name), values(expected, name)))
    for name in ("opt_g", "opt_d"):
        ours, theirs = (getattr(one, name).state_dict() for one in (steered, expected))
        assert ours["param_groups"] == theirs["param_groups"]
        assert str(ours["state"]) == str(theirs["state"])


def test_noise_and_augmentation_are_changed_and_not_piled_up():
    start = replace(recipes.named("digits_classical"), norm_d="none", width_g=4, width_d=4, batch_size=4)
    game = recipes.build(start)
    for change in ({"instance_noise": 0.2}, {"diffaugment": "color"}, {"instance_noise": 0.4}, {"diffaugment": ""}):
        game = recipes.steer(game, replace(game.recipe, **change))
    assert (game.ready_d.sigma, type(game.ready_d.network)) == (0.4, type(recipes.build(start).ready_d))
    game = recipes.steer(game, start)
    assert game.ready_d is game.D


@pytest.mark.parametrize("change", IN_PLACE, ids=lambda change: "-".join(change))
def test_a_slider_builds_no_networks_and_opens_no_data(change, monkeypatch):
    game = played(SMALL, 3)
    first = game.recipe

    def forbidden(*args, **options):
        raise AssertionError("built or copied anew")

    for place, name in ((games, "build"), (games, "source"), (copy, "deepcopy"), (players, "generator")):
        monkeypatch.setattr(place, name, forbidden)
    steered = recipes.steer(game, replace(first, **change))
    assert (steered.G, steered.D, steered.ema, steered.source) == (game.G, game.D, game.ema, game.source)
    assert steered.step == 3
    assert game.recipe == first


def test_data_of_ones_own_stay_when_a_rate_changes():
    own = data.point([3.0, 3.0])
    game = recipes.build(SMALL, data_source=own)
    steered = recipes.steer(game, replace(SMALL, lr_g=0.1))
    assert steered.own_data
    assert next(steered.batches).mean().item() == pytest.approx(3.0, abs=0.2)


def test_a_graph_needs_a_gpu_after_a_change_too():
    with pytest.raises(ValueError, match="cuda_graph needs a game on a CUDA GPU"):
        recipes.steer(recipes.build(SMALL), replace(SMALL, cuda_graph=True))


def drawn(game):
    """What a step draws next, from a generator in the same state: real samples with their classes, and latents."""
    generator = torch.Generator()
    generator.set_state(game.generator.get_state())
    x, y = game.source.sample_labelled(game.recipe.batch_size, generator)
    return x, y, torch.randn(len(x), game.recipe.latent_dim, generator=generator)


@pytest.mark.parametrize("condition", ["none", "projection", "auxiliary"])
def test_steps_of_one_player_are_plain_descent_on_its_loss_with_its_term(condition):
    """By hand, for both players: the loss before the step, and where SGD without momentum goes from there."""
    recipe = replace(
        SMALL, condition=condition, auxiliary_weight=0.7, optimizer="sgd", beta1=0.0, lr_g=0.1, lr_d=0.2,
        penalty="none" if condition == "auxiliary" else "r2", penalty_weight=0.3,
    )  # fmt: skip
    game = recipes.build(recipe)
    G, D = copy.deepcopy(game.G), copy.deepcopy(game.D)

    def value(network, x, y):
        return network(x) if condition == "none" else network(x, y)

    x, y, z = drawn(game)
    fake = value(G, z, y).detach().requires_grad_()
    loss_d = softplus(-value(D, x, y)).mean() + softplus(value(D, fake, y)).mean()
    if condition == "auxiliary":
        loss_d = loss_d + 0.7 * cross_entropy(D.classify(x), y)
    else:
        (slope,) = torch.autograd.grad(value(D, fake, y).sum(), fake, create_graph=True)
        loss_d = loss_d + 0.3 * slope.square().sum(1).mean() / 2
    slopes = torch.autograd.grad(loss_d, list(D.parameters()), materialize_grads=True)
    assert recipes.step_d(game).item() == pytest.approx(loss_d.item(), rel=1e-5)
    for p, old, slope in zip(game.D.parameters(), D.parameters(), slopes, strict=True):
        assert torch.allclose(p, old - 0.2 * slope, atol=1e-6)
    D = copy.deepcopy(game.D)
    x, y, z = drawn(game)
    fake = value(G, z, y)
    loss_g = softplus(-value(D, fake, y)).mean()
    if condition == "auxiliary":
        loss_g = loss_g + 0.7 * cross_entropy(D.classify(fake), y)
    slopes = torch.autograd.grad(loss_g, list(G.parameters()))
    assert recipes.step_g(game).item() == pytest.approx(loss_g.item(), rel=1e-5)
    for p, average, old, slope in zip(game.G.parameters(), game.ema.parameters(), G.parameters(), slopes, strict=True):
        assert torch.allclose(p, old - 0.1 * slope, atol=1e-6)
        assert torch.allclose(average, (old + p) / 2, atol=1e-6)  # turn 1 keeps 1/2
    assert game.step == 0


def test_play_stops_at_the_turn_it_is_told():
    game = recipes.build(SMALL)
    recipes.play(game, until=2)
    assert game.step == 2
    recipes.play(game, until=2)
    recipes.play(game, until=1)
    assert game.step == 2
    short = recipes.build(replace(SMALL, steps=3))
    with pytest.raises(ValueError, match="until must be at most the recipe's 3 steps, got 4"):
        recipes.play(short, until=4)
    assert short.step == 0
    recipes.play(short, until=3)
    assert short.step == 3
    assert recipes.without_end(SMALL) == replace(SMALL, steps=10**9)


@pytest.mark.parametrize(
    ("change", "fresh"),
    [
        ({"width_d": 9}, "D"), ({"width_g": 9}, "G"), ({"data": "grid"}, ""), ({"condition": "concat"}, "GD"),
        ({"data": "gaussian", "latent_dim": 3}, "GD"), ({"width_d": 9, "optimizer": "rmsprop"}, "D"),
        ({"depth_g": 1, "lr_d": 0.5, "beta1": 0.25}, "G"),
    ],
    ids=str,
)  # fmt: skip
def test_what_fits_is_kept_with_its_state_and_the_rest_is_new(change, fresh):
    game, recipe = played(SMALL, 5), replace(SMALL, **change)
    drawn_from = game.generator.get_state()
    steered, new = recipes.steer(game, recipe), recipes.build(recipe)
    for player in ("G", "D"):
        expected = new if player in fresh else game
        assert all(map(torch.equal, values(steered, player), values(expected, player)))
        optimizer = getattr(steered, f"opt_{player.lower()}")
        moments = getattr(game, f"opt_{player.lower()}").state_dict()["state"]
        kept = player not in fresh and recipe.optimizer == SMALL.optimizer
        found = optimizer.state_dict()["state"]
        assert moments
        assert len(found) == (len(moments) if kept else 0)
        for number, state in found.items():
            assert all(torch.equal(state[name], moments[number][name]) for name in state)
        (group,) = optimizer.param_groups
        assert group["lr"] == {"G": recipe.lr_g, "D": recipe.lr_d}[player]
        assert recipe.optimizer != "adam" or tuple(group["betas"]) == (recipe.beta1, recipe.beta2)
        assert [id(p) for p in group["params"]] == [id(p) for p in getattr(steered, player).parameters()]
    assert all(map(torch.equal, values(steered, "ema"), values(new if "G" in fresh else game, "ema")))
    assert (steered.step, steered.recipe, steered.source.name) == (5, recipe, recipe.data)
    assert not steered.own_data
    assert torch.equal(steered.generator.get_state(), drawn_from)
    recipes.play(steered, until=7)
    assert steered.step == 7


def test_what_changed_and_what_a_stored_game_refuses():
    """All fields of the networks, data and the seed; not how a turn is computed."""
    new = replace(SMALL, lr_g=0.5, width_d=9, seed=2, data_root="x", compile=True, condition="concat", data="grid")
    assert recipes.changes(SMALL, new) == {
        "lr_g": 0.5, "width_d": 9, "seed": 2, "data_root": "x", "compile": True, "condition": "concat", "data": "grid",
    }  # fmt: skip
    assert recipes.refused(SMALL, new) == [
        "data grid (was ring)", "width_d 9 (was 8)", "condition concat (was none)", "seed 2 (was 0)",
    ]  # fmt: skip
    for name in ("latent_dim", "width_g", "mapping_g", "refine_g", "depth_g", "depth_d"):
        assert recipes.refused(SMALL, replace(SMALL, **{name: 7})) == [f"{name} 7 (was {getattr(SMALL, name)})"]
    for change in ({"loss": "hinge"}, {"precision": "bfloat16"}, {"steps": 5}, {"ema_decay": 0.5}, {"n_critic": 3}):
        assert recipes.refused(SMALL, replace(SMALL, **change)) == []


FIELDS = {
    **dict.fromkeys(("precision", "channels_last", "compile", "condition"), ("G", "D")),
    **dict.fromkeys(
        ("generator", "latent_dim", "width_g", "mapping_g", "refine_g", "subpixel_g", "depth_g", "activation_g"), ("G",)
    ),
    **dict.fromkeys(("discriminator", "width_d", "depth_d", "activation_d", "norm_d"), ("D",)),
    **dict.fromkeys(("data", "points", "data_root", "standardize"), ("data",)),
}


@pytest.mark.parametrize("name", Recipe.__dataclass_fields__)
def test_each_field_rebuilds_what_it_makes(name):
    """Every field of a recipe alone: networks, data, or nothing."""
    digits = replace(SMALL, data="digits", generator="dcgan", discriminator="dcgan", norm_d="none")
    other = {
        "data": "fashion", "points": "1,1", "generator": "mlp", "discriminator": "mlp", "norm_d": "spectral",
        "condition": "concat", "loss": "hinge", "penalty": "r1", "optimizer": "sgd", "schedule": "cosine",
        "activation_g": "tanh", "activation_d": "tanh", "precision": "bfloat16", "augment": "flip", "data_root": "x",
        "diffaugment": "color", "real_target": 0.9, "ema_decay": 0.5, "beta1": 0.1, "beta2": 0.1,
    }  # fmt: skip
    old = digits
    if name == "points":
        old = replace(SMALL, data="drawn", points="0,0")
    elif name == "standardize":
        old = replace(SMALL, data="grid")
    elif name == "augment":
        old = replace(digits, data="fashion")
    value = getattr(old, name)
    number = not value if isinstance(value, bool) else None if isinstance(value, str) else value + 1
    new = replace(old, **{name: other.get(name, number)})
    assert recipes.changes(old, new).keys() == {name}
    assert recipes.rebuilt(old, new) == recipes.rebuilt(new, old) == FIELDS.get(name, ())
    assert recipes.loses(old, new) == (name in FIELDS or name == "optimizer")


@pytest.mark.parametrize(
    ("change", "stay"),
    [({"width_g": 9}, True), ({"data": "grid"}, False), ({"lr_d": 0.5}, True), ({"data_root": "elsewhere"}, True)],
)
def test_data_of_ones_own_stay_until_a_recipe_names_others(change, stay):
    own = data.point([3.0, 3.0])
    steered = recipes.steer(recipes.build(SMALL, data_source=own), replace(SMALL, **change))
    assert steered.own_data is stay
    assert (steered.source.name == "point") is stay
    assert torch.equal(next(steered.batches), torch.full((8, 2), 3.0)) is stay
