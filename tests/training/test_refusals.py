"""What the loop refuses before any work is lost: players, optimisers, counts and batches that cannot be."""

import math

import pytest
import torch
from torch import nn
from toy_game import BATCH, play, settings, toy

from gan_tutor import batches, data, losses, networks, training


def test_batches_that_end_are_an_error_with_the_step():
    G, D, opt_g, opt_d = toy()
    options = settings(steps=5)
    three = [data.ring().sample(BATCH) for _ in range(3)]
    with pytest.raises(ValueError, match=r"ended at step 4: train needs an endless iterator; use data\.batches"):
        list(training.train(G, D, three, opt_g=opt_g, opt_d=opt_d, **options))


def test_players_that_share_parameters_are_refused():
    G, D, opt_g, opt_d = toy()
    D.borrowed = G.last
    with pytest.raises(ValueError, match="G and D must not share parameters"):
        play(G, D, opt_g, opt_d)


@pytest.mark.parametrize("player", ["g", "d"])
def test_an_optimizer_with_foreign_or_missing_parameters_is_refused(player):
    G, D, opt_g, opt_d = toy()
    own = {"g": G, "d": D}[player]
    both = torch.optim.Adam([*G.parameters(), *D.parameters()])
    some = torch.optim.Adam(list(own.parameters())[1:])
    for wrong, counts in ((both, "6 are foreign and 0 are missing"), (some, "0 are foreign and 1 are missing")):
        opts = {"opt_g": opt_g, "opt_d": opt_d} | {f"opt_{player}": wrong}
        with pytest.raises(ValueError, match=f"opt_{player} must hold exactly the parameters.*{counts}"):
            play(G, D, **opts)
    with pytest.raises(ValueError, match="opt_g must hold exactly"):
        play(G, D, opt_d, opt_g)  # swapped


@pytest.mark.parametrize("name", ["n_critic", "penalty_every", "check_every"])
def test_counts_below_one_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got -1"):
        play(*toy(), **{name: -1})


@pytest.mark.parametrize("name", ["n_critic", "penalty_every"])
def test_a_count_of_zero_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        play(*toy(), **{name: 0})


def test_never_checking_is_refused():
    with pytest.raises(ValueError, match="check_every must be at least 1, got 0"):
        play(*toy(), check_every=0)


