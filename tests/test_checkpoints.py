"""Checkpoints: exact continuation, whole files or none, clear errors, and nothing unpickled."""

import ast
import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from gan_tutor import capture, checkpoints, data, recipes, training

LIBRARY = Path(checkpoints.__file__).parent
SMALL = recipes.Recipe(width_g=8, width_d=8, batch_size=16, steps=6)
CLASSICAL = recipes.Recipe(
    data="digits", generator="dcgan", discriminator="dcgan", norm_d="batch", latent_dim=4, width_g=4, width_d=4,
    batch_size=8, steps=4,
)  # fmt: skip
RUNS = {
    "adam": SMALL,
    "rmsprop": replace(SMALL, optimizer="rmsprop"),
    "sgd with momentum": replace(SMALL, optimizer="sgd", lr_g=0.01, lr_d=0.01),
    "plain sgd": replace(SMALL, optimizer="sgd", beta1=0.0),
    "cosine": replace(SMALL, schedule="cosine", penalty="r1"),
    "wgan_gp": replace(SMALL, loss="wasserstein", penalty="wgan_gp", n_critic=2),
    "lazy": replace(SMALL, loss="relativistic", penalty="r1_r2", penalty_every=4),
    "clip": replace(SMALL, loss="wasserstein", clip=0.05, optimizer="rmsprop"),
    "spectral": replace(SMALL, norm_d="spectral", loss="hinge"),
    "feature matching": replace(SMALL, loss="feature_matching"),
    "label smoothing": replace(SMALL, real_target=0.9),
    "batch norm": CLASSICAL,
    "bf16": replace(CLASSICAL, discriminator="space_to_depth", norm_d="none", precision="bfloat16"),
    "channels last": replace(CLASSICAL, discriminator="space_to_depth", norm_d="none", channels_last=True),
}


def state(game):
    tensors = [t for m in (game.G, game.D, game.ema) for t in m.state_dict().values()]
    for optimizer in (game.opt_g, game.opt_d):
        for _, entry in sorted(optimizer.state_dict()["state"].items()):
            tensors += [t for _, t in sorted(entry.items()) if t is not None]
    return [*tensors, game.generator.get_state()]


def equal(a, b):
    a, b = state(a), state(b)
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def play(game, until=None):
    for record in recipes.run(game):
        if record.step == until:
            break
    return game


@pytest.fixture
def saved(tmp_path):
    """A checkpoint after three of six turns."""
    path = tmp_path / "checkpoint.safetensors"
    recipes.save(play(recipes.build(SMALL), until=3), path)
    return path


# Exact continuation


# "channels last": fused Adam reads its moments in the parameter's memory order; the file holds another one.
@pytest.mark.parametrize("name", RUNS)
def test_save_load_continue_equals_a_straight_run(name, tmp_path):
    recipe, path = RUNS[name], tmp_path / "checkpoint.safetensors"
    straight = play(recipes.build(recipe))
    first = play(recipes.build(recipe), until=3)
    recipes.save(first, path)
    torch.manual_seed(99)
    second = recipes.resume(path)
    assert second.step == 3
    assert second.recipe == recipe
    assert equal(first, second)
    play(second)
    assert second.step == straight.step == recipe.steps
    assert equal(straight, second)
    assert not equal(first, second)


def test_optimizer_settings_travel_too(saved):
    game = recipes.resume(saved)
    for got, fresh in ((game.opt_g, recipes.build(SMALL).opt_g), (game.opt_d, recipes.build(SMALL).opt_d)):
        a, b = ({k: v for k, v in o.param_groups[0].items() if k != "params"} for o in (got, fresh))
        assert json.dumps(a) == json.dumps(b)  # JSON makes lists of tuples


