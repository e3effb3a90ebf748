"""What a frame shows: arrays computed from a game as it stands, for drawing. Nothing here changes the game.

Arrays are named as the front end knows them; images and fields are uint8, points and logits float32. Points come from
G itself, which is what D fights; images from its moving average, which is what one would use.
"""

import math
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_tutor import data, evaluation, networks, objectives, recipes, training
from gan_tutor.recipes import Game

POINTS, IMAGES, BY_CLASS, ARROWS, PIXELS, LINES = 400, 36, 6, 60, 48, 15
MANY = 20_000
Arrays = dict[str, NDArray[Any]]


class View:
    """Everything that stays the same from frame to frame of one game's data: fixed latents, real samples, the grid.

    Images of a game with a condition stand in rows of one class, BY_CLASS of each, and in columns of one latent.

    Args:
        game: The game to look at.
    """

    def __init__(self, game: Game) -> None:
        recipe = game.recipe
        source: Any = game.source
        self.device = game.generator.device
        self.kind = "images" if len(source.shape) == 3 else "points" if source.shape == (2,) else "line"
        generator = torch.Generator(self.device).manual_seed(recipe.seed + 1)
        self.classes = recipes.class_count(recipe)
        self.labels = _labels(source, self.classes)
        self.y_fake: Tensor | None = None
        self.y_real: Tensor | None = None
        if self.kind == "images" and self.classes:
            self.z = training.sample_z(BY_CLASS, recipe.latent_dim, generator).repeat(self.classes, 1)
            self.y_fake = self.y_real = torch.arange(self.classes, device=self.device).repeat_interleave(BY_CLASS)
            self.real = _of_each_class(source, self.classes, generator)
        else:
            n = IMAGES if self.kind == "images" else POINTS
            self.z = training.sample_z(n, recipe.latent_dim, generator)
            if self.classes:
                self.y_fake = torch.arange(n, device=self.device) % self.classes
                self.real, self.y_real = source.sample_labelled(n, generator)
            else:
                self.real = source.sample(n, generator)
        self.extent: list[float] | None = None
        if self.kind != "images":
            self.extent = _extent(source.sample(4000, generator))
        if self.extent is not None:
            self.rows = PIXELS if self.kind == "points" else 1
            self.grid = _grid(self.extent, self.rows, source.shape[0]).to(self.device)
            self.lines = _latent_grid(recipe.latent_dim).to(self.device)
        self.generator = generator

    def layers(self, game: Game, wanted: set[str]) -> Arrays:
        """Return the arrays of a frame; of the optional layers only those wanted."""
        G, D = self._players(game, self.y_fake)
        with torch.no_grad():
            fake = G(self.z)
            arrays: Arrays = {"real": _shown(self.real), "fake": _shown(fake)}
            if "histograms" in wanted or self.kind == "images":
                of_real = self._players(game, self.y_real)[1]
                arrays |= {"logits_real": _f32(of_real(self.real)), "logits_fake": _f32(D(fake))}
            if self.extent is not None and not self.classes:
                if "field" in wanted:
                    arrays["field"] = _u8(torch.sigmoid(D(self.grid)).view(self.rows, PIXELS))
                if "manifold" in wanted and self.kind == "points":
                    arrays["manifold"] = _f32(G(self.lines).view(LINES, LINES, 2))
        if "arrows" in wanted and self.extent is not None and not self.classes:
            arrays["arrows"] = _f32(self._arrows(game, D, fake[:ARROWS]))
        return arrays

    def optimal(self, game: Game) -> tuple[NDArray[Any], float]:
        """Return D* = p / (p + q) on the grid, and the mean |D - D*| where there is data or samples.

        Both densities are estimated in the same way, from as many points: counted in the grid's cells and blurred by
        one cell, so that D* is 1/2 where G is right, without knowing q.
        """
        G, D = self._players(game, None)
        with torch.no_grad():
            p = self._density(game.source.sample(MANY, self.generator))
            q = self._density(G(training.sample_z(MANY, game.recipe.latent_dim, self.generator)))
            best = (p + 1e-3) / (p + q + 2e-3)
            gap = (torch.sigmoid(D(self.grid)).view(self.rows, PIXELS) - best).abs()
        mass = p + q
        return _u8(best), float((gap * mass).sum() / mass.sum())

    def metrics(self, game: Game) -> list[dict[str, Any]]:
        """Return the numbers of the averaged generator beside what a perfect sampler or real images would get."""
        n = 500 if self.kind == "images" else 2500
        y = torch.arange(n, device=self.device) % self.classes if self.classes else None
        fake = training.generate(game.ema, n, game.recipe.latent_dim, self.generator, y=y)
        try:
            scores = _scores(fake, game.source, self.generator)
        except evaluation.NoMeasure:
            return []
        return [_row(name, scores) for name in _METRICS if name in scores]

    def _players(self, game: Game, y: Tensor | None) -> tuple[Any, Any]:
        G = game.ema if self.kind == "images" else game.G
        return (G, game.D) if y is None else (networks.Given(G, y), networks.Given(game.D, y))

    def _arrows(self, game: Game, D: Any, fake: Tensor) -> Tensor:
        """Return places and shifts (N, 2 d): where samples should go to lower G's loss.

        The longest arrow is a tenth of the view.
        """
        loss = recipes.loss_of(game.recipe)
        if loss.on_features:
            return fake.new_zeros(0, 2 * fake.shape[1])
        moved = fake.detach().clone().requires_grad_()
        value = objectives.generator_loss(lambda _: moved, D, loss, self.real[: len(fake)], self.z[: len(fake)])
        (gradient,) = torch.autograd.grad(value, moved)
        x0, x1, _, _ = self.extent or [0.0, 1.0, 0.0, 1.0]
        longest = gradient.norm(dim=1).max().clamp_min(1e-12)
        return torch.cat([fake, -gradient / longest * 0.1 * (x1 - x0)], dim=1)

    def _density(self, points: Tensor) -> Tensor:
        """Count points in the grid's cells, blur by one cell, and scale to mean 1 a cell."""
        x0, x1, y0, y1 = self.extent or [0.0, 1.0, 0.0, 1.0]
        column = ((points[:, 0] - x0) / (x1 - x0) * PIXELS).floor().long()
        height = (y1 - points[:, -1]) / (y1 - y0) if self.rows > 1 else torch.zeros_like(points[:, 0])
        row = (height * self.rows).floor().long()
        inside = (column >= 0) & (column < PIXELS) & (row >= 0) & (row < self.rows)
        cells = self.rows * PIXELS
        counts = torch.bincount((row * PIXELS + column)[inside], minlength=cells).float()
        weights = torch.tensor([0.25, 0.5, 0.25], device=points.device)
        across = weights if self.rows > 1 else weights.new_tensor([0.0, 1.0, 0.0])
        kernel = (across[:, None] * weights).view(1, 1, 3, 3)
        blurred = torch.nn.functional.conv2d(counts.view(1, 1, self.rows, PIXELS), kernel, padding=1)
        return blurred[0, 0] / len(points) * cells


