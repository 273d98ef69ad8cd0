"""Checkpoints that survive a kill at any instant: one safetensors file each, named by its step and its own hash.

Written as temporary file -> fsync -> rename to `step-<8 digits>-<16 hex of sha256>.safetensors` -> fsync of the folder
-> removal of all but the newest `KEEP`.  The name carries order and hash, so there is no pointer to a latest file, and
clocks do not matter.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as serialise
from torch import Tensor

from topfive.errors import RefusedError, ResourceError

FORMAT = 1
KEEP = 3  # newest checkpoints that stay
_NAME = re.compile(r"step-(\d{8})-([0-9a-f]{16})\.safetensors")


@dataclass(frozen=True)
class Checkpoint:
    """All of a run at the boundary of a step: tensors by name, and whatever JSON can hold."""

    step: int
    tensors: dict[str, Tensor]
    state: dict[str, Any]

    def finite(self) -> bool:
        """Whether a run can go on from here: no tensor holds a NaN or an infinity."""
        return all(bool(torch.isfinite(tensor).all()) for tensor in self.tensors.values())


def save(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write `checkpoint` into `folder` so that a kill or a full disk at any instant costs no older checkpoint."""
    state = {**checkpoint.state, "step": checkpoint.step, "format": FORMAT}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    content = serialise(tensors, {"state": json.dumps(state)})
    try:
        path = _write(folder, checkpoint.step, content)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise ResourceError("cannot write checkpoint", folder, error.strerror or str(error)) from None
        _prune(folder, keep=1)
        path = _write_or_say_how_much(folder, checkpoint.step, content)
    _prune(folder, KEEP)
    return path


def load_newest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest undamaged checkpoint, or None where there is none, and a line for each damaged one passed over.

    Raises RefusedError where there are checkpoints and none can be used, and for another format version.
    """
    passed_over: list[str] = []
    for path in reversed(_listed(folder)):
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest()[:16] != path.stem.split("-")[2]:
            passed_over.append(f"checkpoint {path.name} is damaged (its hash is wrong): using the one before")
            continue
        return _parse(path, content), passed_over
    if passed_over:
        raise RefusedError(
            "damaged checkpoints", folder, "none of them has the right hash", "Start anew with another --out"
        )
    return None, passed_over


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed writer left behind.  Only under the run's lock."""
    for path in folder.glob(".tmp-*"):
        path.unlink(missing_ok=True)


def _listed(folder: Path) -> list[Path]:
    """The checkpoints in order of their steps."""
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name)) if folder.is_dir() else []


def _parse(path: Path, content: bytes) -> Checkpoint:
    try:
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        state = json.loads(header["__metadata__"]["state"])
        version = state.pop("format")
        if version != FORMAT:
            raise RefusedError(
                "checkpoint",
                path,
                f"it has format {version}, this topfive reads format {FORMAT}",
                "Use the version that wrote it",
            )
        return Checkpoint(step=state.pop("step"), tensors=parse_tensors(content), state=state)
    except (AttributeError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise RefusedError("checkpoint", path, f"not a checkpoint of topfive ({error})") from None


def _write(folder: Path, step: int, content: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".tmp-{os.getpid()}-{step}"
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        path = folder / f"step-{step:08d}-{hashlib.sha256(content).hexdigest()[:16]}.safetensors"
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(folder)
    return path


def _write_or_say_how_much(folder: Path, step: int, content: bytes) -> Path:
    try:
        return _write(folder, step, content)
    except OSError as error:
        need, have = len(content) / 1e6, shutil.disk_usage(folder).free / 1e6
        raise ResourceError(
            "cannot write checkpoint",
            folder,
            f"{error.strerror}: need {need:.1f} MB, have {have:.1f} MB",
            "Free some space, then continue with --resume",
        ) from None


def _prune(folder: Path, keep: int) -> None:
    for path in _listed(folder)[:-keep]:
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flatten(prefix: str, tensors: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """The entries of `tensors` under `prefix/`; tensors that share memory are stored apart."""
    for name, tensor in tensors.items():
        yield f"{prefix}/{name}", tensor.detach().clone()


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """What `flatten` put under `prefix/`, with its own names again."""
    start = len(prefix) + 1
    return {name[start:]: tensor for name, tensor in tensors.items() if name.startswith(prefix + "/")}


def pack_optimizer(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """An optimizer's state as tensors `optimizer/<index>/<name>` and its parameter groups as JSON."""
    packed = optimizer.state_dict()
    tensors = {
        f"optimizer/{index}/{name}": value.detach().clone()
        for index, entries in packed["state"].items()
        for name, value in entries.items()
        if isinstance(value, Tensor)
    }
    return tensors, packed["param_groups"]


def unpack_optimizer(
    optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], groups: list[dict[str, Any]]
) -> None:
    """Put back what `pack_optimizer` took."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in under("optimizer", tensors).items():
        index, entry = name.split("/", 1)
        state.setdefault(int(index), {})[entry] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    for parameter, entries in optimizer.state.items():
        for name, value in entries.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                # Fused optimizers walk through memory: what belongs together must lie in the same order.
                entries[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