IMAGES = torch.rand(12, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1


def of_images(*batches, conditional=False, **changes):
    """One turn of a DCGAN on given batches, asked for but not played."""
    if conditional:
        G = networks.ConditionalGenerator(networks.DCGANGenerator(7, width=2), networks.OneHot(3))
        D = networks.ConcatDiscriminator(networks.DCGANDiscriminator(channels=4, width=2), networks.OneHot(3))
    else:
        G, D = networks.DCGANGenerator(4, width=2), networks.DCGANDiscriminator(width=2)
    opt_g, opt_d = (torch.optim.SGD(player.parameters(), 0.1) for player in (G, D))
    given = {"loss": losses.hinge, "latent_dim": 4, "steps": len(batches), "generator": torch.Generator()} | changes
    return training.train(G, D, iter(batches), opt_g=opt_g, opt_d=opt_d, **given)


LABELS = torch.arange(12) % 3


@pytest.mark.parametrize(("batch", "said"), [
    ((IMAGES, LABELS), r"pairs \(x_real, y\), but G takes no condition: train on the samples alone"),
    ([IMAGES, LABELS], r"pairs \(x_real, y\), but G takes no condition"),
    ((IMAGES, LABELS, LABELS), r"a tensor x_real or a pair of tensors \(x_real, y\), got \(Tensor, Tensor, Tensor\)"),
    ((IMAGES, ["a"] * 12), r"a tensor x_real or a pair of tensors \(x_real, y\), got \(Tensor, list\)"),
    ({"image": IMAGES}, "got dict"),
    ((IMAGES, LABELS[:5]), r"one condition for each sample, got \(12, 1, 28, 28\) and \(5,\)"),
    (IMAGES[:0], r"must have shape \(N, ...\) with N >= 1, got \(0, 1, 28, 28\)"),
    ((IMAGES[:0],), r"with N >= 1, got \(0, 1, 28, 28\)"),
    (IMAGES.double(), r"must be torch\.float32 as D's parameters are, got torch\.float64: use x\.to\(torch\.float32\)"),
    (IMAGES.byte(), r"got torch\.uint8: use pixels / 127\.5 - 1"),
    (IMAGES.to("meta"), "must be on cpu as D's parameters are, got meta"),
    ((IMAGES + 1) / 2, r"the first batch has values from \S+ to [01]\S*: .*images of 0\.\.1 by 2 \* x - 1"),
    ((IMAGES + 1) * 127.5, r"output range \[-1, 1\], the first batch has .* images of 0\.\.255 by x / 127\.5 - 1"),
    (IMAGES * 12, "output range"),
    (IMAGES * math.nan, "has values from nan to nan"),
    (IMAGES[..., :24], r"G must make samples of the real ones' shape \(1, 28, 24\), got \(1, 28, 28\)"),
    (IMAGES.expand(-1, 3, -1, -1), r"real ones' shape \(3, 28, 28\), got \(1, 28, 28\)"),
])  # fmt: skip
def test_a_batch_that_these_players_cannot_take_is_refused(batch, said):
    with pytest.raises(ValueError, match=said):
        next(of_images(batch))


def test_a_conditional_game_without_conditions_is_refused():
    assert next(of_images((IMAGES, LABELS), conditional=True)).step == 1
    with pytest.raises(ValueError, match=r"G needs a condition, but the batches hold none: give pairs \(x_real, y\)"):
        next(of_images(IMAGES, conditional=True))


STANDARDISED = (IMAGES - IMAGES.mean()) / IMAGES.std() + 1


@pytest.mark.parametrize("batch", [
    (IMAGES,), [IMAGES], IMAGES * 0.0, IMAGES * 1.005, IMAGES.clamp(min=-0.9), IMAGES.clamp(min=0.2), STANDARDISED,
])  # fmt: skip
def test_batches_that_look_odd_and_can_be_trained_on_are_taken(batch):
    """TensorDataset's (x,), images of one grey, bright ones, and values beyond the range, as chapter 5 tries them."""
    assert next(of_images(batch)).step == 1


class Deaf(nn.Module):
    """A network behind an ear: it takes a condition and does not pass it on, as in chapter 6."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x, y):
        return self.network(x)


class Open(Deaf):
    """A wrapper that takes what its network takes."""

    def forward(self, *inputs):
        return self.network(*inputs)


@pytest.mark.parametrize(("wrap", "conditions"), [
    (Deaf, 1), (Open, 0), (lambda n: Open(Deaf(n)), 1), (lambda n: Deaf(Open(n)), 1), (torch.compile, 0),
])  # fmt: skip
def test_a_wrapped_network_takes_what_its_own_call_takes(wrap, conditions):
    for network in (networks.DCGANGenerator(4, width=2), networks.DCGANDiscriminator(width=2)):
        assert [batches._takes(wrap(network), count) for count in (1, 2)] == [not conditions, bool(conditions)]


def test_an_empty_batch_later_on_is_no_divergence():
    turns = of_images(IMAGES, IMAGES[:0])
    next(turns)
    with pytest.raises(ValueError, match=r"with N >= 1, got \(0, 1, 28, 28\)"):
        next(turns)


@pytest.mark.parametrize(("changes", "said"), [
    ({"n_critic": 0}, "n_critic must be at least 1"),
    ({"penalty_every": 0}, "penalty_every must be at least 1"),
    ({"check_every": 0}, "check_every must be at least 1"),
    ({"ema_decay": 1.0}, r"ema_decay must be in \[0, 1\), got 1\.0"),
    ({"ema_decay": -0.1}, r"ema_decay must be in \[0, 1\), got -0\.1"),
])  # fmt: skip
def test_a_mistake_in_the_call_is_told_at_the_call(changes, said):
    with pytest.raises(ValueError, match=said):
        of_images(IMAGES, **changes)
