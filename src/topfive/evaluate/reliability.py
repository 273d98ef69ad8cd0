"""Confidence against accuracy, in bins: what a reliability diagram shows and the calibration error sums up."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True, eq=False)
class Reliability:
    """Of each bin (a, b] of equal width over [0, 1]: images, mean confidence and accuracy, both 0 where it is empty."""

    counts: NDArray[np.int64] = field(repr=False)
    confidence: NDArray[np.float64] = field(repr=False)
    accuracy: NDArray[np.float64] = field(repr=False)

    @property
    def ece(self) -> float:
        """Guo et al. 2017, eq. 3: |accuracy - confidence|, weighted by the images of each bin."""
        return float((np.abs(self.accuracy - self.confidence) * self.counts).sum() / self.counts.sum())


def reliability(confidence: NDArray[np.floating], correct: NDArray[np.bool_], bins: int = BINS) -> Reliability:
    """Of the `confidence` [N] in each first answer and whether it was `correct` [N]; N is at least 1."""
    confidence = confidence.astype(np.float64)
    index = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(index, minlength=bins)
    images = np.maximum(counts, 1)
    return Reliability(
        counts=counts,
        confidence=np.bincount(index, weights=confidence, minlength=bins) / images,
        accuracy=np.bincount(index, weights=correct, minlength=bins) / images,
    )
