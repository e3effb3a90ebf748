"""The book's pictures. Every function draws on a given Axes and returns it; `style` sets the colours of the page.

Real is blue circles, generated is orange crosses, D's field diverges around logit 0 from orange (generated) to blue
(real); the markers and a contour at 0 carry the same message without colour.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from torch import Tensor

REAL = "#1f6fb4"
FAKE = "#e8710a"
NEUTRAL = "#7a7a7a"
FIELD = LinearSegmentedColormap.from_list("fake_to_real", ["#e8710a", "#f6c79b", "#f7f7f7", "#a9cbe6", "#1f6fb4"])

_COMMON: Any = {
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "figure.figsize": (6.0, 3.6),
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": plt.cycler(
        color=[REAL, FAKE, "#2a9d5c", "#b0457f", "#6a51a3", "#8c6d31", "#4d4d4d"],
        linestyle=["-", "-", "--", "-.", ":", "--", "-"],
    ),
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "image.cmap": "gray",
    "svg.hashsalt": "gan_tutor",
}
_INK = {"light": ("#ffffff", "#222222"), "dark": ("#14181e", "#d8dde3")}


def style(theme: str = "light") -> None:
    """Set matplotlib's defaults to the book's figures, on a "light" or "dark" page.

    Raises:
        ValueError: The theme is neither.
    """
    if theme not in _INK:
        raise ValueError(f'theme must be "light" or "dark", got {theme!r}')
    paper, ink = _INK[theme]
    plt.rcParams.update(_COMMON)
    plt.rcParams.update(dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), paper))
    plt.rcParams.update(
        dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), ink)
    )


def samples(ax: Axes, real: Tensor | None = None, fake: Tensor | None = None, *, size: float = 8.0) -> Axes:
    """Draw points (N, 2) in the plane, equal scales on both axes."""
    if real is not None:
        x, y = _numpy(real).T
        ax.scatter(x, y, size, color=REAL, alpha=0.5, linewidths=0, marker="o", label="real")
    if fake is not None:
        x, y = _numpy(fake).T
        ax.scatter(x, y, size, color=FAKE, alpha=0.7, linewidths=0.8, marker="x", label="generated")
    ax.set_aspect("equal")
    ax.set(xlabel="$x_1$", ylabel="$x_2$")
    return ax


def histogram(ax: Axes, real: Tensor | None = None, fake: Tensor | None = None, *, bins: Any = 60) -> Axes:
    """Draw the densities of one-dimensional samples (N,) or (N, 1): real filled, generated outlined."""
    if real is not None:
        ax.hist(_numpy(real).ravel(), bins=bins, density=True, color=REAL, alpha=0.35, label="real")
    if fake is not None:
        ax.hist(
            _numpy(fake).ravel(), bins=bins, density=True, color=FAKE, histtype="step", linewidth=1.6, label="generated"
        )
    ax.set(xlabel="$x$", ylabel="density")
    return ax


@torch.no_grad()
def field(
    ax: Axes,
    logit: Callable[[Tensor], Tensor],
    *,
    extent: tuple[float, float, float, float],
    limit: float = 4.0,
    resolution: int = 80,
) -> Axes:
    """Draw a function of the plane, as D's logit: blue says real, orange says generated, the line is logit 0.

    Args:
        ax: Where to draw.
        logit: Maps points (N, 2) to logits (N,).
        extent: (left, right, bottom, top) in data units.
        limit: Logits beyond +-limit have the full colour.
        resolution: Points a side.
    """
    left, right, bottom, top = extent
    x, y = (torch.linspace(*ends, resolution, dtype=torch.float32) for ends in ((left, right), (bottom, top)))
    points = torch.cartesian_prod(y, x).flip(1)
    values = _numpy(logit(points)).reshape(resolution, resolution)
    ax.imshow(
        values, extent=extent, origin="lower", cmap=FIELD, vmin=-limit, vmax=limit, interpolation="bilinear", zorder=0
    )
    if values.min() < 0 < values.max():
        ax.contour(x, y, values, levels=[0.0], colors=NEUTRAL, linewidths=1.0, zorder=1)
    ax.set(xlim=(left, right), ylim=(bottom, top), xlabel="$x_1$", ylabel="$x_2$")
    return ax


def image_grid(ax: Axes, images: Tensor, *, columns: int = 8) -> Axes:
    """Draw all images (N, C, H, W) in [-1, 1], in their order, C = 1 or 3; the rest of the last row stays empty.

    Raises:
        ValueError: The images have another shape.
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3) or len(images) == 0:
        raise ValueError(f"images must have shape (N, 1, H, W) or (N, 3, H, W), got {tuple(images.shape)}")
    ax.imshow(tile(images, columns=columns), vmin=0, vmax=1, interpolation="nearest")
    ax.set_axis_off()
    return ax


