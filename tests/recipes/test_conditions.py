"""Conditional recipes: the pair that each one builds, what its loop computes, and files from before conditions."""

import json
from dataclasses import asdict, replace

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from gan_tutor import data, losses, networks, objectives, penalties, recipes, training
from gan_tutor.recipes import Recipe, record

RING = Recipe(width_g=8, width_d=8, batch_size=16, steps=3)
DIGITS = replace(
    RING, data="digits", generator="dcgan", discriminator="space_to_depth", latent_dim=4, width_g=4, width_d=4, steps=2
)
WAYS = ("concat", "embedding", "projection", "auxiliary")
KINDS = {
    "concat": networks.ConcatDiscriminator,
    "embedding": networks.ConcatDiscriminator,
    "projection": networks.ProjectionDiscriminator,
    "auxiliary": networks.AuxiliaryDiscriminator,
}


def state(*modules):
    return [value.clone() for module in modules for value in module.state_dict().values()]


def equal(a, b):
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def played(recipe):
    game = recipes.build(recipe)
    return game, list(recipes.run(game))


# The record ------------------------------------------------------------------------------------------


def test_a_recipe_from_before_conditions_still_loads():
    old = {k: v for k, v in asdict(RING).items() if k not in ("condition", "auxiliary_weight")}
    recipe = recipes.from_json(json.dumps(old))
    assert recipe == RING
    assert (recipe.condition, recipe.auxiliary_weight) == ("none", 1.0)


@pytest.mark.parametrize("name", ["swiss_roll", "two_moons", "gaussian", "point", "CelebA"])
def test_data_without_classes_is_refused(name):
    with pytest.raises(ValueError, match=f"condition must be none for {name}, whose samples have no classes, got con"):
        replace(RING, data=name, condition="concat")


@pytest.mark.parametrize("values", [{"penalty": "r1"}, {"schedule": "cosine"}])
def test_an_auxiliary_condition_takes_the_penalty_s_place(values):
    with pytest.raises(ValueError, match="penalty must be none and schedule constant with condition auxiliary"):
        replace(RING, condition="auxiliary", **values)


def test_the_number_of_classes_is_the_data_s_own():
    for name in ("ring", "grid", "mixture_1d"):
        assert recipes.class_count(replace(RING, data=name, condition="concat")) == len(recipes.source(
            replace(RING, data=name)
        ).means)  # fmt: skip
    for name in ("digits", "fashion"):
        assert recipes.class_count(replace(RING, data=name, condition="concat")) == len(getattr(data, name)().classes)
    assert recipes.class_count(RING) == 0
    assert set(record.CLASSES) == {
        "ring", "grid", "mixture_1d", "digits", "fashion", "MNIST", "FashionMNIST", "KMNIST", "CIFAR10",
    }  # fmt: skip


# The game --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", WAYS)
@pytest.mark.parametrize(
    "base",
    [
        RING,
        replace(RING, data="mixture_1d"),
        replace(RING, norm_d="spectral"),
        DIGITS,
        replace(DIGITS, precision="bfloat16", discriminator="dcgan"),
        replace(DIGITS, discriminator="dcgan", norm_d="batch", data="fashion"),
        replace(DIGITS, discriminator="dcgan", norm_d="spectral"),
        replace(DIGITS, generator="mlp", discriminator="mlp"),
    ],
)
def test_every_condition_builds_runs_and_answers_every_class(base, condition):
    game, records = played(replace(base, condition=condition))
    assert len(records) == base.steps
    assert type(game.G) is networks.ConditionalGenerator
    assert type(game.D) is KINDS[condition]
    classes = recipes.class_count(game.recipe)
    drawn = training.generate(game.ema, classes, base.latent_dim, game.generator, y=torch.arange(classes))
    assert drawn.shape == (classes, *game.source.shape)
    same_z = torch.zeros(classes, base.latent_dim)
    with torch.no_grad():
        assert game.ema.eval()(same_z, torch.arange(classes)).flatten(1).std(0).max() > 0


def test_without_a_condition_nothing_changed():
    game = recipes.build(replace(DIGITS, condition="none"))
    assert type(game.G) is networks.DCGANGenerator
    assert type(game.D) is networks.SpaceToDepthDiscriminator
    assert isinstance(next(game.batches), torch.Tensor)


def test_d_is_told_in_the_way_that_was_named():
    concat, embedding, projection, auxiliary = (recipes.build(replace(DIGITS, condition=way)).D for way in WAYS)
    x, y = torch.rand(3, 1, 28, 28), torch.tensor([0, 4, 9])
    assert type(concat.encode) is networks.OneHot
    assert concat.encode(y).shape == (3, 10)
    assert embedding.encode(y).shape == (3, 1, 28, 28)
    assert projection.encode(y).shape == projection.features(x, y).shape
    assert auxiliary.classify(x).shape == (3, 10)
    ring = recipes.build(replace(RING, condition="embedding"))
    assert ring.D.encode(torch.tensor([0, 7])).shape == (2, 16)


def test_spectral_norm_reaches_the_class_vectors():
    for way, layer in (("projection", "encode"), ("auxiliary", "classifier")):
        D = recipes.build(replace(RING, condition=way, norm_d="spectral")).D
        D.eval()
        assert torch.linalg.matrix_norm(getattr(D, layer).weight, 2).item() == pytest.approx(1, abs=0.2)


