"""What makes a game fast does not change it, and no turn reads a number of the device."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from gan_tutor import losses, penalties, recipes, training
from gan_tutor.networks.prepare import Autocast
from gan_tutor.recipes import Recipe

RING = Recipe(width_g=8, width_d=8, batch_size=8, steps=10**6, ema_decay=0.9)
IMAGES = replace(
    RING, data="fashion", generator="dcgan", discriminator="space_to_depth", latent_dim=4, width_g=4, width_d=4
)
aten = torch.ops.aten
WAITING = (
    aten._local_scalar_dense, aten.nonzero, aten.nonzero_static, aten.masked_select, aten.equal, aten.is_nonzero,
    aten._unique2, aten.unique_dim, aten.unique_consecutive, aten.repeat_interleave, aten.bincount, aten.allclose,
    aten.lift_fresh,  # a tensor made of Python's numbers, which a GPU is sent and waited for
)  # fmt: skip


class NoWaiting(TorchDispatchMode):
    """Refuses every operation whose answer the host must wait for, or whose result's shape depends on values."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func.overloadpacket not in WAITING, f"{func} waits for the device"
        if func.overloadpacket in (aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_):
            kinds = {i.dtype for i in args[1] if i is not None}
            assert not kinds & {torch.bool, torch.uint8}, "a mask as an index waits for the device"
        return func(*args, **(kwargs or {}))


def play_without_waiting(recipe, turns=4):
    """Play turns as on a GPU between two looks for NaN."""
    game = recipes.build(recipe)
    penalty, penalty_weight = recipes.game.d_term(game)
    term, term_weight = recipes.game.g_term(recipe)
    records = training.train(
        game.ready_g, game.ready_d, game.batches, loss=recipes.loss_of(recipe), opt_g=game.opt_g, opt_d=game.opt_d,
        latent_dim=recipe.latent_dim, steps=recipe.steps, generator=game.generator, n_critic=recipe.n_critic,
        penalty=penalty, penalty_weight=penalty_weight, penalty_every=recipe.penalty_every, term=term,
        term_weight=term_weight, ema=game.ema, ema_decay=recipe.ema_decay, schedule=lambda step: 1 / step,
        check_every=10**6,
    )  # fmt: skip
    found = [next(records)]  # the values of the first batch are looked at, once: bytes and images of [0, 1] are refused
    with NoWaiting():
        found += [next(records) for _ in range(turns)]
    assert all(record.loss_d.isfinite() and record.loss_g.isfinite() for record in found)


def test_the_guard_sees_what_waits():
    x = torch.arange(4.0)
    for wait in (
        lambda: x.sum().item(), lambda: float(x[0]), lambda: x[x > 1], lambda: bool(x.sum() > 1), lambda: x.nonzero(),
        lambda: x.tolist() and x.unique(), lambda: torch.tensor([1.0, 2.0]), lambda: x.new_tensor([1]),
        lambda: torch.equal(x, x), lambda: F.one_hot(x.long(), 4),
    ):  # fmt: skip
        with pytest.raises(AssertionError, match="waits for the device"), NoWaiting():
            wait()


@pytest.mark.parametrize("condition", ["none", "embedding", "projection"])
@pytest.mark.parametrize("penalty", ["none", *penalties.PENALTIES])
@pytest.mark.parametrize("loss", losses.LOSSES)
def test_no_turn_waits_for_the_device(loss, penalty, condition):
    play_without_waiting(replace(RING, loss=loss, penalty=penalty, condition=condition, penalty_every=2, n_critic=2))


@pytest.mark.parametrize("loss", losses.LOSSES)
@pytest.mark.parametrize("condition", ["concat", "auxiliary"])
def test_no_turn_waits_when_d_gets_or_names_the_class(monkeypatch, loss, condition):
    # torch's one_hot looks at its numbers' range on a CPU only; on a GPU it is this comparison.
    monkeypatch.setattr(F, "one_hot", lambda y, classes: (y[:, None] == torch.arange(classes)).long())
    play_without_waiting(replace(RING, loss=loss, condition=condition))


@pytest.mark.parametrize(
    "change",
    [
        {"data": "swiss_roll"}, {"data": "gaussian"}, {"data": "grid", "standardize": True}, {"optimizer": "sgd"},
        {"optimizer": "rmsprop", "clip": 0.1}, {"instance_noise": 0.1}, {"norm_d": "spectral"}, {"real_target": 0.9},
    ],
    ids=str,
)  # fmt: skip
def test_no_turn_waits_whatever_the_recipe(change):
    play_without_waiting(replace(RING, **change))


