"""Checkpoints: one safetensors file with every tensor of a run, and JSON for the rest in its header.

Nothing is unpickled, so a file from a stranger can be wrong but cannot run code. A file is written beside its target
and renamed over it: a reader sees the old checkpoint or the new one, never half of one.
"""

import json
import math
import os
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

FORMAT = "gan_tutor checkpoint"
VERSION = 1
HIGHEST_RATE = 1e6  # a learning rate beyond this is damage: no weights would be left after a step

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
    # Contiguous copies, because safetensors refuses strided or shared storage. They are made one by one in the host's
    # memory, because near a GPU's limit there is no room on it for a second copy of everything.
    copies = {key: value.detach().to("cpu", copy=True).contiguous() for key, value in tensors.items()}
    write(path, safetensors.torch.save(copies, header))


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
        unfinished = re.compile(rf"\.{re.escape(path.name)}\.[0-9]+\.tmp")
        for left in path.parent.glob(".*.tmp"):
            if unfinished.fullmatch(left.name):
                left.unlink()


@contextmanager
def claimed(folder: str | Path) -> Iterator[None]:
    """Keep every other process from claiming the same folder until the block ends; make the folder if there is none.

    The claim is the operating system's lock on a hidden file, so it ends with the process, also by `kill -9`. A folder
    made here that is still empty at the end is removed again. A file system without locks gives no protection.

    Raises:
        ValueError: Another process has claimed the folder.
        NotADirectoryError: There is a file in the folder's place.
    """
    folder = Path(folder)
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    if not folder.is_dir() and folder not in made:
        raise NotADirectoryError(f"{folder} must be a folder, but is a file: choose another")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        file = _locked(folder / ".lock")
        try:
            yield
        finally:
            with suppress(OSError):
                os.unlink(file.name)
            file.close()
    finally:
        with suppress(OSError):
            for path in made:
                path.rmdir()


def _locked(path: Path) -> IO[str]:
    """Return the file, open and locked; it holds what the next process should say of this one."""
    while True:
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115  (the caller closes it)
        try:
            _lock(file)
        except (BlockingIOError, PermissionError):
            file.seek(0)
            with file:
                holder = file.read(100).strip() or "unknown"
            raise ValueError(
                f"{path.parent} is in use by another process ({holder}): wait until it has ended, stop it, or choose "
                "another folder"
            ) from None
        except OSError:  # a file system that knows no locks
            return file
        # A holder removes its file as it ends. Whoever opened that file before has a lock on nothing: try again.
        try:
            still_there = os.path.samestat(os.fstat(file.fileno()), path.stat())
        except FileNotFoundError:
            still_there = False
        if still_there:
            with suppress(OSError):
                file.truncate(0)
                file.write(f"process {os.getpid()} on {socket.gethostname()}")
                file.flush()
            return file
        file.close()


def _lock(file: IO[str]) -> None:
    if sys.platform == "win32":
        file.seek(2**20)  # beyond the text, which others may then read
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def load(path: str | Path) -> Checkpoint:
    """Read a checkpoint to the CPU.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is truncated, is not a checkpoint of this library, or is of a newer version.
    """
    with _opened(path) as file:
        meta, groups = _header(file, Path(path))
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (not a dict)
    return Checkpoint(meta, tensors, groups, Path(path))


def read_meta(path: str | Path) -> dict[str, Any]:
    """Return the JSON values of a checkpoint without reading its tensors; raises what `load` raises."""
    with _opened(path) as file:
        return _header(file, Path(path))[0]


@contextmanager
def _opened(path: str | Path) -> Iterator[Any]:
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; a run folder holds it as checkpoint.safetensors")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            yield file
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(
            f"{path} is not a readable checkpoint ({error}): it is truncated, damaged or foreign"
        ) from error


def _header(file: Any, path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    header = file.metadata() or {}
    if header.get("format") != FORMAT:
        raise ValueError(f"{path} is a safetensors file but not a checkpoint of gan_tutor: train a run to get one")
    try:
        version, meta, groups = int(header["version"]), json.loads(header["meta"]), json.loads(header["groups"])
        if not isinstance(meta, dict) or not isinstance(groups, dict):
            raise ValueError("meta and groups must be JSON objects")
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path} is not a readable checkpoint: its header is damaged ({error!r})") from error
    if version > VERSION:
        raise ValueError(
            f"{path} has checkpoint version {version}, this gan_tutor reads up to {VERSION}: update gan_tutor"
        )
    return meta, groups


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
        except (RuntimeError, LookupError, TypeError, ValueError, AttributeError) as error:
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
        _check_groups(part, groups)
        owners = [p for group in part.param_groups for p in group["params"]]
        states: dict[int, dict[str, Tensor]] = {}
        for key, value in saved.items():
            index, name = key.split("/", 1)
            if not (index.isdecimal() and int(index) < len(owners)):
                raise ValueError(f"it holds {key}, a state of parameter {index}, and there are {len(owners)}")
            states.setdefault(int(index), {})[name] = _laid_out_like(owners[int(index)], value, key)
        part.load_state_dict({"state": states, "param_groups": groups})


def _check_groups(part: torch.optim.Optimizer, groups: list[dict[str, Any]]) -> None:
    """Refuse settings that no such optimiser has: torch takes whatever it is given."""
    if len(groups) != len(part.param_groups):
        raise ValueError(f"it holds {len(groups)} groups of parameters in place of {len(part.param_groups)}")
    for group in groups:
        for name in ("lr", "initial_lr"):
            rate: Any = group.get(name, group.get("lr"))
            if type(rate) not in (int, float) or not 0 <= rate <= HIGHEST_RATE:
                raise ValueError(f"{name} must be a number from 0 to {HIGHEST_RATE:g}, got {rate!r}")
        decays: Any = group.get("betas", [])
        for name, share in [("betas", beta) for beta in decays] + [("alpha", group.get("alpha", 0))]:
            if type(share) not in (int, float) or not 0 <= share <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {share!r}")
        for name in ("eps", "momentum", "weight_decay", "dampening"):
            value: Any = group.get(name, 0)
            if type(value) not in (int, float) or not 0 <= value < math.inf:
                raise ValueError(f"{name} must be a finite number of at least 0, got {value!r}")


def _laid_out_like(owner: Tensor, value: Tensor, key: str) -> Tensor:
    """Return the saved value with its parameter's memory layout, which fused optimisers take for granted."""
    if value.ndim and value.shape != owner.shape:
        raise ValueError(f"{key} must have its parameter's shape {tuple(owner.shape)}, got {tuple(value.shape)}")
    return torch.empty_like(owner).copy_(value) if value.shape == owner.shape else value
