"""Temperature scaling: one number that makes a classifier's confidence honest without changing its answers."""

from __future__ import annotations

import math

import numpy as np

from topfive.evaluate.metrics import Floats, Integers
from topfive.predictor import softmax

COLDEST, HOTTEST = 0.05, 20.0
_STEPS = 60


def fit_temperature(logits: Floats, labels: Integers) -> float:
    """The temperature in [0.05, 20] with the least negative log-likelihood on `logits` [N, K].  Guo et al. 2017, 4.2.

    The loss is convex in b = 1 / temperature: its slope is mean(E[z] - z_true) and its curvature mean(Var[z]), with E
    and Var under softmax(b z).  Newton's steps are kept inside a bracket of the root.
    """
    scores = np.asarray(logits, np.float64)
    scores = scores - scores.max(axis=1, keepdims=True)
    true = scores[np.arange(len(labels)), labels]
    low, high = 1 / HOTTEST, 1 / COLDEST
    inverse = 1.0
    for _ in range(_STEPS):
        probabilities = softmax(scores, 1 / inverse)
        mean = (probabilities * scores).sum(axis=1)
        slope = float((mean - true).mean())
        curvature = float(((probabilities * scores**2).sum(axis=1) - mean**2).mean())
        low, high = (low, inverse) if slope > 0 else (inverse, high)
        if high - low < 1e-9:
            break
        step = inverse - slope / curvature if curvature > 0 else math.inf
        following = step if low < step < high else math.sqrt(low * high)
        if abs(following - inverse) < 1e-9:
            break
        inverse = following
    return 1 / inverse
