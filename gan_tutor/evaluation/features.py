"""A small classifier whose 64 features measure images of 28x28, in place of Inception.

Inception was trained on photographs of 299x299 and has no business with digits. These two networks were
trained on the embedded training images by `scripts/train_feature_network.py`. `weights/digits.json` and
`weights/fashion.json` state their accuracy and the real-vs-real floor of the Fréchet distance.

Accuracy on the 1000 embedded test images: digits .989, fashion .906 (.885 on the 10,000 images of
Fashion-MNIST's own test set). Fréchet distance of those 1000 to the 4000 training images:
digits .34, fashion .65 squared feature units; uniform noise is at 6,765 and 177. Both splits hold every class equally
often. Independent draws, such as a perfect generator's, do not, and lie higher: chapter 9 finds .75 +- .21 for the
handwritten ones.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

WEIGHTS = Path(__file__).parent / "weights"
NAMES = ("digits", "fashion")
FEATURES = 64
CLASSES = 10
# Images of a large set pass in chunks of this many, which bounds the memory of the first layers.
_CHUNK = 500


class FeatureNetwork(nn.Module):
    """A convolutional classifier of 28x28 images: three strided stages, 64 features, one linear layer.

    The features are rectified (so at least 0). `feature_network` returns trained weights, whose features are
    scaled so that the variances of the 64 features over the training images sum to 128.

    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            *_stage(1, 16, stride=1),  # (N, 16, 28, 28)
            *_stage(16, 32, stride=2),  # (N, 32, 14, 14)
            *_stage(32, 48, stride=2),  # (N, 48, 7, 7)
            *_stage(48, 64, stride=2),  # (N, 64, 4, 4)
            nn.Flatten(),  # (N, 1024)
        )
        self.embed = nn.Linear(1024, FEATURES)
        self.head = nn.Linear(FEATURES, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """Classify images.

        Args:
            images: float `(N, 1, 28, 28)` in [-1, 1].

        Returns:
            Logits of the ten classes, `(N, 10)`.

        Raises:
            ValueError: if shape, dtype or range is another.
        """
        logits: Tensor = self.head(self.features(images))
        return logits

    def features(self, images: Tensor) -> Tensor:
        """Compute the features before the last layer; differentiable in the images.

        Args:
            images: float `(N, 1, 28, 28)` in [-1, 1].

        Returns:
            `(N, 64)`, at least 0, in feature units (see the class).

        Raises:
            ValueError: if shape, dtype or range is another.
        """
        check_images(images)
        weight = self.embed.weight
        return torch.cat([self._features(chunk.to(weight.device, weight.dtype)) for chunk in images.split(_CHUNK)])

    def _features(self, images: Tensor) -> Tensor:
        return torch.relu(self.embed(self.stem(images)))


def _stage(channels: int, width: int, *, stride: int) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(width), nn.ReLU()]


def check_images(images: Tensor) -> None:
    """Refuse images that the networks here were not trained for.

    Raises:
        ValueError: if `images` is not a floating-point `(N, 1, 28, 28)` with N >= 1 and values in [-1, 1].
    """
    if images.ndim != 4 or images.shape[1:] != (1, 28, 28) or len(images) == 0:
        raise ValueError(
            f"images must have shape (N, 1, 28, 28) with N >= 1, got {tuple(images.shape)}; "
            "convert to grey and resize them, or use evaluation.inception_features for colour"
        )
    if not images.is_floating_point():
        raise ValueError(f"images must be floating point in [-1, 1], got {images.dtype}; use pixels / 127.5 - 1")
    low, high = images.aminmax()
    # Written so that NaN is refused too.
    if not (low >= -1.001 and high <= 1.001):
        raise ValueError(
            f"images must lie in [-1, 1], got [{low:.4g}, {high:.4g}]; end G with tanh, or use pixels / 127.5 - 1"
        )


