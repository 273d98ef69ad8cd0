"""Classes that are taken for each other stand together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive.report.neighbours import blocks


@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_every_class_stands_once_in_a_block_that_is_not_too_large(count: int, most: int, seed: int) -> None:
    counts = np.random.default_rng(seed).integers(0, 4, (count, count))
    found = blocks(counts, most)
    assert sorted(index for chain in found for index in chain) == list(range(count))
    assert max(map(len, found)) <= most


def hidden_groups(group: np.ndarray) -> np.ndarray:
    """Every class is taken for the others of its group now and then, and the first group for the last a little."""
    counts = (group[:, None] == group).astype(np.int64) * 3
    counts[np.ix_(group == 0, group == group.max())] = 1
    np.fill_diagonal(counts, 50)
    return counts


@pytest.mark.parametrize("size", [2, 5, 8])
def test_hidden_groups_are_found_and_related_ones_are_neighbours(size: int) -> None:
    group = np.random.default_rng(size).permutation(np.arange(6 * size) // size)
    found = blocks(hidden_groups(group), size)
    members = [set(group[list(chain)].tolist()) for chain in found]
    assert all(len(one) == 1 for one in members)
    order = [one.pop() for one in members]
    assert abs(order.index(0) - order.index(5)) == 1


def test_the_ends_that_meet_are_the_confused_ones() -> None:
    counts = np.zeros((4, 4), np.int64)
    counts[0, 2], counts[1, 3], counts[2, 3] = 9, 8, 1
    (chain,) = blocks(counts, 4)
    assert chain in ((0, 2, 3, 1), (1, 3, 2, 0))


def test_one_group_too_large_for_a_block_is_cut_into_neighbours() -> None:
    counts = np.full((12, 12), 2)
    found = blocks(counts, 5)
    assert max(map(len, found)) <= 5
    assert len(found) <= 6
