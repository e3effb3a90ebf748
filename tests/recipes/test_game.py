"""build and run: names become the right objects, seeds decide everything, and the game is the library's loop."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from gan_tutor import data, losses, networks, objectives, penalties, recipes, training
from gan_tutor.recipes import Recipe
from gan_tutor.recipes import game as games
from gan_tutor.share import Share

SMALL = Recipe(width_g=8, width_d=8, batch_size=16, steps=4)
IMAGES = replace(SMALL, data="digits", latent_dim=4, width_g=4, width_d=4, batch_size=8, steps=2)


def state(*modules):
    return [value.clone() for module in modules for value in module.state_dict().values()]


def equal(a, b):
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def played(recipe):
    game = recipes.build(recipe)
    return game, list(recipes.run(game))


@pytest.mark.parametrize(
    "name", ["gaussian", "mixture_1d", "ring", "grid", "swiss_roll", "two_moons", "point", "digits", "fashion"]
)
def test_every_source_inside_the_package_builds_and_runs(name):
    game, records = played(replace(SMALL, data=name, steps=2))
    assert len(records) == 2
    assert game.source.shape == recipes.sample_shape(game.recipe)
    assert training.generate(game.ema, 3, 2, game.generator).shape == (3, *game.source.shape)


def test_drawn_data_lies_where_the_recipe_says():
    game, _ = played(replace(SMALL, data="drawn", points="1,0 -1,0.5", steps=2))
    x, k = game.source.sample_labelled(500, game.generator)
    assert game.source.shape == recipes.sample_shape(game.recipe) == (2,)
    for number, place in enumerate([(1.0, 0.0), (-1.0, 0.5)]):
        of_this = x[k == number]
        assert 200 < len(of_this) < 300
        assert torch.allclose(of_this.mean(0), torch.tensor(place), atol=0.02)
        assert of_this.std(0).tolist() == pytest.approx([0.05, 0.05], abs=0.01)


@pytest.mark.parametrize("name", losses.LOSSES)
@pytest.mark.parametrize("penalty", ["none", *penalties.PENALTIES])
def test_every_loss_runs_with_every_penalty(name, penalty):
    recipe = replace(SMALL, loss=name, penalty=penalty, penalty_weight=0.1, steps=2)
    assert len(played(recipe)[1]) == 2


@pytest.mark.parametrize(("generator", "discriminator", "norm"), [
    ("mlp", "mlp", "none"), ("mlp", "mlp", "spectral"), ("dcgan", "mlp", "none"), ("mlp", "space_to_depth", "none"),
    ("dcgan", "dcgan", "batch"), ("dcgan", "dcgan", "none"), ("dcgan", "dcgan", "spectral"),
])  # fmt: skip
def test_every_pair_of_architectures_runs_on_images(generator, discriminator, norm):
    game, _ = played(replace(IMAGES, generator=generator, discriminator=discriminator, norm_d=norm))
    kinds = {
        "mlp": (networks.MLPGenerator, networks.MLPDiscriminator),
        "dcgan": (networks.DCGANGenerator, networks.DCGANDiscriminator),
        "space_to_depth": (None, networks.SpaceToDepthDiscriminator),
    }
    assert type(game.G) is kinds[generator][0]
    assert type(game.D) is kinds[discriminator][1]
    assert game.G.output_range == (-1.0, 1.0)


def test_fields_reach_the_networks_and_optimizers():
    game = recipes.build(
        replace(SMALL, latent_dim=5, width_g=7, depth_g=1, activation_g="tanh", width_d=9, depth_d=3,
                activation_d="relu", lr_g=0.1, lr_d=0.2, beta1=0.3, beta2=0.4)
    )  # fmt: skip
    assert [(m.in_features, m.out_features) for m in game.G.modules() if isinstance(m, nn.Linear)] == [(5, 7), (7, 2)]
    assert [(m.in_features, m.out_features) for m in game.D.modules() if isinstance(m, nn.Linear)] == [
        (2, 9), (9, 9), (9, 9), (9, 1),
    ]  # fmt: skip
    assert any(isinstance(m, nn.Tanh) for m in game.G.modules())
    assert any(isinstance(m, nn.ReLU) for m in game.D.modules())
    assert (game.opt_g.param_groups[0]["lr"], game.opt_d.param_groups[0]["lr"]) == (0.1, 0.2)
    assert tuple(game.opt_g.param_groups[0]["betas"]) == (0.3, 0.4)


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", torch.optim.Adam), ("rmsprop", torch.optim.RMSprop), ("sgd", torch.optim.SGD)]
)
def test_the_optimizer_is_the_one_that_was_named(name, kind):
    game = recipes.build(replace(SMALL, optimizer=name, beta1=0.3, beta2=0.8))
    assert type(game.opt_g) is type(game.opt_d) is kind
    group = game.opt_d.param_groups[0]
    if name == "rmsprop":
        assert group["alpha"] == 0.8
    if name == "sgd":
        assert group["momentum"] == 0.3


def test_the_seed_decides_weights_and_data():
    a, b, c = (played(replace(SMALL, seed=seed)) for seed in (3, 3, 4))
    assert equal(state(a[0].G, a[0].D), state(b[0].G, b[0].D))
    assert [r.loss_d.item() for r in a[1]] == [r.loss_d.item() for r in b[1]]
    assert not equal(state(a[0].G), state(c[0].G))
    fresh = [recipes.build(replace(SMALL, seed=seed)) for seed in (3, 4)]
    assert not equal(state(fresh[0].G), state(fresh[1].G))
    assert not torch.equal(next(fresh[0].batches), next(fresh[1].batches))


def test_building_and_running_leave_the_global_generator_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    played(SMALL)
    recipes.build(IMAGES)
    assert torch.equal(before, torch.get_rng_state())


def test_two_games_played_in_turns_do_not_disturb_each_other():
    alone = [played(replace(SMALL, seed=seed)) for seed in (0, 1)]
    games = [recipes.build(replace(SMALL, seed=seed)) for seed in (0, 1)]
    for _ in zip(*(recipes.run(game) for game in games), strict=True):
        pass
    for (game, _), other in zip(alone, games, strict=True):
        assert equal(state(game.G, game.D, game.ema), state(other.G, other.D, other.ema))


def test_the_average_starts_as_g_and_is_not_trained():
    game = recipes.build(SMALL)
    assert equal(state(game.ema), state(game.G))
    assert game.ema is not game.G
    assert not any(p.requires_grad for p in game.ema.parameters())
    list(recipes.run(game))
    assert not equal(state(game.ema), state(game.G))


def test_a_game_is_the_library_s_loop():
    recipe = replace(
        SMALL, loss="relativistic", penalty="r1_r2", penalty_weight=0.3, penalty_every=2, n_critic=2, ema_decay=0.7
    )
    game, records = played(recipe)
    other = recipes.build(recipe)
    by_train = training.train(
        other.G, other.D, other.batches, loss=losses.relativistic, opt_g=other.opt_g, opt_d=other.opt_d, latent_dim=2,
        steps=4, generator=other.generator, n_critic=2, penalty=penalties.r1_r2, penalty_weight=0.3, penalty_every=2,
        ema=other.ema, ema_decay=0.7,
    )  # fmt: skip
    assert [r.loss_d.item() for r in by_train] == [r.loss_d.item() for r in records]
    assert equal(state(game.G, game.D, game.ema), state(other.G, other.D, other.ema))


def test_clipping_follows_every_step_of_d():
    game = recipes.build(replace(SMALL, clip=0.02, loss="wasserstein", optimizer="rmsprop", n_critic=3))
    for _ in recipes.run(game):
        largest = max(p.abs().max().item() for p in game.D.parameters())
        assert largest == pytest.approx(0.02)
    assert max(p.abs().max().item() for p in game.G.parameters()) > 0.02


def test_label_smoothing_reaches_the_loss():
    plain, smooth = (played(replace(SMALL, real_target=target))[1] for target in (1.0, 0.9))
    assert plain[0].loss_d.item() != smooth[0].loss_d.item()
    game = recipes.build(SMALL)
    x_real = next(game.batches)
    x_fake = game.G(training.sample_z(16, 2, game.generator))
    expected = losses.label_smoothing(real_target=0.9).d(game.D(x_real), game.D(x_fake))
    assert smooth[0].loss_d.item() == pytest.approx(expected.item(), rel=1e-6)


def test_a_cosine_ends_at_two_percent():
    game = recipes.build(replace(SMALL, schedule="cosine", lr_g=1.0, lr_d=1e-3, steps=10, optimizer="sgd"))
    rates = [game.opt_g.param_groups[0]["lr"] for _ in recipes.run(game)]
    assert rates == sorted(rates, reverse=True)
    assert rates[4] == pytest.approx(0.51)
    assert rates[-1] == pytest.approx(0.02)


def test_a_cooldown_falls_in_a_line_over_the_last_quarter():
    game = recipes.build(replace(SMALL, schedule="cooldown", lr_g=1.0, lr_d=1e-3, steps=40, optimizer="sgd"))
    rates = [(game.opt_g.param_groups[0]["lr"], game.opt_d.param_groups[0]["lr"]) for _ in recipes.run(game)]
    assert rates[:30] == [(1.0, 1e-3)] * 30
    assert [g for g, _ in rates[30:]] == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.02])
    assert all(d == pytest.approx(1e-3 * g) for g, d in rates)


def test_wgan_gp_draws_its_shares_from_the_game():
    recipe = replace(SMALL, loss="wasserstein", penalty="wgan_gp")
    runs = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        runs.append([record.loss_d.item() for record in played(recipe)[1]])
    assert runs[0] == runs[1]


def test_a_standardized_source_is_standardized():
    game = recipes.build(replace(SMALL, data="grid", standardize=True))
    x = game.source.sample(20_000, torch.Generator().manual_seed(0))
    assert x.square().mean().item() == pytest.approx(1, rel=0.03)
    assert data.grid().sample(20_000, torch.Generator().manual_seed(0)).square().mean().item() > 7


def test_source_opens_the_recipe_s_data():
    assert recipes.source(SMALL).name == "ring"
    assert recipes.source(replace(SMALL, data="fashion")).name == "fashion"


@pytest.mark.parametrize(("name", "shape"), [
    ("gaussian", (1,)), ("mixture_1d", (1,)), ("ring", (2,)), ("swiss_roll", (2,)), ("digits", (1, 28, 28)),
    ("KMNIST", (1, 28, 28)), ("CIFAR10", (3, 32, 32)), ("CelebA", (3, 64, 64)),
])  # fmt: skip
def test_the_shape_of_a_sample_is_known_without_its_files(name, shape):
    assert recipes.sample_shape(replace(SMALL, data=name)) == shape


@pytest.mark.parametrize("recipe", [SMALL, replace(IMAGES, generator="dcgan", discriminator="dcgan", norm_d="batch")])
def test_g_is_made_before_d_from_one_seed(recipe):
    """The weights are those that torch draws after manual_seed, G's first."""
    game = recipes.build(replace(recipe, seed=5))
    torch.manual_seed(5)
    if recipe.data == "ring":
        G, D = networks.MLPGenerator(2, (2,), width=8), networks.MLPDiscriminator((2,), width=8)
    else:
        G, D = networks.DCGANGenerator(4, width=4), networks.DCGANDiscriminator(width=4)
    assert equal(state(game.G, game.D, game.ema), state(G, D, G))


