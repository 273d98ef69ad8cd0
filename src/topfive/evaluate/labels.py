"""Images with several labels: how good probabilities [N, K] are against the truth, multi-hot [N, K]."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from topfive.data import Skipped
from topfive.errors import DataError
from topfive.evaluate.metrics import Floats
from topfive.predictor import LIKELY

Truth = NDArray[np.bool_]


@dataclass(frozen=True)
class LabelScore:
    """One class: `support` images show it; precision, recall and F1 are at its `threshold`, 0 / 0 being 0.

    The average precision of a class that no image shows is NaN.
    """

    name: str
    support: int
    average_precision: float
    threshold: float
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, eq=False)
class LabelEvaluation:
    """What was measured on `n` images; `mean_average_precision` is over the classes that some image shows.

    `micro_f1` counts all pairs of image and class together, `macro_f1` is the mean over all classes; both at the
    thresholds.  Everything is a fraction in [0, 1].
    """

    classes: tuple[str, ...]
    n: int
    mean_average_precision: float
    micro_f1: float
    macro_f1: float
    per_class: tuple[LabelScore, ...] = field(repr=False)
    probabilities: NDArray[np.float32] = field(repr=False)
    labels: Truth = field(repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)
    skipped: tuple[Skipped, ...] = ()


def measure_labels(
    probabilities: Floats, truth: Truth, classes: tuple[str, ...], thresholds: tuple[float, ...]
) -> LabelEvaluation:
    """All metrics at once; a class is claimed where its probability is at least its threshold.

    DataError where no image has a label, or a probability is not a number.
    """
    if not truth.any():
        raise DataError("evaluation", why="there is no image with a label to measure on", todo="Choose another split")
    if not np.isfinite(probabilities).all():
        raise DataError("evaluation", why="the model's answers hold numbers that are not finite")
    truth = np.asarray(truth, np.bool_)
    claimed = probabilities >= np.array(thresholds)
    right, support = (claimed & truth).sum(axis=0), truth.sum(axis=0)
    claims = claimed.sum(axis=0)
    precision, recall = right / np.maximum(claims, 1), right / np.maximum(support, 1)
    f1 = 2 * right / np.maximum(claims + support, 1)
    averages = [average_precision(scores, shows) for scores, shows in zip(probabilities.T, truth.T, strict=True)]
    columns = zip(classes, support, averages, thresholds, precision, recall, f1, strict=True)
    return LabelEvaluation(
        classes=classes,
        n=len(truth),
        mean_average_precision=float(np.nanmean(averages)),
        micro_f1=float(2 * right.sum() / max(1, claims.sum() + support.sum())),
        macro_f1=float(f1.mean()),
        per_class=tuple(LabelScore(n, int(s), a, t, float(p), float(r), float(f)) for n, s, a, t, p, r, f in columns),
        probabilities=np.asarray(probabilities, np.float32),
        labels=truth,
    )


def fit_thresholds(probabilities: Floats, truth: Truth) -> tuple[float, ...]:
    """The threshold of each class with the highest F1 on these images, the higher one of two as good.

    It lies half-way between the probabilities of two images; of a class that no image shows it is 0.5.
    """
    found = []
    for scores, shows in zip(np.asarray(probabilities, np.float64).T, truth.T, strict=True):
        levels, hits, claims = _claimed(scores, shows)
        if not shows.any():
            found.append(LIKELY)
            continue
        best = int((hits / (claims + shows.sum())).argmax())
        below = levels[best + 1] if best + 1 < len(levels) else 0.0
        middle = (levels[best] + below) / 2
        found.append(float(middle if middle > below else levels[best]))
    return tuple(found)


def average_precision(scores: Floats, truth: Truth) -> float:
    """The area under one class's curve of precision over recall: sum of (R_k - R_k-1) P_k; NaN without a positive.

    k runs over the distinct scores [N], best first; P_k and R_k are those of claiming every image that scores as much
    or more, so images of equal score count together.  This is scikit-learn's definition; nothing is interpolated, as it
    is in VOC's (2007: 11 points; from 2010 on: the envelope) and in COCO's for detection (101 points).
    """
    if not truth.any():
        return float("nan")
    _, hits, claims = _claimed(scores, truth)
    return float((np.diff(hits / truth.sum(), prepend=0.0) * hits / claims).sum())


def _claimed(scores: Floats, truth: Truth) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """The distinct scores, best first; how many images that score as much or more are right; how many there are."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)  # of those that score the same
    return scores[order][last], np.cumsum(truth[order])[last], np.flatnonzero(last) + 1
