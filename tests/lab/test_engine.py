"""The lab's engine: every message of the contract, exact repetition, and refusals that change nothing."""

import json
import math
import re
import time
from dataclasses import replace

import pytest
import torch

from gan_tutor import checkpoints, recipes
from gan_tutor.lab import Engine
from gan_tutor.lab.controls import CONTROLS, PRESETS
from gan_tutor.recipes import Recipe

SMALL = Recipe(width_g=16, width_d=16, batch_size=16)
LAYERS = ["field", "arrows", "manifold", "optimal", "histograms"]


def same(one, other):
    return all(
        torch.equal(a, b)
        for name in ("G", "D", "ema")
        for a, b in zip(
            getattr(one, name).state_dict().values(), getattr(other, name).state_dict().values(), strict=True
        )
    )


def test_a_lab_plays_the_very_run_of_its_recipe():
    engine = Engine(SMALL)
    engine.advance(25)
    game = recipes.build(SMALL)
    recipes.play(game, until=25)
    assert same(engine.game, game)


def test_nothing_is_trained_unless_it_plays(ask):
    engine = Engine(SMALL)
    ask(engine, "hello", protocol=1)
    frame, _ = ask(engine, "tick", id=1, budget_ms=20, layers=LAYERS)
    assert (frame["id"], frame["step"]) == (1, 0)
    ask(engine, "play")
    frame, _ = ask(engine, "tick", id=2, budget_ms=20, layers=[])
    assert frame["step"] > 0
    step = frame["step"]
    ask(engine, "pause")
    assert ask(engine, "tick", id=3, budget_ms=20, layers=[])[0]["step"] == step


def test_labs_that_keep_pace_take_exactly_the_steps_they_are_told(ask, refused):
    engine = Engine(SMALL)
    ask(engine, "play")
    frame, _ = ask(engine, "tick", id=1, steps=7, layers=[])
    assert (frame["step"], frame["playing"], frame["snapshots"]) == (7, True, [0])
    frame, _ = ask(engine, "tick", id=1, steps=45, layers=[])
    assert (frame["step"], frame["snapshots"], frame["memory"]["budget_mb"]) == (52, [0, 50], 200)
    assert "steps must be a whole number from 1, got 0" in refused(engine, "tick", id=1, steps=0)


def test_the_speed_is_that_of_the_last_slices(ask):
    engine = Engine(SMALL)
    assert ask(engine, "tick", id=1)[0]["steps_per_second"] == 0
    engine.playing = True
    began = time.perf_counter()
    for _ in range(5):
        frame, _ = ask(engine, "tick", id=1, steps=4, layers=[])
    assert frame["steps_per_second"] > 20 / (time.perf_counter() - began)


@pytest.mark.parametrize(
    "changes",
    [{"loss": "hinge"}, {"penalty": "r1", "penalty_weight": 0.3}, {"lr_g": 3e-4, "lr_d": 3e-3}, {"beta1": 0.0},
     {"n_critic": 3}, {"batch_size": 32}, {"real_target": 0.9}, {"instance_noise": 0.2}, {"clip": 0.1},
     {"optimizer": "sgd"}, {"ema_decay": 0.9}],
    ids=lambda changes: "-".join(changes),
)  # fmt: skip
def test_a_setting_acts_on_the_next_step_and_keeps_everything_else(ask, changes):
    engine = Engine(SMALL)
    engine.advance(10)
    players = {name: value.clone() for name, value in engine.game.G.state_dict().items()}
    state, _ = ask(engine, "set", changes=changes)
    assert state["step"] == 10
    assert state["note"] is None
    assert {k: state["recipe"][k] for k in changes} == changes
    assert all(torch.equal(players[k], v) for k, v in engine.game.G.state_dict().items())
    unchanged = Engine(SMALL)
    unchanged.advance(11)
    engine.advance(1)
    if changes != {"ema_decay": 0.9}:
        assert not same(engine.game, unchanged.game)


def test_steering_and_back_at_once_changes_nothing(ask):
    engine, plain = Engine(SMALL), Engine(SMALL)
    engine.advance(10)
    ask(engine, "set", changes={"lr_g": 0.1, "loss": "hinge"})
    ask(engine, "set", changes={"lr_g": SMALL.lr_g, "loss": SMALL.loss})
    engine.advance(10)
    plain.advance(20)
    assert same(engine.game, plain.game)


