"""Conditional players: a condition y enters G by its input, and D in one of three ways.

A conditional network is any `nn.Module` called with a second argument: G(z, y) and D(x, y). The condition is what the
batch says about each sample: a class number (N,), int64, or measured quantities (N, k), float. `encode` turns it into
numbers the network can use: `OneHot(classes)`, `nn.Embedding(classes, k)`, `nn.Identity()` or any module of one's own.

`Given(network, y)` fills the condition in. What is left is an ordinary G(z) or D(x), so losses, penalties and
objectives need not know about conditions at all.
"""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Given(nn.Module):
    """A conditional network with its condition filled in: Given(D, y)(x) = D(x, y).

    Asked about k N samples with N conditions, it uses the conditions k times in order: that is how R1 + R2 passes real
    and generated samples through D at once.
    """

    def __init__(self, network: nn.Module, y: Tensor) -> None:
        super().__init__()
        self.network = network
        self.y = y

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x, self._y(len(x)))

    def features(self, x: Tensor) -> Tensor:
        """Return the network's features (N, F)."""
        features = cast(Callable[[Tensor, Tensor], Tensor], self.network.features)
        return features(x, self._y(len(x)))

    def classify(self, x: Tensor) -> Tensor:
        """Return the class logits (N, classes) of a network that has a classifier."""
        return cast(Callable[[Tensor], Tensor], self.network.classify)(x)

    def _y(self, n: int) -> Tensor:
        times, rest = divmod(n, len(self.y))
        if rest or not times:
            raise ValueError(f"{len(self.y)} conditions do not fit {n} samples: give one condition for each sample")
        return self.y if times == 1 else self.y.repeat(times, *[1] * (self.y.ndim - 1))


class OneHot(nn.Module):
    """Class numbers (N,), int64 in [0, classes) -> float (N, classes) with a single 1 in each row."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, y: Tensor) -> Tensor:
        return F.one_hot(y, self.classes).float()


class ConditionalGenerator(nn.Module):
    """G(z, y): the encoded condition is appended to the latent vector.

    Args:
        G: A generator whose latent_dim is that of z plus the size of the code.
        encode: y -> code (N, k).

    Source: mirza2014cgan.
    """

    def __init__(self, G: nn.Module, encode: nn.Module) -> None:
        super().__init__()
        self.G, self.encode = G, encode
        self.output_range = G.output_range

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.G(torch.cat([z, self.encode(y)], dim=1))


class ConcatDiscriminator(nn.Module):
    """D(x, y): the encoded condition is appended to the sample, as more coordinates or as more channels.

    A code (N, k) beside images (N, C, H, W) becomes k constant channels; a code (N, k, H, W) is appended as it is.

    Args:
        D: A discriminator for samples with k more coordinates or channels.
        encode: y -> code.

    Source: mirza2014cgan.
    """

    def __init__(self, D: nn.Module, encode: nn.Module) -> None:
        super().__init__()
        self.D, self.encode = D, encode

    def _joined(self, x: Tensor, y: Tensor) -> Tensor:
        code = self.encode(y)
        if code.ndim < x.ndim:
            code = code.view(*code.shape, *[1] * (x.ndim - code.ndim)).expand(*code.shape, *x.shape[2:])
        return torch.cat([x, code], dim=1)

    def features(self, x: Tensor, y: Tensor) -> Tensor:
        """Return D's features (N, F) of the sample with its condition."""
        return cast(Callable[[Tensor], Tensor], self.D.features)(self._joined(x, y))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.D(self._joined(x, y))


class ProjectionDiscriminator(nn.Module):
    """D(x, y) = D(x) + <encode(y), features(x)>: an unconditional judgement and how well x fits y.

    For class numbers the optimal logit log p(x, y) / q(x, y) splits in just this way if the class posteriors of data
    and samples are both softmax-linear in the features.

    Args:
        D: A discriminator with `features(x)` (N, F), whose logit is `D.last(features)`.
        encode: y -> code (N, F), for classes `nn.Embedding(classes, F)`.

    Raises:
        ValueError: The code is not of the features' shape.

    Source: miyato2018projection.
    """

    def __init__(self, D: nn.Module, encode: nn.Module) -> None:
        super().__init__()
        self.D, self.encode = D, encode

    def features(self, x: Tensor, y: Tensor) -> Tensor:
        """Return D's features (N, F); they do not depend on y."""
        return cast(Callable[[Tensor], Tensor], self.D.features)(x)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        features, code = self.features(x, y), self.encode(y)
        if code.shape != features.shape:  # (N, 1) or (F,) would broadcast and compare nothing
            raise ValueError(
                f"encode(y) must have the shape of D's features, {tuple(features.shape)}, got {tuple(code.shape)}; "
                f"for classes use nn.Embedding(classes, {features.shape[1]})"
            )
        last = cast(nn.Module, self.D.last)
        return last(features).flatten() + (code * features).sum(1)


class AuxiliaryDiscriminator(nn.Module):
    """D judges x without its condition; a second head on the same features names the class of x.

    The condition acts through `objectives.class_of_real` in D's loss and `objectives.class_of_fake` in G's.

    Args:
        D: A discriminator with `features(x)` (N, F), whose logit is `D.last(features)`.
        features: F.
        classes: Number of classes.

    Source: odena2017acgan.
    """

    def __init__(self, D: nn.Module, features: int, classes: int) -> None:
        super().__init__()
        self.D, self.classifier = D, nn.Linear(features, classes)

    def features(self, x: Tensor, y: Tensor) -> Tensor:
        """Return D's features (N, F); they do not depend on y."""
        return cast(Callable[[Tensor], Tensor], self.D.features)(x)

    def classify(self, x: Tensor) -> Tensor:
        """Return class logits (N, classes)."""
        return self.classifier(cast(Callable[[Tensor], Tensor], self.D.features)(x))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.D(x)
