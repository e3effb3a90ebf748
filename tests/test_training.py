"""The loop: who moves, bit-equality with a loop by hand, exact continuation, divergence, averages."""

import copy
import itertools
import math
import signal
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from gan_tutor import batches, data, losses, networks, objectives, penalties, recipes, training

BATCH, LATENT = 16, 3


def toy(lr=1e-2, optimizer=torch.optim.Adam, **options):
    """A small pair in the plane, with optimisers of their own."""
    torch.manual_seed(0)
    G, D = networks.MLPGenerator(LATENT, (2,), width=8), networks.MLPDiscriminator((2,), width=8)
    return G, D, optimizer(G.parameters(), lr, **options), optimizer(D.parameters(), lr, **options)


def settings(seed=1, **changes):
    """Keyword arguments of `train`; the batches share the game's generator."""
    generator = torch.Generator().manual_seed(seed)
    common = {"loss": losses.nonsaturating, "latent_dim": LATENT, "steps": 5, "generator": generator}
    return common | changes


def real_batches(options, source=None):
    return data.batches(source or data.ring(), BATCH, options["generator"])


def play(G, D, opt_g, opt_d, **changes):
    options = settings(**changes)
    return list(training.train(G, D, real_batches(options), opt_g=opt_g, opt_d=opt_d, **options))


def state(*modules):
    return [value.clone() for module in modules for value in module.state_dict().values()]


def equal(a, b):
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


# One step


def test_d_s_step_moves_d_only(generator):
    G, D, _, opt_d = toy()
    x_real, z = data.ring().sample(BATCH, generator), training.sample_z(BATCH, LATENT, generator)
    before_g, before_d = state(G), state(D)
    loss_d = training.d_step(G, D, opt_d, losses.hinge, x_real, z, penalties.r1, 0.1)
    assert equal(state(G), before_g)
    assert not equal(state(D), before_d)
    assert all(p.grad is None and p.requires_grad for p in G.parameters())
    assert loss_d.ndim == 0
    assert not loss_d.requires_grad


@pytest.mark.parametrize("loss", losses.LOSSES.values(), ids=lambda loss: loss.name)
def test_g_s_step_moves_g_only(generator, loss):
    G, D, opt_g, opt_d = toy()
    x_real, z = data.ring().sample(BATCH, generator), training.sample_z(BATCH, LATENT, generator)
    training.d_step(G, D, opt_d, loss, x_real, z)
    before_g, before_d, gradients = state(G), state(D), [p.grad.clone() for p in D.parameters()]
    loss_g = training.g_step(G, D, opt_g, loss, x_real, z)
    assert not equal(state(G), before_g)
    assert equal(state(D), before_d)
    assert equal([p.grad for p in D.parameters()], gradients)
    assert all(p.requires_grad for p in D.parameters())
    assert loss_g.ndim == 0
    assert not loss_g.requires_grad


def test_steps_return_the_loss_before_the_step(generator):
    G, D, opt_g, opt_d = toy()
    x_real, z = data.ring().sample(BATCH, generator), training.sample_z(BATCH, LATENT, generator)
    before = objectives.discriminator_loss(G, D, losses.hinge, x_real, z, penalties.r2, 0.3).item()
    assert training.d_step(G, D, opt_d, losses.hinge, x_real, z, penalties.r2, 0.3).item() == before
    before = objectives.generator_loss(G, D, losses.hinge, x_real, z).item()
    assert training.g_step(G, D, opt_g, losses.hinge, x_real, z).item() == before


def test_old_gradients_do_not_leak_into_a_step(generator):
    x_real, z = data.ring().sample(BATCH, generator), training.sample_z(BATCH, LATENT, generator)
    results = []
    for dirt in (None, 1e3):
        G, D, opt_g, opt_d = toy(optimizer=torch.optim.SGD)
        if dirt:
            for p in (*G.parameters(), *D.parameters()):
                p.grad = torch.full_like(p, dirt)
        training.d_step(G, D, opt_d, losses.hinge, x_real, z)
        training.g_step(G, D, opt_g, losses.hinge, x_real, z)
        results.append(state(G, D))
    assert equal(*results)


