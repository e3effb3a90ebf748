"""The numbers that chapter 5 quotes are those of the stored results, and its variants are what they say."""

from __future__ import annotations

import ast
import importlib.util
import json
import statistics
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from gan_tutor import networks, recipes

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
RULES = json.loads((RESULTS / "dcgan_rules.json").read_text(encoding="utf-8"))
# The chapter's name of a variant, by the name in the script.
NAMES = {
    "base": "all rules kept",
    "pooling_d": "max pooling in D",
    "upsampling_g": "upsampling in G",
    "no_norm_g": "no BatchNorm in G",
    "no_norm_d": "no BatchNorm in D",
    "norm_at_ends": "BatchNorm at G's end, D's start",
    "dense": "dense hidden layers",
    "leaky_g": "LeakyReLU in G",
    "linear_output": "no tanh",
    "relu_d": "ReLU in D",
    "torch_init": "torch's initial weights",
    "beta1_0.9": "Adam with beta1 = 0.9",
    "lr_1e-3": "learning rate 1e-3",
    "none_kept": "no rule kept but tanh",
}


@pytest.fixture(scope="module")
def cells() -> dict[str, str]:
    notebook: Any = nbformat.read(ROOT / "book" / "dcgan.ipynb", as_version=4)
    return {cell.id: cell.source for cell in notebook.cells}


@pytest.fixture(scope="module")
def script() -> Any:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        spec = importlib.util.spec_from_file_location("dcgan_rules", ROOT / "benchmarks" / "dcgan_rules.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["dcgan_rules"] = module
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.pop(0)
        sys.modules.pop("dcgan_rules", None)


def test_the_quoted_distances_are_those_of_the_result(cells: dict[str, str]) -> None:
    (assignment,) = ast.parse(cells["rules-stored"]).body
    assert isinstance(assignment, ast.Assign)
    quoted = ast.literal_eval(assignment.value)
    assert list(quoted) == list(NAMES.values())
    for name, title in NAMES.items():
        runs = RULES["runs"][name]
        measured = [round(runs[seed][-1]["frechet_distance"], 1) for seed in sorted(runs, key=int)]
        assert quoted[title] == measured, name


def test_every_variant_has_the_same_seeds_and_turns() -> None:
    seeds = set(RULES["runs"]["base"])
    assert len(seeds) >= 2
    assert RULES["runs"].keys() == NAMES.keys() == RULES["rules"].keys()
    for runs in RULES["runs"].values():
        assert set(runs) == seeds
        assert all(rows[-1]["step"] == RULES["turns"] for rows in runs.values())


def test_a_variant_differs_from_the_base_in_one_rule() -> None:
    base = RULES["rules"]["base"]
    for name, rules in RULES["rules"].items():
        changed = [rule for rule in base if rules[rule] != base[rule]]
        assert len(changed) == {"base": 0, "none_kept": 10}.get(name, 1), name


@pytest.mark.parametrize("name", ["digits", "digits_wide", "digits_classical", "fashion", "fashion_classical"])
def test_the_table_of_recipes_is_that_of_the_results(cells: dict[str, str], name: str) -> None:
    runs = json.loads((RESULTS / f"recipe_{name}.json").read_text(encoding="utf-8"))["runs"]
    last = [rows[-1] for rows in runs.values()]
    column = {key: [row[key] for row in last] for key in last[0]}
    seconds, distances = column["cpu_seconds"], column["frechet_distance"]
    row = (
        f"| `{name}` | {last[0]['step']:,} | {min(seconds):.0f} to {max(seconds):.0f} "
        f"| {statistics.mean(distances):.1f} ({min(distances):.1f} to {max(distances):.1f}) "
        f"| {statistics.mean(column['precision']):.2f} | {statistics.mean(column['recall']):.2f} |"
    )
    assert row in cells["live-reading"].splitlines()
    floor = f"| real test images of `{name}` | | | {last[0]['floor_frechet_distance']:.1f} | | |"
    assert name.endswith(("classical", "wide")) or floor in cells["live-reading"].splitlines()


def test_the_base_is_the_recipe_and_every_variant_plays(script: Any) -> None:
    script.check_base()
    for name, rules in script.VARIANTS.items():
        G, D = script.players(rules, 0)
        images = G(torch.randn(3, 64))
        assert images.shape == (3, 1, 28, 28), name
        assert D(images).shape == (3,), name
        assert RULES["rules"][name] == script.asdict(rules), name


def last(name: str, key: str) -> list[float]:
    return [runs[-1][key] for runs in RULES["runs"][name].values()]


def test_the_text_s_words_about_the_rules_hold() -> None:
    base = last("base", "frechet_distance")
    ruined = ("norm_at_ends", "dense", "linear_output", "none_kept")
    for name in ruined:
        assert min(last(name, "frechet_distance")) > 3 * max(base), name
    assert 1.25 * max(last("lr_1e-3", "frechet_distance")) < min(base)  # "helps"
    for name in NAMES.keys() - {*ruined, "base", "no_norm_d", "lr_1e-3"}:  # "within a quarter"
        distances = last(name, "frechet_distance")
        assert min(base) / 1.25 < min(distances) < max(distances) < 1.25 * max(base), name
    # "all latents give nearly the same image"
    assert max(last("dense", "spread_of_pixels") + last("none_kept", "spread_of_pixels")) < 0.06
    assert min(last("base", "spread_of_pixels")) > 0.3


@pytest.mark.parametrize(("name", "low", "high"), [("pooling_d", 2.0, 3.0), ("upsampling_g", 1.3, 2.0)])
def test_the_price_of_working_at_full_resolution(name: str, low: float, high: float) -> None:
    ratio = statistics.mean(last(name, "cpu_seconds")) / statistics.mean(last("base", "cpu_seconds"))
    assert low < ratio < high


def test_the_half_way_distances_of_the_base_are_quoted_rightly(cells: dict[str, str]) -> None:
    first, second, third = (round(rows[0]["frechet_distance"]) for rows in RULES["runs"]["base"].values())
    assert f"the full list stood at {first}, {second} and {third}." in cells["rules-reading"]


def operations(network: torch.nn.Module, x: torch.Tensor) -> int:
    """Of one forward pass."""
    with FlopCounterMode(display=False) as counter:
        network(x)
    return int(counter.get_total_flops())


def test_the_price_of_faces_is_counted_rightly(cells: dict[str, str]) -> None:
    large, small = recipes.named("celeba64"), recipes.named("digits_classical")
    wide, narrow = (
        networks.DCGANGenerator(recipe.latent_dim, channels=channels, size=size, width=recipe.width_g)
        for recipe, channels, size in ((large, 3, 64), (small, 1, 28))
    )
    judges = (
        networks.DCGANDiscriminator(channels=channels, size=size, width=recipe.width_d)
        for recipe, channels, size in ((large, 3, 64), (small, 1, 28))
    )
    ratio_g = operations(wide, torch.randn(2, large.latent_dim)) / operations(narrow, torch.randn(2, small.latent_dim))
    of_faces, of_digits = (
        operations(D, torch.randn(2, *shape)) for D, shape in zip(judges, ((3, 64, 64), (1, 28, 28)), strict=True)
    )
    ratio_d, turns = of_faces / of_digits, large.steps / small.steps
    assert f"an image costs G {ratio_g:.0f} and D {ratio_d:.0f} times as many" in cells["celeba-reading"]
    assert f"there are {turns:.0f} times as many turns" in cells["celeba-reading"]
    assert large.batch_size == 2 * small.batch_size
    assert 7000 < 2 * turns * ratio_g < 9000
