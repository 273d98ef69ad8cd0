"""The training side's twin of the artifact: `model.safetensors` and `config.json` in the layout of timm's hub folders.

All of ours stands under the key "topfive" in config.json, with a checksum over it and the weights; the other keys repeat
in timm's words what timm reads.  A folder of timm's is read by those.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pydantic

from topfive import artifact
from topfive.artifact import Card, Metadata, MetadataError, metadata
from topfive.errors import RefusedError, need
from topfive.labels import Labels, imagenet
from topfive.models import create_model, list_models
from topfive.nn.classifier import Classifier
from topfive.preprocess import Preprocess

WEIGHTS, CONFIG = "model.safetensors", "config.json"
KEY = "topfive"
MAXIMUM_CONFIG = 64 << 20  # bytes


def write_folder(
    model: Classifier,
    folder: str | os.PathLike[str],
    *,
    preprocess: Preprocess,
    labels: Labels,
    card: Card,
    temperature: float = 1.0,
) -> None:
    """Write both files, each whole or not at all; `card.architecture` is the name that `create_model` knows."""
    need("safetensors", "train")
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    weights = save(tensors, metadata={"format": "pt"})
    told = Metadata(preprocess, labels, card, temperature)
    config = _timm_config(model, told) | {KEY: _ours(told, weights)}
    artifact.write(Path(folder, WEIGHTS), weights)
    artifact.write(Path(folder, CONFIG), (json.dumps(config, indent=2, allow_nan=False) + "\n").encode("ascii"))


def read_folder(folder: str | os.PathLike[str]) -> tuple[Classifier, Metadata]:
    """The network with its weights, and what config.json says; RefusedError where either file is damaged or foreign."""
    from topfive.weights import load_weights

    config = _config(Path(folder, CONFIG))
    weights = Path(folder, WEIGHTS)
    told = _told(config, weights, Path(folder, CONFIG))
    name = told.card.architecture
    if name not in list_models():
        raise RefusedError("unknown architecture", name, f"{CONFIG} of {folder} names it", "See: topfive models")
    model = create_model(name, len(told.labels), told.preprocess.channels)
    load_weights(model, weights)
    return model.eval(), told


def _timm_config(model: Classifier, told: Metadata) -> dict[str, Any]:
    preprocess = told.preprocess
    return {
        "architecture": told.card.architecture,
        "num_classes": len(told.labels),
        "num_features": model.head.in_features,
        "model_args": {} if model.in_channels == 3 else {"in_chans": model.in_channels},
        "label_names": told.labels.synsets or told.labels.names,
        "label_descriptions": dict(zip(told.labels.synsets, told.labels.names, strict=False)),
        "pretrained_cfg": {
            "input_size": [preprocess.channels, preprocess.side, preprocess.side],
            "crop_pct": preprocess.crop,
            "crop_mode": "center",
            "interpolation": preprocess.interpolation,
            "mean": preprocess.mean,
            "std": preprocess.std,
            "num_classes": len(told.labels),
            "license": told.card.licence,
        },
    }


def _ours(told: Metadata, weights: bytes) -> dict[str, Any]:
    values = metadata.encode(told, hashlib.sha256(weights).hexdigest())
    bare = {key.removeprefix(metadata.PREFIX): value for key, value in values.items()}
    return {key: value if key == "sha256" else json.loads(value) for key, value in bare.items()}


def _config(path: Path) -> dict[str, Any]:
    try:
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


def _told(config: dict[str, Any], weights: Path, path: Path) -> Metadata:
    ours = config.get(KEY)
    try:
        if not isinstance(ours, dict):
            return _from_timm(config)
        values = {
            f"{metadata.PREFIX}{key}": str(value) if key == "sha256" else json.dumps(value)
            for key, value in ours.items()
        }
        return metadata.decode(values, hashlib.sha256(weights.read_bytes()).hexdigest())
    except OSError as error:
        raise RefusedError("weights", weights, error.strerror or str(error)) from error
    except (MetadataError, pydantic.ValidationError, KeyError, TypeError, ValueError) as error:
        why = str(error) if isinstance(error, MetadataError) else "a key is missing or of the wrong kind"
        raise _refused(path, why) from error


def _from_timm(config: dict[str, Any]) -> Metadata:
    """Of a folder that timm wrote; 1,000 classes without names are ImageNet's, other classes are numbered."""
    given = config["pretrained_cfg"]
    count = int(config.get("num_classes", given.get("num_classes")))
    names = config.get("label_names")
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        labels = Labels(tuple(names))
    else:
        labels = imagenet() if count == len(imagenet()) else Labels(tuple(map(str, range(count))))
    preprocess = Preprocess(
        size=given["input_size"][-1],
        crop=given.get("crop_pct", 0.875),
        interpolation=given.get("interpolation", "bicubic"),
        mean=tuple(given["mean"]),
        std=tuple(given["std"]),
    )
    return Metadata(preprocess, labels, Card(architecture=str(config["architecture"])))


def _refused(path: Path, why: str) -> RefusedError:
    return RefusedError("configuration", path, why, f"Give a run folder with {WEIGHTS} and {CONFIG}")
