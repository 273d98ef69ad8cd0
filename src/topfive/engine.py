"""What runs an artifact: images in, logits and embeddings out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from topfive.artifact import Artifact, Precision
from topfive.errors import RefusedError, ResourceError, TopfiveError
from topfive.preprocess import Preprocess

Floats = NDArray[np.float32]

# Of the largest logit, by precision.  Runtimes and processors add floats in different orders; where that turns the
# rounding of an activation to an integer, a whole step follows.
GOLDEN_TOLERANCE: Mapping[Precision, float] = {"float32": 1e-3, "int8": 5e-2}
_ERRORS_ONLY = 4  # onnxruntime writes its warnings straight to stderr


class Engine(Protocol):
    """Runs one network.  Images are float32 [N, C, side, side], normalised; any N from 1."""

    @property
    def identity(self) -> str:
        """Digest of weights, preprocessing and precision: what is derived from a network's answers is kept under it."""
        ...

    def logits(self, images: Floats) -> Floats:
        """[N, classes], before the temperature."""
        ...

    def embeddings(self, images: Floats) -> Floats:
        """[N, D]."""
        ...


class OnnxEngine:
    """ONNX Runtime on the processor; fuses batch normalisation into the convolutions when it loads.

    `threads` defaults to the processors that this process may use.
    """

    def __init__(self, artifact: Artifact, threads: int | None = None):
        import onnxruntime

        onnxruntime.set_default_logger_severity(_ERRORS_ONLY)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
        options.inter_op_num_threads = 1
        # Waiting threads that spin starve the decoding threads beside them.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.artifact = artifact
        try:
            self._session = onnxruntime.InferenceSession(
                _openable(artifact), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise _translated(error, artifact, "load") from error

    @property
    def identity(self) -> str:
        return identity(self.artifact.graph_digest, self.artifact.preprocess, self.artifact.precision)

    def logits(self, images: Floats) -> Floats:
        return self._run("logits", images)

    def embeddings(self, images: Floats) -> Floats:
        return self._run("embedding", images)

    def verify(self, tolerance: float | None = None) -> float:
        """The largest difference from the golden logits, as a fraction of the largest of them.

        RefusedError past the tolerance, by default that of the precision in `GOLDEN_TOLERANCE`.
        """
        tolerance = GOLDEN_TOLERANCE[self.artifact.precision] if tolerance is None else tolerance
        worst = 0.0
        for golden in self.artifact.golden:
            pixels = self.artifact.preprocess.load(golden.image)
            found = self.logits(self.artifact.preprocess.normalise(pixels[None]))[0]
            worst = max(worst, difference(found, np.asarray(golden.logits, np.float32)))
        if not worst <= tolerance:
            why = f"its golden images give other answers here ({worst:.2g} where {tolerance:.2g} is allowed)"
            raise RefusedError("artifact", self.artifact.path, why, "Compare the versions of onnxruntime")
        return worst

    def _run(self, output: str, images: Floats) -> Floats:
        try:
            (result,) = self._session.run([output], {"images": images})
        except Exception as error:
            raise _translated(error, self.artifact, "run") from error
        return np.asarray(result, dtype=np.float32)


def identity(graph_digest: str, preprocess: Preprocess, precision: str) -> str:
    """The sha256 of all that decides an embedding."""
    return hashlib.sha256(f"{graph_digest}\n{preprocess!r}\n{precision}".encode()).hexdigest()


def difference(found: Floats, expected: Floats) -> float:
    """The largest absolute difference over the largest absolute expected value (at least 1); inf where a NaN is."""
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    worst = float(np.abs(found - expected).max(initial=0.0)) / scale
    return worst if np.isfinite(worst) else float("inf")


def _translated(error: Exception, artifact: Artifact, verb: str) -> TopfiveError:
    """One of our errors for one of onnxruntime's, which share no base class; its message is cut to one line."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    why = f"ONNX Runtime cannot {verb} it: {line}"
    if isinstance(error, MemoryError) or "alloc" in line.lower():
        return ResourceError("artifact", artifact.path, why, "Use a smaller batch size or a smaller model")
    return RefusedError("artifact", artifact.path, why, "Export it again with the versions installed here")


def _openable(artifact: Artifact) -> str | bytes:
    """The path, or where onnxruntime cannot take it (not UTF-8) the bytes."""
    name = os.fspath(artifact.path)
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return artifact.path.read_bytes()
    return name
