"""The optimisers as functions: torch.optim's numbers, for one network and for several with their own rates."""

import pytest
import torch

from gan_tutor.optimizers import OPTIMIZERS

LARGEST = 3.4e38


def torchs(name, parameters, lr):
    return {
        "adam": lambda: torch.optim.Adam(parameters, lr, (0.5, 0.99)),
        "rmsprop": lambda: torch.optim.RMSprop(parameters, lr, alpha=0.9),
        "sgd": lambda: torch.optim.SGD(parameters, lr, momentum=0.8),
    }[name]()


def knobs(name, lr, t, clip=LARGEST):
    return {
        "adam": [lr, 0.5, 0.01, 1 / (1 - 0.5**t), 1 / (1 - 0.99**t), clip],
        "rmsprop": [lr, 0.1, clip],
        "sgd": [lr, 0.8, float(t == 1), clip],
    }[name]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_are_torchs(name):
    update, named = OPTIMIZERS[name]
    theta = torch.randn(40)
    parameter = torch.nn.Parameter(theta.clone())
    theirs = torchs(name, [parameter], 0.01)
    state = (torch.zeros(40), torch.zeros(40))
    for t in range(1, 30):
        gradient = torch.randn(40) * 10.0 ** torch.randint(-9, 2, (40,))
        gradient[:5] = 0  # an unused weight stays where it is
        assert len(named) == len(knobs(name, 0.01, t))
        theta, *state = update(theta, *state, gradient, torch.tensor(knobs(name, 0.01, t)))
        parameter.grad = gradient.clone()
        theirs.step()
        torch.testing.assert_close(theta, parameter.detach(), rtol=1e-5, atol=1e-6)
    assert torch.equal(theta[:5], parameter.detach()[:5])
    clipped, *_ = update(theta, *state, gradient, torch.tensor(knobs(name, 0.01, t, clip=0.1)))
    assert clipped.abs().max() == 0.1
    assert (clipped.abs() < 0.1).any()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_rows_move_as_if_alone(name):
    update, _ = OPTIMIZERS[name]
    rates = (0.3, 0.01, 0.0)
    theta, gradient, state = torch.randn(3, 7), torch.randn(3, 7), torch.rand(2, 3, 7)
    stacked = torch.tensor([knobs(name, lr, 3) for lr in rates]).T.unsqueeze(-1)
    together = update(theta, *state, gradient, stacked)
    for row, lr in enumerate(rates):
        alone = update(theta[row], *state[:, row], gradient[row], torch.tensor(knobs(name, lr, 3)))
        for whole, part in zip(together, alone, strict=True):
            torch.testing.assert_close(whole[row], part, rtol=1e-6, atol=0)
    assert torch.equal(together[0][2], theta[2])


def test_the_velocity_of_sgd_starts_as_the_gradient_whatever_was_there():
    update, _ = OPTIMIZERS["sgd"]
    theta, old, gradient = torch.randn(3, 5)
    moved, velocity, _ = update(theta, old, old, gradient, torch.tensor([0.1, 0.8, 1.0, LARGEST]))
    assert torch.equal(velocity, gradient)
    torch.testing.assert_close(moved, theta - 0.1 * gradient)
    moved, velocity, _ = update(theta, old, old, gradient, torch.tensor([0.1, 0.8, 0.0, LARGEST]))
    torch.testing.assert_close(velocity, 0.8 * old + gradient)
    torch.testing.assert_close(moved, theta - 0.1 * (0.8 * old + gradient))


@pytest.mark.parametrize("name", ["rmsprop", "sgd"])
def test_state_that_is_not_used_passes_through(name):
    update, _ = OPTIMIZERS[name]
    theta, first, unused, gradient = torch.rand(4, 6)
    assert torch.equal(update(theta, first, unused, gradient, torch.tensor(knobs(name, 0.1, 2)))[2], unused)


def test_the_smallest_gradients_meet_epsilon_outside_the_root():
    """eps is added to the root of v: where |gradient| is eps, one step of Adam or RMSprop is lr / 2."""
    gradient, zero = torch.tensor([1e-8, -1e-8, 1.0]), torch.zeros(3)
    for name, settings in (("adam", [0.1, 0.5, 0.01, 2.0, 100.0, LARGEST]), ("rmsprop", [0.1, 1.0, LARGEST])):
        moved, *_ = OPTIMIZERS[name][0](zero, zero, zero, gradient, torch.tensor(settings))
        torch.testing.assert_close(moved, torch.tensor([-0.05, 0.05, -0.1]), rtol=1e-4, atol=0), name


def test_both_sides_are_clipped():
    for name, (update, _) in OPTIMIZERS.items():
        theta, zero = torch.tensor([3.0, -3.0, 0.25, -0.25]), torch.zeros(4)
        moved, *_ = update(theta, zero, zero, zero, torch.tensor(knobs(name, 0.1, 1, clip=0.5)))
        assert moved.tolist() == [0.5, -0.5, 0.25, -0.25], name
