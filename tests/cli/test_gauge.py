"""Operations of a turn against closed forms, the peak, and the search for a batch that fits."""

from dataclasses import replace

import pytest
import torch

from gan_tutor import data, recipes
from gan_tutor.cli import gauge

CPU = torch.device("cpu")
W, N = 16, 32
SMALL = recipes.Recipe(width_g=W, width_d=W, batch_size=N)
# Weights of each layer: a product of N rows with W weights takes 2 N W operations.
G, D = [2 * W, W * W, W * 2], [2 * W, W * W, W]


def flops(recipe, source=None):
    return gauge.turn_flops(recipe, source or data.ring(), CPU)


def turn(n_critic=1):
    """Operations of a turn of the small MLPs, by hand."""
    forward_g, forward_d = sum(G), 2 * sum(D)
    backward_d = 2 * sum(D) + 2 * (sum(D) - D[0])  # of weights, and of inputs but the first layer's
    critic = forward_g + forward_d + backward_d
    g_step = 2 * sum(D) + 2 * sum(G) - G[0]  # through D, whose weights are frozen, and back through G
    return 2 * N * (n_critic * critic + g_step)


@pytest.mark.parametrize("n_critic", [1, 3])
def test_a_turn_s_operations_are_the_closed_form(n_critic):
    assert flops(replace(SMALL, n_critic=n_critic)) == turn(n_critic)


def r1():
    """Of a penalty on N gradients: D forward, its gradient, and a backward pass through both."""
    inner = 2 * sum(D) - D[2]  # with respect to weights, and to the gradient that comes from above
    zeros = 2 * (sum(D) - D[2])  # through the activations' second derivatives, which are zero
    return 2 * N * (2 * sum(D) + inner + zeros)


@pytest.mark.parametrize(("penalty", "gradients"), [("r1", 1), ("r2", 1), ("r1_r2", 2), ("wgan_gp", 1)])
def test_penalties_are_counted_with_both_derivatives(penalty, gradients):
    assert flops(replace(SMALL, penalty=penalty)) == turn() + gradients * r1()


def test_a_lazy_penalty_counts_by_how_often_it_is_taken():
    assert flops(replace(SMALL, penalty="r1", penalty_every=4)) == turn() + r1() / 4


def test_operations_are_proportional_to_the_batch_and_leave_the_game_alone():
    game = recipes.build(recipes.named("digits"))
    before = game.generator.get_state()
    counts = [flops(replace(game.recipe, batch_size=n, width_g=8, width_d=8), game.source) for n in (8, 80)]
    assert counts[1] == 10 * counts[0] > 0
    assert torch.equal(game.generator.get_state(), before)


def test_a_convolution_counts_its_kernel_at_every_place():
    recipe = replace(recipes.named("digits_classical"), width_g=8, width_d=8, batch_size=8)
    D = recipes.build(recipe).D
    with gauge._Counter() as counter, torch.no_grad():
        D(torch.zeros(8, 1, 28, 28))
    sizes = []
    hooks = [
        layer.register_forward_hook(lambda layer, _, y: sizes.append(2 * y.numel() * layer.weight[0].numel()))
        for layer in D.modules()
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear)
    ]
    D(torch.zeros(8, 1, 28, 28))
    assert len(hooks) >= 3
    assert counter.flops == sum(sizes)


def test_the_peak_is_that_of_a_matrix_product():
    peak = gauge.peak_flops(CPU, torch.float32, size=256, repeats=3)
    assert 1e8 < peak < 1e14
    game = recipes.build(SMALL)
    share = gauge.share_of_peak(game, size=256)
    assert share == pytest.approx(turn() / peak, rel=0.9)


@pytest.mark.parametrize(("limit", "failed", "expected"), [(40, 128, 32), (64, 128, 64), (1, 128, 1), (0, 128, 0)])
def test_the_largest_batch_is_found_by_halving(limit, failed, expected):
    tried = []

    def attempt(size):
        tried.append(size)
        if size > limit:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")

    assert gauge.halved_until_it_fits(attempt, failed) == expected
    assert tried == [64, 32, 16, 8, 4, 2, 1][: len(tried)]


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    def attempt(size):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        gauge.halved_until_it_fits(attempt, 8)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_s_share_of_peak_is_a_share():
    game = recipes.build(replace(SMALL, batch_size=4096), "cuda")
    assert 0 < gauge.share_of_peak(game) < 1