@pytest.mark.parametrize("name", penalties.PENALTIES)
@pytest.mark.parametrize("policy", ["color,cutout", ""])
def test_the_penalty_looks_through_the_augmentation(name, policy):
    """It is the formula's value of D(T(x)), every T and share drawn here from a generator in the same state."""
    recipe = replace(IMAGES, discriminator="space_to_depth", penalty=name, diffaugment=policy, penalty_weight=0.3)
    game = recipes.build(recipe)
    for p in game.D.parameters():
        nn.init.normal_(p, 0, 0.1)
    penalty, weight = games.d_term(game)
    x_real, x_fake = torch.rand(2, 5, 1, 28, 28) * 2 - 1
    generator = torch.Generator()
    generator.set_state(game.generator.get_state())
    mixed = torch.cat([x_real, x_fake]) if name == "r1_r2" else {"r1": x_real, "r2": x_fake}.get(name)
    if name == "wgan_gp":
        u = torch.rand(5, generator=generator).view(5, 1, 1, 1)
        mixed = u * x_real + (1 - u) * x_fake
    mixed = mixed.clone().requires_grad_()
    changed = mixed
    if policy:
        draws = torch.rand(len(mixed), networks.diffaugment.DRAWS, generator=generator)
        changed = networks.diffaugment.diffaugment(mixed, networks.changes(policy), draws)
    (gradient,) = torch.autograd.grad(game.D(changed).sum(), mixed)
    squares = gradient.flatten(1).square().sum(1)
    expected = {
        "r1": squares.mean() / 2, "r2": squares.mean() / 2, "r1_r2": squares.mean(),
        "wgan_gp": (squares.sqrt() - 1).square().mean(),
    }[name]  # fmt: skip
    assert penalty(game.ready_d, x_real, x_fake).item() == pytest.approx(expected.item(), rel=1e-4)
    assert weight == 0.3