def test_resuming_before_the_first_step_and_after_the_last(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    fresh = recipes.build(SMALL)
    recipes.save(fresh, path)
    assert equal(play(recipes.resume(path)), play(recipes.build(SMALL)))
    recipes.save(play(fresh), path)
    assert list(recipes.run(recipes.resume(path))) == []


def test_a_checkpoint_holds_the_recipe_in_its_header(saved):
    with safetensors.safe_open(saved, framework="pt") as file:
        header = file.metadata()
    assert header["format"] == "gan_tutor checkpoint"
    assert header["version"] == "1"
    meta = json.loads(header["meta"])
    assert recipes.from_dict(meta["recipe"]) == SMALL
    assert meta["step"] == 3
    assert meta["device"] == "cpu"


def test_load_generator_gives_the_average_in_evaluation_mode(saved):
    game = recipes.resume(saved)
    G, recipe = recipes.load_generator(saved)
    assert recipe == SMALL
    assert not G.training
    assert not any(p.requires_grad for p in G.parameters())
    z = torch.randn(5, 2)
    assert torch.equal(G(z), game.ema(z))
    assert not torch.equal(G(z), game.G(z))


def test_parts_of_any_make_round_trip(tmp_path):
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    module[0].weight.data = torch.randn(3, 4).t()  # not contiguous
    generator = torch.Generator().manual_seed(7)
    torch.randn(5, generator=generator)
    path = tmp_path / "c.safetensors"
    checkpoints.save(path, {"module": module, "rng": generator}, {"note": ["é", 1, None]})
    checkpoint = checkpoints.load(path)
    other, rng = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), torch.Generator()
    checkpoints.restore(checkpoint, {"module": other, "rng": rng})
    assert all(
        torch.equal(a, b) for a, b in zip(module.state_dict().values(), other.state_dict().values(), strict=True)
    )
    assert torch.equal(torch.randn(5, generator=rng), torch.randn(5, generator=generator))
    assert checkpoint.meta == {"note": ["é", 1, None]}


# Damage


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(saved, share):
    whole = saved.read_bytes()
    saved.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"is not a readable checkpoint .*: it is truncated, damaged or foreign"):
        recipes.resume(saved)


def test_a_file_without_its_last_byte_and_one_with_a_byte_too_many_are_refused(saved):
    whole = saved.read_bytes()
    for damaged in (whole[:-1], whole + b"\0", b"\0" + whole, whole[:8], os.urandom(4096)):
        saved.write_bytes(damaged)
        with pytest.raises(ValueError, match="is not a readable checkpoint"):
            checkpoints.load(saved)


def test_another_safetensors_file_is_refused(tmp_path):
    path = tmp_path / "foreign.safetensors"
    for metadata in (None, {"format": "pt"}, {"version": "1"}):
        path.write_bytes(safetensors.torch.save({"w": torch.ones(2)}, metadata))
        with pytest.raises(ValueError, match="is a safetensors file but not a checkpoint of gan_tutor"):
            checkpoints.load(path)


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"version": "1"},
        {"version": "one", "meta": "{}", "groups": "{}"},
        {"version": "1", "meta": "{", "groups": "{}"},
        {"version": "1", "meta": "{}"},
        {"version": "1", "meta": "{}", "groups": "[1]"},
        {"version": "1", "meta": "[1]", "groups": "{}"},
        {"version": "1", "meta": "null", "groups": "{}"},
    ],
)
def test_a_damaged_header_is_refused_with_the_file_s_name(tmp_path, header):
    path = tmp_path / "c.safetensors"
    path.write_bytes(safetensors.torch.save({"w": torch.ones(2)}, header | {"format": checkpoints.FORMAT}))
    with pytest.raises(ValueError, match=f"^{path} is not a readable checkpoint"):
        checkpoints.load(path)


@pytest.mark.parametrize("read", [recipes.resume, recipes.load_generator])
def test_a_checkpoint_that_no_recipe_made_is_refused(tmp_path, read):
    path = tmp_path / "c.safetensors"
    checkpoints.save(path, {"G": recipes.build(SMALL).G}, {"mine": 1})
    with pytest.raises(ValueError, match=f"{path}"):
        read(path)


