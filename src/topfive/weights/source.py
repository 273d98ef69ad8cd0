"""Where weights come from: a name, a file, a folder, or a state dict in memory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from topfive import artifact, builtin
from topfive.errors import RefusedError, nearest
from topfive.labels import Labels
from topfive.preprocess import Preprocess
from topfive.weights import files, hub

BUILTIN = "imagenet"
_IN_FOLDERS = (hub.WEIGHTS, "model.onnx", "pytorch_model.bin")


@dataclass(frozen=True)
class Contents:
    """What was found: unchecked values by name, and what the source says of itself, if it does."""

    tensors: Mapping[Any, Any] = field(repr=False)
    path: Path | None = None
    preprocess: Preprocess | None = None
    labels: Labels | None = None
    architecture: str = ""


def resolve(name: str) -> Path:
    """The file or folder that `name` stands for: "imagenet", the classifier inside the package, or a path."""
    if name == BUILTIN:
        return builtin.PATH
    if not os.path.lexists(name):
        why = ", ".join(filter(None, ("no such file or folder", nearest(name, [BUILTIN]))))
        raise RefusedError("weights", name, why, f"Give a file, a folder, or {BUILTIN!r} for the built-in weights")
    return Path(name)


def read(source: Mapping[str, Any] | str | os.PathLike[str]) -> Contents:
    """The values and whatever is said about them.  RefusedError where nothing can be read."""
    if isinstance(source, Mapping):
        return Contents(files.unwrapped(source))
    path = Path(source)
    file = _in_folder(path) if os.path.isdir(path) else path
    content = files.contents_of(file)
    kind = files.kind_of(file, content)
    if kind == files.ONNX:
        return _artifact(file)
    tensors = files.tensors_of(file, content, kind)
    beside = file.with_name(hub.CONFIG)
    said = hub.read(beside, content) if file.name in _IN_FOLDERS and os.path.lexists(beside) else None
    if said is None:
        return Contents(tensors, file)
    return Contents(tensors, file, said.preprocess, said.labels, said.card.architecture)


def _in_folder(folder: Path) -> Path:
    for name in _IN_FOLDERS:
        if os.path.lexists(folder / name):
            return folder / name
    listed = " nor ".join(_IN_FOLDERS)
    raise RefusedError("weights", folder, f"a folder with neither {listed}", "Give a run folder or a file of weights")


def _artifact(path: Path) -> Contents:
    said = artifact.read(path)
    tensors = {name: torch.tensor(array) for name, array in artifact.parameters(path).items()}
    return Contents(tensors, path, said.preprocess, said.labels, said.card.architecture)