def test_parts_of_d_that_were_frozen_stay_frozen():
    G, D, opt_g, _ = toy()
    D.hidden[0].requires_grad_(False)
    opt_d = torch.optim.Adam([p for p in D.parameters() if p.requires_grad], 1e-2)
    first = state(D.hidden[0])
    play(G, D, opt_g, opt_d)
    assert not any(p.requires_grad for p in D.hidden[0].parameters())
    assert all(p.requires_grad for p in D.hidden[2].parameters())
    assert equal(state(D.hidden[0]), first)


def test_d_is_thawed_when_g_s_step_fails(generator):
    G, D, opt_g, _ = toy()
    frozen = next(D.parameters()).requires_grad_(False)
    x_real, z = data.ring().sample(BATCH, generator), training.sample_z(BATCH, LATENT, generator)
    with pytest.raises(ValueError, match="must both have shape"):
        training.g_step(G, D, opt_g, losses.relativistic, x_real[:3], z)
    assert not frozen.requires_grad
    assert all(p.requires_grad for p in D.parameters() if p is not frozen)


def test_gradients_reach_g_through_a_frozen_d():
    D = networks.MLPDiscriminator((2,), width=8)
    x = torch.zeros(4, 2, requires_grad=True)
    with training.frozen(D):
        assert not any(p.requires_grad for p in D.parameters())
        D(x).sum().backward()
    assert x.grad.abs().sum() > 0
    assert all(p.grad is None for p in D.parameters())


# The loop


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


# Divergence


def poisoned(at, player="d"):
    """A non-saturating loss that overflows at its `at`-th call as `player`."""
    calls = itertools.count(1)

    def d_formula(real, fake):
        value = losses.nonsaturating.d_formula(real, fake)
        return value * math.inf if player == "d" and next(calls) == at else value

    def g_formula(real, fake):
        value = losses.nonsaturating.g_formula(real, fake)
        return value * math.nan if player == "g" and next(calls) == at else value

    return losses.GanLoss("poisoned", d_formula, g_formula)


@pytest.mark.parametrize("check_every", [1, 2, 4, 50, None])
@pytest.mark.parametrize(("player", "value"), [("d", "inf"), ("g", "nan")])
def test_a_loss_that_is_not_finite_stops_the_run_and_names_step_and_quantity(player, value, check_every):
    with pytest.raises(training.NonFinite) as error:
        play(*toy(), loss=poisoned(3, player), steps=9, check_every=check_every)
    assert (error.value.step, error.value.quantity) == (3, f"loss_{player}")
    assert str(error.value).startswith(f"loss_{player} became {value} at step 3: the run has diverged")


def test_the_diverged_record_is_not_yielded():
    steps = []
    options = settings(loss=poisoned(3), steps=9)
    G, D, opt_g, opt_d = toy()
    game = training.train(G, D, real_batches(options), opt_g=opt_g, opt_d=opt_d, **options)
    with pytest.raises(training.NonFinite):
        steps.extend(record.step for record in game)
    assert steps == [1, 2]


def test_a_huge_learning_rate_is_caught():
    G, D, opt_g, opt_d = toy(lr=1e30, optimizer=torch.optim.SGD)
    with pytest.raises(training.NonFinite) as error:
        play(G, D, opt_g, opt_d, loss=losses.least_squares, steps=50)
    # D's first step is judged by G's loss in the same turn.
    assert (error.value.step, error.value.quantity) == (1, "loss_g")


def test_nan_in_a_penalty_is_not_dropped():
    broken = lambda D, x_real, x_fake: penalties.r1(D, x_real, x_fake) * math.nan  # noqa: E731
    with pytest.raises(training.NonFinite, match="loss_d became nan at step 4"):
        play(*toy(), penalty=broken, penalty_every=4, steps=8)


def test_unchecked_records_at_the_end_are_checked_too():
    with pytest.raises(training.NonFinite, match="at step 5"):
        play(*toy(), loss=poisoned(5), steps=5, check_every=100)


# Wrong arguments


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


# Averages, schedules, laziness


