"""The choice under limits: what is taken, what is passed over, and what is said where nothing keeps to them."""

from __future__ import annotations

import dataclasses
import math

import pytest

from heard import Heard
from topfive.data import open_data
from topfive.errors import LimitsError
from topfive.evaluate.limits import Cost, Limits
from topfive.spec import Facts
from topfive.train import limited
from topfive.train.limited import chosen_within
from topfive.train.weighed import MARGIN, Weighed

DIGITS = open_data("digits")
NETWORKS = {"resnet20_cifar": 8, "scaled:d1-w0.5-s32:resnet20_cifar": 4, "lenet5": 1}  # how large, in a unit of ours
MILLION, MILLISECOND, KILOBYTE = 1_000_000, 1e-3, 1000


@pytest.fixture
def world(monkeypatch):
    """Networks whose costs are known: a million operations, a millisecond, four kilobytes of floats a unit.

    int8 halves the time and quarters the bytes.  An epoch takes a second a unit.  Which files were weighed is kept.
    """
    weighed = []

    def weigh(recipe, precision, limits, splits):
        size = NETWORKS[recipe.model]
        share, bytes_each = (1.0, 4) if precision == "float32" else (0.5, 1)
        weighed.append((recipe.model, precision))
        cost = Cost(size * share * MILLISECOND, size * bytes_each * KILOBYTE, size * MILLION)
        return Weighed(recipe, precision, cost)

    def facts_of(recipe, splits):
        return Facts(NETWORKS[recipe.model] * KILOBYTE, NETWORKS[recipe.model] * MILLION)

    monkeypatch.setattr(limited, "weigh", weigh)
    monkeypatch.setattr(limited, "facts_of", facts_of)
    monkeypatch.setattr(limited, "ladder", lambda splits: [{"model": name} for name in NETWORKS])
    monkeypatch.setattr(limited, "epoch_seconds", lambda recipe, splits, within: float(NETWORKS[recipe.model]))
    return weighed


def choose(limits, settings=None, heard=None):
    return chosen_within(limits, None, {"time": 1e6, **(settings or {})}, DIGITS, heard or Heard())


RESNET, NARROW, LENET = NETWORKS


@pytest.mark.parametrize(
    ("limits", "model", "last"),
    [
        (Limits(latency=1.0), RESNET, (RESNET, "float32")),
        (Limits(latency=8 * MILLISECOND / MARGIN), RESNET, (RESNET, "float32")),
        (Limits(latency=8 * MILLISECOND), RESNET, (RESNET, "int8")),  # in floats without a margin
        (Limits(latency=4 * MILLISECOND), NARROW, (NARROW, "int8")),
        (Limits(latency=1.2 * MILLISECOND), LENET, (LENET, "float32")),
        (Limits(size=32 * KILOBYTE), RESNET, (RESNET, "float32")),
        (Limits(size=31 * KILOBYTE), RESNET, (RESNET, "int8")),
        (Limits(size=7 * KILOBYTE), NARROW, (NARROW, "int8")),
        (Limits(macs=8 * MILLION), RESNET, (RESNET, "float32")),
        (Limits(macs=8 * MILLION - 1), NARROW, (NARROW, "float32")),
        (Limits(1.0, 31 * KILOBYTE, 5 * MILLION), NARROW, (NARROW, "float32")),
    ],
)
def test_the_first_that_keeps_to_every_limit_in_floats_where_these_do(world, limits, model, last):
    heard = Heard()
    assert choose(limits, heard=heard).model == model
    assert world[-1] == last
    told = "\n".join(heard.lines)
    assert model in told
    assert ("in int8" in told) == (last[1] == "int8")


def test_what_cannot_keep_to_them_is_not_weighed(world):
    choose(Limits(size=7 * KILOBYTE))
    assert world == [(NARROW, "int8")]  # the parameters alone are too many of the others
    world.clear()
    choose(Limits(macs=MILLION))
    assert world == [(LENET, "float32")]
    world.clear()
    choose(Limits(latency=1.2 * MILLISECOND))  # far too slow by what the first took for its operations
    assert world == [(RESNET, "float32"), (RESNET, "int8"), (LENET, "float32")]