def test_a_newer_version_is_refused_with_the_cure(saved, monkeypatch):
    game = recipes.resume(saved)
    monkeypatch.setattr(checkpoints, "VERSION", 2)
    recipes.save(game, saved)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="has checkpoint version 2, this gan_tutor reads up to 1: update gan_tutor"):
        checkpoints.load(saved)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(FileNotFoundError, match=r"no checkpoint at .*checkpoint\.safetensors"):
            checkpoints.load(path)


def test_a_pickle_is_not_opened(tmp_path):
    """A torch.save file whose unpickling would leave a trace."""

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "opened"),)

    path = tmp_path / "evil.safetensors"
    torch.save({"G": Trap()}, path)
    with pytest.raises(ValueError, match="is not a readable checkpoint"):
        checkpoints.load(path)
    assert not (tmp_path / "opened").exists()


def test_the_library_never_unpickles():
    for path in sorted(LIBRARY.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [a.name for a in node.names] + [getattr(node, "module", None) or ""]
                assert not {"pickle", "dill", "joblib", "cloudpickle", "shelve"} & set(names), path
            if isinstance(node, ast.Attribute) and node.attr == "load" and isinstance(node.value, ast.Name):
                assert node.value.id != "torch", f"{path}: torch.load unpickles"
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert ast.unparse(node.value) == "False", path


@pytest.mark.parametrize("part", ["G", "opt_d", "generator"])
def test_a_file_that_lacks_a_part_does_not_fit(tmp_path, part):
    path, game = tmp_path / "c.safetensors", recipes.build(SMALL)
    parts = game.parts()
    checkpoints.save(path, {name: value for name, value in parts.items() if name != part}, {})
    checkpoint = checkpoints.load(path)
    with pytest.raises(ValueError, match=f"{path} does not fit {part}: "):
        checkpoints.restore(checkpoint, parts)


def test_tensors_of_other_shapes_or_names_do_not_fit(saved):
    checkpoint = checkpoints.load(saved)
    for other in (replace(SMALL, width_g=9), replace(SMALL, depth_g=3), replace(SMALL, depth_g=1)):
        with pytest.raises(ValueError, match="does not fit G: "):
            checkpoints.restore(checkpoint, {"G": recipes.build(other).G})


def test_an_optimizer_of_other_parameters_does_not_fit(saved):
    checkpoint = checkpoints.load(saved)
    other = recipes.build(replace(SMALL, depth_g=3))
    with pytest.raises(ValueError, match="does not fit opt_g: "):
        checkpoints.restore(checkpoint, {"opt_g": other.opt_g})


def test_a_run_on_another_kind_of_device_is_refused(saved):
    checkpoint = checkpoints.load(saved)
    game = recipes.resume(saved)
    checkpoints.save(saved, game.parts(), checkpoint.meta | {"device": "cuda"})
    with pytest.raises(ValueError, match="was trained on cuda and its random numbers cannot continue on cpu"):
        recipes.resume(saved)
    assert recipes.load_generator(saved)[1] == SMALL


# Atomic writing


@pytest.mark.parametrize("broken", ["replace", "fsync"])
def test_a_failed_write_leaves_the_old_file_and_no_other(saved, monkeypatch, broken):
    old, game = saved.read_bytes(), recipes.resume(saved)
    play(game)

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, broken, fail)
    with pytest.raises(OSError, match="No space left"):
        recipes.save(game, saved)
    monkeypatch.undo()
    assert saved.read_bytes() == old
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]
    recipes.save(game, saved)
    assert recipes.resume(saved).step == 6


