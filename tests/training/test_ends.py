"""How a run ends before its last turn: divergence, and Ctrl-C with the same iterator going on."""

import itertools
import math
import signal
from types import SimpleNamespace

import pytest
import torch
from toy_game import BATCH, equal, play, real_batches, settings, state, toy

from gan_tutor import data, losses, penalties, recipes, training


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
