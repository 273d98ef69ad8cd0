"""A predictor measured on a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from topfive.data import ImageDataset, Skipped
from topfive.errors import DataError, RefusedError
from topfive.evaluate.classes import match_classes
from topfive.evaluate.labels import LabelEvaluation, measure_labels
from topfive.evaluate.metrics import Evaluation, measure
from topfive.evaluate.views import SINGLE, Views
from topfive.images import ImageError
from topfive.predictor import Predictor
from topfive.preprocess import Pixels

Progress = Callable[[int, int], object]  # how many items are done, and of how many


def evaluate(
    predictor: Predictor, dataset: ImageDataset, views: Views = SINGLE, progress: Progress | None = None
) -> Evaluation:
    """Measure `predictor` on every item; all of the model's classes compete, also those that the data lack.

    DataError where the data has other classes than the model (see `match_classes`) or several labels an image,
    RefusedError where the model's classes do not exclude each other.
    """
    if predictor.activation != "softmax":
        raise RefusedError("model", None, "its classes do not exclude each other", "Measure it with evaluate_labels")
    if dataset.labels.ndim != 1:
        raise DataError("data set", None, "its images have several labels, the model gives one", "Train one for them")
    index = match_classes(predictor.labels, dataset.classes)
    found = _answers(predictor, dataset, views, progress)
    result = measure(found.probabilities, index[dataset.labels[found.items]], predictor.labels.names)
    return replace(result, names=tuple(map(dataset.name, found.items)), skipped=found.skipped)


def evaluate_labels(
    predictor: Predictor, dataset: ImageDataset, views: Views = SINGLE, progress: Progress | None = None
) -> LabelEvaluation:
    """Measure a predictor of several labels an image; the data set's `labels` are multi-hot [N, classes], or one each.

    DataError where the data has other classes than the model, RefusedError where the model's classes exclude each
    other.
    """
    if predictor.activation != "sigmoid":
        raise RefusedError("model", None, "its classes exclude each other", "Measure it with evaluate")
    index = match_classes(predictor.labels, dataset.classes)
    found = _answers(predictor, dataset, views, progress)
    labels = dataset.labels[found.items]
    truth = np.zeros((len(found.items), len(predictor.labels)), np.bool_)
    truth[:, index] = labels if labels.ndim == 2 else np.arange(len(index)) == labels[:, None]
    result = measure_labels(found.probabilities, truth, predictor.labels.names, predictor.thresholds)
    return replace(result, names=tuple(map(dataset.name, found.items)), skipped=found.skipped)


class _Answers(NamedTuple):
    """`probabilities` [n, classes] of the `items` that could be read."""

    items: NDArray[np.intp]
    probabilities: NDArray[np.float64]
    skipped: tuple[Skipped, ...]


def _answers(predictor: Predictor, dataset: ImageDataset, views: Views, progress: Progress | None) -> _Answers:
    def load(index: int) -> Pixels:
        return views.of(dataset, index, predictor.preprocess)

    items, rows, skipped = [], [], []
    for done, (index, answer) in enumerate(predictor.probabilities(range(len(dataset)), load), start=1):
        if isinstance(answer, ImageError):
            skipped.append(Skipped(dataset.name(index), answer.reason))
        else:
            items.append(index)
            rows.append(answer)
        if progress is not None:
            progress(done, len(dataset))
    probabilities = np.stack(rows) if rows else np.empty((0, len(predictor.labels)))
    return _Answers(np.array(items, np.intp), probabilities, tuple(skipped))
