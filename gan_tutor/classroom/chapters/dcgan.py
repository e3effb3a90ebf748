"""Exercises of chapter 5."""

from typing import Any

import torch
from torch import Tensor, nn

from gan_tutor.classroom.record import Exercise, named_numbers


def _one_of(choices: tuple[int, ...], generator: torch.Generator) -> int:
    return choices[int(torch.randint(len(choices), (), generator=generator))]


def _padding(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    stride, more = _one_of((3, 4), generator), _one_of((2, 4), generator)
    cases = ((stride + more, stride), (stride + more + 1, stride), (2 * more + 1, 2))
    return {f"for kernel {k} and stride {s}": _pair(answer(k, s)) for k, s in cases}


def _pair(found: Any) -> tuple[Any, Any]:
    return tuple(found) if isinstance(found, tuple | list) and len(found) == 2 else (found, None)


def _stamps(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    def out(n: int, k: int, stride: int, padding: int) -> Any:
        return answer(torch.randn(n, generator=generator), torch.randn(k, generator=generator), stride, padding)

    return {
        "with kernel 4, stride 2, padding 1": out(5, 4, 2, 1),
        "with kernel 5, stride 3, padding 2": out(4, 5, 3, 2),
    }


def _output_scale(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    channels, stride = _one_of((16, 24, 48), generator), _one_of((2, 3), generator)
    sigma, slope = (0.01 + 0.3 * torch.rand(2, generator=generator)).tolist()
    return {
        "the scale with slope 0": answer(channels, 2 * stride, stride, sigma, 0.0),
        "the scale with another slope": answer(channels, 3 * stride, stride, sigma, 0.1 + slope),
    }


def _batch_norm(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    layer = answer(3)
    if not isinstance(layer, nn.Module):
        return {"the layer": layer}
    first, second = 1 + 0.2 * torch.randn(2, 8, 3, 4, 4, generator=generator)
    trained = layer.train()(first)
    return {
        "the spread of the channels in training mode": _spread(trained),
        "the first pixel in evaluation mode, after one batch": layer.eval()(second)[0, :, 0, 0],
        "the number of learned scales and shifts": sum(p.numel() for p in layer.parameters()),
    }


def _spread(x: Any) -> Any:
    return x.transpose(0, 1).flatten(1).std(1) if isinstance(x, Tensor) and x.ndim == 4 else x


EXERCISES = (
    Exercise(
        "dcgan-sizes",
        "Doubling, and more than doubling",
        "derive",
        _padding,
        hints=(
            "Set s (n - 1) + k - 2 p + output_padding equal to s n. What must 2 p be?",
            "2 p is even. When is k - s odd, and what can a missing pixel at one end repair?",
            "output_padding is 1 exactly if k - s is odd, and it adds a pixel that the padding has to take away first.",
        ),
    ),
    Exercise(
        "dcgan-stamps",
        "Stamp by stamp",
        "implement",
        _stamps,
        hints=(
            "Begin with zeros for all stamps, before any cut: how long is that?",
            "Stamp i begins at place stride * i, and is the kernel times h[i]. What happens where stamps overlap?",
            "At the end the padding is cut off, the same number of places at both ends.",
        ),
    ),
    Exercise(
        "dcgan-scale",
        "How loud is the first image?",
        "derive",
        _output_scale,
        hints=(
            "A pixel is a sum of independent terms: how many channels, and how many stamps reach it in two dimensions?",
            "A term's variance is sigma squared times the mean square of what comes out of LeakyReLU.",
            "Half of a standard normal variable is kept, the other half is shrunk by the slope. Its mean square?",
        ),
    ),
    Exercise(
        "dcgan-batchnorm",
        "Find the bug: the 0.8 of a published BatchNorm",
        "find-the-bug",
        _batch_norm,
        hints=(
            "Which argument of nn.BatchNorm2d is the second one? Where does it stand in the formula of BatchNorm?",
            "Name the arguments. And read in PyTorch's documentation what its momentum is the share of.",
            "PyTorch: new average = (1 - momentum) * old + momentum * batch. Which momentum keeps 0.8 of the old?",
        ),
    ),
    Exercise(
        "dcgan-mixed",
        "Real and generated in one batch",
        "predict",
        named_numbers("separate mean", "separate std", "mixed mean", "mixed std"),
        hints=(
            "BatchNorm subtracts a mean and divides by a standard deviation. Of which samples, in each case?",
            "The mixed batch has mean 0. Its variance is the mean of the squares: variance inside a kind, and between.",
            "The mean square of an activation with mean 3 and standard deviation 4 is 25, for either kind.",
        ),
        rtol=0.01,
        atol=1e-3,
    ),
)