def test_the_penalty_looks_past_the_noise():
    game = recipes.build(replace(SMALL, penalty="r2", instance_noise=0.5, penalty_weight=0.7))
    penalty, weight = games.d_term(game)
    x = torch.randn(5, 2)
    assert penalty(game.ready_d, x, x).item() == pytest.approx(penalties.r2(game.D, x, x).item(), rel=1e-6)
    assert weight == 0.7


def test_data_and_latents_come_from_the_recipe_s_seed_in_turn():
    """A turn draws its real batch, then its latents, from one generator with the recipe's seed."""
    recipe = replace(SMALL, seed=9, steps=1)
    generator = torch.Generator().manual_seed(9)
    x, z = data.ring().sample(16, generator), torch.randn(16, 2, generator=generator)
    game = recipes.build(recipe)
    expected = losses.nonsaturating.d(game.D(x), game.D(game.G(z))).item()
    (record,) = recipes.run(game)
    assert (record.step, game.step) == (1, 1)
    assert record.loss_d.item() == pytest.approx(expected, rel=1e-6)
    assert torch.equal(game.generator.get_state(), generator.get_state())


def test_an_auxiliary_game_is_the_loop_with_its_two_terms():
    """The classification losses stand in the places of penalty and term, in every turn, with one weight."""
    recipe = replace(SMALL, condition="auxiliary", auxiliary_weight=0.7, penalty_every=3, penalty_weight=5.0)
    game, records = played(recipe)
    other = recipes.build(recipe)
    by_train = training.train(
        other.G, other.D, other.batches, loss=losses.nonsaturating, opt_g=other.opt_g, opt_d=other.opt_d,
        latent_dim=2, steps=4, generator=other.generator, penalty=objectives.class_of_real, penalty_weight=0.7,
        term=objectives.class_of_fake, term_weight=0.7, ema=other.ema, ema_decay=0.99,
    )  # fmt: skip
    expected = [(r.loss_d.item(), r.loss_g.item()) for r in by_train]
    assert [(r.loss_d.item(), r.loss_g.item()) for r in records] == expected
    assert equal(state(game.G, game.D, game.ema), state(other.G, other.D, other.ema))


