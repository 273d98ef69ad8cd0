"""The latency of an architecture on this processor, through its exported graph; weights do not matter to it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from topfive import artifact
from topfive.artifact import Metadata
from topfive.evaluate.latency import RUNS, Latency, measure_latency
from topfive.export.graph import frozen, to_onnx
from topfive.labels import Labels
from topfive.models import create_model, spec


def latency_of(model: str, num_classes: int, runs: int = RUNS) -> Latency:
    """Of the network `model` at its own size of image, exported with fresh weights, timed in a fresh process."""
    row = spec(model)
    network = frozen(create_model(model, num_classes))
    told = Metadata(row.preprocess, Labels(tuple(f"class {number}" for number in range(num_classes))))
    with tempfile.TemporaryDirectory(prefix="topfive-") as folder:
        path = Path(folder, "model.onnx")
        artifact.write(path, artifact.attach(to_onnx(network, row.preprocess.side), told))
        return measure_latency(path, runs)
