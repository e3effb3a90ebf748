"""The program of a session repeats it: random sessions, and the ones that once did not."""

import random
from dataclasses import replace

import pytest
import torch

from gan_tutor.lab import Engine
from gan_tutor.recipes import Recipe

RING = Recipe(width_g=8, width_d=8, batch_size=8)
IMAGES = Recipe(
    data="digits", generator="dcgan", discriminator="dcgan", latent_dim=4, width_g=4, width_d=4, batch_size=4
)
SETTINGS = {
    "loss": ["nonsaturating", "hinge", "relativistic", "wasserstein"], "penalty": ["none", "r1", "wgan_gp"],
    "penalty_weight": [0.01, 0.1], "penalty_every": [1, 3], "clip": [0.0, 0.1], "instance_noise": [0.0, 0.2],
    "optimizer": ["adam", "sgd", "rmsprop"], "lr_g": [1e-4, 1e-3], "lr_d": [1e-4, 1e-3], "beta1": [0.0, 0.5],
    "beta2": [0.9, 0.999], "n_critic": [1, 2], "batch_size": [4, 8], "ema_decay": [0.0, 0.9, 0.99], "seed": [0, 1, 2],
    "width_g": [4, 8], "width_d": [4, 8], "latent_dim": [2, 4], "norm_d": ["none", "spectral"],
    "schedule": ["constant", "cosine"],
}  # fmt: skip
OF_POINTS = {"data": ["ring", "two_moons", "grid", "gaussian"], "condition": ["none", "projection", "concat"]}
OF_IMAGES = {"condition": ["none", "projection"], "diffaugment": ["", "translation"]}


def repeated(engine):
    space = {}
    exec(engine.python(), space)
    return space["game"]


def flat(state):
    if isinstance(state, torch.Tensor):
        return [state.float()]
    values = [state[key] for key in sorted(state, key=str)] if isinstance(state, dict) else state
    return [t for value in values for t in flat(value)] if isinstance(values, (list, tuple)) else []


def assert_same(one, other):
    """Everything that decides how a game goes on is equal, bit for bit."""
    assert one.step == other.step
    assert one.recipe == other.recipe
    assert torch.equal(one.generator.get_state(), other.generator.get_state())
    for name in ("G", "D", "ema", "opt_g", "opt_d"):
        ours, theirs = (flat(getattr(game, name).state_dict()) for game in (one, other))
        assert len(ours) == len(theirs), name
        assert all(map(torch.equal, ours, theirs)), name
    for ours, theirs in ((one.opt_g, other.opt_g), (one.opt_d, other.opt_d)):
        settings = [{k: v for k, v in o.param_groups[0].items() if k != "params"} for o in (ours, theirs)]
        assert settings[0] == settings[1]


def act(engine, dice, settings):
    """Do what a reader could do next."""
    kind = dice.choices(["set", "play", "step", "rewind", "reset"], [10, 4, 4, 2, 0.2])[0]
    if kind == "play":
        return engine.advance(dice.randint(1, 4))
    message = {"type": kind}
    if kind == "set":
        fields = dice.sample(sorted(settings), dice.choice([1, 1, 2]))
        message["changes"] = {field: dice.choice(settings[field]) for field in fields}
    elif kind == "step":
        message["what"] = dice.choice(["d", "g", "turn"])
    elif kind == "rewind":
        message["step"] = dice.choice(engine.snapshots.steps)
    engine.handle(message)  # a refusal changes nothing
    return None


@pytest.mark.parametrize(
    ("start", "more", "acts", "seed"),
    [(RING, OF_POINTS, 40, seed) for seed in range(10)] + [(IMAGES, OF_IMAGES, 12, seed) for seed in range(4)],
)
def test_a_random_session_equals_its_program(start, more, acts, seed):
    dice = random.Random(seed)
    engine = Engine(start)
    for _ in range(acts):
        act(engine, dice, SETTINGS | more)
    assert_same(repeated(engine), engine.game)
    engine.advance(2)
    assert_same(repeated(engine), engine.game)


def asked(engine, **changes):
    assert engine.handle({"type": "set", "changes": changes})[0]["type"] == "state"


@pytest.mark.parametrize(
    "path",
    [
        [{"optimizer": "sgd"}, {"optimizer": "adam"}],  # moments are gone
        [{"width_g": 4}, {"seed": 5}],  # the networks came from the first seed
        [{"seed": 5}, {"width_g": 4}, {"seed": 0}],
        [{"lr_g": 1e-4}, {"width_d": 4}, {"width_d": 8}, {"lr_g": 1e-3}],
        [{"beta1": 0.0}, {"optimizer": "rmsprop"}, {"lr_d": 1e-4}, {"optimizer": "adam"}, {"beta1": 0.5}],
    ],
    ids=str,
)
def test_changes_at_one_step_that_lose_state_are_all_repeated(path):
    engine = Engine(RING)
    engine.advance(30)
    for changes in path:
        asked(engine, **changes)
    engine.advance(5)
    assert_same(repeated(engine), engine.game)


def test_changes_that_lose_nothing_become_one_or_none():
    engine = Engine(RING)
    engine.advance(3)
    for rate in (1e-4, 1e-5, 1e-6):
        asked(engine, lr_g=rate)
    assert [(entry.step, entry.recipe.lr_g) for entry in engine.journal.entries] == [(3, 1e-6)]
    asked(engine, lr_g=RING.lr_g)
    assert engine.journal.entries == []
    assert "replace(recipe" not in engine.python()


def test_a_program_plays_where_the_session_did():
    engine = Engine(RING)
    assert engine.journal.program(0, "cuda:1").splitlines()[5].endswith("recipes.without_end(recipe), 'cuda:1')")
    assert engine.python().splitlines()[5] == "game = recipes.build(recipes.without_end(recipe))"


def test_a_session_that_lost_a_turn_says_so_and_goes_on_after_a_reset():
    engine = Engine(replace(RING, loss="wasserstein", optimizer="sgd", lr_g=1e30, lr_d=1e30))
    with pytest.raises(FloatingPointError):
        engine.advance(50)
    assert engine.handle({"type": "step", "what": "g"})[0]["type"] == "error"
    engine.handle({"type": "reset"})
    asked(engine, lr_g=1e-3, lr_d=1e-3)
    engine.advance(3)
    assert_same(repeated(engine), engine.game)