@pytest.mark.parametrize(
    ("changes", "kept", "new"),
    [
        ({"latent_dim": 5}, "D", ("G",)),
        ({"width_g": 8}, "D", ("G",)),
        ({"width_d": 8}, "G", ("D",)),
        ({"data": "two_moons"}, "GD", ("data",)),
        ({"data": "gaussian"}, "", ("data", "G", "D")),
        ({"data": "digits"}, "", ("data", "G", "D")),
    ],
    ids=lambda value: str(value),
)
def test_a_rebuilding_change_keeps_what_it_can_and_says_what_it_rebuilt(ask, changes, kept, new):
    engine = Engine(SMALL)
    engine.advance(5)
    before = {name: getattr(engine.game, name).state_dict() for name in kept}
    moments = engine.game.opt_d.state_dict()["state"]
    state, _ = ask(engine, "set", changes=changes)
    assert state["note"] == f"New: {', '.join(new)}; everything else goes on"
    for name, parameters in before.items():
        assert all(torch.equal(parameters[k], v) for k, v in getattr(engine.game, name).state_dict().items())
    if "D" in kept:
        assert torch.equal(engine.game.opt_d.state_dict()["state"][0]["exp_avg"], moments[0]["exp_avg"])
    engine.advance(2)
    ask(engine, "tick", id=1, layers=LAYERS)


def test_the_code_repeats_the_session_bit_for_bit(ask):
    engine = Engine(SMALL)
    engine.advance(12)
    ask(engine, "set", changes={"latent_dim": 3, "lr_g": 3e-4})
    ask(engine, "step", what="d")
    ask(engine, "step", what="g")
    engine.advance(5)
    ask(engine, "set", changes={"loss": "hinge", "instance_noise": 0.1})
    ask(engine, "set", changes={"penalty": "r1"})
    engine.advance(8)
    snapshots = engine.state()["snapshots"]
    ask(engine, "rewind", step=snapshots[-1])
    engine.advance(4)
    ask(engine, "set", changes={"condition": "concat"})
    engine.advance(3)
    code, _ = ask(engine, "code")
    space = {}
    exec(code["python"], space)
    assert same(space["game"], engine.game)
    assert recipes.from_link(code["link"]) == engine.recipe == recipes.from_json(code["recipe_json"])


