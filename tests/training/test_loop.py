"""The loop: bit-equality with a loop by hand, exact continuation, whose randomness it uses, and that it learns."""

import copy
import itertools

import pytest
import torch
from torch.nn.functional import softplus
from toy_game import BATCH, LATENT, equal, play, real_batches, settings, state, toy

from gan_tutor import data, losses, networks, penalties, training


def by_hand(G, D, opt_g, opt_d, *, d_formula, g_formula, seed, steps, n_critic, decay, penalty, weight, source):
    """The text-book loop, without the library's losses, objectives or steps."""
    generator = torch.Generator().manual_seed(seed)
    average = copy.deepcopy(G)
    for step in range(1, steps + 1):
        for _ in range(n_critic):
            x_real = source.sample(BATCH, generator)
            x_fake = G(torch.randn(BATCH, LATENT, generator=generator))
            loss_d = d_formula(D(x_real), D(x_fake.detach()))
            if penalty is not None:
                loss_d = loss_d + weight * penalty(D, x_real, x_fake.detach())
            opt_d.zero_grad()
            loss_d.backward()
            opt_d.step()
        loss_g = g_formula(D, x_real, x_fake)  # the samples of D's last step, judged by the D that has moved
        opt_g.zero_grad()
        loss_g.backward()
        opt_g.step()
        with torch.no_grad():
            kept = min(decay, step / (step + 1))
            for a, p in zip(average.parameters(), G.parameters(), strict=True):
                a.lerp_(p, 1 - kept)
            for a, b in zip(average.buffers(), G.buffers(), strict=True):
                a.copy_(b)
    return average


def classical_d(real, fake):
    return softplus(-real).mean() + softplus(fake).mean()


FORMULAS = {
    "minimax": (classical_d, lambda D, x, fake: -softplus(D(fake)).mean()),
    "nonsaturating": (classical_d, lambda D, x, fake: softplus(-D(fake)).mean()),
    "hinge": (
        lambda real, fake: (1 - real).relu().mean() + (1 + fake).relu().mean(),
        lambda D, x, fake: -D(fake).mean(),
    ),
    "wasserstein": (lambda real, fake: fake.mean() - real.mean(), lambda D, x, fake: -D(fake).mean()),
    "relativistic": (
        lambda real, fake: softplus(fake - real).mean(),
        lambda D, x, fake: softplus(D(x).detach() - D(fake)).mean(),
    ),
}


@pytest.mark.parametrize(
    ("loss", "penalty", "n_critic", "optimizer"),
    [
        ("nonsaturating", None, 1, "adam"),
        ("minimax", None, 2, "sgd"),
        ("hinge", "r1", 1, "adam"),
        ("wasserstein", "r2", 2, "rmsprop"),
        ("relativistic", "r1_r2", 1, "adam"),
    ],
)
def test_the_loop_by_hand_is_bit_equal(loss, penalty, n_critic, optimizer):
    make = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD, "rmsprop": torch.optim.RMSprop}[optimizer]
    penalty = penalties.PENALTIES.get(penalty)
    common = {"penalty": penalty, "n_critic": n_critic}
    G, D, opt_g, opt_d = toy(optimizer=make)
    ema = copy.deepcopy(G)
    play(G, D, opt_g, opt_d, loss=losses.LOSSES[loss], steps=6, ema=ema, ema_decay=0.6, penalty_weight=0.3, **common)
    G2, D2, opt_g2, opt_d2 = toy(optimizer=make)
    d_formula, g_formula = FORMULAS[loss]
    average = by_hand(
        G2, D2, opt_g2, opt_d2, d_formula=d_formula, g_formula=g_formula, seed=1, steps=6, decay=0.6, weight=0.3,
        source=data.ring(), **common,
    )  # fmt: skip
    assert equal(state(D), state(D2))
    assert equal(state(G), state(G2))
    assert all(torch.allclose(a, b, rtol=1e-6, atol=1e-7) for a, b in zip(state(ema), state(average), strict=True))
    assert not equal(state(G), state(toy()[0]))


