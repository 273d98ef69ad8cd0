"""A predictor measured on a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from topfive.data import ImageDataset, Skipped, picture
from topfive.errors import RefusedError
from topfive.evaluate.metrics import Evaluation, measure
from topfive.images import ImageError
from topfive.labels import Labels
from topfive.predictor import Predictor
from topfive.preprocess import Pixels


def evaluate(
    predictor: Predictor,
    dataset: ImageDataset,
    crops: Literal[1, 10, 144] = 1,
    progress: Callable[[int, int], object] | None = None,
) -> Evaluation:
    """Measure `predictor` on every item; the probabilities of the `crops` of an image are averaged.

    `progress` is called with how many items are done, and of how many.  RefusedError where the classes are not
    those of the predictor.
    """
    check_classes(predictor.labels, dataset.classes)
    preprocess = predictor.preprocess

    def views(index: int) -> Pixels:
        return preprocess.views(picture(dataset, index, preprocess.resize_side), crops)

    indices, rows, skipped = [], [], []
    for done, (index, answer) in enumerate(predictor.probabilities(range(len(dataset)), views), start=1):
        if isinstance(answer, ImageError):
            skipped.append(Skipped(dataset.name(index), answer.reason))
        else:
            indices.append(index)
            rows.append(answer)
        if progress is not None:
            progress(done, len(dataset))
    probabilities = np.stack(rows) if rows else np.empty((0, len(dataset.classes)))
    result = measure(probabilities, dataset.labels[indices], predictor.labels.names)
    return replace(result, names=tuple(map(dataset.name, indices)), skipped=tuple(skipped))


def check_classes(labels: Labels, classes: tuple[str, ...]) -> None:
    """RefusedError with the difference where a data set's classes are not a model's, by name or by synset, in order."""
    if classes in (labels.names, labels.synsets):
        return
    ours = labels.names
    missing, extra = sorted(set(ours) - set(classes)), sorted(set(classes) - set(ours))
    differences = [
        f"{who} {', '.join(map(repr, names[:5]))}{f' and {len(names) - 5} more' * (len(names) > 5)}"
        for who, names in (("only the model has", missing), ("only the data has", extra))
        if names
    ]
    if not differences and len(ours) == len(classes):
        at = next(i for i, pair in enumerate(zip(ours, classes, strict=True)) if pair[0] != pair[1])
        differences = [f"class {at} is {ours[at]!r} in the model and {classes[at]!r} in the data"]
    why = "; ".join(differences) or f"{len(ours)} in the model and {len(classes)} in the data"
    raise RefusedError("the classes differ", None, why, "Evaluate on data of the model's own classes")