@pytest.mark.parametrize(
    "change",
    [
        {}, {"augment": "flip_crop"}, {"diffaugment": "color,translation,cutout", "loss": "relativistic"},
        {"discriminator": "dcgan", "norm_d": "batch"}, {"generator": "residual", "discriminator": "residual"},
        {"precision": "bfloat16", "channels_last": True, "penalty": "r1_r2"}, {"data": "stacked_digits"},
        {"diffaugment": "cutout", "condition": "projection", "augment": "flip"},
    ],
    ids=str,
)  # fmt: skip
def test_no_turn_waits_on_images(change):
    play_without_waiting(replace(IMAGES, **change), turns=2)


def played(recipe):
    game = recipes.build(replace(recipe, steps=6))
    records = torch.tensor([(r.loss_d.item(), r.loss_g.item()) for r in recipes.run(game)])
    return records, game


@pytest.mark.parametrize("discriminator", ["dcgan", "residual"])
@pytest.mark.parametrize("condition", ["none", "projection"])
def test_channels_last_changes_the_layout_of_batches_and_maps_and_nothing_else(discriminator, condition):
    """The same sums in another order: 1e-4 of the losses after six turns."""
    recipe = replace(
        IMAGES, data="stacked_digits" if condition == "none" else "fashion", discriminator=discriminator,
        condition=condition, loss="relativistic", penalty="r1_r2",
    )  # fmt: skip
    plain, _ = played(recipe)
    last, game = played(replace(recipe, channels_last=True))
    assert torch.allclose(plain, last, rtol=1e-4, atol=1e-4)
    batch = next(game.batches)
    x = batch if condition == "none" else batch[0]
    assert x.is_contiguous(memory_format=torch.channels_last)
    z = training.sample_z(4, 4, game.generator)
    made = game.ready_g(z) if condition == "none" else game.ready_g(z, batch[1][:4])
    assert made.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", penalties.PENALTIES)
@pytest.mark.parametrize("discriminator", ["dcgan", "space_to_depth", "residual"])
def test_a_penalty_under_bf16_is_float32_outside_of_layers_and_close_to_the_exact_one(name, discriminator):
    """bfloat16 rounds to 2^-9; through both passes of D that is 3 % of the penalty and 15 % of its gradient."""
    recipe = replace(IMAGES, discriminator=discriminator, width_d=16, penalty=name)
    found = []
    for precision in ("float32", "bfloat16"):
        game = recipes.build(replace(recipe, precision=precision))
        with torch.no_grad():  # a D that has learned something: its slope is not that of a start
            for p in game.D.parameters():
                p.mul_(3.0 if discriminator == "dcgan" else 1.5)
        penalty, _ = recipes.game.d_term(game)
        x_real, x_fake = (game.source.sample(16, torch.Generator().manual_seed(k)) for k in (1, 2))
        value = penalty(game.ready_d, x_real, x_fake)
        assert value.dtype == torch.float32
        value.backward()
        gradients = torch.cat([p.grad.flatten() for p in game.D.parameters() if p.grad is not None])
        assert gradients.dtype == torch.float32
        found.append((value.item(), gradients))
    (exact, slopes), (half, half_slopes) = found
    assert exact > 1e-4
    assert half == pytest.approx(exact, rel=0.03)
    assert (half_slopes - slopes).norm() < 0.15 * slopes.norm()


def test_a_penalty_with_a_compiled_d_is_the_eager_d_s():
    """No compiler is called: only the logits' D is compiled, and the penalty never touches it."""
    recipe = replace(IMAGES, penalty="r1_r2", compile=True)
    compiled, eager = recipes.build(recipe), recipes.build(replace(recipe, compile=False))
    assert compiled.ready_d is not compiled.D
    x_real, x_fake = (compiled.source.sample(8, torch.Generator().manual_seed(k)) for k in (1, 2))
    values = []
    for game in (compiled, eager):
        value = recipes.game.d_term(game)[0](game.ready_d, x_real, x_fake)
        value.backward()
        values.append((value, [p.grad for p in game.D.parameters() if p.grad is not None]))
    assert torch.equal(values[0][0], values[1][0])
    assert len(values[0][1]) == len(values[1][1]) > 4
    assert all(torch.equal(a, b) for a, b in zip(values[0][1], values[1][1], strict=True))


def test_prepared_players_are_the_same_recipe_s_weights():
    games = [recipes.build(replace(IMAGES, **how)) for how in ({}, {"precision": "bfloat16"}, {"channels_last": True})]
    for game in games[1:]:
        for network, other in ((game.G, games[0].G), (game.D, games[0].D)):
            assert all(torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters(), strict=True))
    assert isinstance(games[1].ready_d, Autocast)