def test_the_average_follows_its_formula():
    G, D, opt_g, opt_d = toy(lr=0.1)
    ema, options = copy.deepcopy(G), settings(steps=12)
    expected = [p.detach().double().clone() for p in G.parameters()]
    for record in training.train(
        G, D, real_batches(options), opt_g=opt_g, opt_d=opt_d, ema=ema, ema_decay=0.8, **options
    ):
        kept = min(0.8, record.step / (record.step + 1))
        expected = [kept * e + (1 - kept) * p.detach().double() for e, p in zip(expected, G.parameters(), strict=True)]
    for got, want, now in zip(ema.parameters(), expected, G.parameters(), strict=True):
        assert torch.allclose(got.double(), want, rtol=1e-5, atol=1e-7)
        assert not torch.allclose(got, now, rtol=1e-3)


def test_a_decay_of_zero_makes_the_average_g_itself():
    G, D, opt_g, opt_d = toy()
    ema = copy.deepcopy(G)
    play(G, D, opt_g, opt_d, ema=ema, ema_decay=0.0)
    assert all(torch.allclose(a, b, rtol=1e-6, atol=1e-8) for a, b in zip(state(ema), state(G), strict=True))


def test_the_average_does_not_steer_the_run():
    with_ema, without = toy(), toy()
    play(*with_ema, ema=copy.deepcopy(with_ema[0]))
    play(*without)
    assert equal(state(*with_ema[:2]), state(*without[:2]))


def test_update_ema_copies_buffers_and_leaves_g_alone():
    G = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    ema = copy.deepcopy(G)
    for _ in range(3):
        G(torch.randn(16, 3))
    with torch.no_grad():
        G[0].weight.add_(1)
    before, old = state(G), ema[0].weight.clone()
    training.update_ema(ema, G, 0.75)
    assert equal(state(G), before)
    assert torch.allclose(ema[0].weight, 0.75 * old + 0.25 * G[0].weight)
    assert equal(list(ema.buffers()), list(G.buffers()))
    assert ema[1].num_batches_tracked.item() == 3


def test_a_schedule_scales_both_learning_rates_and_the_penalty(monkeypatch):
    weights, d_step = [], training.d_step

    def watched(*arguments):
        weights.append(arguments[-1])
        return d_step(*arguments)

    monkeypatch.setattr(training, "d_step", watched)
    G, D, opt_g, opt_d = toy(lr=0.01)
    opt_d.param_groups[0]["lr"] = 0.04
    options = settings(steps=3, penalty=penalties.r1, penalty_weight=2.0, schedule=lambda step: 1 / 2**step)
    rates = []
    for _ in training.train(G, D, real_batches(options), opt_g=opt_g, opt_d=opt_d, **options):
        rates += [opt_g.param_groups[0]["lr"], opt_d.param_groups[0]["lr"]]
    assert rates == pytest.approx([0.005, 0.02, 0.0025, 0.01, 0.00125, 0.005])
    assert weights == pytest.approx([1.0, 0.5, 0.25])


@pytest.mark.parametrize("optimizer", ["adam", "adam fused", "sgd"])
def test_a_schedule_scales_a_tensor_learning_rate_from_its_first_value(optimizer):
    G, D, *_ = toy()
    make = {
        "adam": lambda ps, lr: torch.optim.Adam(ps, lr=lr, capturable=False, foreach=False),
        "adam fused": lambda ps, lr: torch.optim.Adam(ps, lr=lr, fused=True),
        "sgd": lambda ps, lr: torch.optim.SGD(ps, lr=lr, fused=True),
    }[optimizer]
    opt_g, opt_d = make(G.parameters(), torch.tensor(1e-3)), make(D.parameters(), torch.tensor(4e-3))
    kept = opt_g.param_groups[0]["lr"]
    options, rates = settings(steps=6, schedule=lambda step: 0.5 if step < 5 else 1.0), []
    for _ in training.train(G, D, real_batches(options), opt_g=opt_g, opt_d=opt_d, **options):
        rates.append([float(opt.param_groups[0]["lr"]) for opt in (opt_g, opt_d)])
    assert [rate for pair in rates for rate in pair] == pytest.approx([5e-4, 2e-3] * 4 + [1e-3, 4e-3] * 2)
    assert opt_g.param_groups[0]["lr"] is kept  # written in place: a graph holds this tensor


def test_a_constant_schedule_changes_nothing():
    scheduled, plain = toy(), toy()
    play(*scheduled, schedule=lambda step: 1.0, penalty=penalties.r1)
    play(*plain, penalty=penalties.r1)
    assert equal(state(*scheduled[:2]), state(*plain[:2]))


