"""What torchvision and timm publish for our networks: which file, from where, and how it is fed."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from topfive.data.places import data_folder
from topfive.errors import RefusedError, ResourceError, need
from topfive.labels import imagenet
from topfive.preprocess import Preprocess
from topfive.weights import download, repository
from topfive.weights.download import Unreachable
from topfive.weights.repository import Repository, check_digest
from topfive.weights.timm_table import ALIASES, TAGS

_NAMED_BY_HASH = re.compile(r".+-([0-9a-f]{8})\.pth")


@dataclass(frozen=True)
class File:
    """`digest` is the beginning of its sha256, which torchvision writes into the name of a file: eight hex digits."""

    url: str
    preprocess: Preprocess | None

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[-1]

    @property
    def digest(self) -> str:
        match = _NAMED_BY_HASH.fullmatch(self.name)
        return match[1] if match else ""


def torchvision_file(model: str) -> Path:
    """The checkpoint that torchvision calls its default: in our folder or torch's cache, else downloaded into ours."""
    published = _of_torchvision(model)
    ours = data_folder() / "weights" / "torchvision" / published.name
    for path in (ours, Path(torch.hub.get_dir(), "checkpoints", published.name)):
        if path.is_file():
            check_digest(path, published.digest, "is in its name")
            return path
    try:
        download.download(published.url, ours, published.digest)
    except Unreachable as error:
        raise ResourceError(
            "weights",
            f"torchvision's {published.name}",
            f"they are in no cache, and {error}",
            f"Download {published.url} into {ours.parent}",
        ) from error
    return ours


def timm_folder(model: str) -> Path:
    """The weights that timm takes by default, in a folder."""
    return repository.fetched(_of_timm(model))


def _of_timm(model: str) -> Repository:
    name = ALIASES.get(model, model)
    if name not in TAGS:
        raise _unknown(model, "timm")
    if not TAGS[name]:
        raise RefusedError("weights", "timm", f"it publishes none for {name}", "Give a file, or hub:OWNER/NAME")
    return Repository(f"timm/{name}.{TAGS[name]}")


def said_of(path: Path) -> Preprocess | None:
    """How a file is fed that has the name of one of torchvision's, and the checksum in that name."""
    if _NAMED_BY_HASH.fullmatch(path.name) is None:
        return None
    known = _published()
    if path.name not in known:
        return None
    check_digest(path, known[path.name].digest, "is in its name")
    return known[path.name].preprocess


def in_torchvision(model: str) -> bool:
    """Whether torchvision has this very network, under the same name."""
    library = need("torchvision", "train").models
    return model in library.list_models(library)


def _of_torchvision(model: str) -> File:
    if not in_torchvision(model):
        raise _unknown(model, "torchvision")
    weights = getattr(need("torchvision", "train").models.get_model_weights(model), "DEFAULT", None)
    if weights is None:
        raise RefusedError("weights", "torchvision", f"it publishes none for {model}", "Give a file, or hub:OWNER/NAME")
    return _file(weights)


def _published() -> dict[str, File]:
    library = need("torchvision", "train").models
    files = [_file(entry) for name in library.list_models(library) for entry in library.get_model_weights(name)]
    return {file.name: file for file in files}


def _file(weights: Any) -> File:
    if len(weights.meta["categories"]) != len(imagenet()):
        return File(weights.url, None)
    presets = weights.transforms()
    size, resized = presets.crop_size[0], presets.resize_size[0]
    crop = size / resized
    while math.floor(size / crop) < resized:  # rounding must not lose a pixel
        crop = math.nextafter(crop, 0)
    return File(
        weights.url,
        Preprocess(
            size=size,
            crop=crop,
            interpolation=presets.interpolation.value,
            mean=tuple(presets.mean),
            std=tuple(presets.std),
        ),
    )


def _unknown(model: str, library: str) -> RefusedError:
    others = f"{model.removesuffix('_v1').removesuffix('_paper')}, " if model.endswith(("_v1", "_paper")) else ""
    hint = f"Choose --model {others.rstrip(', ')}, or give a file" if others else "Give a file, or hub:OWNER/NAME"
    return RefusedError("weights", library, f"it has no network that computes as {model} does", hint)