@pytest.mark.parametrize("schedule", ["cosine", "cooldown"])
def test_a_scheduled_game_is_the_loop_with_its_schedule(schedule):
    recipe = replace(SMALL, schedule=schedule, penalty="r1", penalty_weight=0.3, real_target=0.9)
    game, records = played(recipe)
    other = recipes.build(recipe)
    by_train = training.train(
        other.G, other.D, other.batches, loss=losses.label_smoothing(losses.nonsaturating, 0.9), opt_g=other.opt_g,
        opt_d=other.opt_d, latent_dim=2, steps=4, generator=other.generator, penalty=penalties.r1,
        penalty_weight=0.3, schedule=recipes.schedule_of(recipe),
    )  # fmt: skip
    assert [r.loss_d.item() for r in by_train] == [r.loss_d.item() for r in records]
    assert equal(state(game.G, game.D), state(other.G, other.D))


@pytest.mark.parametrize("augment", ["flip", "flip_crop"])
def test_real_images_are_augmented_as_the_recipe_says(augment):
    recipe = replace(IMAGES, data="fashion", augment=augment, seed=3)
    game = recipes.build(recipe)
    source = data.Augmented(data.fashion(), augment)
    assert torch.equal(next(game.batches), source.sample(8, torch.Generator().manual_seed(3)))