def test_all_bytes_are_handed_to_the_system_before_it_is_asked_to_store_them(tmp_path, monkeypatch):
    """A machine that stops after the renaming must not leave a short file: fsync sees all of it, renaming is last."""
    seen, fsync, rename = [], os.fsync, os.replace

    def watched_fsync(descriptor):
        seen.append(("stored", os.fstat(descriptor).st_size))
        fsync(descriptor)

    def watched_replace(source, target):
        seen.append(("renamed", Path(source).stat().st_size))
        rename(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    checkpoints.write(tmp_path / "c", b"x" * 100)  # less than Python keeps back
    assert seen == [("stored", 100), ("renamed", 100)]
    assert (tmp_path / "c").read_bytes() == b"x" * 100


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process that begins inside a call")
def test_two_processes_that_write_one_file_at_once_each_write_a_whole_one(tmp_path, monkeypatch):
    """The first is stopped between its last byte and its renaming; the second writes a longer file meanwhile."""
    path, fsync, child = tmp_path / "c", os.fsync, []

    def stopped(descriptor):
        child.append(os.fork())
        if child[0] == 0:
            status = 1
            try:
                monkeypatch.undo()
                checkpoints.write(path, b"second" * 50)
                status = 0 if path.read_bytes() == b"second" * 50 else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child[0], 0)[1]) == 0
        assert path.read_bytes() == b"second" * 50
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", stopped)
    checkpoints.write(path, b"first")
    assert path.read_bytes() == b"first"
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_unfinished_files_are_swept_up_and_no_others(tmp_path):
    path = tmp_path / "c[1].safetensors"
    for name in (
        ".c[1].safetensors.17.tmp",
        ".c[1].safetensors.18.tmp",
        ".other.17.tmp",
        "c[1].safetensors",
        ".c1.17.tmp",
    ):
        (tmp_path / name).write_bytes(b"x")
    checkpoints.sweep_up(path, tmp_path / "none")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".c1.17.tmp", ".other.17.tmp", "c[1].safetensors"]
    checkpoints.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert len(list(tmp_path.iterdir())) == 3


def test_a_learning_rate_in_a_tensor_is_saved_as_a_number(tmp_path):
    """As CUDA graphs need it; going on from the file equals going on without."""
    game, path = recipes.build(replace(SMALL, schedule="cosine")), tmp_path / "c.safetensors"
    play(game, until=3)
    for optimizer in (game.opt_g, game.opt_d):
        capture.tensor_rates(optimizer, torch.device("cpu"))
    recipes.save(game, path)
    (group,) = checkpoints.load(path).groups["opt_g"]
    assert isinstance(group["lr"], float)
    assert group["lr"] == pytest.approx(game.opt_g.param_groups[0]["lr"].item(), rel=1e-7)
    resumed = recipes.resume(path)
    play(resumed)
    straight = recipes.build(replace(SMALL, schedule="cosine"))
    play(straight)
    assert equal(resumed, straight)


