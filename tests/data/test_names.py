from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive.data.names import Names

file_names = st.binary(max_size=40).map(os.fsdecode)


@given(st.lists(file_names))
def test_names_are_the_list_they_came_from(listed: list[str]) -> None:
    names = Names(listed)
    assert list(names) == listed
    assert len(names) == len(listed)
    assert list(names[1:]) == listed[1:]
    if listed:
        assert names[-1] == listed[-1]
        assert list(names.take(np.arange(len(listed))[::-1])) == listed[::-1]
    assert list(Names.stored(names.text, names.ends)) == listed
    with pytest.raises(IndexError):
        names[len(listed)]


@given(st.lists(file_names) | st.lists(st.text("ab/._-Z9", max_size=9)))
def test_names_sort_as_text_does(listed: list[str]) -> None:
    assert [listed[place] for place in Names(listed).order()] == sorted(listed)
    assert (Names(listed) == Names(sorted(listed))) == (listed == sorted(listed))


@pytest.mark.parametrize("ends", [[1, 2], [3, 2, 4], [5], [-1, 4], [4, 4, 5]])
def test_arrays_that_are_no_names_are_refused(ends: list[int]) -> None:
    assert list(Names.stored(np.frombuffer(b"abcd", np.uint8), np.array([4]))) == ["abcd"]
    with pytest.raises(ValueError, match="no names"):
        Names.stored(np.frombuffer(b"abcd", np.uint8), np.array(ends))
