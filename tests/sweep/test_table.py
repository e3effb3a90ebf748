"""The table on disk: tidy, resumable after any end, never half written; and the command that fills it."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from gan_tutor import cli, sweep
from gan_tutor.recipes import Recipe, from_dict

SMALL = Recipe(width_g=8, width_d=8, batch_size=16, steps=4)
GRID = ("loss=nonsaturating,hinge", "lr_d=1e-3,1e-2", "seed=0..2")
COMMAND = ("ring", "--width-g", "8", "--width-d", "8", "--batch-size", "16", "--steps", "4", "--samples", "100")


def fill(folder, **changes):
    return list(sweep.play(folder, SMALL, GRID, samples=100, **changes))


def told(rows):
    """What repeats: everything but the time it took."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def test_a_row_for_each_gan_with_what_varies_and_what_was_found(tmp_path):
    progress = fill(tmp_path / "sweep", at_once=4)
    rows = sweep.read(tmp_path / "sweep")
    assert [row["gan"] for row in rows] == list(range(12))
    assert list(rows[0])[:4] == ["gan", "loss", "lr_d", "seed"]
    assert [(r["loss"], r["lr_d"], r["seed"]) for r in rows] == [
        (loss, lr, seed) for loss in ("nonsaturating", "hinge") for lr in (1e-3, 1e-2) for seed in range(3)
    ]
    assert {"diverged_at", "loss_d", "loss_g", "modes", "high_quality", "reverse_kl", "overlap", "collapsed",
            "perfect_modes", "perfect_high_quality", "perfect_reverse_kl", "seconds"} < set(rows[0])  # fmt: skip
    assert (progress[0].turns, progress[0].left) == (4, 44)
    assert (progress[-1].turns, progress[-1].left, progress[-1].rows) == (48, 0, 12)
    stack = sweep.build([replace(SMALL, lr_d=1e-2, seed=s) for s in range(3)])
    for _ in sweep.run(stack):
        pass
    for row, alone in zip(rows[3:6], sweep.measure(stack, 100), strict=True):
        assert row["loss_d"] == pytest.approx(alone["loss_d"], rel=1e-4)


def test_a_sweep_goes_on_where_it_was_left(tmp_path):
    fill(tmp_path / "whole", at_once=4)
    turns = sweep.play(tmp_path / "parts", SMALL, GRID, samples=100, at_once=4)
    for _ in range(11):  # two chunks are six GANs of one loss; the third has begun
        last = next(turns)
    turns.close()
    assert last.rows == len(sweep.read(tmp_path / "parts")) == 6
    rest = fill(tmp_path / "parts", at_once=4)
    assert rest[-1].turns == 6 * 4
    assert told(sweep.read(tmp_path / "parts")) == told(sweep.read(tmp_path / "whole"))
    assert fill(tmp_path / "parts", at_once=4) == []


def test_another_sweep_in_the_folder_is_refused(tmp_path):
    fill(tmp_path, at_once=12)
    for start, grid, samples, said in (
        (replace(SMALL, lr_g=1.0), GRID, 100, "another start"),
        (SMALL, GRID[:2], 100, "another grid"),
        (SMALL, GRID, 101, "another samples"),
    ):
        with pytest.raises(ValueError, match=said):
            next(sweep.play(tmp_path, start, grid, samples=samples))
    with pytest.raises(ValueError, match="at least 1, got 0"):
        next(sweep.play(tmp_path, SMALL, GRID, at_once=0))


def test_a_diverged_gan_has_empty_cells(tmp_path):
    start = replace(SMALL, loss="least_squares", optimizer="sgd", steps=30)
    list(sweep.play(tmp_path, start, ["lr_g+lr_d=1e-3,1e4"], samples=100))
    calm, wild = sweep.read(tmp_path)
    assert calm["diverged_at"] is None
    assert 1 <= wild["diverged_at"] <= 30
    assert wild["overlap"] is None
    assert wild["loss_d"] is None


def call(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["gan-tutor", "sweep", *map(str, arguments)])
    status = 0
    try:
        cli.main()
    except SystemExit as stop:
        status = stop.code
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_the_command(tmp_path, monkeypatch, capsys):
    out = tmp_path / "map"
    axes = [part for text in GRID for part in ("--grid", text)]
    status, said, progress = call(monkeypatch, capsys, *COMMAND, *axes, "--out", out, "--device", "cpu")
    assert status == 0
    assert "12 GANs, 64 at once on cpu" in said
    assert "12 GANs in" in said
    assert "0 of them diverged" in said
    assert "GAN turn" in progress
    fill(tmp_path / "library")
    assert told(sweep.read(out)) == told(sweep.read(tmp_path / "library"))
    assert json.loads((out / "sweep.json").read_text())["grid"] == list(GRID)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give at least one axis"),
        (("--grid", "lr=1"), "must name a field"),
        (("--grid", "seed=0..1", "--at-once", "-1"), "--at-once must be at least 0"),
        (("--grid", "norm_d=none,spectral"), "norm_d = 'none'"),
    ],
)
def test_a_wrong_command_is_one_line_and_writes_nothing(arguments, said, tmp_path, monkeypatch, capsys):
    status, _, _ = call(monkeypatch, capsys, *COMMAND, *arguments, "--out", tmp_path / "out")
    assert said in status
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_sweep_loses_at_most_the_running_chunk(how, tmp_path):
    axes = ["--grid", "seed=0..13", "--at-once", "2", "--out", str(tmp_path / "sweep"), "--device", "cpu"]
    command = [sys.executable, "-m", "gan_tutor", "sweep", *COMMAND, "--steps", "100", *axes]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 120
    while len(sweep.read(tmp_path / "sweep")) < 4:
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, how)
    output, _ = process.communicate(timeout=60)
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "continue with the same command" in output
    kept = sweep.read(tmp_path / "sweep")
    assert len(kept) >= 4
    assert len(kept) % 2 == 0
    started = from_dict(json.loads((tmp_path / "sweep" / "sweep.json").read_text())["start"])
    rest = list(sweep.play(tmp_path / "sweep", started, ["seed=0..13"], samples=100, at_once=2))
    assert rest[-1].turns == (14 - len(kept)) * 100
    rows = sweep.read(tmp_path / "sweep")
    assert len(rows) == 14
    assert rows[: len(kept)] == kept


