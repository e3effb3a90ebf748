"""Plots draw on the Axes they are given, show every input unchanged, and keep the book's colours."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from gan_tutor import data, evaluation, plots, training


@pytest.fixture(autouse=True, params=["light", "dark"])
def theme(request):
    with mpl.rc_context():
        plots.style(request.param)
        yield request.param
    plt.close("all")


@pytest.fixture
def ax():
    plt.switch_backend("agg")
    return plt.subplots(figsize=(2, 2), dpi=50)[1]


def records(n=9):
    return [training.Record(k + 1, torch.tensor(1.0 / (k + 1)), torch.tensor(float(k % 3))) for k in range(n)]


POINTS = torch.randn(30, 2, generator=torch.Generator().manual_seed(0))
EXTENT = (-3.0, 3.0, -2.0, 2.0)
DRAWN = {
    "samples": lambda ax: plots.samples(ax, POINTS, POINTS + 1),
    "samples, real only": lambda ax: plots.samples(ax, real=POINTS),
    "samples, generated only": lambda ax: plots.samples(ax, fake=POINTS.requires_grad_(False)),
    "histogram": lambda ax: plots.histogram(ax, POINTS[:, :1], POINTS[:, 1]),
    "field": lambda ax: plots.field(ax, lambda x: x[:, 0], extent=EXTENT),
    "image_grid": lambda ax: plots.image_grid(ax, torch.zeros(5, 1, 4, 4), columns=3),
    "curves": lambda ax: plots.curves(ax, {"a": ([0, 1], [1, 2]), "b": (torch.arange(2), torch.ones(2))}),
    "losses": lambda ax: plots.losses(ax, records()),
    "coverage": lambda ax: plots.coverage(ax, torch.tensor([3, 0, 5]), torch.tensor([2.5, 2.5, 3.0])),
    "coverage, no ceiling": lambda ax: plots.coverage(ax, torch.tensor([3, 0, 5])),
    "spread": lambda ax: plots.spread(ax, ["a", "b"], [[0.1, 0.2, 0.4], [0.5]], ceiling=0.9),
}


@pytest.mark.parametrize("name", DRAWN)
def test_every_plot_draws_on_the_given_axes_and_returns_it(name, ax):
    other = plt.subplots()[1]  # the current axes are not the given ones
    figures = plt.get_fignums()
    before = len(ax.get_children())
    assert DRAWN[name](ax) is ax
    assert len(ax.get_children()) > before or ax.has_data()
    assert not other.has_data()
    assert plt.get_fignums() == figures
    assert ax.get_title() == ""
    ax.figure.canvas.draw()


@pytest.mark.parametrize("name", [name for name in DRAWN if name not in ("image_grid", "spread", "curves")])
def test_axes_are_named(name, ax):
    DRAWN[name](ax)
    assert ax.get_xlabel()
    assert ax.get_ylabel()


def test_the_themes_differ_in_paper_and_ink_and_have_contrast(theme):
    paper, ink = (np.mean(to_rgb(mpl.rcParams[key])) for key in ("figure.facecolor", "text.color"))
    assert (paper > 0.9 > 0.3 > ink) if theme == "light" else (paper < 0.2 < 0.7 < ink)
    assert mpl.rcParams["axes.facecolor"] == mpl.rcParams["figure.facecolor"] == mpl.rcParams["savefig.facecolor"]
    assert mpl.rcParams["axes.labelcolor"] == mpl.rcParams["xtick.color"] == mpl.rcParams["text.color"]


def test_another_theme_is_refused():
    with pytest.raises(ValueError, match='theme must be "light" or "dark", got \'sepia\''):
        plots.style("sepia")


def test_real_is_blue_circles_and_generated_orange_crosses(ax):
    plots.samples(ax, POINTS, POINTS + 1)
    real, fake = ax.collections
    for collection, points, colour in ((real, POINTS, plots.REAL), (fake, POINTS + 1, plots.FAKE)):
        assert np.allclose(collection.get_offsets(), points.numpy())
        assert np.allclose(collection.get_facecolor()[0][:3], to_rgb(colour))
    assert len(real.get_paths()[0].vertices) != len(fake.get_paths()[0].vertices)  # two markers, also without colour
    assert real.get_label() == "real"
    assert fake.get_label() == "generated"
    assert ax.get_aspect() == 1.0
    red, _, blue = to_rgb(plots.REAL)
    assert blue > red
    red, _, blue = to_rgb(plots.FAKE)
    assert red > blue


def test_losses_are_drawn_unsmoothed_and_unscaled(ax):
    given = records(9)
    plots.losses(ax, iter(given))
    d, g = ax.lines
    assert d.get_xdata().tolist() == g.get_xdata().tolist() == [r.step for r in given]
    assert list(d.get_ydata()) == [r.loss_d.item() for r in given]
    assert list(g.get_ydata()) == [r.loss_g.item() for r in given]


def test_losses_can_be_thinned_but_not_changed(ax):
    given = records(9)
    plots.losses(ax, given, every=4)
    assert ax.lines[0].get_xdata().tolist() == [1, 5, 9]
    assert list(ax.lines[1].get_ydata()) == [given[k].loss_g.item() for k in (0, 4, 8)]


@pytest.mark.parametrize(("n", "columns"), [(1, 8), (5, 3), (8, 8), (9, 4), (3, 8)])
@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_grid_shows_every_image_in_its_order(ax, n, columns, channels):
    h, w = 4, 6
    images = torch.rand(n, channels, h, w, generator=torch.Generator().manual_seed(0)) * 2 - 1
    plots.image_grid(ax, images, columns=columns)
    shown = np.asarray(ax.images[0].get_array())
    for k in range(n):
        row, column = divmod(k, columns)
        frame = int(n > 1)  # one image alone is drawn without a frame
        top, left = row * (h + 1) + frame, column * (w + 1) + frame
        patch = shown[top : top + h, left : left + w]
        expected = (images[k].permute(1, 2, 0).numpy() + 1) / 2
        assert np.allclose(patch, np.broadcast_to(expected, (h, w, 3)), atol=1e-6), k
    assert ax.images[0].get_clim() == (0, 1)
    assert not ax.axison


def test_image_values_are_not_stretched_to_the_full_range(ax):
    plots.image_grid(ax, torch.full((2, 1, 4, 4), 0.2))
    shown = np.asarray(ax.images[0].get_array())
    assert shown[1:5, 1:5].min() == shown[1:5, 1:5].max() == pytest.approx(0.6)


@pytest.mark.parametrize("shape", [(4, 28, 28), (4, 2, 8, 8), (0, 1, 8, 8), (4, 784)])
def test_images_of_another_shape_are_refused(ax, shape):
    with pytest.raises(ValueError, match=r"images must have shape \(N, 1, H, W\) or \(N, 3, H, W\), got"):
        plots.image_grid(ax, torch.zeros(shape))


def test_a_field_is_blue_where_d_says_real_and_right_side_up(ax):
    """Logit = x + 10 y: the top is real, the right a little more than the left."""
    plots.field(ax, lambda x: x[:, 0] + 10 * x[:, 1], extent=EXTENT, limit=4.0, resolution=21)
    image = ax.images[0]
    values = np.asarray(image.get_array())
    assert image.origin == "lower"
    assert tuple(image.get_extent()) == EXTENT
    assert values.shape == (21, 21)
    assert values[-1, 10] == pytest.approx(20, abs=1e-4)
    assert values[10, -1] == pytest.approx(3)
    top = image.to_rgba(values)[-1, 10]
    assert np.allclose(top[:3], to_rgb(plots.REAL), atol=0.01)
    assert np.allclose(image.to_rgba(values)[0, 10][:3], to_rgb(plots.FAKE), atol=0.01)
    assert image.get_clim() == (-4.0, 4.0)
    assert ax.get_xlim() == EXTENT[:2]
    assert ax.get_ylim() == EXTENT[2:]


def test_a_field_of_one_sign_has_no_contour(ax):
    plots.field(ax, lambda x: torch.ones(len(x)), extent=EXTENT, resolution=5)
    assert ax.has_data()
    assert len(ax.collections) == 0


def test_a_field_takes_a_network_without_recording(ax):
    from gan_tutor import networks

    D = networks.MLPDiscriminator((2,), width=8)
    plots.field(ax, D, extent=EXTENT, resolution=5)
    assert all(p.grad is None for p in D.parameters())


def test_coverage_bars_are_the_counts(ax):
    ring = data.ring()
    got = evaluation.coverage(ring.sample(200, torch.Generator().manual_seed(0)), ring)
    plots.coverage(ax, got.counts, evaluation.perfect_sampler(ring, 200).counts)
    assert [bar.get_height() for bar in ax.patches[:8]] == got.counts.tolist()
    assert np.allclose(ax.lines[0].get_ydata(), evaluation.perfect_sampler(ring, 200).counts.numpy())


def test_a_spread_shows_every_seed_and_the_median(ax):
    plots.spread(ax, ["a", "b"], [[0.3, 0.1, 0.2], [0.5]])
    dots, bar = ax.lines[:2]
    assert list(dots.get_xdata()) == [0.3, 0.1, 0.2]
    assert list(bar.get_xdata()) == [0.2, 0.2]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]


def test_a_histogram_is_a_density(ax):
    plots.histogram(ax, POINTS[:, :1], bins=10)
    assert sum(p.get_height() * p.get_width() for p in ax.patches) == pytest.approx(1)


def test_neighbouring_lines_differ_without_colour():
    styles = list(mpl.rcParams["axes.prop_cycle"])
    looks = {(style["linestyle"], style["color"]) for style in styles}
    assert len(looks) == len(styles)
    assert len({style["linestyle"] for style in styles}) >= 4


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_samples_of_another_float_type_are_drawn(dtype):
    _, ax = plt.subplots()
    x = torch.tensor([[0.5, -1.0], [2.0, 0.25]], dtype=dtype, requires_grad=True)
    plots.samples(ax, x, x)
    assert [group.get_offsets().tolist() for group in ax.collections] == [x.tolist()] * 2
    plots.histogram(ax, x[:, :1], x[:, 1:], bins=3)
    plots.coverage(ax, x[:, 0])
    plt.close()
