"""What config.json in the layout of timm's hub folders says of the weights beside it.

All of ours stands under the key "topfive", with a checksum over it and the weights; of a folder that timm wrote, the
preprocessing is in "pretrained_cfg".
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pydantic

from topfive.artifact import Card, Metadata, MetadataError, metadata
from topfive.errors import RefusedError
from topfive.labels import Labels, imagenet
from topfive.preprocess import Preprocess

WEIGHTS, CONFIG = "model.safetensors", "config.json"
KEY, _TIMM = "topfive", "pretrained_cfg"
_MALFORMED = (pydantic.ValidationError, KeyError, TypeError, ValueError, ArithmeticError, RecursionError)
MAXIMUM_CONFIG = 64 << 20  # bytes


def read(path: Path, weights: bytes) -> Metadata | None:
    """What the file at `path` says of `weights`; None where it says nothing that we know.

    RefusedError where it is damaged, or written for other weights.
    """
    config = _config(path)
    try:
        if KEY in config:
            return _ours(_object(config, KEY), weights)
        return _timm(config) if _TIMM in config else None
    except (
        MetadataError,
        pydantic.ValidationError,
        KeyError,
        TypeError,
        ValueError,
        ArithmeticError,
        RecursionError,
    ) as error:
        why = str(error) if isinstance(error, MetadataError) else "a key is missing or of the wrong kind"
        raise _refused(path, why) from error


def encode(told: Metadata, weights: bytes) -> dict[str, Any]:
    """What `read` finds under KEY."""
    values = metadata.encode(told, hashlib.sha256(weights).hexdigest())
    bare = {key.removeprefix(metadata.PREFIX): value for key, value in values.items()}
    return {key: value if key == "sha256" else json.loads(value) for key, value in bare.items()}


def _config(path: Path) -> dict[str, Any]:
    try:
        if not path.is_file():
            raise _refused(path, "not a regular file")
        if path.stat().st_size > MAXIMUM_CONFIG:
            raise _refused(path, f"more than {MAXIMUM_CONFIG >> 20} MiB")
        config = json.loads(path.read_bytes())
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise _refused(path, "not JSON") from error
    if not isinstance(config, dict):
        raise _refused(path, "not a JSON object")
    return config


def _ours(said: dict[str, Any], weights: bytes) -> Metadata:
    values = {
        f"{metadata.PREFIX}{key}": str(value) if key == "sha256" else json.dumps(value) for key, value in said.items()
    }
    return metadata.decode(values, hashlib.sha256(weights).hexdigest())


def _timm(config: dict[str, Any]) -> Metadata:
    """1,000 classes without names are ImageNet's, other classes are numbered."""
    given = _object(config, _TIMM)
    count = int(config["num_classes"] if "num_classes" in config else given["num_classes"])
    names = config.get("label_names")
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        labels = Labels(tuple(names))
    else:
        if not 1 <= count <= metadata.MAXIMUM_CLASSES:
            raise MetadataError(f"num_classes is {count}")
        labels = imagenet() if count == len(imagenet()) else Labels(tuple(map(str, range(count))))
    preprocess = Preprocess(
        size=given["input_size"][-1],
        crop=given.get("crop_pct", 0.875),
        interpolation=given.get("interpolation", "bicubic"),
        mean=tuple(given["mean"]),
        std=tuple(given["std"]),
    )
    return Metadata(preprocess, labels, Card(architecture=str(config.get("architecture", ""))))


def _object(config: dict[str, Any], key: str) -> dict[str, Any]:
    if not isinstance(config[key], dict):
        raise MetadataError(f"its {key} is not an object")
    return dict(config[key])


def _refused(path: Path, why: str) -> RefusedError:
    return RefusedError("configuration", path, why, f"Give a run folder with {WEIGHTS} and {CONFIG}")
