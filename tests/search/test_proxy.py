"""The evaluator that trains: what it measures is a function of network, seed and budget."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
import torch

from topfive.data import Splits, open_data
from topfive.data.part import within_training
from topfive.errors import DivergedError, UsageError
from topfive.models import spec
from topfive.recipe import Recipe
from topfive.search.proxy import Proxy

CELL = "pnas:n1-f4-s8-c1:separable_3x3@0+max_3x3@1"
RECIPE = Recipe(model="", epochs=2, batch_size=100, opt="adamw", lr=0.02)


@pytest.fixture(scope="module")
def splits() -> Splits:
    return within_training(open_data("digits"), 600, 300)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_a_network_and_a_seed_give_one_measurement(splits: Splits) -> None:
    evaluate = Proxy(splits, RECIPE)
    first = evaluate(CELL, 1)
    assert evaluate(CELL, 2).curve != first.curve
    torch.manual_seed(99)
    torch.rand(7)
    again = pickle.loads(pickle.dumps(evaluate))(CELL, 1)
    assert replace(again, seconds=first.seconds) == first
    assert (len(first.curve), first.curve[-1]) == (2, first.accuracy)
    assert first.accuracy > 0.4
    assert first.seconds > 0
    facts = spec(CELL).facts
    assert (first.params, first.macs) == (facts.params, facts.macs)


def test_images_have_the_size_of_the_networks_name(splits: Splits) -> None:
    """Twice the sides: another input, another result, four times the multiply-accumulates of all but the head."""
    small, large = (Proxy(splits, RECIPE)(CELL.replace("s8", side), 1) for side in ("s8", "s16"))
    assert small.curve != large.curve
    head = 10 * 16  # classes, and the channels of the last cell
    assert large.macs - head == 4 * (small.macs - head)


def test_a_budget_of_time_ends_a_training(splits: Splits) -> None:
    found = Proxy(splits, replace(RECIPE, epochs=100_000, time=0.5))(CELL, 1)
    assert 1 <= len(found.curve) < 1000


def test_divergence_names_the_network(splits: Splits) -> None:
    wild = replace(RECIPE, opt="sgd", lr=1e30, clip_grad=0.0)
    with pytest.raises(DivergedError, match="pnas:n1-f4-s8-c1"):
        Proxy(splits, wild)(CELL, 1)


def test_what_cannot_be_built_is_refused(splits: Splits) -> None:
    with pytest.raises(UsageError):
        Proxy(splits, RECIPE)("pnas:n1-f4-s8-c1:max_3x2@0+max_3x3@1", 1)