def test_a_missing_folder_is_an_error_and_creates_nothing(tmp_path):
    with pytest.raises(FileNotFoundError):
        recipes.save(recipes.build(SMALL), tmp_path / "none" / "c.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_saving_changes_nothing_in_the_run(tmp_path):
    saving = recipes.build(SMALL)
    for _ in recipes.run(saving):
        recipes.save(saving, tmp_path / "c.safetensors")
    assert equal(saving, play(recipes.build(SMALL)))


KILLED = """
import sys, torch
from dataclasses import replace
from gan_tutor import recipes
torch.set_num_threads(1)
game = recipes.build(replace(recipes.Recipe(width_g=8, width_d=8, batch_size=16), steps=10**6))
for record in recipes.run(game):
    recipes.save(game, sys.argv[1])
    if record.step == 20:
        print("running", flush=True)
"""


def test_a_run_killed_at_any_moment_resumes_exactly(tmp_path):
    """kill -9 while it writes a checkpoint every turn: the file is whole, and going on equals a run never killed."""
    path = tmp_path / "checkpoint.safetensors"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "running\n"
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    game = recipes.resume(path)
    assert game.step >= 20
    stop = game.step + 3
    play(game, until=stop)
    straight = play(recipes.build(game.recipe), until=stop)
    assert straight.step == stop
    assert equal(game, straight)


def test_checkpoints_do_not_hold_the_data(saved):
    assert saved.stat().st_size < 60_000
    assert len(data.digits()) == 4000


# A folder of one's own ---------------------------------------------------------------------------------


def test_a_claim_makes_the_folder_and_takes_an_empty_one_away_again(tmp_path):
    folder = tmp_path / "a" / "b"
    with checkpoints.claimed(folder):
        assert folder.is_dir()
        with pytest.raises(ValueError, match="is in use by another process"), checkpoints.claimed(folder):
            pass
    assert list(tmp_path.iterdir()) == []
    with checkpoints.claimed(folder):
        (folder / "kept").write_text("")
    with checkpoints.claimed(folder):
        pass
    assert [path.name for path in folder.iterdir()] == ["kept"]


def test_a_claim_lets_errors_of_the_block_through(tmp_path):
    with pytest.raises(OSError, match="no space"), checkpoints.claimed(tmp_path / "a"):
        raise OSError("no space")
    assert list(tmp_path.iterdir()) == []


def test_only_what_write_leaves_is_swept_up(tmp_path):
    kept = [".log.csv.backup.tmp", ".other.csv.12.tmp", "log.csv.12.tmp", ".log.csv.12.tmp.old"]
    for name in (*kept, ".log.csv.12.tmp"):
        (tmp_path / name).write_text("")
    checkpoints.sweep_up(tmp_path / "log.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


@pytest.mark.parametrize("part", ["G", "D", "ema"])
@pytest.mark.parametrize("value", [math.nan, -math.inf])
def test_weights_that_are_not_finite_are_not_saved(saved, part, value):
    game, before = recipes.resume(saved), saved.read_bytes()
    with torch.no_grad():
        list(getattr(game, part).parameters())[-1][-1] = value
    with pytest.raises(training.NonFinite, match=rf"a weight of {part} became {value} at step {game.step}"):
        recipes.save(game, saved)
    assert saved.read_bytes() == before


def test_parts_whose_names_begin_alike_and_weights_that_are_one_tensor(tmp_path):
    path = tmp_path / "c.safetensors"
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    parts = {"G": nn.Linear(2, 3), "G2": nn.Linear(2, 3), "tied": tied}
    checkpoints.save(path, parts, {})
    others = {"G": nn.Linear(2, 3), "G2": nn.Linear(2, 3), "tied": nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))}
    checkpoints.restore(checkpoints.load(path), others)
    for name, part in parts.items():
        pairs = zip(part.state_dict().values(), others[name].state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs), name
    assert not torch.equal(parts["G"].weight, parts["G2"].weight)
    checkpoints.restore(checkpoints.load(path), {"G": others["G2"]})  # parts that are not asked for stay unread
    assert torch.equal(others["G2"].weight, parts["G"].weight)


@pytest.mark.parametrize("name", ["lr", "initial_lr"])
@pytest.mark.parametrize(("rate", "fits"), [(0.0, True), (0.5, True), (1, True), (-1e-9, False), (math.inf, False),
                                            (math.nan, False), ("0.5", False), (None, False)])  # fmt: skip
def test_a_learning_rate_must_be_a_number_from_0_to_a_million(tmp_path, name, rate, fits):
    path, optimizer = tmp_path / "c.safetensors", torch.optim.Adam(nn.Linear(2, 3).parameters(), 0.1)
    optimizer.param_groups[0][name] = rate
    checkpoints.save(path, {"opt": optimizer}, {})
    other = torch.optim.Adam(nn.Linear(2, 3).parameters(), 0.1)
    if fits:
        checkpoints.restore(checkpoints.load(path), {"opt": other})
        assert other.param_groups[0][name] == rate
    else:
        with pytest.raises(ValueError, match=rf"does not fit opt: {name} must be a number from 0 to 1e\+06, got"):
            checkpoints.restore(checkpoints.load(path), {"opt": other})