@pytest.mark.parametrize("condition", ["none", "projection"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_images_are_laid_out_as_the_recipe_says(condition, channels_last):
    """The values and labels are the same; only the memory differs. Three channels, or both layouts are one."""
    pixels = torch.randint(256, (20, 3, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    source = data.ImageSet("noise", pixels, torch.arange(20) % 10, tuple("0123456789"))
    recipe = replace(
        IMAGES, generator="dcgan", discriminator="dcgan", condition=condition, channels_last=channels_last, seed=3
    )
    batch = next(recipes.build(recipe, data_source=source).batches)
    x, y = source.sample_labelled(8, torch.Generator().manual_seed(3))
    found = batch if condition == "none" else batch[0]
    assert torch.equal(found, x)
    assert condition == "none" or torch.equal(batch[1], y)
    assert found.is_contiguous(memory_format=torch.channels_last) == channels_last
    assert found.is_contiguous() != channels_last


@pytest.mark.parametrize("device", ["cuda:63", "nonsense", "cpu:cpu"])
def test_a_device_that_is_not_here_is_refused_before_anything_is_built(device):
    with pytest.raises(ValueError, match=f"device must be one that torch finds here, got '{device}'"):
        recipes.build(SMALL, device)
    assert games.placed("cpu") == torch.device("cpu")


def test_a_graph_is_for_one_process_on_a_gpu():
    recipe = replace(SMALL, cuda_graph=True)
    with pytest.raises(ValueError, match="cuda_graph needs a game of one process, got 2"):
        games.check_graph(recipe, torch.device("cpu"), Share(0, 2))
    with pytest.raises(ValueError, match="cuda_graph needs a game on a CUDA GPU"):
        games.check_graph(recipe, torch.device("cpu"), Share(0, 1))
    games.check_graph(SMALL, torch.device("cpu"), Share(0, 2))


@pytest.mark.parametrize(("noise", "policy"), [(0.0, ""), (0.3, ""), (0.0, "color"), (0.3, "color,cutout")])
def test_d_judges_changed_images_with_noise_on_them(noise, policy):
    """First the change, then the noise, drawn in this order: D(T(x) + sigma e)."""
    recipe = replace(IMAGES, discriminator="space_to_depth", instance_noise=noise, diffaugment=policy)
    game, x = recipes.build(recipe), torch.rand(5, 1, 28, 28) * 2 - 1
    generator = torch.Generator()
    generator.set_state(game.generator.get_state())
    expected = x
    if policy:
        draws = torch.rand(5, networks.diffaugment.DRAWS, generator=generator)
        expected = networks.diffaugment.diffaugment(x, networks.changes(policy), draws)
    if noise:
        expected = expected + noise * torch.randn(x.shape, generator=generator)
    assert torch.allclose(game.ready_d(x), game.D(expected), atol=1e-6)
    assert torch.equal(game.generator.get_state(), generator.get_state())


def test_the_densities_of_a_recipe_are_those_of_the_chapters():
    line = recipes.source(replace(SMALL, data="gaussian"))
    assert (line.means.tolist(), line.sigmas.tolist()) == ([[4.0]], [1.25])
    spot = recipes.source(replace(SMALL, data="point"))
    assert (spot.means.tolist(), spot.sigmas.tolist()) == ([[0.0, 0.0]], [0.0])
    for name in ("ring", "grid", "mixture_1d"):
        assert torch.equal(recipes.source(replace(SMALL, data=name)).means, getattr(data, name)().means)
    for name in ("digits", "fashion"):
        assert torch.equal(recipes.source(replace(SMALL, data=name)).pixels, getattr(data, name)().pixels)


@pytest.mark.parametrize("name", ["adam", "rmsprop", "sgd"])
def test_both_optimizers_have_the_recipe_s_numbers(name):
    recipe = replace(SMALL, optimizer=name, lr_g=0.1, lr_d=0.2, beta1=0.3, beta2=0.8, clip=0.05)
    game = recipes.build(recipe)
    wanted = {"adam": {"betas": (0.3, 0.8)}, "rmsprop": {"alpha": 0.8}, "sgd": {"momentum": 0.3}}[name]
    for optimizer, network, lr in ((game.opt_g, game.G, 0.1), (game.opt_d, game.D, 0.2)):
        (group,) = optimizer.param_groups
        assert {key: group[key] for key in wanted} == wanted
        assert (group["lr"], group["weight_decay"]) == (lr, 0)
        # Adam's three forms round differently: a recorded run repeats bit for bit only with the one it was played with.
        assert name != "adam" or group["fused"] is True
        assert [id(p) for p in group["params"]] == [id(p) for p in network.parameters()]


@pytest.mark.parametrize("name", ["r1", "r1_r2"])
def test_the_penalty_of_a_conditional_d_is_told_the_batch_s_classes(name):
    game = recipes.build(replace(SMALL, condition="projection", penalty=name, penalty_weight=0.3))
    penalty, _ = games.d_term(game)
    x_real, x_fake, y = torch.randn(4, 2), torch.randn(4, 2), torch.tensor([0, 5, 5, 7])

    def squares(x):
        x = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(game.D(x, y).sum(), x)
        return slope.square().sum(1).mean().item() / 2

    expected = squares(x_real) + (squares(x_fake) if name == "r1_r2" else 0)
    got = penalty(networks.Given(game.ready_d, y), x_real, x_fake).item()
    assert got == pytest.approx(expected, rel=1e-5)
    assert got != pytest.approx(penalty(networks.Given(game.ready_d, y.flip(0)), x_real, x_fake).item(), rel=1e-4)


def photos(shape, classes=10):
    pixels = torch.zeros(20, *shape, dtype=torch.uint8)
    return data.ImageSet("photos", pixels, torch.arange(20) % classes, tuple(map(str, range(classes))))


CONVOLUTIONAL = {
    "digits": replace(recipes.named("digits"), width_g=4, width_d=4),
    "dcgan": replace(recipes.named("digits_classical"), width_g=4, width_d=4),
    "residual": replace(recipes.named("fashion_modern"), width_g=4, width_d=4),
    "by class": replace(recipes.named("digits_projection"), width_g=4, width_d=4),
    "mlp G": replace(IMAGES, generator="mlp", discriminator="dcgan"),
    "mlp D": replace(IMAGES, generator="dcgan", discriminator="mlp"),
}


@pytest.mark.parametrize("name", CONVOLUTIONAL)
@pytest.mark.parametrize("shape", [(1, 28, 32), (1, 32, 28), (3, 64, 32)])
def test_images_that_are_not_square_are_refused_by_convolutional_players(name, shape):
    with pytest.raises(ValueError, match=rf"needs square images \(C, H, W\), got samples of shape \(\d, {shape[1]}, "):
        recipes.build(CONVOLUTIONAL[name], data_source=photos(shape))


@pytest.mark.parametrize("name", CONVOLUTIONAL)
@pytest.mark.parametrize("size", [30, 27, 16, 128])
def test_image_sizes_without_a_convolutional_network_are_refused(name, size):
    with pytest.raises(ValueError, match=f"size must be .*, got {size}; .*resize the images"):
        recipes.build(CONVOLUTIONAL[name], data_source=photos((1, size, size)))


def test_perceptrons_take_images_of_any_sides():
    game = recipes.build(replace(IMAGES, steps=1), data_source=photos((2, 6, 9)))
    assert next(recipes.run(game)).step == 1
    assert game.G(torch.zeros(3, 4)).shape == (3, 2, 6, 9)


@pytest.mark.parametrize(("recipe", "source", "said"), [
    (CONVOLUTIONAL["by class"], photos((1, 28, 28), 12), "needs samples of 10 classes, data_source has 12"),
    (CONVOLUTIONAL["by class"], photos((1, 28, 28), 3), "needs samples of 10 classes, data_source has 3"),
    (CONVOLUTIONAL["by class"], photos((1, 28, 28)).with_labels(torch.zeros(20, 2)), "data_source has 0"),
    (replace(SMALL, condition="embedding"), data.ring(modes=9), "condition embedding on ring .* 8 classes, .* has 9"),
    (replace(SMALL, condition="embedding"), data.two_moons(), "data_source has 0"),
])  # fmt: skip
def test_own_data_without_a_condition_s_classes_are_refused(recipe, source, said):
    with pytest.raises(ValueError, match=said):
        recipes.build(recipe, data_source=source)
    assert recipes.build(replace(SMALL, condition="embedding"), data_source=data.ring(radius=3.0)).own_data
