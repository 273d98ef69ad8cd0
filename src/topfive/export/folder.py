"""The training side's twin of the artifact: `model.safetensors` and `config.json` as timm keeps them.

All of ours stands under a key of its own in config.json; the other keys repeat in timm's words what timm reads.  Where
timm has the network, the tensors have timm's names, so that the folder opens there.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from torch import Tensor

from topfive import artifact
from topfive.artifact import Activation, Card, Metadata, MetadataError
from topfive.errors import RefusedError, UsageError, need, shown
from topfive.export.foreign import layout_of, state_dict
from topfive.labels import Labels
from topfive.models import create_model, spec
from topfive.nn.classifier import Classifier
from topfive.preprocess import Preprocess
from topfive.weights import hub, load_weights
from topfive.weights.counterparts import in_timm, of_timm
from topfive.weights.published import TIMM


def write_folder(
    model: Classifier,
    folder: str | os.PathLike[str],
    *,
    preprocess: Preprocess,
    labels: Labels,
    card: Card,
    temperature: float = 1.0,
    activation: Activation = "softmax",
    thresholds: tuple[float, ...] = (),
) -> None:
    """Write both files, each whole or not at all; `card.architecture` is the name that `create_model` knows."""
    need("safetensors", "train")
    from safetensors.torch import save

    try:
        told = Metadata(preprocess, labels, card, temperature, thresholds, activation=activation)
    except MetadataError as error:
        raise UsageError("run folder", folder, str(error)) from error
    weights = save(_tensors(model, card.architecture), metadata={"format": "pt"})
    config = _timm_config(model, told) | {hub.KEY: hub.encode(told, weights)}
    artifact.write(Path(folder, hub.WEIGHTS), weights)
    artifact.write(Path(folder, hub.CONFIG), (json.dumps(config, indent=2, allow_nan=False) + "\n").encode("ascii"))


def read_folder(folder: str | os.PathLike[str], name: str | None = None) -> tuple[Classifier, Metadata]:
    """The network with its weights, in evaluation mode, and what config.json says.

    `name` is the architecture where it is not to be that of config.json.  RefusedError where a file is damaged, foreign
    or does not fit the other.
    """
    weights, config = Path(folder, hub.WEIGHTS), Path(folder, hub.CONFIG)
    for path in (weights, config):
        if not path.is_file():
            raise RefusedError("run folder", folder, f"it has no {path.name}", "Give the folder of a finished run")
    told = hub.read(config, weights.read_bytes())
    if told is None:
        raise RefusedError(
            "configuration", config, "it says nothing of the network", "Give the folder of a finished run"
        )
    return network(config, told, name), told


def network(source: Path, told: Metadata, name: str | None = None) -> Classifier:
    """The network that the file `source` tells of, with the weights in it or in its folder; see `read_folder`."""
    told_name = of_timm(told.card.architecture)
    try:
        spec(name or told_name)
    except UsageError:
        if name is not None:
            raise
        raise RefusedError(
            "unknown network", source, shown(told_name) or "it names none", "Name it with --model"
        ) from None
    model = create_model(name or told_name, len(told.labels), told.preprocess.channels)
    load_weights(model, source.parent if source.name == hub.CONFIG else source)
    return model.eval()


def _tensors(model: Classifier, architecture: str) -> dict[str, Tensor]:
    """The state by timm's names where it has the network, else by our own."""
    if in_timm(architecture) is not None and layout_of(model, TIMM) is not None:
        return state_dict(model, architecture, TIMM)
    return {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}


def _timm_config(model: Classifier, told: Metadata) -> dict[str, Any]:
    preprocess = told.preprocess
    return {
        "architecture": in_timm(told.card.architecture) or told.card.architecture,
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
