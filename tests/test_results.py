"""The stored results: each says where it was measured, of which recipe, and is no better than perfect."""

import json
import statistics
from pathlib import Path

import pytest

from gan_tutor import recipes

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
FILES = sorted(RESULTS.glob("*.json"))
RECIPES = sorted(RESULTS.glob("recipe_*.json"))


def test_there_are_results():
    assert {path.stem for path in FILES} >= {
        "recipe_digits",
        "recipe_fashion",
        "recipe_ring",
        "recipe_grid",
        "loop_cpu",
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_result_names_its_machine(path):
    machine = json.loads(path.read_text())["machine"]
    assert all(machine[key] for key in ("cpu", "cores", "threads", "python", "torch", "date"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_s_result_is_of_the_recipe_in_the_catalogue(path):
    result = json.loads(path.read_text())
    name = path.stem.removeprefix("recipe_").removesuffix("_avx2")
    assert recipes.from_dict(result["recipe"]) == recipes.named(name)
    assert len(result["runs"]) >= 3
    for seed, rows in result["runs"].items():
        assert rows[-1]["step"] == recipes.named(name).steps
        assert (RESULTS / f"{path.stem}_{seed}.png").is_file()


def test_the_modern_recipe_beats_the_classical_one_in_equal_turns_and_in_equal_time_on_every_seed():
    runs = json.loads((RESULTS / "modern.json").read_text())["runs"]
    assert len(runs["fashion_modern"]) >= 3
    for seed, modern in runs["fashion_modern"].items():
        classical = runs["fashion_classical"][seed]
        assert modern[-1]["step"] == classical[-1]["step"] == recipes.named("fashion_modern").steps
        floor = modern[-1]["floor_frechet_distance"]
        assert floor < modern[-1]["frechet_distance"] < 20 < 40 < classical[-1]["frechet_distance"]
        # A turn of it is three to four times as dear: after the classical one's seconds it is ahead by less.
        late = min(modern, key=lambda row: abs(row["cpu_seconds"] - classical[-1]["cpu_seconds"]))
        assert 35 < late["frechet_distance"] < classical[-1]["frechet_distance"]
        assert 3 < modern[-1]["cpu_seconds"] / classical[-1]["cpu_seconds"] < 4.5


@pytest.mark.parametrize("name", ["grid", "fashion_classical", "fashion_modern"])
def test_the_table_of_memory_is_what_is_counted_today(name):
    """Within 2 %: another torch may keep a tensor more."""
    row = json.loads((RESULTS / "memory_cpu.json").read_text())["recipes"][name]
    recipe, need = recipes.named(name), recipes.memory(recipes.named(name))
    assert row["batch_size"] == recipe.batch_size
    assert row["peak"] == pytest.approx(need.total(recipe.batch_size), rel=0.02)
    assert row["peak"] == row["data"] + row["parameters"] + row["state"] + row["turn"]
    assert row["largest_batch"]["8 GB"] == recipes.largest_batch(recipe, 8 * 10**9)


def test_every_recipe_has_its_memory_counted():
    assert set(json.loads((RESULTS / "memory_cpu.json").read_text())["recipes"]) == set(recipes.NAMES)


def last_rows(name):
    """Return the last measurement of each seed."""
    runs = json.loads((RESULTS / f"recipe_{name}.json").read_text())["runs"]
    return [rows[-1] for rows in runs.values()]


def test_the_wide_digits_reach_their_distance_within_a_minute_on_every_seed():
    for row in last_rows("digits_wide"):
        assert row["floor_frechet_distance"] < row["frechet_distance"] <= 4.0
        assert row["cpu_seconds"] <= 60


@pytest.mark.parametrize("stem", ["digits", "digits_avx2", "digits_wide_avx2"])
def test_digits_reach_their_distance_in_the_median_on_both_instruction_sets(stem):
    """On every seed it would be better: the worst is above 4."""
    machine = json.loads((RESULTS / f"recipe_{stem}.json").read_text())["machine"]
    assert (machine["instruction_set"] == "AVX2") == stem.endswith("avx2")  # where "auto" is float32
    rows = last_rows(stem)
    distances = [row["frechet_distance"] for row in rows]
    assert rows[0]["floor_frechet_distance"] < min(distances)
    assert statistics.median(distances) <= 4.0


def test_digits_can_be_read_after_half_a_minute_and_are_done_within_two_minutes_on_avx2():
    """Readable: nearer to the data than where the classical recipe ends, on every seed."""
    classical = min(row["frechet_distance"] for row in last_rows("digits_classical"))
    for rows in json.loads((RESULTS / "recipe_digits_avx2.json").read_text())["runs"].values():
        (early,) = [row for row in rows if 30 <= row["cpu_seconds"] < 31]
        assert early["frechet_distance"] < classical
        assert rows[-1]["cpu_seconds"] <= 120


@pytest.mark.parametrize("page", ["README.md", "book/faq.md"])
def test_the_pages_tell_what_the_digits_recipe_cost_and_reached(page):
    text = (ROOT / page).read_text()
    for stem in ("digits", "digits_avx2"):
        rows = last_rows(stem)
        seconds = [round(row["cpu_seconds"]) for row in rows]
        distances = [row["frechet_distance"] for row in rows]
        assert f"{min(seconds)} to {max(seconds)}" in text
        assert f"{min(distances):.1f} to {max(distances):.1f}" in text


def test_the_readme_tells_what_clothes_cost_and_reached():
    text = (ROOT / "README.md").read_text()
    for stem in ("fashion", "fashion_avx2"):
        rows = last_rows(stem)
        seconds = [round(row["cpu_seconds"]) for row in rows]
        distances = [row["frechet_distance"] for row in rows]
        assert f"{min(seconds)} to {max(seconds)}" in text
        assert f"{min(distances):.1f} to {max(distances):.1f}" in text


def test_the_fashion_recipe_reaches_its_distance_in_the_median_within_a_minute():
    # On every seed it would be better: one of three is at 6.14.
    rows = last_rows("fashion")
    distances = [row["frechet_distance"] for row in rows]
    assert rows[0]["floor_frechet_distance"] < statistics.median(distances) <= 6.0
    assert max(distances) <= 6.6
    assert max(row["cpu_seconds"] for row in rows) <= 60


def test_the_grid_of_25_is_covered_sharply_and_evenly_on_every_seed():
    rows = last_rows("grid")
    assert len(rows) >= 5
    for row in rows:
        assert row["modes"] == row["perfect_modes"] == 25
        assert 0.95 <= row["high_quality"] <= row["perfect_high_quality"]
        assert 0 < row["reverse_kl"] <= 0.005
        assert row["cpu_seconds"] <= 120


def test_the_default_ring_covers_every_mode_within_eight_seconds():
    for row in last_rows("ring"):
        assert row["modes"] == row["perfect_modes"] == 8
        assert 0.85 <= row["high_quality"] <= row["perfect_high_quality"]
        assert row["cpu_seconds"] <= 8
