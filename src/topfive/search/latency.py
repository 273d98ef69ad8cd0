"""The latency of an architecture on this processor, through its exported graph; weights do not matter to it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from topfive import artifact
from topfive.artifact import Metadata
from topfive.evaluate.latency import RUNS, Latency, measure_latency
from topfive.evaluate.limits import Limits, cost_of
from topfive.export.graph import frozen, to_onnx
from topfive.labels import Labels
from topfive.models import create_model, spec


@contextlib.contextmanager
def exported(model: str, num_classes: int) -> Iterator[Path]:
    """The network `model` at its own size of image, with fresh weights, as a file while the context lasts."""
    row = spec(model)
    network = frozen(create_model(model, num_classes))
    told = Metadata(row.preprocess, Labels(tuple(f"class {number}" for number in range(num_classes))))
    with tempfile.TemporaryDirectory(prefix="topfive-") as folder:
        path = Path(folder, "model.onnx")
        artifact.write(path, artifact.attach(to_onnx(network, row.preprocess.side), told))
        yield path


def latency_of(model: str, num_classes: int, runs: int = RUNS) -> Latency:
    """Measured once, in a fresh process, whatever else runs on the machine."""
    with exported(model, num_classes) as path:
        return measure_latency(path, runs)


def latency_within(model: str, num_classes: int, limit: float) -> float:
    """Seconds; measured anew where they are more than `limit`, and the least counts: see `cost_of`."""
    with exported(model, num_classes) as path:
        latency = cost_of(path, 0, Limits(latency=limit)).latency
    assert latency is not None, "it is limited"
    return latency
