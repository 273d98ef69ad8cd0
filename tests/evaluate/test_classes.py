from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive.errors import DataError
from topfive.evaluate import match_classes
from topfive.labels import Labels, imagenet


@pytest.mark.parametrize(
    ("classes", "index"),
    [(("red", "green"), [0, 1]), (("green", "red"), [1, 0]), (("green",), [1]), ((), [])],
)
def test_by_name(classes, index):
    assert match_classes(Labels(("red", "green")), classes).tolist() == index


def test_by_synset_also_where_names_repeat():
    labels = Labels(("crane", "crane", "dog"), ("n3", "n1", "n2"))
    assert match_classes(labels, ("n1", "n2", "n3")).tolist() == [1, 2, 0]
    assert match_classes(labels, ("dog",)).tolist() == [2]


def test_a_name_of_two_classes_is_ambiguous():
    with pytest.raises(DataError, match="crane is the name of 2 of the model's classes"):
        match_classes(imagenet(), ("crane", "tench"))


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        (("red", "cyan"), "only the model has 'green'; only the data has 'cyan'"),
        (("red", "green", "cyan"), "only the model has none; only the data has 'cyan'"),
        (tuple(map(str, range(20))), "and 15 more"),
        (("re\x1bd",), r"'re\\x1bd'"),
        (("red", "n2"), "only the data has 'n2', 'red'"),  # a mixture of names and synsets
    ],
)
def test_both_differences_are_listed(classes, says):
    with pytest.raises(DataError) as refused:
        match_classes(Labels(("red", "green"), ("n1", "n2")), classes)
    assert says in str(refused.value)
    assert refused.value.exit_code == 3


@given(st.lists(st.text(), unique=True, min_size=1), st.randoms())
def test_every_subset_in_every_order_finds_its_places(names, draw):
    chosen = draw.sample(names, draw.randint(1, len(names)))
    index = match_classes(Labels(tuple(names)), tuple(chosen))
    assert [names[place] for place in index] == chosen
