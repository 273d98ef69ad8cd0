"""The gate: encoded images through torch and through the written file must give the same answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from topfive.engine import Engine, Floats, difference
from topfive.errors import RefusedError
from topfive.export.golden import encode
from topfive.nn.classifier import Classifier
from topfive.preprocess import Preprocess

BATCHES = (1, 3, 8)
CONSTANTS = (0, 127, 255)  # black, grey and white images; nothing else makes a NaN so surely
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Parity:
    """How alike both sides answered.

    `difference` is the largest absolute difference of logits or embeddings over the largest absolute value or 1;
    `top1_agreement` is the fraction of real images with the same first class.
    """

    images: int
    batches: tuple[int, ...]
    difference: float
    top1_agreement: float
    tolerance: float


def pixels(preprocess: Preprocess, golden: Sequence[bytes]) -> Floats:
    """The network's input [N, C, side, side] for the golden images and, after them, the constant ones."""
    shape = preprocess.channels, preprocess.side, preprocess.side
    constants = (encode(np.full(shape, level, np.uint8)) for level in CONSTANTS)
    return preprocess.normalise(np.stack([preprocess.load(image) for image in (*golden, *constants)]))


def answers(model: Classifier, images: Floats) -> tuple[Floats, Floats]:
    """Logits and embeddings of the torch side; RefusedError where one is not finite."""
    with torch.no_grad():
        batch = torch.from_numpy(images)
        logits, embeddings = model(batch).numpy(), model.embed(batch).numpy()
    if not (np.isfinite(logits).all() and np.isfinite(embeddings).all()):
        raise RefusedError("model", None, "its answers to real, black, grey or white images are not finite numbers")
    return logits, embeddings


def compare(
    engine: Engine, images: Floats, expected: tuple[Floats, Floats], real: int, tolerance: float = TOLERANCE
) -> Parity:
    """Run `images`, the first `real` of which are photographs, at each batch size; RefusedError past the tolerance."""
    worst, agreed = 0.0, 1.0
    for batch in BATCHES:
        order = np.arange(-(-len(images) // batch) * batch) % len(images)  # full batches: the last begins again
        parts = [images[order[start : start + batch]] for start in range(0, len(order), batch)]
        logits = np.concatenate([engine.logits(part) for part in parts])
        embeddings = np.concatenate([engine.embeddings(part) for part in parts])
        worst = max(worst, difference(logits, expected[0][order]), difference(embeddings, expected[1][order]))
        agreed = min(agreed, float((logits.argmax(1) == expected[0][order].argmax(1))[order < real].mean()))
    if not worst <= tolerance:
        raise RefusedError(
            "export",
            None,
            f"the written file's answers differ by {worst:.2g} of the largest value, where {tolerance:.2g} is allowed",
            "Nothing was written",
        )
    return Parity(len(images), BATCHES, worst, agreed, tolerance)
