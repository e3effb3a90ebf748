"""`log.csv`: the losses of the run, also after a kill, a spreadsheet or an editor."""

import csv

import numpy as np
import pytest
from small_runs import TINY

from gan_tutor import recipes
from gan_tutor.cli import folder as folder_module


def test_the_log_holds_the_losses_of_every_so_many_turns(run, tmp_path):
    out = tmp_path / "run"
    status, _, errors = run("train", "ring", "--steps", 30, "--log-every", 7, "--out", out, *TINY)
    assert status == 0, errors
    lines = list(csv.DictReader((out / "log.csv").read_text().splitlines()))
    game = recipes.build(recipes.from_json((out / "recipe.json").read_text()))
    expected = {record.step: record for record in recipes.run(game) if record.step % 7 == 0}
    assert [int(line["step"]) for line in lines] == [7, 14, 21, 28] == list(expected)
    for line in lines:
        record = expected[int(line["step"])]
        assert np.float32(line["loss_d"]) == record.loss_d.item()
        assert np.float32(line["loss_g"]) == record.loss_g.item()
        assert 16 < float(line["images_per_second"]) < 1e6


def test_a_resumed_log_is_cut_at_the_checkpoint(tmp_path):
    path = tmp_path / "log.csv"
    log = folder_module.Log(path, 0)
    for step in (1, 2, 3):
        log.line(step, 0.1 * step, 1.0, 100.0)
    with open(path, "a") as file:
        file.write("2,0.")  # killed within a line
    log = folder_module.Log(path, 2)
    log.line(3, 0.5, 1.0, 100.0)
    log.settle()
    assert path.read_text() == "step,loss_d,loss_g,images_per_second\n1,0.1,1,100\n2,0.2,1,100\n3,0.5,1,100\n"


LOGGED = "step,loss_d,loss_g,images_per_second\n5,1.25,0.5,100\n10,1.5,0.25,100\n"


@pytest.mark.parametrize(
    ("content", "kept", "said"),
    [
        (LOGGED, 2, ""),
        (LOGGED + "\n;;\n", 2, ""),
        ("\ufeff" + LOGGED.replace(",", ";").replace(".", ","), 2, ""),
        (LOGGED.replace("\n", "\r\n") + "10,1.5,0.25,100", 2, ""),
        (LOGGED + "15,1.5", 2, ""),
        (LOGGED.replace("5,1.25,", "5,1.25,x,") + "15,2,2,100\n", 1, "left out what cannot be read, line 2"),
        (LOGGED.encode("utf-16"), 2, ""),
        (b"\xff\x00\xfa", 0, "begins anew: {log} must be text"),
        ("mine\n", 0, "begins anew: its columns must be step,loss_d,loss_g,images_per_second, got mine"),
        ("", 0, "begins anew"),
    ],
)  # fmt: skip
def test_a_log_that_a_spreadsheet_saved_never_stops_a_run(tmp_path, capsys, content, kept, said):
    path = tmp_path / "log.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    folder_module.Log(path, 12)
    lines = LOGGED.splitlines(keepends=True)
    assert path.read_text() == "".join([lines[0], *lines[3 - kept :]])
    errors = capsys.readouterr().err
    assert said.format(log=path) in errors
    assert bool(errors) == bool(said)


def test_a_run_goes_on_beside_a_damaged_log_and_an_edited_recipe(run, folder):
    before = (folder / "checkpoint.safetensors").read_bytes()
    (folder / "log.csv").write_bytes(b"\xff\x00")
    (folder / "recipe.json").write_text((folder / "recipe.json").read_text(), encoding="utf-16")
    status, _, errors = run("train", "ring", "--steps", 30, "--out", folder, "--resume", *TINY)
    assert status == 0, errors
    assert f"{folder / 'log.csv'} is not a log that can be read and begins anew" in errors
    assert (folder / "checkpoint.safetensors").read_bytes() == before
    (folder / "checkpoint.safetensors").unlink()
    recipe = (folder / "recipe.json").read_text()
    (folder / "recipe.json").write_text(recipe.replace("\n", "\r\n"), encoding="utf-8-sig")
    assert run("train", "ring", "--steps", 30, "--out", folder, "--resume", *TINY)[0] == 0
    assert (folder / "recipe.json").read_text() == recipe
