"""Weights in any form as an artifact, made once and kept in the cache, for whoever wants answers and no file."""

from __future__ import annotations

import hashlib
from pathlib import Path

from topfive import __version__, artifact, builtin
from topfive.data.places import cache_folder
from topfive.errors import RefusedError, ResourceError
from topfive.export.artifact import export
from topfive.export.source import trained
from topfive.weights import contents_digest, resolve


def shipped(weights: str, model: str | None = None) -> Path:
    """The artifact of `weights`, which `resolve` knows, for the network `model` where they do not say their own."""
    source = resolve(weights, model)
    if source.suffix == ".onnx" and model is None:
        return source
    key = f"{contents_digest(source)} {model} {__version__}"
    path = cache_folder() / "artifacts" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.onnx"
    try:
        artifact.read(path)
    except (RefusedError, ResourceError, OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        network, told = trained(str(source), model)
        photographs = [golden.image for golden in artifact.read(builtin.PATH).golden]
        export(
            network,
            path,
            preprocess=told.preprocess,
            labels=told.labels,
            card=told.card,
            golden=photographs,
            temperature=told.temperature,
            activation=told.activation,
            thresholds=told.thresholds,
        )
    return path