def test_save_writes_a_checkpoint_that_goes_on_and_the_metrics(ask, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    engine = Engine(SMALL)
    engine.advance(12)
    saved, _ = ask(engine, "save")
    assert checkpoints.load(saved["path"]).meta["step"] == 12
    game = recipes.resume(saved["path"])
    assert same(game, engine.game)
    recipes.play(game, until=15)
    engine.advance(3)
    assert same(game, engine.game)
    measured = json.loads((tmp_path / saved["metrics_path"]).read_text())
    assert (measured["step"], measured["recipe"]["seed"]) == (12, 0)
    assert {"modes", "high_quality"} <= {metric["name"] for metric in measured["metrics"]}


def test_step_d_moves_only_d_and_step_g_only_g(ask):
    engine = Engine(SMALL)
    for what, moved, still in (("d", "D", "G"), ("g", "G", "D")):
        before = {n: [v.clone() for v in getattr(engine.game, n).state_dict().values()] for n in ("G", "D")}
        ask(engine, "step", what=what)
        assert all(map(torch.equal, before[still], getattr(engine.game, still).state_dict().values()))
        assert not all(map(torch.equal, before[moved], getattr(engine.game, moved).state_dict().values()))
    assert engine.game.step == 0
    ask(engine, "step", what="turn")
    assert engine.game.step == 1


def test_rewind_goes_on_exactly_as_the_first_time(ask):
    engine = Engine(SMALL)
    engine.advance(20)
    kept = engine.state()["snapshots"]
    assert kept[0] == 0
    engine.advance(7)
    first = {name: value.clone() for name, value in engine.game.G.state_dict().items()}
    state, _ = ask(engine, "rewind", step=kept[-1])
    assert state["step"] == kept[-1]
    engine.advance(27 - kept[-1])
    assert all(torch.equal(first[k], v) for k, v in engine.game.G.state_dict().items())


def test_snapshots_stay_within_their_budget():
    engine = Engine(SMALL, memory_mb=0.5)
    for _ in range(60):
        engine.advance(10)
        assert engine.snapshots.used_mb <= 0.5
    steps = engine.snapshots.steps
    assert steps[0] == 0
    assert len(steps) >= 3
    assert steps[-1] > 300


def test_locked_and_hidden_fields_cannot_be_changed(ask, refused):
    engine = Engine(SMALL, lock=("loss",), hide=("lr_g",))
    state, _ = ask(engine, "hello", protocol=1)
    assert (state["locked"], state["hidden"]) == (("loss",), ("lr_g",))
    assert "loss cannot be changed" in refused(engine, "set", changes={"loss": "hinge"})
    assert "lr_g" in refused(engine, "set", changes={"lr_g": 0.1, "lr_d": 0.1})
    assert "loss" in refused(engine, "preset", name="saturate")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"type": "set", "changes": {"loss": "nope"}}, "loss must be one of"),
        ({"type": "set", "changes": {"nope": 1}}, "no field 'nope'"),
        ({"type": "set", "changes": [1]}, "must be an object"),
        ({"type": "set", "changes": {"lr_g": -1.0}}, "lr_g must be positive"),
        ({"type": "rewind", "step": 3}, "no moment was kept at step 3"),
        ({"type": "preset", "name": "nope"}, "no preset"),
        ({"type": "step", "what": "x"}, "d, g or turn"),
        ({"type": "hello", "protocol": 9}, "reload the page"),
        ({"type": "set", "changes": {"width_g": 10**8}}, "width_g must be at most 4096, got 100000000"),
        ({"type": "set", "changes": {"width_g": 4096, "depth_g": 64}}, "at most 100,000,000 parameters, got 1,05"),
        ({"type": "set", "changes": {"lr_g": 10**400}}, "lr_g must be a number below 1.8e308, got one with 1329 bits"),
        ({"type": "set", "changes": {"seed": 10**5000}}, "seed must be at most 9007199254740991, got a whole number"),
        ({"type": "set", "changes": {1: 2}}, "a recipe has no field 1"),
        ({"type": "rewind", "step": [0]}, "unhashable"),
        ({"type": "tick", "id": 1, "layers": 3}, "TypeError"),
        ({"type": [1]}, "does not know"),
        ({"type": "nope"}, "does not know"),
        ({}, "does not know"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_message_is_answered_in_words_and_changes_nothing(refused, message, said):
    kind = message.pop("type", None)
    assert said in refused(Engine(SMALL), kind, **message)


def test_what_is_no_message_is_answered_too():
    reply, _ = Engine(SMALL).handle("play")
    assert reply == {"type": "error", "message": "a message must be an object, got str"}


def test_a_turn_without_memory_pauses_the_lab_until_it_goes_back(ask, capsys):
    engine = Engine(SMALL)
    engine.advance(60)
    kept = {name: value.clone() for name, value in engine.game.D.state_dict().items()}

    def no_memory(module, inputs):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory\nand many more lines")

    hook = engine.game.G.register_forward_pre_hook(no_memory)
    ask(engine, "play")
    reply, _ = engine.handle({"type": "tick", "id": 4, "steps": 1})
    said = "The turn after step 60 was broken off (RuntimeError: DefaultCPUAllocator: can't allocate memory). Rewind"
    assert (reply["type"], reply["id"]) == ("error", 4)
    assert said in reply["message"]
    assert "Traceback" in capsys.readouterr().err
    assert not engine.playing
    hook.remove()
    for message in ({"type": "step", "what": "turn"}, {"type": "step", "what": "d"}, {"type": "save"}):
        assert said in engine.handle(message)[0]["message"]
    assert all(torch.equal(kept[k], v) for k, v in engine.game.D.state_dict().items())
    ask(engine, "set", changes={"batch_size": 8})
    ask(engine, "rewind", step=50)
    engine.advance(10)
    assert all(torch.equal(kept[k], v) for k, v in engine.game.D.state_dict().items())


def test_a_setting_that_cannot_be_played_is_answered_with_a_sentence():
    engine = Engine(SMALL)
    engine.handle({"type": "set", "changes": {"channels_last": True}})
    engine.handle({"type": "play"})
    for number in range(3):
        reply, _ = engine.handle({"type": "tick", "id": number, "steps": 1, "layers": LAYERS})
        assert reply["id"] == number
        assert reply["type"] == "frame" or "Rewind or reset" in reply["message"]


@pytest.mark.parametrize("device", ["nonsense", "meta:x", "cuda:99", -1])
def test_a_device_that_is_not_here_is_a_value_error(device):
    with pytest.raises(ValueError, match="device must be one that torch finds here"):
        Engine(SMALL, device=device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
def test_a_gpu_that_is_not_here_is_a_value_error():
    with pytest.raises(ValueError, match="finds 0 CUDA GPUs: use device='cpu'"):
        recipes.build(SMALL, "cuda")


def test_divergence_pauses_the_lab_and_says_what_to_do(ask):
    engine = Engine(Recipe(loss="wasserstein", optimizer="sgd", lr_g=1e6, lr_d=1e6, width_g=16, width_d=16))
    ask(engine, "play")
    reply, _ = engine.handle({"type": "tick", "id": 1, "budget_ms": 1000, "layers": []})
    assert (reply["type"], reply["id"]) == ("error", 1)
    said = r"The run diverged: the loss of [DG] is (nan|inf|-inf) at step \d+\. Rewind or reset"
    assert re.match(said, reply["message"])
    assert not engine.playing
    ask(engine, "play")
    assert engine.handle({"type": "tick", "id": 2, "layers": []})[0]["type"] == "error"
    ask(engine, "reset")
    assert engine.game.step == 0


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_every_preset_starts_and_every_control_is_a_field(ask, arrays, preset):
    engine = Engine(SMALL)
    state, _ = ask(engine, "preset", name=preset.name)
    assert state["preset"] == preset.name
    assert ask(engine, "set", changes={"seed": 5})[0]["preset"] == preset.name
    assert ask(engine, "set", changes={"lr_d": 0.0123})[0]["preset"] is None
    engine.advance(2)
    frame, buffers = ask(engine, "tick", id=1, layers=LAYERS)
    arrays(frame, buffers)
    assert {control["field"] for control in state["controls"]} <= set(state["recipe"])


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.field)
def test_a_control_offers_only_values_that_a_recipe_accepts(control):
    offered = control.choices if control.kind == "choice" else (control.low, control.high)
    assert all(math.isfinite(v) for v in offered if not isinstance(v, str))
    base = recipes.named("digits_classical") if control.field == "norm_d" else Recipe()
    for value in offered:
        whole = control.kind in ("int", "log2")
        recipes.from_dict({**base.__dict__, control.field: int(value) if whole else value})


def test_labs_lock_only_fields_that_exist():
    with pytest.raises(ValueError, match="must name fields of a Recipe, got speed"):
        Engine(SMALL, lock=("speed",))


def test_who_goes_step_by_step_can_go_back_step_by_step(ask):
    engine = Engine(SMALL)
    for _ in range(3):
        ask(engine, "step", what="turn")
    assert engine.state()["snapshots"] == [0, 1, 2, 3]
    ask(engine, "rewind", step=2)
    assert engine.game.step == 2


def test_a_playing_game_of_images_may_leave_the_picture_out_but_not_after_a_change(ask, monkeypatch):
    engine = Engine(replace(recipes.named("digits"), batch_size=4))
    monkeypatch.setattr("gan_tutor.lab.engine.IMAGES_EVERY", 3600.0)
    ask(engine, "play")

    def shows():
        frame, _ = ask(engine, "tick", id=1, budget_ms=1, layers=[])
        return "fake" in {array["name"] for array in frame["arrays"]}

    assert [shows(), shows()] == [True, False]
    ask(engine, "set", changes={"lr_g": 1e-4})
    assert [shows(), shows()] == [True, False]
    ask(engine, "pause")
    assert [shows(), shows()] == [True, True]


def test_a_run_that_was_broken_off_can_be_taken_back_and_go_on(ask):
    engine = Engine(SMALL)
    engine.advance(50)
    ask(engine, "set", changes={"loss": "wasserstein", "lr_d": 1e38, "optimizer": "sgd"})
    for _ in range(2):  # a second try says the same, it does not find a spent game
        with pytest.raises(FloatingPointError, match="became"):
            engine.advance(50)
    ask(engine, "rewind", step=50)
    engine.advance(3)
    assert engine.game.step == 53


def test_drawn_data_takes_the_place_of_the_ring_and_goes_again():
    engine = Engine(Recipe(width_g=8, width_d=8, batch_size=16))
    engine.advance(3)
    reply, _ = engine.handle({"type": "set", "changes": {"data": "drawn", "points": "1,1 -1,0.5"}})
    assert reply["note"] == "New: data; everything else goes on"
    assert (reply["recipe"]["points"], reply["source"]["name"], reply["step"]) == ("1,1 -1,0.5", "drawn", 3)
    refused, _ = engine.handle({"type": "set", "changes": {"points": "1,x"}})
    assert refused["type"] == "error"
    assert "points must be pairs" in refused["message"]
    reply, _ = engine.handle({"type": "set", "changes": {"data": "two_moons"}})
    assert (reply["recipe"]["points"], reply["source"]["name"]) == ("", "two_moons")