def test_the_loop_by_hand_is_bit_equal_for_a_batch_normalised_dcgan():
    def pair():
        torch.manual_seed(0)
        G = networks.DCGANGenerator(LATENT, width=4)
        D = networks.DCGANDiscriminator(width=4)
        return G, D, torch.optim.Adam(G.parameters(), 1e-3), torch.optim.Adam(D.parameters(), 1e-3)

    source = data.digits()
    G, D, opt_g, opt_d = pair()
    ema, options = copy.deepcopy(G), settings(steps=3)
    list(training.train(G, D, real_batches(options, source), opt_g=opt_g, opt_d=opt_d, ema=ema, **options))
    G2, D2, opt_g2, opt_d2 = pair()
    average = by_hand(
        G2, D2, opt_g2, opt_d2, d_formula=classical_d, g_formula=FORMULAS["nonsaturating"][1], seed=1, steps=3,
        n_critic=1, decay=0.999, penalty=None, weight=0, source=source,
    )  # fmt: skip
    assert equal(state(G), state(G2))
    assert equal(state(D), state(D2))
    assert equal(list(ema.buffers()), list(average.buffers()))
    assert equal(list(ema.buffers()), list(G.buffers()))


@pytest.mark.parametrize("n_critic", [1, 3])
def test_stop_and_continue_equals_a_straight_run(n_critic):
    common = {"n_critic": n_critic, "penalty": penalties.r1, "penalty_every": 2, "schedule": lambda step: 1 / step}
    runs = []
    for parts in ([7], [3, 7], [1, 2, 7]):
        G, D, opt_g, opt_d = toy()
        ema, options = copy.deepcopy(G), settings(**common)
        batches, records = real_batches(options), []
        for start, steps in zip([0, *parts], parts, strict=False):
            options |= {"start": start, "steps": steps}
            records += list(training.train(G, D, batches, opt_g=opt_g, opt_d=opt_d, ema=ema, **options))
        runs.append((state(G, D, ema), [(r.step, r.loss_d.item(), r.loss_g.item()) for r in records]))
    for parameters, records in runs[1:]:
        assert equal(parameters, runs[0][0])
        assert records == runs[0][1]
    assert [step for step, _, _ in runs[0][1]] == [1, 2, 3, 4, 5, 6, 7]


def test_pausing_is_not_iterating():
    G, D, opt_g, opt_d = toy()
    options = settings(steps=6)
    game = training.train(G, D, real_batches(options), opt_g=opt_g, opt_d=opt_d, **options)
    before = state(G)
    assert equal(state(G), before)  # nothing has run yet
    assert next(game).step == 1
    paused = state(G)
    assert not equal(paused, before)
    assert equal(state(G), paused)
    assert [record.step for record in game] == [2, 3, 4, 5, 6]


def test_a_run_leaves_the_global_generator_alone():
    G, D, opt_g, opt_d = toy()
    before = torch.get_rng_state()
    play(G, D, opt_g, opt_d)
    assert torch.equal(before, torch.get_rng_state())


def test_a_run_depends_on_its_own_generator_only():
    runs = []
    for noise, seed in ((0, 1), (99, 1), (0, 2)):
        G, D, opt_g, opt_d = toy()
        torch.manual_seed(noise)
        play(G, D, opt_g, opt_d, seed=seed)
        runs.append(state(G, D))
    assert equal(runs[0], runs[1])
    assert not equal(runs[0], runs[2])


def test_a_turn_is_n_critic_fresh_steps_of_d_and_one_of_g_on_the_last_of_them(monkeypatch):
    seen = {"d": [], "g": []}
    d_step, g_step = training.d_step, training.g_step

    def watched_d(G, D, opt, loss, x_real, z, *rest):
        seen["d"].append((x_real, G(z).detach()))
        return d_step(G, D, opt, loss, x_real, z, *rest)

    def watched_g(G, D, opt, loss, x_real, z, *term):
        seen["g"].append((x_real, G(z).detach()))
        return g_step(G, D, opt, loss, x_real, z, *term)

    monkeypatch.setattr(training, "d_step", watched_d)
    monkeypatch.setattr(training, "g_step", watched_g)
    play(*toy(), n_critic=3, steps=2)
    assert len(seen["d"]) == 6
    assert len(seen["g"]) == 2
    for (real, fake), (other_real, other_fake) in itertools.combinations(seen["d"], 2):
        assert not torch.equal(real, other_real)
        assert not torch.equal(fake, other_fake)
    for turn, last in ((0, 2), (1, 5)):
        assert equal(seen["g"][turn], seen["d"][last])


