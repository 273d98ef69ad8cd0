from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from heard import Heard
from topfive.data import ArrayDataset, open_data
from topfive.models import spec
from topfive.train import choice
from topfive.train.choice import chosen, network_for, warmed_up
from topfive.train.recipes import paper, quick

DIGITS = open_data("digits")


@pytest.fixture
def speed(monkeypatch):
    """Seconds that an epoch takes, by network."""
    seconds = {}
    monkeypatch.setattr(choice, "epoch_seconds", lambda recipe, splits, within: seconds[recipe.model])
    return seconds


def test_the_stronger_network_where_the_time_allows_it_and_three_lines_why(speed):
    speed.update(resnet20_cifar=0.1, lenet5=0.01)
    heard = Heard()
    recipe = chosen(DIGITS, {"time": 60.0}, heard)
    assert recipe.model == choice.SMALL[0]
    assert recipe.time == 60
    assert choice.ENOUGH <= recipe.epochs <= choice.MOST
    assert len(heard.lines) == 3
    assert recipe.model in "".join(heard.lines)


def test_the_quicker_network_where_it_does_not(speed):
    speed.update(resnet20_cifar=10.0, lenet5=0.01)
    assert chosen(DIGITS, {"time": 10.0}, Heard()).model == choice.SMALL[-1]


@pytest.mark.parametrize("seconds", [40.0, 60.0, 1e9])
def test_epochs_fill_the_time(speed, seconds):
    speed.update(resnet20_cifar=2.1, lenet5=1e9)
    found = chosen(DIGITS, {"time": seconds}, Heard())
    assert found.epochs == min(choice.MOST, round(choice.for_training(seconds) / 2.1))


def photographs(count=8):
    images = np.zeros((count, 3, 160, 160), np.uint8)
    part = ArrayDataset(images, np.arange(count) % 2, ("a", "b"), "x")
    return dataclasses.replace(DIGITS, train=part, val=part)


@pytest.mark.parametrize(("epoch", "side"), [(0.001, 224), (1e9, 128)])
def test_photographs_are_looked_at_as_closely_as_the_time_allows(speed, epoch, side):
    speed[choice.PHOTOGRAPHS] = epoch
    recipe = chosen(photographs(), {}, Heard())
    assert (recipe.model, recipe.weights, recipe.img_size) == (choice.PHOTOGRAPHS, "imagenet", side)
    assert recipe.time == choice.SECONDS


def test_what_the_user_says_stays(speed):
    speed.update(resnet20_cifar=0.01, lenet5=0.01)
    recipe = chosen(DIGITS, {"epochs": 7, "lr": 0.03}, Heard())
    assert (recipe.epochs, recipe.lr) == (7, 0.03)


def test_a_named_recipe_has_a_network_that_suits():
    assert network_for(DIGITS) == choice.SMALL[0]
    assert network_for(photographs()) == choice.PHOTOGRAPHS


def test_few_epochs_leave_room_for_more_than_warming_up():
    base = dataclasses.replace(quick(spec("lenet5"), DIGITS), warmup_epochs=5, freeze_epochs=3)
    assert warmed_up(base, {"epochs": 4}) == {"epochs": 4, "warmup_epochs": 1, "freeze_epochs": 1}
    assert warmed_up(base, {"lr": 1.0}) == {"lr": 1.0}
    assert warmed_up(base, {"epochs": 4, "warmup_epochs": 2})["warmup_epochs"] == 2


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("wrn28_10_cifar", "decay_milestones", (6.0, 12.0, 16.0)),
        ("alexnet_paper", "decay_epochs", 5.0),
        ("efficientnet_b0", "decay_epochs", 2.4 * 20 / 350),
    ],
)
def test_falls_of_the_rate_come_at_the_same_shares_of_a_shorter_run(name, field, value):
    base = paper(spec(name), DIGITS)
    assert warmed_up(base, {"epochs": 20})[field] == pytest.approx(value)
    assert warmed_up(base, {"epochs": 20, field: 7.0})[field] == 7.0
    assert field not in warmed_up(base, {"epochs": 20, "sched": "cosine"})
