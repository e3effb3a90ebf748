"""What a frame shows: arrays that hold what they say, for points, a line, images, and games with a condition."""

import pytest
import torch

from gan_tutor import evaluation, recipes
from gan_tutor.lab import Engine
from gan_tutor.recipes import Recipe

SMALL = Recipe(width_g=16, width_d=16, batch_size=16)
LAYERS = ["field", "arrows", "manifold", "optimal", "histograms"]


def shown(images):
    return ((images.permute(0, 2, 3, 1) + 1) / 2 * 255).round().byte().numpy()


def test_a_frame_of_points_holds_what_it_says(ask, arrays):
    engine = Engine(SMALL)
    engine.advance(30)
    frame, buffers = ask(engine, "tick", id=1, layers=LAYERS)
    got = arrays(frame, buffers)
    history = got["history"]
    assert history.shape == (30, 5)
    assert history[-1].tolist() == pytest.approx(
        [30, frame["loss_d"], frame["loss_g"], frame["grad_d"], frame["grad_g"]], rel=1e-6
    )
    assert got["fake"].shape == got["real"].shape == (400, 2)
    with torch.no_grad():
        assert torch.equal(torch.from_numpy(got["fake"].copy()), engine.game.G(engine.view.z))
        grid = engine.view.grid.view(*got["field"].shape, 2)
        corner = torch.sigmoid(engine.game.D(grid[0, :1])).item()
    assert got["field"][0, 0] == pytest.approx(255 * corner, abs=1)
    x0, x1, y0, y1 = ask(engine, "hello", protocol=1)[0]["source"]["extent"]
    assert grid[0, 0].tolist() == pytest.approx([x0 + (x1 - x0) / 96, y1 - (y1 - y0) / 96], abs=1e-4)
    assert got["manifold"].shape == (15, 15, 2)
    assert got["optimal"].shape == got["field"].shape
    assert 0 < frame["gap"] < 1


def test_a_frame_on_the_line_has_one_row_of_field_and_of_optimal_d(ask, arrays):
    engine = Engine(recipes.named("gaussian"))
    engine.advance(3)
    frame, buffers = ask(engine, "tick", id=1, layers=LAYERS)
    got = arrays(frame, buffers)
    assert got["real"].shape == got["fake"].shape == (400, 1)
    assert got["field"].shape == got["optimal"].shape == (1, 48)
    assert got["arrows"].shape == (60, 2)
    assert "manifold" not in got
    assert 0 < frame["gap"] < 1


def test_arrows_point_where_g_s_loss_falls(ask, arrays):
    engine = Engine(SMALL)
    engine.advance(20)
    arrows = torch.from_numpy(arrays(*ask(engine, "tick", id=1, layers=["arrows"]))["arrows"].copy())
    with torch.no_grad():
        before = engine.game.D(arrows[:, :2])
        after = engine.game.D(arrows[:, :2] + 1e-3 * arrows[:, 2:])
    assert (after > before).float().mean() > 0.95


def test_the_gap_to_the_optimal_discriminator_is_small_exactly_where_d_is_optimal():
    engine = Engine(SMALL)
    engine.game.G.forward = lambda z: engine.game.source.sample(len(z), engine.view.generator)  # a perfect G
    engine.game.D.forward = lambda x: torch.zeros(len(x))
    assert engine.view.optimal(engine.game)[1] < 0.05
    engine.game.D.forward = lambda x: torch.full((len(x),), 10.0)
    assert engine.view.optimal(engine.game)[1] > 0.4


def test_a_frame_of_images_and_its_metrics(ask, arrays):
    engine = Engine(Recipe(data="digits", width_g=16, width_d=16, batch_size=8, latent_dim=4))
    engine.advance(1)
    frame, buffers = ask(engine, "tick", id=1, layers=LAYERS)
    got = arrays(frame, buffers)
    assert got["fake"].shape == got["real"].shape == (36, 28, 28, 1)
    assert got["logits_fake"].shape == (36,)
    names = {metric["name"]: metric for metric in frame["metrics"]}
    assert names["frechet_distance"]["best"] < names["frechet_distance"]["value"]


def test_images_of_classes_stand_in_rows_of_a_class_and_columns_of_a_latent(ask, arrays):
    engine = Engine(Recipe(data="digits", width_g=16, width_d=16, batch_size=16, latent_dim=4, condition="projection"))
    engine.advance(2)
    source = ask(engine, "hello", protocol=1)[0]["source"]
    assert list(source["labels"]) == [str(digit) for digit in range(10)]
    frame, buffers = ask(engine, "tick", id=1, layers=LAYERS)
    got = arrays(frame, buffers)
    assert set(got) == {"history", "real", "fake", "logits_real", "logits_fake"}
    view, game = engine.view, engine.game
    assert torch.equal(view.z.view(10, 6, 4)[0], view.z.view(10, 6, 4)[7])
    with torch.no_grad():
        sevens = game.ema(view.z[:6], torch.full((6,), 7))
        assert torch.equal(torch.from_numpy(got["fake"][42:48].copy()), torch.from_numpy(shown(sevens)))
        of_seven = game.D(view.real[42:48], torch.full((6,), 7))
    assert got["logits_real"][42:48] == pytest.approx(of_seven.numpy(), abs=1e-5)
    pixels, labels = game.source.images, game.source.labels
    for row in (0, 7):
        nearest = (pixels.flatten(1)[:, None] - view.real[6 * row : 6 * row + 6].flatten(1)).abs().sum(2).argmin(0)
        assert labels[nearest].tolist() == [row] * 6


def test_points_of_classes_have_no_field_and_d_judges_them_by_their_own_class(ask, arrays):
    engine = Engine(Recipe(width_g=16, width_d=16, batch_size=16, condition="concat"))
    engine.advance(2)
    frame, buffers = ask(engine, "tick", id=1, layers=LAYERS)
    got = arrays(frame, buffers)
    assert set(got) == {"history", "real", "fake", "logits_real", "logits_fake"}
    assert frame["gap"] is None
    means = engine.game.source.means
    own = (torch.from_numpy(got["real"].copy())[:, None] - means).norm(dim=2).argmin(1)
    with torch.no_grad():
        assert got["logits_real"] == pytest.approx(engine.game.D(engine.view.real, own).numpy(), abs=1e-5)


@pytest.mark.parametrize("name", ["digits_projection", "fashion_projection"])
def test_the_conditional_recipes_run_step_and_rewind(ask, name):
    engine = Engine(recipes.named(name))
    engine.advance(1)
    ask(engine, "step", what="d")
    ask(engine, "step", what="g")
    frame, _ = ask(engine, "tick", id=1, layers=LAYERS)
    assert "frechet_distance" in {metric["name"] for metric in frame["metrics"]}
    ask(engine, "rewind", step=0)
    ask(engine, "set", changes={"data": "two_moons"})  # has no classes
    assert engine.recipe.condition == "none"


def test_metrics_stand_beside_the_ceiling_of_a_perfect_sampler():
    engine = Engine(SMALL)
    engine.game.ema.forward = lambda z: engine.game.source.sample(len(z), torch.Generator().manual_seed(0))
    rows = {row["name"]: row for row in engine.view.metrics(engine.game)}
    ceiling = evaluation.perfect_sampler(engine.game.source, 2500)
    assert rows["modes"]["value"] == rows["modes"]["best"] == 8
    assert rows["high_quality"]["value"] == pytest.approx(ceiling.high_quality, abs=0.01)
    assert rows["reverse_kl"]["value"] < 0.01
