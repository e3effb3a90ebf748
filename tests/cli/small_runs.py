"""A run of seconds for the tests of the command line, and how to compare what runs leave."""

import json

import torch

from gan_tutor import checkpoints

TINY = ("--width-g", "8", "--width-d", "8", "--batch-size", "16", "--samples", "50")

FILES = ["checkpoint.safetensors", "log.csv", "metrics.json", "recipe.json", "samples.png"]


def same_state(a, b):
    """Two checkpoints hold the same numbers."""
    a, b = checkpoints.load(a), checkpoints.load(b)
    return a.tensors.keys() == b.tensors.keys() and all(torch.equal(a.tensors[k], b.tensors[k]) for k in a.tensors)


def told_speed(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    return {name: metrics.get(name) for name in ("seconds", "steps_per_second", "images_per_second")}
