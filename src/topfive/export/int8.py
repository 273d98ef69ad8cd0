"""An artifact in single precision -> the same network in eight-bit integers: a quarter of the bytes, often faster.

Static quantisation (Jacob et al. 2017, arXiv:1712.05877): weights by channel, symmetric; activations by tensor, in the
ranges that calibration images give them.  Batch normalisation is folded first.  What is written is standard ONNX, a
pair of QuantizeLinear and DequantizeLinear around each tensor, which any runtime opens.

Such a network does not answer as the one of floats does: whoever ships it measures what it lost.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from topfive import artifact
from topfive.artifact import Artifact, Golden, MetadataError
from topfive.data import ImageDataset, picture
from topfive.engine import Floats, OnnxEngine
from topfive.errors import RefusedError, need
from topfive.export.golden import encode, scaled
from topfive.images import decode
from topfive.preprocess import Preprocess

IMAGES = 128  # that activations are looked at with
BATCH = 32
_LOGGER = ""  # onnxruntime's quantiser speaks through the root logger
_NAMED = "artifact of floats"


def to_int8(source: str | os.PathLike[str], target: str | os.PathLike[str], images: Floats) -> None:
    """Write at `target` what the artifact `source` is in integers; its golden images get the answers that it gives.

    `images` [N, C, side, side], normalised, decide the ranges of the activations: they must be like those to come.
    RefusedError where the network cannot be quantised; nothing is then written.

    Weights have seven bits: processors without VNNI add pairs of products in sixteen, which eight would overflow.
    """
    need("onnx", "train")
    told = artifact.read(source)
    if told.precision != "float32":
        raise RefusedError(_NAMED, source, f"it is in {told.precision} already", "Give the one of floats")
    with tempfile.TemporaryDirectory(dir=Path(target).parent, prefix=".int8-") as folder:
        try:
            graph = _quantised(told, images, Path(folder))
        except (MemoryError, KeyboardInterrupt):
            raise
        except Exception as error:  # the quantiser's errors share no base class
            line = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise RefusedError(_NAMED, source, f"it cannot be quantised: {line}", "Ship it as it is") from error
        candidate = Path(folder, "candidate.onnx")
        small = tuple(Golden(_small(each.image, told.preprocess), each.logits) for each in told.golden)
        metadata = dataclasses.replace(_metadata(told), precision="int8", golden=small)
        try:
            artifact.write(candidate, artifact.attach(graph, metadata))
            golden = _answered(OnnxEngine(artifact.read(candidate), threads=1), metadata)
            artifact.write(candidate, artifact.attach(graph, dataclasses.replace(metadata, golden=golden)))
        except MetadataError as error:
            raise RefusedError(_NAMED, source, str(error)) from error
        artifact.rename(candidate, Path(target))


def _metadata(told: Artifact) -> artifact.Metadata:
    names = [field.name for field in dataclasses.fields(artifact.Metadata)]
    return artifact.Metadata(**{name: getattr(told, name) for name in names})


def _small(image: bytes, preprocess: Preprocess) -> bytes:
    """The image no larger than the network looks at it: beside integers, photographs weigh much."""
    pixels = decode(image).pixels.transpose(2, 0, 1)
    smaller = scaled(pixels, preprocess.resize_side)
    return image if smaller.shape == pixels.shape else encode(smaller)


def _answered(engine: OnnxEngine, told: artifact.Metadata) -> tuple[Golden, ...]:
    """The golden images with what the quantised network says of them."""
    preprocess = told.preprocess
    return tuple(
        Golden(
            golden.image, tuple(map(float, engine.logits(preprocess.normalise(preprocess.load(golden.image)[None]))[0]))
        )
        for golden in told.golden
    )


def _quantised(told: Artifact, images: Floats, folder: Path) -> bytes:
    """The serialised graph in integers, without metadata, in operators of the standard alone."""
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    folded, written = folder / "folded.onnx", folder / "quantised.onnx"
    _fold(told, folded)
    with _silence():
        quantize_static(
            folded,
            written,
            _Calibration(images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    model = onnx.load(written)
    used = {node.domain for node in model.graph.node}
    for entry in [entry for entry in model.opset_import if entry.domain not in used]:
        model.opset_import.remove(entry)  # onnxruntime lists all the sets of operators that it knows
    del model.metadata_props[:]
    del model.graph.value_info[:]
    model.producer_name, model.producer_version = "topfive", ""
    encoded: bytes = model.SerializeToString(deterministic=True)
    return encoded


def _fold(told: Artifact, target: Path) -> None:
    """Write the graph as onnxruntime has it after folding constants and batch normalisation into convolutions."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = os.fspath(target)
    onnxruntime.InferenceSession(told.path.read_bytes(), options, providers=["CPUExecutionProvider"])


class _Calibration:
    """The images, a batch at a time, as onnxruntime asks for them."""

    def __init__(self, images: Floats):
        self.batches = iter(np.array_split(images, -(-len(images) // BATCH)))

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self.batches, None)
        return None if batch is None else {"images": batch}


def calibration_images(dataset: ImageDataset, preprocess: Preprocess, count: int = IMAGES) -> Floats:
    """An even sample of `dataset`, as the network takes it."""
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(count, len(dataset))).astype(int))
    pictures = (picture(dataset, int(index), preprocess.resize_side) for index in chosen)
    return preprocess.normalise(np.stack([preprocess.pixels(each) for each in pictures]))


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """The quantiser advises a preparation that `_fold` has done."""
    logger = logging.getLogger(_LOGGER)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