def feature_network(name: Literal["digits", "fashion"]) -> FeatureNetwork:
    """Load the trained network of one embedded set, in eval mode, with frozen parameters, on the CPU.

    Args:
        name: `"digits"` or `"fashion"`.

    Raises:
        FileNotFoundError: if the package's file is missing.
        ValueError: if `name` is unknown or the file is damaged.
    """
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}, got {name!r}")
    return load(WEIGHTS / f"{name}.safetensors")


def load(path: Path) -> FeatureNetwork:
    """Load a network written by `scripts/train_feature_network.py`, in eval mode and frozen.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is not whole or holds other tensors.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is part of gan_tutor and is missing; install gan_tutor again")
    with torch.device("cpu"):
        network = FeatureNetwork().float()
    try:
        stored = load_file(path)
        network.load_state_dict(stored)
    except (SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} must hold a FeatureNetwork, got: {reason}; install gan_tutor again") from error
    return network.eval().requires_grad_(False)


def feature_facts(name: Literal["digits", "fashion"]) -> dict[str, Any]:
    """Return what was measured of a shipped network: accuracy, and the Fréchet distance of held-out images.

    Raises:
        ValueError: if `name` is unknown.
    """
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}, got {name!r}")
    facts: dict[str, Any] = json.loads((WEIGHTS / f"{name}.json").read_text(encoding="utf-8"))
    return facts


def frechet_floor(name: Literal["digits", "fashion"], n: int) -> float:
    """Return the Fréchet distance of n held-out real images to the embedded training images: what a score comes near.

    The distance of few samples is large even if they are real: 3.1 for 100 images of digits, .34 for 1000. So a score
    belongs beside the floor of as many samples. Up to 1000 it was measured on parts of the embedded test images, with
    all classes equally often, and sizes between the measured ones are interpolated. Beyond 1000, where there are no
    more held-out images, it follows the line d + c / n.

    Args:
        name: The embedded set.
        n: Number of samples, at least 2.

    Raises:
        ValueError: `name` is unknown or n is below 2.
    """
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}, got {name!r}")
    if n < 2:
        raise ValueError(f"n must be at least 2, got {n}: one sample has no covariance")
    facts = _floors()[name]
    sizes, floors = (np.array(list(column), dtype=float) for column in zip(*facts["floors"].items(), strict=True))
    if n > sizes[-1]:
        return float(floors[-1] - facts["slope"] * (1 / sizes[-1] - 1 / n))
    # n times the floor is nearly constant, so that is what is interpolated.
    return float(np.interp(np.log(n), np.log(sizes), sizes * floors) / n)


@lru_cache
def _floors() -> dict[str, Any]:
    """Read what scripts/measure_floors.py measured."""
    found: dict[str, Any] = json.loads((WEIGHTS / "floors.json").read_text(encoding="utf-8"))
    return found


@torch.no_grad()
def class_accuracy(images: Tensor, y: Tensor, name: Literal["digits", "fashion"]) -> float:
    """Return the share of images that the shipped classifier puts into the class that was asked for.

    A perfect generator reaches `feature_facts(name)["test_accuracy"]`, the accuracy on held-out real images; a
    generator that ignores its condition reaches the share of right guesses, 1/10 for balanced classes.

    Args:
        images: float `(N, 1, 28, 28)` in [-1, 1].
        y: int64 `(N,)`, the class asked of each image, 0 to 9.
        name: the set that the images imitate: `"digits"` or `"fashion"`.

    Raises:
        ValueError: if the images or `name` are wrong, or `y` does not hold one class number for each image.
    """
    network = feature_network(name)
    if y.shape != (len(images),) or y.is_floating_point() or y.is_complex() or not 0 <= y.min() <= y.max() < CLASSES:
        raise ValueError(
            f"y must hold one class number from 0 to {CLASSES - 1} for each of the {len(images)} images, shape "
            f"({len(images)},), got {y.dtype} {tuple(y.shape)}; give the conditions that the generator was asked for"
        )
    named = network(images).argmax(1)
    return (named == y.to(named.device)).double().mean().item()