def tile(images: Tensor, *, columns: int = 8) -> np.ndarray:
    """Return images (N, C, H, W) in [-1, 1] as one picture (height, width, 3) in [0, 1], as make_grid lays it out."""
    from torchvision.utils import make_grid

    grid = make_grid(images.detach().float().cpu() / 2 + 0.5, nrow=columns, padding=1, pad_value=0.5)
    return grid.clamp(0, 1).permute(1, 2, 0).numpy()


def curves(ax: Axes, lines: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> Axes:
    """Draw named lines (x, y) with a legend."""
    for name, (x, y) in lines.items():
        ax.plot(_numpy(x), _numpy(y), label=name)
    ax.legend()
    return ax


def losses(ax: Axes, records: Iterable[Any], *, every: int = 1) -> Axes:
    """Draw both players' losses as they are minimised: unsmoothed and unscaled, every k-th step.

    Args:
        ax: Where to draw.
        records: `training.Record`s in order.
        every: Draw each k-th record.
    """
    kept = list(records)[::every]
    steps = [record.step for record in kept]
    ax.plot(steps, [float(record.loss_d) for record in kept], color=REAL, linewidth=0.9, label="loss of D")
    ax.plot(steps, [float(record.loss_g) for record in kept], color=FAKE, linewidth=0.9, label="loss of G")
    ax.set(xlabel="step", ylabel="loss (nats)")
    ax.legend()
    return ax


def coverage(ax: Axes, counts: Tensor, expected: Tensor | None = None) -> Axes:
    """Draw the high-quality samples of each mode, from `evaluation.coverage`, beside what a perfect sampler expects."""
    values = _numpy(counts)
    ax.bar(np.arange(len(values)), values, color=FAKE, label="generated")
    if expected is not None:
        ax.step(
            np.arange(len(values)), _numpy(expected), where="mid", color=REAL, linestyle="--", label="perfect sampler"
        )
        ax.legend()
    ax.set(xlabel="mode", ylabel="high-quality samples")
    return ax


def spread(ax: Axes, names: Sequence[str], values: Sequence[Sequence[float]], *, ceiling: float | None = None) -> Axes:
    """Draw a row for each name: every seed a dot, their median a bar; the dashed line is a perfect sampler."""
    for row, runs in enumerate(values):
        ax.plot(list(runs), [row] * len(runs), "o", color=FAKE, markersize=5, alpha=0.75)
        ax.plot([float(np.median(runs))] * 2, [row - 0.3, row + 0.3], "-", color=NEUTRAL, linewidth=2)
    if ceiling is not None:
        ax.axvline(ceiling, color=REAL, linestyle="--", linewidth=1.2, label="perfect sampler")
        ax.legend()
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    return ax


def _numpy(values: Any) -> np.ndarray:
    if not isinstance(values, Tensor):
        return np.asarray(values)
    values = values.detach().cpu()
    return (values.float() if values.dtype in (torch.bfloat16, torch.float16) else values).numpy()
