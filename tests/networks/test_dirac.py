"""The players of the Dirac-GAN: one number each."""

import pytest
import torch

from gan_tutor import data, losses, networks, penalties, training


def test_the_generator_makes_one_point_whatever_z_is():
    G = networks.DiracGenerator(0.7)
    assert [p.numel() for p in G.parameters()] == [1]
    torch.testing.assert_close(G(torch.randn(5, 3)), torch.full((5, 1), 0.7))
    assert G.output_range is data.point([0.0]).range


def test_the_discriminator_is_a_line_through_the_origin():
    D, x = networks.DiracDiscriminator(-2.0), torch.tensor([[0.0], [1.0], [-3.0]])
    assert [p.numel() for p in D.parameters()] == [1]
    assert D(x).tolist() == [0.0, -2.0, 6.0]
    torch.testing.assert_close(D.features(x), x)
    torch.testing.assert_close(penalties.r1(D, x, x), torch.tensor(2.0))  # psi^2 / 2


@pytest.mark.parametrize("loss", [losses.minimax, losses.nonsaturating], ids=lambda loss: loss.name)
def test_a_turn_of_the_ordinary_steps_is_the_paper_s_update(loss):
    G, D = networks.DiracGenerator(1.0), networks.DiracDiscriminator(0.5)
    opt_g, opt_d = (torch.optim.SGD(net.parameters(), 0.1) for net in (G, D))
    real, z = torch.zeros(4, 1), torch.zeros(4, 1)
    training.d_step(G, D, opt_d, loss, real, z)
    psi = 0.5 - 0.1 * torch.sigmoid(torch.tensor(0.5)).item()
    assert D.psi.item() == pytest.approx(psi, abs=1e-6)
    training.g_step(G, D, opt_g, loss, real, z)
    sign = 1 if loss.name == "minimax" else -1
    assert G.theta.item() == pytest.approx(1 + 0.1 * psi * torch.sigmoid(torch.tensor(sign * psi)).item(), abs=1e-6)
