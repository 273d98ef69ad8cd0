"""Where weights come from: a name, a file, a folder, or a state dict in memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from topfive import artifact, builtin
from topfive.errors import RefusedError, UsageError, nearest
from topfive.labels import Labels
from topfive.preprocess import Preprocess
from topfive.weights import cadene, files, hub, keras, published, repository
from topfive.weights.published import TIMM, TORCHVISION

BUILTIN, HUB = "imagenet", "hub:"
_IN_FOLDERS = (hub.WEIGHTS, "model.onnx", "pytorch_model.bin")


@dataclass(frozen=True)
class Contents:
    """What was found: unchecked values by name, and what the source says of itself, if it does."""

    tensors: Mapping[Any, Any] = field(repr=False)
    path: Path | None = None
    preprocess: Preprocess | None = None
    labels: Labels | None = None
    architecture: str = ""

    @property
    def named(self) -> str:
        """What it calls itself: its network, else its file."""
        return self.architecture or (self.path.name if self.path is not None else "")


def resolve(name: str, model: str | None = None) -> Path:
    """The file or folder that `name` stands for, looked for on this machine and then downloaded.

    "imagenet" is the classifier inside the package; "torchvision" and "timm" are what these publish for the network
    `model`; "hub:OWNER/NAME" and "hub:OWNER/NAME@REVISION" are repositories of the Hugging Face hub; anything else is a
    path.  ResourceError where there is no network says what to download into which folder.
    """
    if name == BUILTIN:
        return builtin.PATH
    if name in (TORCHVISION, TIMM):
        if model is None:
            raise UsageError("weights", name, "it has those of many networks", "Name one with --model")
        return published.torchvision_file(model) if name == TORCHVISION else published.timm_folder(model)
    if name.startswith(HUB):
        return repository.fetched(repository.parsed(name.removeprefix(HUB)))
    if not os.path.lexists(name):
        why = ", ".join(filter(None, ("no such file or folder", nearest(name, [BUILTIN, TORCHVISION, TIMM]))))
        todo = f"Give a file, a folder, {TORCHVISION}, {TIMM}, {HUB}OWNER/NAME, or {BUILTIN!r} for the built-in weights"
        raise RefusedError("weights", name, why, todo)
    return Path(name)


def read(source: Mapping[str, Any] | str | os.PathLike[str]) -> Contents:
    """The values and whatever is said about them.  RefusedError where nothing can be read."""
    if isinstance(source, Mapping):
        return Contents(cadene.without_offsets(files.unwrapped(source)))
    path = Path(source)
    file = _in_folder(path) if os.path.isdir(path) else path
    content = files.contents_of(file)
    kind = files.kind_of(file, content)
    if kind == files.ONNX:
        return _artifact(file)
    if kind == files.KERAS:
        return Contents(keras.tensors_of(file, content), file, keras.preprocess_of(file))
    tensors = cadene.without_offsets(files.tensors_of(file, content, kind))
    if why := cadene.differs(file):
        raise files.refused(file, why, "")
    beside = file.with_name(hub.CONFIG)
    said = hub.read(beside, content) if file.name in _IN_FOLDERS and os.path.lexists(beside) else None
    if said is None:
        return Contents(tensors, file, published.said_of(file))
    return Contents(tensors, file, said.preprocess, said.labels, said.card.architecture)


def contents_digest(path: Path) -> str:
    """The sha256 of all that `read` looks at."""
    file = _in_folder(path) if path.is_dir() else path
    beside = file.with_name(hub.CONFIG)
    digest = hashlib.sha256(files.contents_of(file))
    if file.name in _IN_FOLDERS and beside.is_file():
        digest.update(beside.read_bytes())
    return digest.hexdigest()


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
