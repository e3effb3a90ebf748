"""Checkpoints: one safetensors file with every tensor of a run, and JSON for the rest in its header.

Nothing is unpickled, so a file from a stranger can be wrong but cannot run code. A file is written beside its target
and renamed over it: a reader sees the old checkpoint or the new one, never half of one.
"""

import glob
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

FORMAT = "gan_tutor checkpoint"
VERSION = 1

Stateful = nn.Module | torch.optim.Optimizer | torch.Generator


class Checkpoint(NamedTuple):
    """What a file holds.

    Attributes:
        meta: The JSON values given to `save`.
        tensors: All tensors, named "part/path".
        groups: The parameter groups of each optimiser, by part.
        path: Where it came from, for messages.
    """

    meta: dict[str, Any]
    tensors: dict[str, Tensor]
    groups: dict[str, list[dict[str, Any]]]
    path: Path


def save(path: str | Path, parts: Mapping[str, Stateful], meta: Mapping[str, Any]) -> None:
    """Write the state of modules, optimisers and generators, and `meta`, to one file, atomically.

    Args:
        path: The file, usually *.safetensors; its folder must exist.
        parts: The objects to save, by name.
        meta: JSON values, such as the recipe and the step.
    """
    path = Path(path)
    tensors: dict[str, Tensor] = {}
    groups: dict[str, Any] = {}
    for name, part in parts.items():
        if isinstance(part, torch.optim.Optimizer):
            groups[name] = [_plain(group) for group in part.state_dict()["param_groups"]]
        tensors |= {f"{name}/{key}": value for key, value in _tensors(part).items()}
    header = {"format": FORMAT, "version": str(VERSION), "meta": json.dumps(meta), "groups": json.dumps(groups)}
    # Contiguous copies: safetensors refuses strided or shared storage.
    blob = safetensors.torch.save({key: value.detach().contiguous().clone() for key, value in tensors.items()}, header)
    write(path, blob)


def write(path: str | Path, content: bytes) -> None:
    """Replace a file's content at once: whenever the process or the machine stops, the old or the new one is there.

    What a process that was killed here leaves behind is removed by `sweep_up`.
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(beside, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def sweep_up(*paths: Path) -> None:
    """Remove what processes that were killed within `write` left beside these files; none may be writing them now."""
    for path in paths:
        for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
            left.unlink()


def load(path: str | Path) -> Checkpoint:
    """Read a checkpoint to the CPU.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is truncated, is not a checkpoint of this library, or is of a newer version.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; a run folder holds it as checkpoint.safetensors")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (not a dict)
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(
            f"{path} is not a readable checkpoint ({error}): it is truncated, damaged or foreign"
        ) from error
    if header.get("format") != FORMAT:
        raise ValueError(f"{path} is a safetensors file but not a checkpoint of gan_tutor: train a run to get one")
    try:
        version, meta, groups = int(header["version"]), json.loads(header["meta"]), json.loads(header["groups"])
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path} is not a readable checkpoint: its header is damaged ({error!r})") from error
    if version > VERSION:
        raise ValueError(
            f"{path} has checkpoint version {version}, this gan_tutor reads up to {VERSION}: update gan_tutor"
        )
    return Checkpoint(meta, tensors, groups, path)


def restore(checkpoint: Checkpoint, parts: Mapping[str, Stateful]) -> None:
    """Put the saved state back into objects of the same make; parts of the file that are not asked for stay unread.

    Raises:
        ValueError: The file lacks a part, or a part's tensors have other names or shapes.
    """
    for name, part in parts.items():
        saved = {
            key.removeprefix(f"{name}/"): value
            for key, value in checkpoint.tensors.items()
            if key.startswith(f"{name}/")
        }
        try:
            _restore_part(part, saved, checkpoint.groups.get(name))
        except (RuntimeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{checkpoint.path} does not fit {name}: {error}") from error


def _plain(group: dict[str, Any]) -> dict[str, Any]:
    """Return an optimiser's group with numbers in place of scalar tensors, which JSON cannot hold."""
    return {name: value.item() if isinstance(value, Tensor) else value for name, value in group.items()}


def _tensors(part: Stateful) -> dict[str, Tensor]:
    if isinstance(part, torch.Generator):
        return {"state": part.get_state()}
    if isinstance(part, nn.Module):
        return part.state_dict()
    states = part.state_dict()["state"]
    return {f"{i}/{key}": value for i, state in states.items() for key, value in state.items() if value is not None}


def _restore_part(part: Stateful, saved: dict[str, Tensor], groups: list[dict[str, Any]] | None) -> None:
    if isinstance(part, torch.Generator):
        part.set_state(saved["state"])
    elif isinstance(part, nn.Module):
        part.load_state_dict(saved)
    elif groups is None:
        raise ValueError("it holds no such optimiser")
    else:
        owners = [p for group in part.param_groups for p in group["params"]]
        states: dict[int, dict[str, Tensor]] = {}
        for key, value in saved.items():
            index, name = key.split("/", 1)
            states.setdefault(int(index), {})[name] = _laid_out_like(owners[int(index)], value)
        part.load_state_dict({"state": states, "param_groups": groups})


def _laid_out_like(owner: Tensor, value: Tensor) -> Tensor:
    """Return the saved value with its parameter's memory layout, which fused optimisers take for granted."""
    return torch.empty_like(owner).copy_(value) if value.shape == owner.shape else value
