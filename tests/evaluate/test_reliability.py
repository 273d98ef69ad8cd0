"""The bins of a reliability diagram."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive.evaluate.reliability import reliability


def test_a_bin_holds_what_is_above_its_left_edge_up_to_its_right() -> None:
    confidence = np.array([0.2, 0.25, 0.5, 0.75, 1.0])
    found = reliability(confidence, np.array([True, False, True, True, False]), bins=4)
    assert found.counts.tolist() == [2, 1, 1, 1]
    assert found.accuracy.tolist() == [0.5, 1.0, 1.0, 0.0]
    assert found.confidence.tolist() == [pytest.approx(0.225), 0.5, 0.75, 1.0]
    assert found.ece == pytest.approx((2 * 0.275 + 0.5 + 0.25 + 1.0) / 5)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.integers(1, 20))
def test_every_image_is_in_one_bin_and_the_means_are_those_of_the_bins(
    answers: list[tuple[float, bool]], bins: int
) -> None:
    confidence, correct = np.array([c for c, _ in answers]), np.array([r for _, r in answers])
    found = reliability(confidence, correct, bins)
    assert found.counts.sum() == len(answers)
    assert (found.counts * found.accuracy).sum() == pytest.approx(correct.sum())
    assert (found.counts * found.confidence).sum() == pytest.approx(confidence.sum(), abs=1e-9)
    assert 0 <= found.ece <= 1
