"""How good probabilities are: pure functions of `probabilities` [N, K] and the true `labels` [N].

Everything is a fraction in [0, 1], but for the negative log-likelihood, which is in nats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from topfive.data import Skipped
from topfive.errors import DataError
from topfive.evaluate.reliability import BINS, reliability

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]


@dataclass(frozen=True)
class Interval:
    """A 95% confidence interval of a fraction."""

    low: float
    high: float


@dataclass(frozen=True)
class ClassScore:
    """One class: `support` is how often it is the truth.  A fraction of nothing (0 / 0) is 0."""

    name: str
    support: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was measured on `n` images, whose `probabilities` [n, K], `labels` [n] and `names` are in one order.

    top-5 is over min(5, K) classes; `confusion` [K, K] has the truth in rows; `skipped` are not in n.
    """

    classes: tuple[str, ...]
    n: int
    top1: float
    top5: float
    nll: float
    ece: float
    top1_interval: Interval
    top5_interval: Interval
    confusion: NDArray[np.int64] = field(repr=False)
    per_class: tuple[ClassScore, ...] = field(repr=False)
    probabilities: NDArray[np.float32] = field(repr=False)
    labels: NDArray[np.int64] = field(repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)
    skipped: tuple[Skipped, ...] = ()

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the classes that have an image, each counting alike."""
        scores = [score.f1 for score in self.per_class if score.support]
        return sum(scores) / len(scores)


def measure(probabilities: Floats, labels: Integers, classes: tuple[str, ...]) -> Evaluation:
    """All metrics at once; DataError where there is no image or a probability is not a number."""
    if len(labels) == 0:
        raise DataError("evaluation", why="there is no image to measure on", todo="Choose another split")
    if not np.isfinite(probabilities).all():
        raise DataError("evaluation", why="the model's answers hold numbers that are not finite")
    ranks = rank(probabilities, labels)
    n, top1, top5 = len(labels), int((ranks < 1).sum()), int((ranks < 5).sum())
    counts = confusion(probabilities.argmax(axis=1), labels, len(classes))
    return Evaluation(
        classes=classes,
        n=n,
        top1=top1 / n,
        top5=top5 / n,
        nll=negative_log_likelihood(probabilities, labels),
        ece=expected_calibration_error(probabilities, labels),
        top1_interval=wilson(top1, n),
        top5_interval=wilson(top5, n),
        confusion=counts,
        per_class=class_scores(counts, classes),
        probabilities=np.asarray(probabilities, np.float32),
        labels=np.asarray(labels, np.int64),
    )


def rank(scores: Floats, labels: Integers) -> NDArray[np.int64]:
    """How many classes stand before the true one [N]; of equal scores the lower index stands first."""
    rows = np.arange(len(labels))
    true = scores[rows, labels][:, None]
    before = np.arange(scores.shape[1]) < np.asarray(labels)[:, None]
    ranks: NDArray[np.int64] = ((scores > true) | ((scores == true) & before)).sum(axis=1)
    return ranks


def negative_log_likelihood(probabilities: Floats, labels: Integers) -> float:
    """Mean of -log p(truth); p below the smallest float32 counts as that."""
    true = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(true, np.finfo(np.float32).tiny)).mean())


def expected_calibration_error(probabilities: Floats, labels: Integers, bins: int = BINS) -> float:
    """Guo et al. 2017, eq. 3, of the confidence in the first answer; see `Reliability`."""
    return reliability(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels, bins).ece


def wilson(successes: int, n: int, z: float = 1.959964) -> Interval:
    """Wilson's score interval (1927) of successes / n; z = 1.96 is 95%."""
    if n == 0:
        return Interval(0.0, 1.0)
    fraction = successes / n
    centre = fraction + z * z / (2 * n)
    half = z * math.sqrt(fraction * (1 - fraction) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return Interval(max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale))


def confusion(predicted: Integers, labels: Integers, count: int) -> NDArray[np.int64]:
    """[count, count]: rows are the truth, columns the prediction."""
    pairs = np.bincount(np.asarray(labels) * count + predicted, minlength=count * count)
    return pairs.reshape(count, count).astype(np.int64)


def class_scores(counts: NDArray[np.int64], classes: tuple[str, ...]) -> tuple[ClassScore, ...]:
    """Precision, recall and F1 of each class, of a confusion matrix."""
    right = np.diag(counts).astype(np.float64)
    support, claimed = counts.sum(axis=1), counts.sum(axis=0)
    precision = right / np.maximum(claimed, 1)
    recall = right / np.maximum(support, 1)
    f1 = 2 * right / np.maximum(claimed + support, 1)
    columns = zip(classes, support, precision, recall, f1, strict=True)
    return tuple(ClassScore(name, int(s), float(p), float(r), float(f)) for name, s, p, r, f in columns)
