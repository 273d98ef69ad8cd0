"""The bootstrap of the mean average precision is that of drawing images and measuring them anew."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topfive.evaluate import redrawn as module
from topfive.evaluate.labels import average_precision
from topfive.evaluate.redrawn import redrawn


def answers(n: int = 60, classes: int = 3, levels: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of few levels, so that many images score the same."""
    rng = np.random.default_rng(seed)
    truth = rng.random((n, classes)) < 0.3
    return rng.integers(0, levels, (n, classes)) / levels + 0.2 * truth, truth


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(1, 9), st.integers(0, 1000))
def test_counting_an_image_twice_is_measuring_it_twice(n: int, levels: int, seed: int) -> None:
    probabilities, truth = answers(n, 1, levels, seed)
    counts = np.random.default_rng(seed).integers(0, 3, (5, n)).astype(np.int32)
    if not truth.any():
        return
    found = module._Ranked.of(probabilities[:, 0], truth[:, 0]).average_precision(counts)
    for row, value in zip(counts, found, strict=True):
        rows = np.repeat(np.arange(n), row)
        expected = average_precision(probabilities[rows, 0], truth[rows, 0]) if truth[rows, 0].any() else np.nan
        assert value == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_the_samples_spread_as_those_of_drawing_and_measuring() -> None:
    probabilities, truth = answers()
    found, rng = redrawn(probabilities, truth, seed=3), np.random.default_rng(9)
    measured = []
    for _ in range(2000):
        rows = rng.integers(0, len(truth), len(truth))
        columns = zip(probabilities[rows].T, truth[rows].T, strict=True)
        measured.append(np.mean([average_precision(scores, shows) for scores, shows in columns if shows.any()]))
    for share in (0.025, 0.5, 0.975):
        assert np.quantile(found, share) == pytest.approx(np.quantile(measured, share), abs=0.02)


def test_two_classifiers_meet_the_same_samples() -> None:
    probabilities, truth = answers()
    same = redrawn(probabilities, truth, seed=1)
    assert (redrawn(probabilities, truth, seed=1) == same).all()
    assert (redrawn(np.exp(probabilities), truth, seed=1) == same).all()  # the same order, so the same figures
    assert (redrawn(probabilities, truth, seed=2) != same).any()


def test_a_class_that_no_image_shows_counts_for_nothing() -> None:
    probabilities, truth = answers()
    empty = np.zeros((len(truth), 1), bool)
    with_it = redrawn(np.hstack([probabilities, probabilities[:, :1]]), np.hstack([truth, empty]))
    assert (with_it == redrawn(probabilities, truth)).all()


def test_a_sample_without_a_label_is_nothing() -> None:
    truth = np.zeros((3, 2), bool)
    truth[0, 1] = True
    found = redrawn(np.full((3, 2), 0.5), truth)
    assert (found == 0).any()
    assert ((found >= 0) & (found <= 1)).all()
