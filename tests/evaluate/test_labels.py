from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score

from topfive.errors import DataError
from topfive.evaluate import fit_thresholds, measure_labels
from topfive.evaluate.labels import average_precision

DRAW = np.random.default_rng(0)
TRUTH = DRAW.random((300, 5)) < [0.5, 0.2, 0.05, 0.9, 0.3]
SCORES = np.clip(0.3 * TRUTH + DRAW.random((300, 5)) * 0.7, 0, 1).round(2)  # two decimals: many ties
THRESHOLDS = (0.5, 0.4, 0.6, 0.5, 0.3)
CLASSES = tuple("abcde")


@pytest.fixture(scope="module")
def found():
    return measure_labels(SCORES, TRUTH, CLASSES, THRESHOLDS)


def test_mean_average_precision_is_that_of_scikit_learn(found):
    assert found.mean_average_precision == pytest.approx(average_precision_score(TRUTH, SCORES, average="macro"))
    wanted = average_precision_score(TRUTH, SCORES, average=None)
    np.testing.assert_allclose([score.average_precision for score in found.per_class], wanted)


def test_f1_is_that_of_scikit_learn(found):
    claimed = np.array(THRESHOLDS) <= SCORES
    assert found.micro_f1 == pytest.approx(f1_score(TRUTH, claimed, average="micro"))
    assert found.macro_f1 == pytest.approx(f1_score(TRUTH, claimed, average="macro"))
    assert [score.support for score in found.per_class] == TRUTH.sum(axis=0).tolist()


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.50001, 1.0]), st.booleans()), min_size=1, max_size=30))
def test_average_precision_with_ties(pairs):
    scores, truth = (np.array(column) for column in zip(*pairs, strict=True))
    ours = average_precision(scores, truth)
    if truth.any():
        assert ours == pytest.approx(average_precision_score(truth, scores))
    else:
        assert np.isnan(ours)


def test_thresholds_have_the_highest_f1_of_all():
    found = fit_thresholds(SCORES, TRUTH)
    for scores, truth, threshold in zip(SCORES.T, TRUTH.T, found, strict=True):
        best = max(f1_score(truth, scores >= candidate) for candidate in np.unique(scores))
        assert f1_score(truth, scores >= threshold) == pytest.approx(best)
        assert threshold not in scores


@pytest.mark.parametrize(
    ("scores", "truth", "wanted"),
    [
        ([0.9, 0.8, 0.1], [True, True, False], 0.45),
        ([0.9, 0.2], [True, True], 0.1),
        ([0.9, 0.2], [False, False], 0.5),
        ([0.0, 0.0], [True, False], 0.0),
        ([np.nextafter(0.5, 1), 0.5], [True, False], np.nextafter(0.5, 1)),  # nothing lies between them
    ],
)
def test_thresholds_by_hand(scores, truth, wanted):
    (found,) = fit_thresholds(np.array(scores)[:, None], np.array(truth)[:, None])
    assert found == wanted


def test_a_class_without_a_positive_is_left_out_of_the_mean():
    found = measure_labels(
        np.array([[0.9, 0.2], [0.1, 0.3]]), np.array([[True, False], [False, False]]), ("a", "b"), (0.5,) * 2
    )
    assert found.mean_average_precision == 1.0
    assert found.macro_f1 == 0.5


@pytest.mark.parametrize(
    ("scores", "truth", "says"),
    [([[0.5, 0.5]], [[False, False]], "no image with a label"), ([[np.nan, 0.5]], [[True, False]], "finite")],
)
def test_nothing_to_measure(scores, truth, says):
    with pytest.raises(DataError, match=says):
        measure_labels(np.array(scores), np.array(truth), ("a", "b"), (0.5, 0.5))