def test_records_are_detached_scalars_on_the_device():
    for record in play(*toy()):
        for value in (record.loss_d, record.loss_g):
            assert isinstance(value, torch.Tensor)
            assert value.ndim == 0
            assert value.grad_fn is None
            assert not value.requires_grad


def test_nothing_to_do_yields_nothing():
    assert play(*toy(), steps=3, start=3) == []


def test_a_healthy_game_learns():
    """One Gaussian, an affine G: after 400 turns it stands where the data stands."""
    torch.manual_seed(0)
    source = data.gaussian([2.0, -1.0], 0.5)
    G, D = networks.MLPGenerator(2, (2,), depth=0), networks.MLPDiscriminator((2,), width=32)
    opt_g, opt_d = (
        torch.optim.Adam(G.parameters(), 1e-2, (0.5, 0.9)),
        torch.optim.Adam(D.parameters(), 1e-2, (0.5, 0.9)),
    )
    generator = torch.Generator().manual_seed(0)
    list(
        training.train(
            G, D, data.batches(source, 128, generator), loss=losses.nonsaturating, opt_g=opt_g, opt_d=opt_d,
            latent_dim=2, steps=400, generator=generator, penalty=penalties.r1, penalty_weight=0.1,
        )
    )  # fmt: skip
    x = training.generate(G, 2000, 2, generator)
    assert x.mean(0).tolist() == pytest.approx([2.0, -1.0], abs=0.25)
    assert x.std(0).tolist() == pytest.approx([0.5, 0.5], abs=0.25)


def test_what_is_left_out_is_what_the_docstring_says():
    """One step of D a turn, every penalty with weight 1, a term with weight 1, an average that keeps 0.999."""

    def term(D, x_real, x_fake):
        return x_fake.square().mean()

    named = {"n_critic": 1, "penalty_weight": 1.0, "penalty_every": 1, "term_weight": 1.0, "ema_decay": 0.999}
    others = {"n_critic": 2, "penalty_weight": 1.5, "penalty_every": 2, "term_weight": 1.5, "ema_decay": 0.998}

    def end(**given):
        G, D, opt_g, opt_d = toy()
        ema = copy.deepcopy(G)
        play(G, D, opt_g, opt_d, penalty=penalties.r1, term=term, ema=ema, start=5000, steps=5004, **given)
        return state(G, D, ema)

    left_out = end()
    assert equal(left_out, end(**named))
    for name, value in others.items():
        assert not equal(left_out, end(**{name: value})), name


def test_a_conditional_turn_tells_both_players_the_batch_s_conditions():
    """D's first loss, by hand, of pairs (x, y) with y in both players."""
    encode = networks.OneHot(3)
    G = networks.ConditionalGenerator(networks.MLPGenerator(LATENT + 3, (2,), width=8), encode)
    D = networks.ConcatDiscriminator(networks.MLPDiscriminator((2 + 3,), width=8), encode)
    opt_g, opt_d = (torch.optim.SGD(network.parameters(), 0.0) for network in (G, D))
    x, y = torch.randn(4, 2), torch.tensor([2, 0, 1, 1])
    options = settings(steps=1)
    (record,) = training.train(G, D, itertools.repeat((x, y)), opt_g=opt_g, opt_d=opt_d, **options)
    z = torch.randn(4, LATENT, generator=torch.Generator().manual_seed(1))
    fake = D(G(z, y), y)
    assert record.loss_d.item() == pytest.approx((softplus(-D(x, y)) + softplus(fake)).mean().item(), rel=1e-5)
    assert record.loss_g.item() == pytest.approx(softplus(-fake).mean().item(), rel=1e-5)


def test_a_game_in_double_precision_is_played_in_it():
    G, D = networks.MLPGenerator(2, (2,), width=8).double(), networks.MLPDiscriminator((2,), width=8).double()
    opt_g, opt_d = (torch.optim.Adam(player.parameters()) for player in (G, D))
    x = data.ring().sample(16).double()
    record = next(
        training.train(
            G, D, iter([x]), loss=losses.nonsaturating, opt_g=opt_g, opt_d=opt_d, latent_dim=2, steps=1,
            generator=torch.Generator(),
        )
    )  # fmt: skip
    assert record.loss_g.isfinite()
    assert training.generate(G, 3, 2, torch.Generator()).dtype == torch.float64
