"""Toy densities, known exactly: the only data on which a GAN's success can be measured without another network.

A density is a frozen record with `sample` and `log_prob`. Lengths are in data units, log densities in nats.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of isotropic Gaussians: p(x) = sum_k weights_k N(x; means_k, sigmas_k^2 I).

    Attributes:
        name: For titles and messages.
        means: Centres (K, d).
        sigmas: Standard deviations (K,), at least 0; 0 makes a component a point without a density.
        weights: Shares (K,), positive with sum 1.
    """

    name: str
    means: Tensor
    sigmas: Tensor
    weights: Tensor
    range: ClassVar[None] = None

    def __post_init__(self) -> None:
        modes = len(self.means)
        if self.means.ndim != 2 or self.sigmas.shape != (modes,) or self.weights.shape != (modes,):
            raise ValueError(
                "a mixture needs means (K, d), sigmas (K,) and weights (K,), got "
                f"{tuple(self.means.shape)}, {tuple(self.sigmas.shape)} and {tuple(self.weights.shape)}"
            )
        if (self.weights <= 0).any() or abs(self.weights.sum().item() - 1) > 1e-5 or (self.sigmas < 0).any():
            raise ValueError(
                "weights must be positive with sum 1 and sigmas at least 0, got "
                f"{self.weights.tolist()} and {self.sigmas.tolist()}"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (d,) of one point."""
        return (self.means.shape[1],)

    def to(self, device: str | torch.device) -> "Mixture":
        """Return the same mixture with its tensors on the device."""
        return replace(
            self, means=self.means.to(device), sigmas=self.sigmas.to(device), weights=self.weights.to(device)
        )

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n independent points (n, d)."""
        return self.sample_labelled(n, generator)[0]

    def sample_labelled(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Draw n independent points (n, d), as `sample` does, and the numbers (n,) of their components."""
        k = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn(
            n, self.means.shape[1], generator=generator, device=self.means.device, dtype=self.means.dtype
        )
        return self.means[k] + self.sigmas[k, None] * noise, k

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, shape (N,), for points (N, d).

        Raises:
            ValueError: The points have another shape, or a component has sigma 0: it has no density.
        """
        _check_points(x, self.shape[0])
        if (self.sigmas == 0).any():
            raise ValueError(f"{self.name} has a component with sigma 0, which has no density; give it a sigma")
        squared = (x[:, None] - self.means).square().sum(-1)
        gaussians = -squared / (2 * self.sigmas**2) - x.shape[1] * (self.sigmas * math.sqrt(2 * math.pi)).log()
        return torch.logsumexp(self.weights.log() + gaussians, dim=1)

    def standardized(self) -> "Mixture":
        """Return the mixture shifted to mean 0 and scaled to a root mean square coordinate of 1."""
        centre = (self.weights[:, None] * self.means).sum(0)
        spread = (self.means - centre).square().mean(1) + self.sigmas**2
        scale = (self.weights * spread).sum().sqrt()
        return replace(self, means=(self.means - centre) / scale, sigmas=self.sigmas / scale)


@dataclass(frozen=True, eq=False)
class Curve:
    """Points spread uniformly in t over a plane curve c(t), t in [0, 1], plus Gaussian noise of width sigma.

    p(x) is the integral of N(x; c(t), sigma^2 I) over t, computed by the midpoint rule with `nodes` nodes: a relative
    error below 1e-4 while the nodes lie well within sigma of each other along the curve.
    """

    name: str
    path: Callable[[Tensor], Tensor]
    sigma: float
    nodes: int = 2000
    device: str | torch.device = "cpu"
    shape: ClassVar[tuple[int, ...]] = (2,)
    range: ClassVar[None] = None

    def __post_init__(self) -> None:
        if not self.sigma > 0:
            raise ValueError(f"sigma must be positive, got {self.sigma}: a bare curve has no density")

    def to(self, device: str | torch.device) -> "Curve":
        """Return the same density, sampling on the device."""
        return replace(self, device=device)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n independent points (n, 2)."""
        how: Any = {"generator": generator, "device": self.device, "dtype": torch.float32}
        t = torch.rand(n, **how)
        return self.path(t) + self.sigma * torch.randn(n, 2, **how)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, shape (N,), for points (N, 2)."""
        _check_points(x, 2)
        return torch.cat([self._log_prob(rows) for rows in x.split(10_000)])

    def _log_prob(self, x: Tensor) -> Tensor:
        t = (torch.arange(self.nodes, dtype=torch.float64, device=x.device) + 0.5) / self.nodes
        squared = torch.cdist(x.double(), self.path(t)).square()
        gaussians = -squared / (2 * self.sigma**2) - math.log(2 * math.pi * self.sigma**2)
        return (torch.logsumexp(gaussians, dim=1) - math.log(self.nodes)).to(x.dtype)


def gaussian(mu: float | Sequence[float] = 0.0, sigma: float = 1.0) -> Mixture:
    """One Gaussian N(mu, sigma^2 I); a number mu makes it one-dimensional."""
    mean = torch.tensor([mu] if isinstance(mu, (int, float)) else list(mu), dtype=torch.float32)
    return Mixture(
        "gaussian", mean[None], torch.tensor([float(sigma)], dtype=torch.float32), torch.ones(1, dtype=torch.float32)
    )


def mixture_1d(
    means: Sequence[float] = (-2.0, 2.0), sigmas: Sequence[float] = (0.5, 0.5), weights: Sequence[float] | None = None
) -> Mixture:
    """A one-dimensional mixture; equal weights unless given."""
    shares = _constant(len(means), 1 / len(means)) if weights is None else torch.tensor(weights, dtype=torch.float32)
    return Mixture(
        "mixture_1d",
        torch.tensor(means, dtype=torch.float32)[:, None],
        torch.tensor(sigmas, dtype=torch.float32),
        shares,
    )


def ring(modes: int = 8, radius: float = 2.0, sigma: float = 0.05) -> Mixture:
    """`modes` equal Gaussians on a circle. The angle 2 pi is the angle 0 and appears once."""
    if modes < 1:
        raise ValueError(f"modes must be at least 1, got {modes}")
    angles = torch.arange(modes, dtype=torch.float32) * (2 * math.pi / modes)
    return _equal("ring", radius * torch.stack([angles.cos(), angles.sin()], dim=1), sigma)


def grid(side: int = 5, spacing: float = 2.0, sigma: float = 0.05) -> Mixture:
    """side x side equal Gaussians on a square grid around 0."""
    if side < 1:
        raise ValueError(f"side must be at least 1, got {side}")
    axis = (torch.arange(side, dtype=torch.float32) - (side - 1) / 2) * spacing
    return _equal("grid", torch.cartesian_prod(axis, axis), sigma)


def point(x: float | Sequence[float] = 0.0) -> Mixture:
    """All mass at one point, as in the Dirac-GAN. It has no density. Source: mescheder2018convergence."""
    return replace(gaussian(x, 0.0), name="point")


def drawn(places: Sequence[tuple[float, float]], sigma: float = 0.05) -> Mixture:
    """Equal Gaussians at places of the plane that somebody chose."""
    return _equal("drawn", torch.tensor(places, dtype=torch.float32).view(-1, 2), sigma)


def swiss_roll(sigma: float = 0.05) -> Curve:
    """One and a half turns of a spiral, radius growing with the angle from 0.75 to 2.25."""

    def path(t: Tensor) -> Tensor:
        angle = 1.5 * math.pi * (1 + 2 * t)
        return angle[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1) * (0.5 / math.pi)

    return Curve("swiss_roll", path, sigma)


def two_moons(sigma: float = 0.05) -> Curve:
    """Two interleaved half circles of radius 1, half the mass each."""

    def path(t: Tensor) -> Tensor:
        upper = (t < 0.5).to(t.dtype)
        angle = math.pi * torch.where(t < 0.5, 2 * t, 2 * t - 1)
        side = 2 * upper - 1
        return torch.stack([side * angle.cos() - upper + 0.5, side * (angle.sin() - 0.25)], dim=1)

    return Curve("two_moons", path, sigma)


def _check_points(x: Tensor, dimensions: int) -> None:
    # (N, 1) would broadcast against (K, 2) and answer nonsense.
    if x.ndim != 2 or x.shape[1] != dimensions:
        raise ValueError(f"points must have shape (N, {dimensions}), got {tuple(x.shape)}")


def _equal(name: str, means: Tensor, sigma: float) -> Mixture:
    modes = len(means)
    return Mixture(name, means, _constant(modes, sigma), _constant(modes, 1 / modes))


def _constant(n: int, value: float) -> Tensor:
    return torch.full((n,), float(value), dtype=torch.float32)
