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
