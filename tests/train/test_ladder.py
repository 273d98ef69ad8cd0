"""The ladder of networks under limits: from what is chosen without any, downward, all of them trainable."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest

from topfive.data import ArrayDataset, open_data
from topfive.train.choice import PHOTOGRAPHS, SMALL, whole
from topfive.train.ladder import ladder
from topfive.train.plan import preprocess_for, rehearse
from topfive.train.weighed import facts_of

DIGITS = open_data("digits")


def photographs():
    images = np.zeros((4, 3, 160, 160), np.uint8)
    part = ArrayDataset(images, np.arange(4) % 2, ("a", "b"), "x")
    return dataclasses.replace(DIGITS, train=part, val=part, test=part)


def test_it_begins_with_the_choice_without_limits_and_ends_with_lenet():
    rungs = ladder(DIGITS)
    assert rungs[0] == {"model": SMALL[0]}
    assert rungs[-1] == {"model": SMALL[-1]}
    assert ladder(photographs())[0] == {"model": PHOTOGRAPHS, "weights": "imagenet", "img_size": 224}


@pytest.fixture(scope="module")
def recipes():
    return [whole(None, rung, DIGITS) for rung in ladder(DIGITS)]


def test_no_two_rungs_are_one(recipes):
    assert len(set(recipes)) == len(recipes) > 12


def test_operations_fall_as_the_order_says(recipes):
    macs = [facts_of(recipe, DIGITS).macs for recipe in recipes]
    assert all(after <= 1.2 * before for before, after in pairwise(macs))  # equal products differ by borders
    assert min(macs) == macs[-1]


def test_the_first_and_the_least_can_be_trained(recipes):
    for recipe in (recipes[0], recipes[-2], recipes[-1]):
        rehearse(recipe, DIGITS, preprocess_for(recipe, DIGITS))


def test_photographs_without_weights_come_after_those_with():
    weights = [rung.get("weights") for rung in ladder(photographs())]
    first = weights.index(None)
    assert set(weights[:first]) == {"imagenet"}
    assert set(weights[first:]) == {None}