SMALLEST = replace(SMALL, width_g=4, width_d=4, steps=1)
RATES = ("lr_d=1.25e-3,2.5e-3", "seed=0..1")


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """A whole sweep of four GANs: its folder's files, and its rows."""
    folder = tmp_path_factory.mktemp("sweep")
    list(sweep.play(folder, SMALLEST, RATES, samples=20))
    return {path.name: path.read_bytes() for path in folder.iterdir()}, sweep.read(folder)


def again(folder, played, **files):
    """Put the sweep's files into a folder, some of them changed, and go on with it; return the GANs played."""
    for name, content in (played[0] | {f"{stem}": value for stem, value in files.items()}).items():
        (folder / name).write_bytes(content)
    progress = list(sweep.play(folder, SMALLEST, RATES, samples=20))
    return progress[-1].turns if progress else 0


def german(table):
    return table.decode().replace(",", ";").replace(".", ",").replace("False", "FALSE").replace("\n", "\r\n")


@pytest.mark.parametrize(
    "save",
    [
        lambda table: b"\xef\xbb\xbf" + table,
        lambda table: table.replace(b",", b";"),
        lambda table: german(table).encode("utf-8-sig"),
        lambda table: german(table).replace(";", "\t").encode("utf-16"),
        lambda table: table + table.splitlines(keepends=True)[2],
        lambda table: table + b"\n,,,\n",
    ],
)  # fmt: skip
def test_a_table_that_a_spreadsheet_saved_is_the_same_table(tmp_path, played, save):
    assert again(tmp_path, played, **{"gans.csv": save(played[0]["gans.csv"])}) == 0
    assert sweep.read(tmp_path) == played[1]
    rest = b"".join(save(played[0]["gans.csv"]).splitlines(keepends=True)[:3])
    if b"\0" not in rest:  # half of it: the other half is played
        assert again(tmp_path, played, **{"gans.csv": rest}) == 2
        assert told(sweep.read(tmp_path)) == told(played[1])


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("gans.csv", lambda t: t[:-20], r"gans\.csv, line 5 must have \d+ cells, got \d+: .* delete that line"),
        ("gans.csv", lambda t: t.replace(b"\n1,", b"\n1,0,"), r"gans\.csv, line 3 must have \d+ cells"),
        ("gans.csv", lambda t: t.replace(b"\n1,", b"\n4,"), r"gans\.csv holds a GAN 4, but this sweep ends at 3"),
        ("gans.csv", lambda t: t.replace(b"\n1,", b"\nb,"), r"gans\.csv, line 3 must begin with a GAN's number"),
        ("gans.csv", lambda t: t.replace(b"\n1,", b"\n0,"), r"gans\.csv, line 3 contradicts an earlier line of GAN 0"),
        ("gans.csv", lambda t: t.replace(b"0.00125", b"0.001"), r"GAN 0 with lr_d 0\.001, but it was played with"),
        ("gans.csv", lambda t: t.replace(b"gan,", b"gun,"), r"gans\.csv must have a column 'gan'"),
        ("gans.csv", lambda t: b"\xff" + t, r"gans\.csv must be text"),
        ("sweep.json", lambda t: t[:40], r"sweep\.json cannot be read \(.*choose another folder"),
        ("sweep.json", lambda t: b"[1]", r"sweep\.json cannot be read \(it holds no object but list"),
        ("sweep.json", lambda t: b"{}", "holds a sweep with another start and another grid and another samples"),
    ],
)  # fmt: skip
def test_a_damaged_file_of_a_sweep_is_named_with_its_cure_and_left_as_it_is(tmp_path, played, name, damage, said):
    content = damage(played[0][name])
    with pytest.raises(ValueError, match=said):
        again(tmp_path, played, **{name: content})
    assert (tmp_path / name).read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gans.csv", "sweep.json"]


def test_a_note_saved_by_an_editor_or_an_earlier_version_is_the_same_note(tmp_path, played):
    note = played[0]["sweep.json"].decode()
    assert again(tmp_path, played, **{"sweep.json": note.replace("\n", "\r\n").encode("utf-8-sig")}) == 0
    old = json.loads(note)
    assert old["start"].pop("precision") == "float32"
    old["start"]["bf16"] = False
    assert again(tmp_path, played, **{"sweep.json": json.dumps(old).encode()}) == 0


def test_a_foreign_table_and_a_second_process_are_refused(tmp_path):
    (tmp_path / "gans.csv").write_text("name,hair\nanna,red\n")
    with pytest.raises(ValueError, match=r"holds a gans\.csv but no sweep\.json"):
        next(sweep.play(tmp_path, SMALLEST, RATES))
    assert [path.name for path in tmp_path.iterdir()] == ["gans.csv"]
    first = sweep.play(tmp_path / "new", SMALLEST, RATES, samples=20)
    next(first)
    with pytest.raises(ValueError, match="is in use by another process"):
        next(sweep.play(tmp_path / "new", SMALLEST, RATES, samples=20))
    first.close()
    assert len(list(sweep.play(tmp_path / "new", SMALLEST, RATES, samples=20))) == 2
