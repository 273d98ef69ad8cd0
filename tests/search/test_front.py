from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive.errors import UsageError
from topfive.search.front import front
from topfive.search.trial import Failure, Measurement, Trial


def trial(number, accuracy=0.5, macs=10, params=10, latency=None, copy_of=None):
    outcome = Measurement(accuracy, params, macs, 1.0, latency=latency)
    return Trial(number, 0, (number,), str(number), "m", outcome, accuracy, copy_of)


def numbers(trials):
    return [each.number for each in trials]


def test_front_goes_from_cheap_to_accurate():
    trials = [trial(0, 0.9, 40), trial(1, 0.7, 10), trial(2, 0.7, 20), trial(3, 0.8, 20), trial(4, 0.6, 10)]
    assert numbers(front(trials, "macs", "accuracy")) == [1, 3, 0]
    assert numbers(front(trials, "accuracy", "macs")) == [0, 3, 1]


def test_of_equals_the_earliest_is_on_it():
    assert numbers(front([trial(0), trial(1)], "macs", "accuracy")) == [0]


def test_copies_failures_and_what_was_not_measured_are_no_part():
    failed = Trial(2, 0, (2,), "2", "m", Failure("killed"), None)
    trials = [trial(0, 0.9, copy_of=7), trial(1, 0.8), failed, trial(3, 0.5, latency=3.0)]
    assert numbers(front(trials, "macs", "accuracy")) == [1]
    assert numbers(front(trials, "latency", "accuracy")) == [3]


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=30))
def test_front_is_what_nothing_dominates(points):
    trials = [trial(number, accuracy / 8, macs) for number, (accuracy, macs) in enumerate(points)]
    best = {
        point
        for point in points
        if not any(a >= point[0] and m <= point[1] and (a, m) != point for a, m in points)
    }  # fmt: skip
    found = [points[each.number] for each in front(trials, "macs", "accuracy")]
    assert sorted(found) == sorted(best)


def test_quantities_are_known_and_two():
    with pytest.raises(UsageError, match="did you mean 'accuracy'"):
        front([], "acuracy", "macs")
    with pytest.raises(UsageError, match="two quantities"):
        front([], "macs", "macs")
