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
from topfive.preprocess import Preprocess
from topfive.weights import download, repository
from topfive.weights.counterparts import TAGS, in_timm, in_torchvision
from topfive.weights.download import UnreachableError
from topfive.weights.repository import Repository, check_digest

TORCHVISION, TIMM = "torchvision", "timm"
_ADVICE = "Give a file, or hub:OWNER/NAME"
_FED_OTHERWISE = ("googlenet-", "inception_v3_google-")  # torchvision's network takes ImageNet's statistics off again
_NAMED_BY_HASH = re.compile(r".+-([0-9a-f]{8,64})\.pth")


@dataclass(frozen=True)
class File:
    """`digest` is the beginning of its sha256, as torchvision writes it into the name of a file: eight hex digits, or a
    few more.
    """

    url: str
    preprocess: Preprocess

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
    except UnreachableError as error:
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


def said_of(path: Path) -> Preprocess | None:
    """How a file is fed that has the name of one of torchvision's, and the checksum in that name."""
    if _NAMED_BY_HASH.fullmatch(path.name) is None:
        return None
    known = _published()
    if path.name not in known:
        return None
    check_digest(path, known[path.name].digest, "is in its name")
    return known[path.name].preprocess


def _of_torchvision(model: str) -> File:
    name = in_torchvision(model)
    if name is None:
        raise unknown(model, TORCHVISION)
    weights = getattr(need("torchvision", "train").models.get_model_weights(name), "DEFAULT", None)
    if weights is None:
        raise RefusedError("weights", TORCHVISION, f"it publishes none for {name}", _ADVICE)
    return _file(weights)


def _of_timm(model: str) -> Repository:
    name = in_timm(model)
    if name is None:
        raise unknown(model, TIMM)
    if not TAGS[name]:
        raise RefusedError("weights", TIMM, f"it publishes none for {name}", _ADVICE)
    return Repository(f"timm/{name}.{TAGS[name]}")


def _published() -> dict[str, File]:
    library = need("torchvision", "train").models
    files = [_file(entry) for name in library.list_models(library) for entry in library.get_model_weights(name)]
    return {file.name: file for file in files}


def _file(weights: Any) -> File:
    presets = weights.transforms()
    size, resized = presets.crop_size[0], presets.resize_size[0]
    crop = size / resized
    while math.floor(size / crop) < resized:  # rounding must not lose a pixel
        crop = math.nextafter(crop, 0)
    mean, std = tuple(presets.mean), tuple(presets.std)
    if weights.url.rsplit("/", 1)[-1].startswith(_FED_OTHERWISE):
        mean = std = (0.5,) * 3
    preprocess = Preprocess(size=size, crop=crop, interpolation=presets.interpolation.value, mean=mean, std=std)
    return File(weights.url, preprocess)


def unknown(model: str, library: str) -> RefusedError:
    """The library has no network that computes as `model` does; perhaps it has one that nearly does."""
    find = in_torchvision if library == TORCHVISION else in_timm
    kin = (f"tf_{model}", model.removeprefix("tf_"), model.removesuffix("_v1"), model.removesuffix("_paper"))
    near = next((name for name in kin if name != model and find(name) is not None), None)
    todo = f"Choose --model {near}, or give a file" if near else _ADVICE
    return RefusedError("weights", library, f"it has no network that computes as {model} does", todo)
