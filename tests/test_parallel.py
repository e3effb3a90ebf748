"""Several processes play the game that one plays: every loss, penalty and condition, with 2 and with 4 ranks."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from gan_tutor import losses, parallel, recipes
from gan_tutor.share import ALONE, Share

pytestmark = pytest.mark.xdist_group("ranks")  # one process makes the games for all tests

PROGRAM = Path(__file__).parent / "ranks.py"
SPEC = importlib.util.spec_from_file_location("ranks", PROGRAM)
ranks = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(ranks)


@pytest.fixture(scope="module")
def one():
    return {name: ranks.played(recipes.build(ranks.recipe(name))) for name in ranks.GAMES}


@pytest.fixture(scope="module", params=[2, 4])
def several(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    command = [sys.executable, str(PROGRAM), str(request.param), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    return [torch.load(folder / f"{rank}.pt") for rank in range(request.param)]


@pytest.mark.parametrize("name", ranks.GAMES)
def test_ranks_tell_one_process_s_losses_and_end_with_its_players(name, one, several):
    for result in several:
        torch.testing.assert_close(result[name], one[name], rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("name", ranks.GAMES)
def test_all_ranks_hold_the_same_bits(name, several):
    for result in several[1:]:
        assert all(torch.equal(result[name][key], value) for key, value in several[0][name].items())


def test_a_game_of_one_process_goes_on_with_several(one, several):
    expected = dict(one["relativistic_r1_r2"])
    expected["losses"] = expected["losses"][2:]
    for result in several:
        torch.testing.assert_close(result["resumed"], expected, rtol=1e-4, atol=2e-6)


def test_samples_are_made_by_all_and_had_by_all(several):
    for result in several:
        torch.testing.assert_close(result["samples"]["all"], ranks.sampled())


def test_feature_matching_over_half_the_rows_would_be_another_loss():
    """A squared difference of means is no mean over rows: of 2N samples of one kind it is half of that of N."""
    a, b = torch.randn(2, 4000, 200, generator=torch.Generator().manual_seed(0))
    whole = losses.feature_matching.g(a, b)
    halves = [losses.feature_matching.g(a[rows], b[rows]) for rows in (slice(2000), slice(2000, 4000))]
    assert 1.5 < sum(halves) / 2 / whole < 2.5


def test_alone_nothing_is_wrapped_or_replaced():
    game = recipes.build(recipes.Recipe(**ranks.SMALL | ranks.GAMES["batch_norm"]))
    assert game.share == ALONE
    assert game.ready_g is game.G
    assert not any(isinstance(module, parallel.SharedBatchNorm) for module in game.D.modules())
    assert parallel.shared_loss(losses.feature_matching, ALONE) is losses.feature_matching
    assert parallel.agree(ALONE, True, False) == [True, False]


def test_a_shared_batch_norm_keeps_the_state_and_the_answers_in_evaluation_mode():
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Sequential(nn.BatchNorm2d(3, eps=1e-3)))
    for _ in range(3):
        network(torch.randn(4, 2, 8, 8))
    x, state = torch.randn(4, 2, 8, 8), {k: v.clone() for k, v in network.state_dict().items()}
    expected = network.eval()(x)
    parallel.share_batch_norms(network, Share(0, 2))
    assert [type(module) for module in (network[1], network[2][0])] == [parallel.SharedBatchNorm] * 2
    assert network.state_dict().keys() == state.keys()
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    torch.testing.assert_close(network.eval()(x), expected)


@pytest.mark.parametrize("shape", [(6, 4), (5, 3, 4, 2)])
def test_moments_and_their_gradients_are_those_of_the_formula(shape):
    x, weight = torch.randn(shape).mul(3).add(2).requires_grad_(), torch.randn(2, shape[1])
    places = [0, *range(2, len(shape))]
    moments, expected = parallel._Moments.apply(x), torch.stack(torch.var_mean(x, places, correction=0))
    torch.testing.assert_close(moments, expected)
    got, want = (torch.autograd.grad((weight * value).sum(), x)[0] for value in (moments, expected))
    torch.testing.assert_close(got, want)
    flat = parallel._Moments.apply(torch.full(shape, 0.25))
    torch.testing.assert_close(flat, torch.tensor([[0.0], [0.25]]).expand(2, shape[1]), atol=1e-9, rtol=0)


def test_moments_refuse_a_second_derivative_that_would_be_wrong():
    x = torch.randn(6, 4, requires_grad=True)
    (slope,) = torch.autograd.grad(parallel._Moments.apply(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.square().sum().backward()


def test_the_mean_over_ranks_has_a_second_derivative(group_of_one):
    """The mean over ranks is linear, so it is differentiated as often as one likes."""
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (slope,) = torch.autograd.grad(parallel.all_mean(x).pow(3).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(slope.sum(), x)
    torch.testing.assert_close(second, 6 * x.detach())


@pytest.fixture
def group_of_one(tmp_path):
    """A process group with this process alone."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("options", [{}, {"momentum": None}, {"affine": False}, {"track_running_stats": False}],
                         ids=str)  # fmt: skip
@pytest.mark.parametrize("shape", [(6, 4), (5, 4, 3, 2)])
def test_a_shared_batch_norm_of_one_rank_is_torch_s_whatever_its_options(options, shape, group_of_one):
    make = nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d
    alone, shared = make(4, **options), nn.Sequential(make(4, **options))
    parallel.share_batch_norms(shared, Share(0, 2))
    assert type(shared[0]) is parallel.SharedBatchNorm
    for network in (alone, shared):
        for p in network.parameters():
            p.data.fill_(1.5)
    for k in range(3):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(k)) * 2 + k
        torch.testing.assert_close(shared(x), alone(x))
    for name, value in alone.state_dict().items():
        torch.testing.assert_close(shared.state_dict()[f"0.{name}"], value)
    torch.testing.assert_close(shared.eval()(x), alone.eval()(x))


def test_a_batch_that_cannot_be_shared_out_is_refused(monkeypatch):
    monkeypatch.setattr(parallel, "averaged", lambda network, share: network)  # needs the other processes
    with pytest.raises(ValueError, match="batch_size must be a multiple of the number of processes, got 25 for 2"):
        recipes.build(recipes.Recipe(batch_size=25), share=Share(0, 2))


def test_without_torchrun_there_is_nobody_to_join(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert parallel.start("cpu") == (ALONE, torch.device("cpu"))
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert parallel.start("cpu") == (ALONE, torch.device("cpu"))


def test_half_of_torchrun_s_variables_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "0")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="WORLD_SIZE is 2 but RANK, MASTER_ADDR, MASTER_PORT is not set"):
        parallel.start("cpu")


def test_a_divergence_ends_all_in_the_same_turn(several):
    steps = [result["diverged"]["step"] for result in several]
    assert steps == [steps[0]] * len(several)
    assert 1 <= steps[0] <= 5


def test_processes_that_see_different_folders_are_refused(several):
    for result in several:
        assert "all processes must see the same run folder, but in" in result["apart"]["message"]
        assert "they found steps 2, 0" in result["apart"]["message"]
