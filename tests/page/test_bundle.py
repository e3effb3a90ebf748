"""The file that a page loads."""

import gzip
import json
import re
from dataclasses import replace

import pytest

from gan_tutor.page_engine import bundle

pytestmark = pytest.mark.xdist_group("small_bundle")  # compiled once: all run in one process


def test_it_is_one_classic_script_that_leaves_one_object(small_bundle):
    text = small_bundle.read_text(encoding="utf-8")
    key = small_bundle.stem
    assert re.fullmatch(r"[0-9a-f]{12}", key)
    start = f'(globalThis.ganTutorBundles ??= {{}})["{key}"] = '
    assert text.startswith(start)
    assert text.endswith(";\n")
    assert text.count("\n") == 1
    assert json.loads(text[len(start) : -2])["manifest"]["key"] == key
    assert list(small_bundle.parent.iterdir()) == [small_bundle]


def test_another_game_of_the_same_networks_takes_the_same_file(small, small_bundle):
    written = small_bundle.stat().st_mtime_ns
    other = replace(
        small, loss="hinge", penalty="r1", lr_g=0.1, data="swiss_roll", latent_dim=9, seed=4, n_critic=3, steps=7,
        optimizer="sgd", clip=0.1, instance_noise=0.2, real_target=1.0, beta1=0.3, ema_decay=0.5, schedule="cosine",
    )  # fmt: skip
    assert bundle.build(other, small_bundle.parent) == small_bundle
    assert small_bundle.stat().st_mtime_ns == written


def test_the_module_is_small_and_needs_nothing(worker, small_bundle):
    manifest, wasm = bundle.read(small_bundle)
    assert 1000 < len(gzip.compress(wasm)) < 60_000
    assert len(gzip.compress(small_bundle.read_bytes())) < 60_000
    exports = {export.name for export in worker.Module(manifest, wasm).module.exports}
    assert exports == {"memory", "_initialize", "malloc", *manifest["programs"]}


def test_every_loss_and_penalty_has_its_programs(small_bundle):
    manifest, _ = bundle.read(small_bundle)
    assert {f"d_{name}" for name in ("none", "r1", "r2", "r1_r2", "wgan_gp")} <= set(manifest["programs"])
    assert len(manifest["d_losses"]) == len(manifest["g_losses"]) == 7
    for choice in manifest["g_losses"].values():
        knobs = manifest["programs"][choice["program"]]["inputs"][-1]
        assert knobs == {"name": "knobs", "shape": [len(choice["weights"]) + 1]}
        assert sum(choice["weights"]) == 1
    assert [port["name"] for port in manifest["programs"]["adam_g"]["outputs"]] == [
        "theta",
        "state_0",
        "state_1",
        "norm",
    ]