@pytest.mark.parametrize(("seconds", "model"), [(200.0, RESNET), (50.0, NARROW), (10.0, LENET), (0.1, LENET)])
def test_a_network_that_has_no_time_to_learn_is_passed_over(world, seconds, model):
    recipe = choose(Limits(latency=1.0), {"time": seconds})
    assert (recipe.model, recipe.time) == (model, seconds)
    epochs = math.floor(limited.for_training(seconds) / NETWORKS[model] - 1e-3)
    assert recipe.epochs == max(1, min(limited.MOST, epochs))


def test_what_the_user_says_stays(world):
    recipe = choose(Limits(macs=8 * MILLION), {"epochs": 7, "lr": 0.03, "time": 300.0})
    assert (recipe.epochs, recipe.lr, recipe.time) == (7, 0.03, 300)


def test_a_named_network_is_checked_and_not_replaced(world):
    assert choose(Limits(size=31 * KILOBYTE), {"model": RESNET}).model == RESNET
    with pytest.raises(LimitsError, match=r"8\.00 KB where 7\.00 KB is allowed"):
        choose(Limits(size=7 * KILOBYTE), {"model": RESNET})


def test_where_nothing_keeps_to_them_one_line_has_the_nearest_values(world):
    with pytest.raises(LimitsError) as error:
        choose(Limits(0.1 * MILLISECOND, 10 * KILOBYTE, 1000))
    line = str(error.value)
    assert error.value.exit_code == 8
    assert "\n" not in line
    assert f"{0.5 / MARGIN:.3g} ms where 0.1 ms is allowed" in line
    assert "1.00 KB where 10.00 KB is allowed" in line
    assert "1.00M multiply-accumulates where 1.00K multiply-accumulates is allowed" in line


def test_the_nearest_values_are_possible(world):
    with pytest.raises(LimitsError):
        choose(Limits(latency=0.5 * MILLISECOND / MARGIN - 1e-9))
    assert choose(Limits(latency=0.5 * MILLISECOND / MARGIN + 1e-9)).model == LENET


def test_the_nearest_values_are_of_one_network(world, monkeypatch):
    """A file of few bytes that is slow and a quick one of many are not one that is small and quick."""
    monkeypatch.setattr(limited, "least_bytes", lambda facts, precision: 0)
    monkeypatch.setattr(limited.Walk, "_too_slow", lambda *arguments: False)
    weigh = limited.weigh

    def quick_but_large(*arguments):
        weighed = weigh(*arguments)
        large = dataclasses.replace(weighed.cost, size=20 * KILOBYTE)
        return dataclasses.replace(weighed, cost=large) if weighed.recipe.model == LENET else weighed

    monkeypatch.setattr(limited, "weigh", quick_but_large)
    with pytest.raises(LimitsError) as error:
        choose(Limits(latency=MILLISECOND / MARGIN, size=7 * KILOBYTE))
    assert str(error.value).count("where") == 2
    assert "2.22 ms where 1.11 ms is allowed" in str(error.value)
    assert "4.00 KB where 7.00 KB is allowed" in str(error.value)
    assert f"{NARROW}, in int8" in str(error.value)


def test_looking_leaves_the_time_for_learning(world, monkeypatch):
    """Every look takes ten of sixty seconds: after the second the ladder is looked at from its modest end."""
    now = [1000.0]
    weigh = limited.weigh

    def slow(*arguments):
        now[0] += 10
        return weigh(*arguments)

    monkeypatch.setattr(limited, "weigh", slow)
    monkeypatch.setattr(limited.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(limited.Walk, "_too_slow", lambda *arguments: False)
    heard = Heard()
    recipe = choose(Limits(latency=2 * MILLISECOND / MARGIN), {"time": 60.0}, heard)
    assert world == [(RESNET, "float32"), (RESNET, "int8"), (LENET, "float32")]
    assert recipe.model == LENET
    assert "1 too slow, 1 not looked at for want of time" in "\n".join(heard.lines)


def test_late_looking_climbs_until_something_keeps_to_the_limits(world, monkeypatch):
    """What is smallest last need not be smallest in every respect."""
    monkeypatch.setattr(limited, "LOOK", -1.0)
    monkeypatch.setitem(NETWORKS, LENET, 5)
    assert choose(Limits(size=4 * KILOBYTE)).model == NARROW
    assert world == [(NARROW, "int8")]
