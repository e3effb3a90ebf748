"""The bytes that a page runs, in wasmtime, against the eager trainer with the same seed: every loss of 200 turns."""

import itertools
from dataclasses import replace

import pytest

from gan_tutor import recipes
from gan_tutor.losses import LOSSES
from gan_tutor.page_engine import bundle
from gan_tutor.penalties import PENALTIES

pytestmark = pytest.mark.xdist_group("small_bundle")  # compiled once: all run in one process


@pytest.fixture(scope="module")
def module(worker, small_bundle):
    return worker.Module(*bundle.read(small_bundle))


def largest_difference(worker, module, recipe):
    eager = [(float(r.loss_d), float(r.loss_g)) for r in recipes.run(recipes.build(recipe))]
    compiled = list(itertools.islice(worker.Turns(module, recipe), recipe.steps))
    assert len(eager) == len(compiled) == recipe.steps
    assert len({d for d, _ in compiled}) > recipe.steps // 2  # it moves
    return max(abs(a - b) for x, y in zip(eager, compiled, strict=True) for a, b in zip(x, y, strict=True))


@pytest.mark.parametrize("penalty", ["none", *PENALTIES])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_with_every_penalty(worker, module, small, loss, penalty):
    recipe = replace(small, loss=loss, penalty=penalty, penalty_weight=0.3)
    assert largest_difference(worker, module, recipe) < 1e-5


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "rmsprop", "lr_d": 5e-4, "beta2": 0.9},
        {"optimizer": "sgd", "lr_g": 0.02, "lr_d": 0.02},
        {"optimizer": "sgd", "lr_g": 0.02, "lr_d": 0.02, "beta1": 0.0},
        {"beta1": 0.0, "beta2": 0.9},
        {"real_target": 0.9},
        {"real_target": 0.6, "loss": "minimax"},
        {"instance_noise": 0.3},
        {"instance_noise": 0.2, "loss": "relativistic", "penalty": "wgan_gp"},
        {"instance_noise": 0.2, "loss": "feature_matching", "penalty": "r1_r2"},
        {"clip": 0.05, "loss": "wasserstein", "optimizer": "rmsprop"},
        {"n_critic": 2},
        {"n_critic": 2, "loss": "wasserstein", "penalty": "wgan_gp", "penalty_weight": 0.1, "seed": 3},
        {"penalty": "r1", "penalty_every": 4, "penalty_weight": 0.5},
        {"latent_dim": 1},
        {"latent_dim": 7, "data": "two_moons"},
        {"latent_dim": 16, "data": "swiss_roll", "seed": 5},
        {"data": "grid", "standardize": True},
    ],
    ids=lambda changes: "-".join(f"{k}={v}" for k, v in changes.items()),
)  # fmt: skip
def test_every_setting(worker, module, small, changes):
    assert largest_difference(worker, module, replace(small, **changes)) < 1e-5
