"""What became of each GAN of a stack: one row of plain numbers each."""

import math
from typing import Any

import torch
from torch import Tensor

from gan_tutor import evaluation
from gan_tutor.sweep.draws import Draws
from gan_tutor.sweep.stack import Stack
from gan_tutor.sweep.turn import generate

Row = dict[str, Any]
SHARP = 0.5


def measure(stack: Stack, samples: int = 2000) -> list[Row]:
    """Return for each GAN what its averaged generator has learned, and its last losses.

    A row holds `diverged_at` (the turn of the first NaN or infinite loss, None if there was none), `loss_d`, `loss_g`,
    and the numbers of `evaluation.score` with those of a perfect sampler. For a mixture of several modes also
    `overlap`, see there, and `collapsed`: at least half of the samples lie in modes, but in at most half of the modes.
    A GAN that diverged has None for all but `diverged_at`.

    Args:
        stack: The games.
        samples: Samples of each generator, at least 1; the latents of GANs with the same seed and latent_dim agree.

    Raises:
        ValueError: `samples` is below 1, or no turn was played.
        NoMeasure: The data has no measure.
    """
    if samples < 1:
        raise ValueError(f"samples must be at least 1, got {samples}")
    if not stack.step:
        raise ValueError("a stack must have played at least one turn to be measured, got one at step 0: use sweep.run")
    # Not the games' own seeds: what a generator is judged by must not repeat the first latents it was trained on.
    latents = Draws(stack.recipes, stack.ema.device, offset=1_000_003).z(samples)
    with torch.no_grad():
        parts = [generate(stack.G, theta, z) for theta, z in zip(stack.ema.split(64), latents.split(64), strict=True)]
    drawn, source = torch.cat(parts).cpu(), stack.source.to("cpu")
    losses = torch.stack(stack.losses, 1).tolist()
    return [
        _row(drawn[b], source, stopped, losses[b], stack.recipes[b].seed)
        for b, stopped in enumerate(stack.diverged_at.tolist())
    ]


def overlap(counts: Tensor, expected: Tensor) -> float:
    """Return sum_k min(q_k, p_k) / sum_k p_k: the share of the mixture that a generator has right, in [0, 1].

    q_k is the share of all samples that lie in mode k (high quality), p_k a perfect sampler's. Neither a sharp
    generator that misses modes nor a blurred one that covers all comes near 1: one mode of eight gives 1/8.

    Args:
        counts: High-quality samples of each mode (K,), from `evaluation.coverage`.
        expected: The counts that a perfect sampler of as many samples expects (K,), from `evaluation.perfect_sampler`.
    """
    return (torch.minimum(counts.double(), expected.double()).sum() / expected.double().sum()).item()


def _row(drawn: Tensor, source: Any, stopped: int, losses: list[float], seed: int) -> Row:
    row: Row = {"diverged_at": stopped or None, "loss_d": losses[0], "loss_g": losses[1]}
    sound = not stopped and bool(drawn.isfinite().all())
    judged = drawn if sound else torch.zeros_like(drawn)
    found: Row = dict(evaluation.score(judged, source, torch.Generator().manual_seed(seed + 2_000_003)))
    if "modes" in found:
        got, best = evaluation.coverage(judged, source), evaluation.perfect_sampler(source, len(drawn))
        found["overlap"] = overlap(got.counts, best.counts)
        found["collapsed"] = got.high_quality >= SHARP and got.modes <= len(source.means) // 2
    row |= {name: _finite(value) for name, value in found.items()}
    return row if sound else {name: value if name == "diverged_at" else None for name, value in row.items()}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
