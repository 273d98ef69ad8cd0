"""Paired significance against textbook numbers and an exhaustive enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive.evaluate.paired import bootstrap, mcnemar, middle, paired, paired_redrawn


@pytest.mark.parametrize(("total", "least"), [(n, k) for n in range(1, 9) for k in range(n // 2 + 1)])
def test_the_p_value_counts_all_ways_the_coins_can_fall(total: int, least: int) -> None:
    as_uneven = sum(min(sum(coins), total - sum(coins)) <= least for coins in itertools.product((0, 1), repeat=total))
    assert mcnemar(least, total - least) == pytest.approx(as_uneven / 2**total, rel=1e-12)


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [(0, 0, 1.0), (5, 5, 1.0), (1, 9, 0.021484375), (15, 5, 0.04138947), (3000, 3000, 1.0), (0, 3000, 0.0)],
)
def test_known_p_values(only_first: int, only_second: int, p: float) -> None:
    assert mcnemar(only_first, only_second) == pytest.approx(p, abs=1e-8)
    assert mcnemar(only_second, only_first) == mcnemar(only_first, only_second)


def test_many_images_agree_with_the_normal_approximation() -> None:
    # z = 200 / sqrt(10000) with the continuity correction: p = erfc(1.99 / sqrt 2)
    assert mcnemar(5100, 4900) == pytest.approx(0.04659, rel=1e-3)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=50))
def test_who_comes_first_decides_only_the_sign(answers: list[tuple[bool, bool]]) -> None:
    first, second = np.array(answers).T
    one, other = paired(first, second), paired(second, first)
    assert one.difference == pytest.approx(first.mean() - second.mean())
    assert other.difference == -one.difference
    assert one.p == other.p
    assert 0 < one.p <= 1
    assert -1 <= one.interval.low <= one.interval.high <= 1


def test_the_bootstrap_is_that_of_the_images_themselves() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.random(400) < 0.8, rng.random(400) < 0.7
    found = paired(first, second, seed=1).interval
    pairs = first.astype(int) - second
    means = [pairs[rng.integers(0, 400, 400)].mean() for _ in range(4000)]
    assert (found.low, found.high) == pytest.approx(np.quantile(means, (0.025, 0.975)), abs=0.006)


def test_the_seed_decides_the_resamples() -> None:
    assert bootstrap(30, 20, 500, seed=1) == bootstrap(30, 20, 500, seed=1)
    assert bootstrap(9000, 8000, 50_000, seed=1) != bootstrap(9000, 8000, 50_000, seed=2)


def test_the_lesser_one_is_seldom_ahead_where_the_difference_is_sure() -> None:
    values = np.linspace(-1, 1, 1999)
    interval, p = paired_redrawn(values + 0.9, np.zeros(1999))  # of these 5% are below 0
    assert p == pytest.approx(2 * (1 + 100) / 2000, abs=0.002)
    assert (interval.low, interval.high) == pytest.approx((-0.05, 1.85), abs=0.001)
    assert paired_redrawn(values + 5, np.zeros(1999))[1] == 2 / 2000
    assert paired_redrawn(np.zeros(1999), values + 5)[1] == 2 / 2000


def test_equal_classifiers_do_not_differ() -> None:
    interval, p = paired_redrawn(np.ones(50), np.ones(50))
    assert (interval.low, interval.high, p) == (0, 0, 1)


def test_the_middle_leaves_a_fortieth_on_either_side() -> None:
    found = middle(np.arange(1001) / 1000)
    assert (found.low, found.high) == pytest.approx((0.025, 0.975))
