"""A trained network -> the shipped file, written only if it answers as the network does."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from topfive import __version__, artifact
from topfive.artifact import Activation, Card, Golden, Metadata, MetadataError
from topfive.engine import OnnxEngine
from topfive.errors import RefusedError, UsageError
from topfive.export import parity
from topfive.export.graph import frozen, to_onnx
from topfive.export.parity import TOLERANCE, Parity
from topfive.labels import Labels
from topfive.nn.classifier import Classifier
from topfive.preprocess import Preprocess


def export(
    model: Classifier,
    path: str | os.PathLike[str],
    *,
    preprocess: Preprocess,
    labels: Labels,
    card: Card,
    golden: Sequence[bytes],
    temperature: float = 1.0,
    activation: Activation = "softmax",
    thresholds: tuple[float, ...] = (),
    tolerance: float = TOLERANCE,
) -> Parity:
    """Write `model` to `path` and return how equal both sides answer; `golden` are encoded images, at least one.

    RefusedError, with whatever stood at `path` untouched, where an operator has no ONNX form, a number is not finite,
    or an answer differs by more than `tolerance` of the largest value, at batch 1, 3 or 8.
    """
    if not golden:
        raise UsageError("export", path, "no image is given to check the file with", "Pass at least one in `golden`")
    twin = frozen(model)
    images = parity.pixels(preprocess, golden)
    expected = parity.answers(twin, images)
    try:
        metadata = Metadata(
            preprocess=preprocess,
            labels=labels,
            card=replace(card, created_with=_versions() | card.created_with),
            temperature=temperature,
            thresholds=thresholds,
            activation=activation,
            golden=tuple(
                Golden(image, tuple(map(float, row))) for image, row in zip(golden, expected[0], strict=False)
            ),
        )
        contents = artifact.attach(to_onnx(twin, preprocess.side), metadata)
    except MetadataError as error:
        raise RefusedError("export", path, str(error)) from error
    target = Path(path)
    candidate = target.with_name(f".candidate-{os.getpid()}-{target.name}"[:200])
    try:
        artifact.write(candidate, contents)
        engine = OnnxEngine(artifact.read(candidate))
        result = parity.compare(engine, images, expected, real=len(golden), tolerance=tolerance)
        artifact.rename(candidate, target)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(candidate)
    return result


def _versions() -> dict[str, str]:
    import onnx
    import onnxruntime
    import torch

    return {
        "topfive": __version__,
        "torch": torch.__version__,
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
    }
