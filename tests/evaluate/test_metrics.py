from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support, top_k_accuracy_score

from topfive.errors import DataError
from topfive.evaluate import Interval, measure
from topfive.evaluate.metrics import expected_calibration_error, rank, wilson
from topfive.predictor import softmax

DRAW = np.random.default_rng(0)
LOGITS = DRAW.normal(size=(500, 7)) * 2
LABELS = np.where(DRAW.random(500) < 0.6, LOGITS.argmax(axis=1), DRAW.integers(0, 7, 500))
CLASSES = tuple("abcdefg")


@pytest.fixture(scope="module")
def found():
    return measure(softmax(LOGITS), LABELS, CLASSES)


def test_accuracy_is_that_of_scikit_learn(found):
    assert found.top1 == pytest.approx((LOGITS.argmax(axis=1) == LABELS).mean())
    assert found.top5 == pytest.approx(top_k_accuracy_score(LABELS, LOGITS, k=5, labels=range(7)))
    assert found.nll == pytest.approx(log_loss(LABELS, softmax(LOGITS), labels=range(7)))
    assert found.n == 500


def test_classes_are_those_of_scikit_learn(found):
    predicted = LOGITS.argmax(axis=1)
    np.testing.assert_array_equal(found.confusion, confusion_matrix(LABELS, predicted, labels=range(7)))
    theirs = precision_recall_fscore_support(LABELS, predicted, labels=range(7), zero_division=0)
    ours = [(s.precision, s.recall, s.f1, s.support) for s in found.per_class]
    np.testing.assert_allclose(ours, np.transpose(theirs))
    assert [score.name for score in found.per_class] == list(CLASSES)


def test_a_class_never_seen_nor_claimed_scores_zero():
    found = measure(np.array([[0.9, 0.1, 0.0]]), np.array([0]), ("a", "b", "c"))
    assert [score.f1 for score in found.per_class] == [1.0, 0.0, 0.0]
    assert found.macro_f1 == pytest.approx(np.mean([score.f1 for score in found.per_class if score.support]))


def test_top5_of_three_classes_is_one():
    assert measure(np.full((4, 3), 1 / 3), np.array([0, 1, 2, 2]), ("a", "b", "c")).top5 == 1.0


def test_a_constant_answer_earns_nothing_by_ties():
    found = measure(np.full((10, 10), 0.1), np.arange(10), tuple("abcdefghij"))
    assert (found.top1, found.top5) == (0.1, 0.5)


def test_rank_counts_the_classes_before_the_true_one():
    scores = np.array([[3.0, 1, 2], [3.0, 1, 2], [1.0, 1, 1]])
    assert rank(scores, np.array([0, 1, 2])).tolist() == [0, 2, 2]


def test_ece_by_hand():
    """Two bins: (4/15, 5/15] holds nothing; confidences 0.62 (right, wrong) and 0.95 (right)."""
    probabilities = np.array([[0.62, 0.38], [0.62, 0.38], [0.95, 0.05]])
    labels = np.array([0, 1, 0])
    expected = (2 * abs(0.5 - 0.62) + abs(1 - 0.95)) / 3
    assert expected_calibration_error(probabilities, labels) == pytest.approx(expected)


def test_ece_of_honest_confidence_is_small_and_of_boasting_large():
    draw = np.random.default_rng(1)
    confidence = draw.uniform(0.5, 1.0, 20_000)
    labels = (draw.random(20_000) > confidence).astype(int)
    honest = np.stack([confidence, 1 - confidence], axis=1)
    assert expected_calibration_error(honest, labels) < 0.02
    assert expected_calibration_error(np.array([[1.0, 0.0]] * 20_000), labels) > 0.2


def test_certain_and_wrong_is_finite():
    assert np.isfinite(measure(np.array([[1.0, 0.0]]), np.array([1]), ("a", "b")).nll)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"), [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)]
)
def test_wilson_published_values(right, n, low, high):
    """The third is Newcombe's (1998) example: 81 of 263."""
    found = wilson(right, n)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_wilson_holds_the_fraction(right, wrong):
    n = right + wrong
    found = wilson(right, n)
    assert 0 <= found.low <= found.high <= 1
    if n:
        assert found.low - 1e-9 <= right / n <= found.high + 1e-9
    else:
        assert found == Interval(0.0, 1.0)


def test_nothing_to_measure():
    with pytest.raises(DataError, match="no image"):
        measure(np.empty((0, 3)), np.empty(0, int), ("a", "b", "c"))


def test_nan_is_refused():
    with pytest.raises(DataError, match="finite"):
        measure(np.array([[np.nan, 0.5]]), np.array([0]), ("a", "b"))