def test_the_loop_is_the_library_s_on_pairs():
    recipe = replace(
        RING, condition="projection", loss="relativistic", penalty="r1_r2", penalty_weight=0.3, penalty_every=2
    )
    game, records = played(recipe)
    other = recipes.build(recipe)
    by_train = training.train(
        other.G, other.D, data.labelled_batches(other.source, 16, other.generator), loss=losses.relativistic,
        opt_g=other.opt_g, opt_d=other.opt_d, latent_dim=2, steps=3, generator=other.generator,
        penalty=penalties.r1_r2, penalty_weight=0.3, penalty_every=2, ema=other.ema, ema_decay=0.99,
    )  # fmt: skip
    assert [r.loss_d.item() for r in by_train] == [r.loss_d.item() for r in records]
    assert equal(state(game.G, game.D, game.ema), state(other.G, other.D, other.ema))


@pytest.mark.parametrize("name", penalties.PENALTIES)
def test_a_penalty_of_an_eager_d_keeps_the_condition(name):
    recipe = replace(RING, condition="projection", penalty=name, penalty_weight=0.7, steps=1)
    _, (first,) = played(recipe)
    game = recipes.build(recipe)
    x, y = next(game.batches)
    z = training.sample_z(16, 2, game.generator)
    G, D = networks.Given(game.G, y), networks.Given(game.D, y)
    extra = {"generator": game.generator} if name == "wgan_gp" else {}
    x_fake = G(z).detach()
    expected = losses.nonsaturating.d(D(x), D(x_fake)) + 0.7 * penalties.PENALTIES[name](D, x, x_fake, **extra)
    assert first.loss_d.item() == pytest.approx(expected.item(), rel=1e-6)
    shuffled = networks.Given(game.D, y.roll(1))
    assert penalties.r1_r2(shuffled, x, x_fake).item() != pytest.approx(penalties.r1_r2(D, x, x_fake).item(), rel=1e-3)


def test_the_auxiliary_terms_enter_both_losses_every_turn_with_their_weight():
    recipe = replace(RING, condition="auxiliary", auxiliary_weight=0.4, penalty_every=5, penalty_weight=9.0, steps=1)
    _, (first,) = played(recipe)
    game = recipes.build(recipe)
    x, y = next(game.batches)
    x_fake = game.G(training.sample_z(16, 2, game.generator), y)
    D = networks.Given(game.D, y)
    loss_d = losses.nonsaturating.d(D(x), D(x_fake)) + 0.4 * cross_entropy(game.D.classify(x), y)
    assert first.loss_d.item() == pytest.approx(loss_d.item(), rel=1e-6)
    game.opt_d.zero_grad()
    loss_d.backward(retain_graph=True)
    game.opt_d.step()
    loss_g = losses.nonsaturating.g(None, D(x_fake)) + 0.4 * objectives.class_of_fake(D, x, x_fake)
    assert first.loss_g.item() == pytest.approx(loss_g.item(), rel=1e-5)


def test_compiled_networks_are_told_the_condition_too(monkeypatch):
    """A stand-in for torch.compile, which takes a minute: a module that only forwards what it is called with."""

    class Compiled(nn.Module):
        def __init__(self, network):
            super().__init__()
            self._orig_mod = network

        def __getattr__(self, name):
            return super().__getattr__(name) if name == "_orig_mod" else getattr(super().__getattr__("_orig_mod"), name)

        def forward(self, *inputs):
            return self._orig_mod(*inputs)

    monkeypatch.setattr(torch, "compile", Compiled)
    for way in WAYS:
        penalty = "none" if way == "auxiliary" else "r1_r2"
        recipe = replace(RING, condition=way, penalty=penalty, steps=2)
        compiled, eager = played(replace(recipe, compile=True)), played(recipe)
        assert type(compiled[0].ready_d) is Compiled
        assert [r.loss_d.item() for r in compiled[1]] == [r.loss_d.item() for r in eager[1]]
        assert equal(state(compiled[0].G, compiled[0].D), state(eager[0].G, eager[0].D))


@pytest.mark.parametrize("condition", WAYS)
def test_a_conditional_run_is_saved_resumed_and_loaded(tmp_path, condition):
    recipe = replace(RING, condition=condition, steps=4)
    straight, _ = played(recipe)
    half = recipes.build(recipe)
    for record_ in recipes.run(half):
        if record_.step == 2:
            break
    recipes.save(half, tmp_path / "half.safetensors")
    rest = recipes.resume(tmp_path / "half.safetensors")
    assert rest.step == 2
    list(recipes.run(rest))
    assert equal(state(straight.G, straight.D, straight.ema), state(rest.G, rest.D, rest.ema))
    recipes.save(rest, tmp_path / "run.safetensors")
    G, loaded = recipes.load_generator(tmp_path / "run.safetensors")
    assert loaded == recipe
    z, y = torch.randn(8, 2), torch.arange(8)
    assert torch.equal(G(z, y), rest.ema.eval()(z, y))


def test_the_named_conditional_recipes():
    for name in ("digits_projection", "fashion_projection"):
        recipe = recipes.named(name)
        assert recipe.condition == "projection"
        assert recipes.class_count(recipe) == 10
        assert f"{recipe.data}_projection" == name
