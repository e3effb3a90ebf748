"""The numbers that chapter 11 quotes are those of benchmarks/results: scaling_cpu.json, ranks.json, memory.json."""

import ast
import json
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from torch.utils.flop_counter import FlopCounterMode

from gan_tutor import recipes

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
STORED = json.loads((RESULTS / "scaling_cpu.json").read_text(encoding="utf-8"))
CELLS = nbformat.read(ROOT / "book" / "scaling.ipynb", as_version=4).cells
TEXT = "\n".join(cell.source for cell in CELLS if cell.cell_type == "markdown")


def of_batch(name, size):
    found = STORED["batch"][name].get(str(size))
    if found is None:
        return "| | |"
    share = found["share_of_matrix_product"]
    return f"| {found['ms_per_turn']:.1f} | {found['samples_per_second']:,} | {share:.2f}"


@pytest.mark.parametrize("size", sorted({int(n) for part in STORED["batch"].values() for n in part}))
def test_the_table_of_batches(size):
    cells = [of_batch(name, size) for name in ("ring", "digits_classical")]
    assert f"| {size} {cells[0]} {cells[1]} |" in TEXT


@pytest.mark.parametrize("size", STORED["resolution"])
def test_the_table_of_resolutions(size):
    found = STORED["resolution"][size]
    assert (
        f"| {size}×{size} | {found['ms_per_turn']:.0f} | {found['megaflop_per_turn']:,.0f} "
        f"| {found['samples_per_second']:,} | {found['share_of_matrix_product']:.2f} |"
    ) in TEXT


@pytest.mark.parametrize("name", STORED["cures"])
def test_the_table_of_what_lowers_the_bill(name):
    found = STORED["cures"][name]
    low, high = found["all"][0], found["all"][-1]
    assert f"| {name} | {found['times_plain']:.2f} | {low:.2f}, {high:.2f} |" in TEXT
    assert STORED["rounds"] == len(found["all"])


def test_what_is_said_of_the_ring():
    ring = {int(n): found["ms_per_turn"] for n, found in STORED["batch"]["ring"].items()}
    assert f"needed {ring[16]:.1f} ms for a batch of 16 and {ring[256]:.1f} ms for one of 256" in TEXT
    assert f"{ring[256] / ring[16]:.1f} times as long for 16 times the samples" in TEXT
    assert ring[256] / ring[16] < 4


def test_what_is_said_of_the_stages():
    def percent(game, *stages):
        return round(100 * sum(STORED["stages"][game][stage] for stage in stages))

    back = [percent(game, "D's loss backward", "G's loss backward") for game in ("ring", "digits_classical")]
    adam = [percent(game, "optimiser of D", "optimiser of G") for game in ("ring", "digits_classical")]
    assert f"take {back[0]} % of the ring's turn and {back[1]} % of DCGAN's" in TEXT
    assert f"take {adam[0]} % on the ring and {adam[1]} % for DCGAN" in TEXT
    assert all(45 <= share <= 60 for share in back)


def test_what_is_said_of_the_cures():
    times = {name: found["times_plain"] for name, found in STORED["cures"].items()}
    rounds = {name: found["all"] for name, found in STORED["cures"].items()}
    assert min(rounds["ring, compiled networks"] + rounds["DCGAN 28, compiled networks"]) > 1
    assert max(rounds["DCGAN 28, bf16"]) < 1
    assert rounds["DCGAN 28, channels-last"][0] < 1 < rounds["DCGAN 28, channels-last"][-1]
    assert times["ring, R1 + R2 in every fourth turn"] < times["ring, R1 + R2 in each turn"]
    assert 1.75 < times["ring, R1 + R2 in each turn"] < 2  # "nearly double"


def test_what_is_said_of_the_resolution():
    found = STORED["resolution"]
    assert f"a turn takes {found['64']['ms_per_turn'] / found['28']['ms_per_turn']:.1f} times as long" in TEXT
    assert found["64"]["share_of_matrix_product"] > 1


def test_where_it_was_measured():
    machine = STORED["machine"]
    assert (
        f"{machine['cpu'].split('@')[0].strip()}, PyTorch {machine['torch'].split('+')[0]}, {machine['date']}" in TEXT
    )
    assert machine["threads"] == 1


def test_what_is_said_of_memory():
    for name in ("digits_classical", "digits_wide", "celeba64"):
        recipe = recipes.named(name)
        need = recipes.memory(recipe)
        assert 2 < need.state / need.parameters < 3
        if name == "celeba64":
            assert 2.5 < need.turn(recipe.batch_size) / (need.parameters + need.state) < 3.5
            assert need.data > need.total(recipe.batch_size) / 2


def drawn(cell_id):
    """The numbers that a cell draws: the dict that it begins with."""
    cell = next(cell for cell in CELLS if cell.id == cell_id)
    return ast.literal_eval(ast.parse(cell.source).body[0].value)


def test_the_figure_of_resolutions_is_the_table():
    stored = {
        int(size): (round(found["ms_per_turn"], 1), round(found["megaflop_per_turn"]))
        for size, found in STORED["resolution"].items()
    }
    assert drawn("resolution-figure") == stored


def test_the_figure_of_ranks_is_the_stored_result():
    games = json.loads((RESULTS / "ranks_cpu.json").read_text(encoding="utf-8"))["games"]
    names = {"ring": "ring", "DCGAN": "digits_classical", "wide digits": "digits_wide"}
    speedups = {
        name: [round(found["speedup"], 2) for found in games[game]["same rows"]] for name, game in names.items()
    }
    assert drawn("ranks-figure") == speedups
    assert all(values == sorted(values, reverse=True) for values in speedups.values())  # "nothing is gained"
    assert min(speedups, key=lambda name: speedups[name][1]) == "ring"
    assert f"lasts {1e3 / games['ring']['same rows'][0]['turns_per_second']:.1f} ms" in TEXT


def test_five_steps_of_d_are_less_than_five_times_the_work():
    def operations(**changes):
        turns = recipes.run(recipes.build(replace(recipes.named("ring"), **changes)))
        with FlopCounterMode(display=False) as counter:
            next(turns)
        return counter.get_total_flops()

    assert 3 < operations(n_critic=5) / operations() < 4