def test_an_optimizer_of_another_number_of_groups_does_not_fit(tmp_path):
    path, layers = tmp_path / "c.safetensors", [nn.Linear(2, 3), nn.Linear(2, 3)]
    two = torch.optim.Adam(
        [{"params": layers[0].parameters(), "lr": 0.1}, {"params": layers[1].parameters(), "lr": 0.2}]
    )
    checkpoints.save(path, {"opt": two}, {})
    one = torch.optim.Adam([p for layer in layers for p in layer.parameters()])
    with pytest.raises(ValueError, match="it holds 2 groups of parameters in place of 1"):
        checkpoints.restore(checkpoints.load(path), {"opt": one})
    again = torch.optim.Adam([{"params": layer.parameters()} for layer in layers], 0.7)
    checkpoints.restore(checkpoints.load(path), {"opt": again})
    assert [group["lr"] for group in again.param_groups] == [0.1, 0.2]


@pytest.mark.skipif(sys.platform == "win32", reason="there a lock is the process's, here the open file's")
def test_a_second_claim_is_told_who_holds_the_folder_and_a_later_one_succeeds(tmp_path):
    """Also over the file of a process that was killed, whose longer text must not show through."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / ".lock").write_text("process 1 on " + "a" * 80, encoding="utf-8")
    holder = re.escape(f"process {os.getpid()} on {socket.gethostname()}")
    for _ in range(2):
        with checkpoints.claimed(folder):
            told = rf"run is in use by another process \({holder}\): wait until"
            with pytest.raises(ValueError, match=told), checkpoints.claimed(folder):
                raise AssertionError("two processes in one folder")
        assert list(folder.iterdir()) == []


def of_two_layers(optimizer):
    layers = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    return optimizer(layers.parameters())


@pytest.mark.parametrize(("name", "value", "said"), [
    ("lr", 1e9, r"lr must be a number from 0 to 1e\+06, got 1000000000\.0"),
    ("lr", "0.1", "lr must be a number"),
    ("lr", True, "lr must be a number"),
    ("betas", [0.9, 1.5], r"betas must be in \[0, 1\], got 1\.5"),
    ("betas", [-0.1, 0.9], r"betas must be in \[0, 1\], got -0\.1"),
    ("eps", -1.0, "eps must be a finite number of at least 0, got -1"),
    ("weight_decay", math.inf, "weight_decay must be a finite number of at least 0, got inf"),
])  # fmt: skip
def test_settings_that_no_optimizer_has_do_not_fit(tmp_path, name, value, said):
    opt = of_two_layers(torch.optim.Adam)
    checkpoints.save(tmp_path / "c.safetensors", {"opt": opt}, {})
    stored = checkpoints.load(tmp_path / "c.safetensors")
    checkpoints.restore(stored, {"opt": opt})
    stored.groups["opt"][0][name] = value
    with pytest.raises(ValueError, match=f"does not fit opt: {said}"):
        checkpoints.restore(stored, {"opt": opt})


@pytest.mark.parametrize(("key", "value", "said"), [
    ("4/exp_avg", torch.zeros(1), "it holds 4/exp_avg, a state of parameter 4, and there are 4"),
    ("-1/exp_avg", torch.zeros(1), "a state of parameter -1"),
    ("x/exp_avg", torch.zeros(1), "a state of parameter x"),
    ("exp_avg", torch.zeros(1), "does not fit opt"),
    ("0/exp_avg", torch.zeros(2, 3), r"0/exp_avg must have its parameter's shape \(3, 2\), got \(2, 3\)"),
])  # fmt: skip
def test_a_state_of_no_parameter_does_not_fit(tmp_path, key, value, said):
    opt = of_two_layers(torch.optim.Adam)
    checkpoints.save(tmp_path / "c.safetensors", {"opt": opt}, {})
    stored = checkpoints.load(tmp_path / "c.safetensors")
    stored.tensors[f"opt/{key}"] = value
    with pytest.raises(ValueError, match=said):
        checkpoints.restore(stored, {"opt": opt})
