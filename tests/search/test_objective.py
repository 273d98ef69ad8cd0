from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive.errors import UsageError
from topfive.search.objective import COSTS, objective_named
from topfive.search.trial import Measurement


def measured(accuracy=0.8, params=1000, macs=2000, latency=4.0):
    return Measurement(accuracy, params, macs, seconds=1.0, latency=latency)


def test_accuracy_is_the_accuracy():
    assert objective_named("accuracy")(measured(0.75)) == 0.75


@pytest.mark.parametrize(("cost", "half"), [("latency", 2.0), ("macs", 1000.0), ("params", 500.0)])
def test_rewards_are_those_of_the_paper(cost, half):
    soft, hard = (objective_named(name, cost, half) for name in ("soft", "hard"))
    assert soft(measured()) == pytest.approx(0.8 * 2**-0.07)  # eq. 2 at twice the target
    assert hard(measured()) == pytest.approx(0.8 / 2)
    soft, hard = (objective_named(name, cost, 4 * half) for name in ("soft", "hard"))
    assert soft(measured()) == pytest.approx(0.8 * 2**0.07)  # and at half of it
    assert hard(measured()) == 0.8


@given(st.sampled_from(("soft", "hard")), st.sampled_from(COSTS), st.floats(1e-3, 1e9), st.integers(1, 10**10))
def test_a_greater_cost_is_never_worth_more(name, cost, target, spent):
    worth = objective_named(name, cost, target)
    assert worth(measured(**{cost: spent})) >= worth(measured(**{cost: 2 * spent}))


def test_unknown_names_are_told_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'accuracy'"):
        objective_named("acuracy")
    with pytest.raises(UsageError, match="did you mean 'latency'"):
        objective_named("soft", "latencies", 3.0)


@pytest.mark.parametrize("target", [None, 0.0, -1.0, float("nan"), float("inf")])
def test_a_reward_without_a_target_is_refused(target):
    with pytest.raises(UsageError, match="target"):
        objective_named("hard", "macs", target)


def test_a_latency_that_nobody_measured_is_no_zero():
    with pytest.raises(UsageError, match="measured none"):
        objective_named("soft", "latency", 2.0)(measured(latency=None))
