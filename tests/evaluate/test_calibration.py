from __future__ import annotations

import numpy as np
import pytest

from topfive.evaluate import fit_temperature
from topfive.evaluate.calibration import COLDEST, HOTTEST
from topfive.evaluate.metrics import negative_log_likelihood
from topfive.predictor import softmax


def drawn(count=4000, classes=6, seed=0):
    """Logits whose softmax is the truth, and labels drawn from it."""
    draw = np.random.default_rng(seed)
    logits = draw.normal(size=(count, classes)) * 2
    cumulated = softmax(logits).cumsum(axis=1)
    return logits, (cumulated < draw.random((count, 1))).sum(axis=1).clip(max=classes - 1)


@pytest.mark.parametrize("scale", [0.2, 1.0, 3.0, 15.0])
def test_the_scale_of_honest_logits_is_found(scale):
    logits, labels = drawn()
    assert fit_temperature(logits * scale, labels) == pytest.approx(scale, rel=0.1)


def test_no_other_temperature_is_better():
    logits, labels = drawn(seed=1)
    best = fit_temperature(logits * 2.7, labels)
    losses = {t: negative_log_likelihood(softmax(logits * 2.7, t), labels) for t in (best, best * 0.97, best * 1.03)}
    assert min(losses, key=losses.get) == best


def test_all_right_is_as_cold_as_allowed():
    logits = np.eye(4) * 3
    assert fit_temperature(logits, np.arange(4)) == pytest.approx(COLDEST, rel=1e-3)


def test_all_wrong_is_as_hot_as_allowed():
    logits = np.eye(4) * 3
    assert fit_temperature(logits, np.roll(np.arange(4), 1)) == pytest.approx(HOTTEST, rel=1e-3)


def test_equal_logits_change_nothing():
    assert COLDEST <= fit_temperature(np.zeros((5, 3)), np.array([0, 1, 2, 0, 1])) <= HOTTEST


def test_large_logits_do_not_overflow():
    logits, labels = drawn()
    assert np.isfinite(fit_temperature(logits * 1e4, labels))