def test_a_lazy_penalty_is_taken_every_kth_turn_with_k_times_the_weight(monkeypatch):
    taken, d_step = [], training.d_step

    def watched(*arguments):
        taken.append((arguments[-2] is not None, arguments[-1]))
        return d_step(*arguments)

    monkeypatch.setattr(training, "d_step", watched)
    play(*toy(), steps=8, n_critic=2, penalty=penalties.r1, penalty_weight=0.5, penalty_every=3)
    assert [due for due, _ in taken] == [step % 3 == 0 for step in range(1, 9) for _ in range(2)]
    assert {weight for due, weight in taken if due} == {1.5}


# Latents and samples


def test_latents_are_standard_normal_and_the_generator_s_own():
    z = training.sample_z(20_000, 3, torch.Generator().manual_seed(0))
    assert z.shape == (20_000, 3)
    assert z.dtype == torch.float32
    assert z.mean(0).tolist() == pytest.approx([0, 0, 0], abs=0.03)
    assert torch.cov(z.T).flatten().tolist() == pytest.approx(torch.eye(3).flatten().tolist(), abs=0.04)
    assert torch.equal(z, training.sample_z(20_000, 3, torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("training_mode", [True, False])
def test_generate_samples_in_evaluation_mode_and_gives_the_mode_back(training_mode):
    G = networks.DCGANGenerator(LATENT, width=4).train(training_mode)
    before = state(G)
    seen = []
    G.register_forward_hook(lambda module, *_: seen.append(module.training))
    x = training.generate(G, 5, LATENT, torch.Generator().manual_seed(0), batch=2)
    assert seen == [False, False, False]
    assert G.training is training_mode
    assert x.shape == (5, 1, 28, 28)
    assert not x.requires_grad
    assert equal(state(G), before)


def test_generate_does_not_depend_on_the_batch_size():
    G = networks.DCGANGenerator(LATENT, width=4)
    for _ in range(3):
        G(torch.randn(16, LATENT))  # running statistics unlike a batch's own
    whole, parts, ones = (
        training.generate(G, 7, LATENT, torch.Generator().manual_seed(0), batch=batch) for batch in (500, 3, 1)
    )
    assert torch.allclose(whole, parts, atol=1e-5)
    assert torch.allclose(whole, ones, atol=1e-5)
    G.eval()
    with torch.no_grad():
        expected = G(training.sample_z(7, LATENT, torch.Generator().manual_seed(0)))
    assert torch.allclose(whole, expected, atol=1e-6)


def test_generate_gives_the_mode_back_after_a_failure():
    G = networks.MLPGenerator(LATENT, (2,), width=8).train()
    with pytest.raises(RuntimeError):
        training.generate(G, 5, LATENT + 1, torch.Generator())
    assert G.training


def test_generate_leaves_a_layer_in_evaluation_mode_as_it_was():
    G = networks.DCGANGenerator(LATENT, width=4)
    layer = next(m for m in G.modules() if isinstance(m, nn.BatchNorm2d)).eval()
    training.generate(G, 3, LATENT, torch.Generator())
    assert G.training
    assert not layer.training


@pytest.mark.parametrize(("n", "batch"), [(0, 500), (-1, 500), (5, 0)])
def test_generate_refuses_empty_requests(n, batch):
    with pytest.raises(ValueError, match="n and batch must be at least 1"):
        training.generate(networks.MLPGenerator(2, (2,)), n, 2, torch.Generator(), batch=batch)


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


# What is left out, or comes as another kind of value


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


@pytest.mark.parametrize("step", [training.d_step, training.g_step])
def test_a_step_without_a_weight_takes_its_term_once(step):
    x, z = torch.randn(8, 2), torch.randn(8, LATENT)

    def loss(*given):
        G, D, opt_g, opt_d = toy()
        optimizer = opt_d if step is training.d_step else opt_g
        return step(G, D, optimizer, losses.nonsaturating, x, z, *given).item()

    bare, once, thrice = loss(), loss(penalties.r2), loss(penalties.r2, 3.0)
    assert once - bare > 1e-4
    assert thrice - bare == pytest.approx(3 * (once - bare), rel=5e-3)


def test_a_term_of_g_sees_d_and_both_batches_and_moves_g():
    """Its weighted gradient is added to the loss's: with plain descent, the step is the sum of the two."""
    seen = []

    def term(D, x_real, x_fake):
        seen.append((D, x_real, x_fake))
        return (x_fake.mean(0) - x_real.mean(0)).square().sum()

    def moved(**given):
        G, D, opt_g, opt_d = toy(optimizer=torch.optim.SGD, lr=0.1)
        before = state(G)
        (record,) = play(G, D, opt_g, opt_d, steps=1, **given)
        return record.loss_g.item(), [b - a for a, b in zip(before, state(G), strict=True)], (G, D)

    loss, plain, _ = moved()
    with_term, both, (_, D) = moved(term=term, term_weight=0.5)
    (judge, x_real, x_fake) = seen[0]
    assert judge is D
    generator = torch.Generator().manual_seed(1)
    assert torch.equal(x_real, data.ring().sample(BATCH, generator))
    G = toy()[0]
    z = torch.randn(BATCH, LATENT, generator=generator)
    assert torch.equal(x_fake.detach(), G(z).detach())
    value = (G(z).mean(0) - x_real.mean(0)).square().sum()
    assert with_term == pytest.approx(loss + 0.5 * value.item(), rel=1e-5)
    for a, b, slope in zip(plain, both, torch.autograd.grad(value, list(G.parameters())), strict=True):
        assert torch.allclose(b, a - 0.1 * 0.5 * slope, atol=1e-6)


def test_a_decay_on_the_device_is_the_decay_as_a_number():
    G = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    first, second = copy.deepcopy(G), copy.deepcopy(G)
    with torch.no_grad():
        for p in G.parameters():
            p.add_(torch.randn_like(p))
    G(torch.randn(16, 3))
    kept = state(G)
    training.update_ema(first, G, 0.75)
    training.update_ema(second, G, torch.tensor(0.75))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(state(first), state(second), strict=True))
    assert not torch.allclose(second[0].weight, G[0].weight, atol=1e-2)
    assert equal(state(G), kept)


@pytest.mark.parametrize("held", ["all", "trained"])
def test_frozen_parts_of_a_player_may_be_held_by_its_optimizer_or_not(held):
    G, D, *_ = toy()
    for network in (G, D):
        network.hidden[0].requires_grad_(False)
    frozen = state(G.hidden[0], D.hidden[0])
    opt_g, opt_d = (
        torch.optim.Adam([p for p in network.parameters() if held == "all" or p.requires_grad], 0.01)
        for network in (G, D)
    )
    before = state(G.last, D.last)
    assert len(play(G, D, opt_g, opt_d)) == 5
    assert equal(frozen, state(G.hidden[0], D.hidden[0]))
    assert not any(torch.equal(a, b) for a, b in zip(before, state(G.last, D.last), strict=True))
    assert not any(p.requires_grad for network in (G, D) for p in network.hidden[0].parameters())


def test_a_schedule_scales_every_group_from_its_own_rate():
    G, D, _, opt_d = toy()
    opt_g = torch.optim.Adam([{"params": G.hidden.parameters(), "lr": 0.01}, {"params": G.last.parameters()}], 0.04)
    play(G, D, opt_g, opt_d, steps=3, schedule=lambda step: 1 / step)
    assert [group["lr"] for group in opt_g.param_groups] == pytest.approx([0.01 / 3, 0.04 / 3])


def test_generate_gives_each_condition_to_its_own_sample():
    """Classes far apart, in batches that do not divide n."""
    G = networks.ConditionalGenerator(networks.MLPGenerator(LATENT + 4, (2,), width=8), networks.OneHot(4))
    y = torch.tensor([3, 0, 2, 1, 3, 3, 0])
    got = training.generate(G, 7, LATENT, torch.Generator().manual_seed(0), y=y, batch=3)
    z = torch.randn(7, LATENT, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(got, G(z, y), atol=1e-6)
        assert not torch.allclose(got, G(z, y.flip(0)), atol=1e-3)
    for wrong in (y[:6], torch.cat([y, y])):
        with pytest.raises(ValueError, match=f"one condition for each of the 7 samples, got {len(wrong)}"):
            training.generate(G, 7, LATENT, torch.Generator(), y=wrong)


def test_one_sample_one_at_a_time_is_allowed():
    G = networks.MLPGenerator(LATENT, (2,), width=8)
    assert training.generate(G, 1, LATENT, torch.Generator(), batch=1).shape == (1, 2)


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


@pytest.mark.parametrize("player", ["g", "d"])
def test_a_parameter_that_takes_no_part_in_a_step_rests(player):
    """It has no gradient, which is not a gradient of zero: Adam would carry it on by its momentum."""
    G, D, opt_g, opt_d = toy(lr=0.1)
    own = {"g": G, "d": D}[player]
    x, z = torch.randn(8, 2), torch.randn(8, LATENT)

    def step():
        if player == "g":
            training.g_step(G, D, opt_g, losses.nonsaturating, x, z)
        else:
            training.d_step(G, D, opt_d, losses.nonsaturating, x, z)

    step()
    first = own.hidden[0]
    own.hidden = nn.Linear(first.in_features, 8).requires_grad_(False)  # the hidden layers are bypassed
    before, last = state(first), state(own.last)
    step()
    assert equal(before, state(first))
    assert not equal(last, state(own.last))


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


# Interrupts


def pressing(function, call):
    """The function, in whose n-th call Ctrl-C is pressed before anything is done."""
    calls = []

    def called(*arguments, **named):
        calls.append(1)
        if len(calls) == call:
            signal.raise_signal(signal.SIGINT)
        return function(*arguments, **named)

    return called


def rest_of(turns):
    """Steps of the turns that are left, through one interrupt."""
    seen = []
    with pytest.raises(KeyboardInterrupt):
        seen.extend(record.step for record in turns)
    before = list(seen)
    return [*before, *(record.step for record in turns)]


@pytest.mark.parametrize("loop", ["train", "run"])
def test_after_ctrl_c_in_a_draw_the_same_iterator_goes_on_as_if_nothing_had_been(loop):
    def game():
        recipe = recipes.Recipe(width_g=8, width_d=8, batch_size=BATCH, steps=5, n_critic=2, schedule="cosine")
        return recipes.build(recipe)

    straight, broken = game(), game()
    list(recipes.run(straight))
    source = SimpleNamespace(sample=pressing(broken.source.sample, 5))  # the first draw of the third turn
    broken.batches = data.batches(source, BATCH, broken.generator)
    if loop == "run":
        turns = recipes.run(broken)
    else:
        turns = training.train(
            broken.G, broken.D, broken.batches, loss=losses.nonsaturating, opt_g=broken.opt_g, opt_d=broken.opt_d,
            latent_dim=2, steps=5, generator=broken.generator, n_critic=2, ema=broken.ema, ema_decay=0.99,
            schedule=recipes.schedule_of(broken.recipe),
        )  # fmt: skip
    next(turns)
    assert rest_of(turns) == [2, 3, 4, 5]
    assert list(turns) == []
    assert equal(state(broken.G, broken.D, broken.ema), state(straight.G, straight.D, straight.ema))
    assert broken.step == (5 if loop == "run" else 0)


def test_after_ctrl_c_between_the_players_the_turn_is_played_anew(monkeypatch):
    G, D, opt_g, opt_d = toy()
    options = settings()
    monkeypatch.setattr(training, "g_step", pressing(training.g_step, 3))
    turns = training.train(G, D, real_batches(options), opt_g=opt_g, opt_d=opt_d, **options)
    assert rest_of(turns) == [1, 2, 3, 4, 5]
    steps = [{int(moments["step"]) for moments in optimizer.state.values()} for optimizer in (opt_g, opt_d)]
    assert steps == [{5}, {6}]
    assert all(p.requires_grad for p in D.parameters())


def test_an_iterator_that_cannot_go_on_says_why_each_time():
    G, D, opt_g, opt_d = toy()
    with torch.no_grad():
        next(G.parameters()).fill_(math.nan)
    options = settings()
    turns = training.train(G, D, real_batches(options), opt_g=opt_g, opt_d=opt_d, **options)
    for _ in range(2):
        with pytest.raises(training.NonFinite, match="loss_d became nan at step 1"):
            next(turns)
    G, D, opt_g, opt_d = toy()
    turns = training.train(G, D, iter([]), opt_g=opt_g, opt_d=opt_d, **options)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"the real batches ended at step 1: .* make a new one"):
            next(turns)
