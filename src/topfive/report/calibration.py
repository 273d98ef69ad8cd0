"""Whether its confidence can be believed: accuracy against confidence, before and after the fitted temperature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topfive.evaluate import Evaluation
from topfive.evaluate.reliability import Reliability, reliability
from topfive.report.contents import Contents
from topfive.report.section import Section
from topfive.report.wording import percent

LEFT, SIDE = 40, 210  # of the unit square
SHARE_SIDE = 30  # of the largest share of the images, below it
_ROWS = 4096  # images at a time: the powers of all probabilities at once would be large


@dataclass(frozen=True)
class Bar:
    """One bin, in units: a column up to the lesser of accuracy and confidence, and the gap up to the greater.

    `gap` is "over" where it is surer than it is right, else "under"; `share` is of the images, for a column below.
    """

    left: float
    width: float
    height: float
    gap: str
    gap_height: float
    share: float
    told: str


@dataclass(frozen=True)
class Diagram:
    title: str
    ece: float
    bars: tuple[Bar, ...]


def section(contents: Contents) -> Section | None:
    """Left out where the probabilities are not those of all classes."""
    result = contents.evaluation
    if not isinstance(result, Evaluation):
        return None
    if result.probabilities.shape != (result.n, len(result.classes)):
        return None
    temperature = 1.0 if contents.shipped is None else contents.shipped.temperature
    correct = result.probabilities.argmax(axis=1) == result.labels
    after = reliability(result.probabilities.max(axis=1), correct)
    diagrams = [diagram("As shipped", after)]
    if temperature != 1.0:
        before = reliability(confidence_without(result, temperature), correct)
        diagrams = [diagram("As trained", before), diagram("As shipped", after)]
    return Section(
        "calibration",
        "Calibration",
        "calibration.html",
        {
            "diagrams": diagrams,
            "temperature": temperature,
            "bins": len(after.counts),
            "confidence": float((after.confidence * after.counts).sum() / result.n),
            "accuracy": result.top1,
        },
    )


def confidence_without(result: Evaluation, temperature: float) -> NDArray[np.float64]:
    """The confidence [N] in each first answer had its logits not been divided by `temperature`."""
    found = np.empty(result.n)
    for start in range(0, result.n, _ROWS):
        rows = result.probabilities[start : start + _ROWS].astype(np.float64)
        found[start : start + _ROWS] = 1 / ((rows / rows.max(axis=1, keepdims=True)) ** temperature).sum(axis=1)
    return found


def diagram(title: str, found: Reliability) -> Diagram:
    """The bins that hold an image."""
    bins = len(found.counts)
    width = SIDE / bins
    largest = found.counts.max()
    bars = []
    for index in np.flatnonzero(found.counts).tolist():
        accuracy, confidence = float(found.accuracy[index]), float(found.confidence[index])
        number = int(found.counts[index])
        bars.append(
            Bar(
                left=round(LEFT + index * width + 0.5, 2),
                width=round(width - 1, 2),
                height=round(SIDE * min(accuracy, confidence), 2),
                gap="over" if confidence > accuracy else "under",
                gap_height=round(SIDE * abs(accuracy - confidence), 2),
                share=round(SHARE_SIDE * number / largest, 2),
                told=f"{number:,} images: confidence {percent(confidence)}, accuracy {percent(accuracy)}",
            )
        )
    return Diagram(title, found.ece, tuple(bars))