# name: label, the ceiling's or floor's key, which way is better, what the bound is
_METRICS = {
    "modes": ("Modes hit", "perfect_modes", "high", "perfect sampler"),
    "high_quality": ("High-quality share", "perfect_high_quality", "high", "perfect sampler"),
    "reverse_kl": ("Reverse KL (nats)", "perfect_reverse_kl", "low", "perfect sampler"),
    "wasserstein": ("Wasserstein distance", "perfect_wasserstein", "low", "perfect sampler"),
    "frechet_distance": ("Fréchet distance", "floor_frechet_distance", "low", "real images"),
}


def _scores(fake: Tensor, source: Any, generator: torch.Generator) -> dict[str, float]:
    """Measure samples as `evaluation.score` does; of the shipped images only the Fréchet distance, which is quick."""
    if source.name not in ("digits", "fashion"):
        return evaluation.score(fake, source, generator)
    network = evaluation.feature_network(source.name)
    distance = evaluation.frechet_distance(network.features(fake.cpu()), _real_features(source.name))
    return {
        "frechet_distance": distance,
        "floor_frechet_distance": evaluation.frechet_floor(source.name, len(fake)),
    }


@lru_cache
def _real_features(name: Literal["digits", "fashion"]) -> Tensor:
    images = {"digits": data.digits, "fashion": data.fashion}[name]().images
    return evaluation.feature_network(name).features(images)


def _row(name: str, scores: dict[str, float]) -> dict[str, Any]:
    label, bound, better, bound_label = _METRICS[name]
    value = float(scores[name])
    return {
        "name": name, "label": label, "value": value if math.isfinite(value) else None, "best": scores[bound],
        "better": better, "best_label": bound_label,
    }  # fmt: skip


def _labels(source: Any, classes: int) -> tuple[str, ...] | None:
    """Return the names of the classes that G is asked for, or None without a condition."""
    return tuple(getattr(source, "classes", map(str, range(classes)))) if classes else None


def _of_each_class(source: Any, classes: int, generator: torch.Generator) -> Tensor:
    """Draw BY_CLASS real samples of every class, class by class."""
    x, y = source.sample_labelled(40 * BY_CLASS * classes, generator)
    return torch.cat([x[y == number][:BY_CLASS] for number in range(classes)])


def _extent(points: Tensor) -> list[float]:
    """Return x0, x1, y0, y1 of a square view with a margin, or x0, x1, 0, 1 of a line."""
    low, high = points.amin(0), points.amax(0)
    centre, half = (low + high) / 2, float((high - low).max()) / 2 * 1.3 + 0.5
    bounds = [v for c in centre.tolist() for v in (c - half, c + half)]
    return bounds if len(bounds) == 4 else [*bounds, 0.0, 1.0]


def _grid(extent: list[float], rows: int, dimensions: int) -> Tensor:
    """Return the centres of the cells (rows * PIXELS, dimensions), row by row from the top."""
    x0, x1, y0, y1 = extent
    across, down = (torch.arange(PIXELS) + 0.5) / PIXELS, (torch.arange(rows) + 0.5) / rows
    y, x = torch.meshgrid(y1 - down * (y1 - y0), x0 + across * (x1 - x0), indexing="ij")
    return torch.stack([x, y], -1).view(-1, 2)[:, :dimensions]


def _latent_grid(latent_dim: int) -> Tensor:
    """Return latents (LINES^2, latent_dim): a grid of normal quantiles in the first two, 0 in the others."""
    quantiles = torch.special.ndtri((torch.arange(LINES) + 0.5) / LINES)
    z = torch.zeros(LINES, LINES, latent_dim)
    z[..., 0] = quantiles
    if latent_dim > 1:
        z[..., 1] = quantiles[:, None]
    return z.view(-1, latent_dim)


def _shown(samples: Tensor) -> NDArray[Any]:
    """Points as float32; images (N, C, H, W) in [-1, 1] as uint8 (N, H, W, C)."""
    return _u8((samples.permute(0, 2, 3, 1) + 1) / 2) if samples.ndim == 4 else _f32(samples)


def _f32(values: Tensor) -> NDArray[Any]:
    return np.ascontiguousarray(values.detach().float().cpu().numpy())


def _u8(shares: Tensor) -> NDArray[Any]:
    return np.ascontiguousarray((shares.clamp(0, 1) * 255).round().byte().cpu().numpy())
