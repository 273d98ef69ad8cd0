from __future__ import annotations

import math

import pytest
import torch

from topfive.recipe import recipe_from
from topfive.train.schedule import learning_rate, momentum


def test_warmup_rises_linearly_and_ends_at_the_full_rate():
    recipe = recipe_from({"model": "m", "epochs": 4, "lr": 0.8, "warmup_epochs": 1})
    rates = [learning_rate(recipe, step, 4) for step in range(5)]
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8])


def test_cosine_is_half_at_the_middle_and_nearly_nothing_at_the_end():
    recipe = recipe_from({"model": "m", "epochs": 10, "lr": 0.1})
    assert learning_rate(recipe, 0, 10) == 0.1
    assert learning_rate(recipe, 50, 10) == pytest.approx(0.05)
    assert learning_rate(recipe, 99, 10) == pytest.approx(0.05 * (1 + math.cos(0.99 * math.pi)))


def test_steps_fall_by_the_decay_rate():
    recipe = recipe_from({"model": "m", "epochs": 9, "lr": 1.0, "sched": "step", "decay_epochs": 3, "decay_rate": 0.1})
    rates = [learning_rate(recipe, epoch * 5, 5) for epoch in range(9)]
    assert rates == pytest.approx([1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01])


def test_constant_stays():
    recipe = recipe_from({"model": "m", "epochs": 3, "lr": 0.3, "sched": "constant"})
    assert {learning_rate(recipe, step, 7) for step in range(21)} == {0.3}


def test_milestones_are_where_the_rate_falls():
    recipe = recipe_from({"model": "m", "epochs": 9, "lr": 1.0, "sched": "multistep", "decay_milestones": [3, 7]})
    rates = [learning_rate(recipe, epoch * 5, 5) for epoch in range(9)]
    assert rates == pytest.approx([1] * 3 + [0.1] * 4 + [0.01] * 2)


def test_exponential_falls_smoothly_by_the_decay_rate():
    recipe = recipe_from(
        {"model": "m", "epochs": 9, "lr": 1.0, "sched": "exponential", "decay_epochs": 2.4, "decay_rate": 0.97}
    )
    rates = [learning_rate(recipe, step, 5) for step in range(45)]
    assert rates[12] == pytest.approx(0.97)
    assert rates == sorted(rates, reverse=True)
    assert len(set(rates)) == 45


@pytest.mark.parametrize("power", [1.0, 4.0])
def test_polynomial_reaches_nothing(power):
    recipe = recipe_from({"model": "m", "epochs": 4, "lr": 1.0, "sched": "polynomial", "power": power})
    assert learning_rate(recipe, 10, 5) == pytest.approx(0.5**power)
    assert learning_rate(recipe, 20, 5) == 0


@pytest.mark.parametrize("warmup", [0.0, 2.0])
def test_one_cycle_is_torchs(warmup):
    recipe = recipe_from({"model": "m", "epochs": 5, "lr": 0.4, "sched": "onecycle", "warmup_epochs": warmup})
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], 0.1, momentum=0.9)
    rise = (warmup or 1.5) * 8 / 40  # torch's top is at rise * 40 - 1
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.4, total_steps=40, pct_start=rise + 1 / 40, cycle_momentum=True
    )
    for step in range(40):
        assert learning_rate(recipe, step, 8) == pytest.approx(theirs.get_last_lr()[0], abs=1e-9)
        assert momentum(recipe, step, 8) == pytest.approx(optimizer.param_groups[0]["momentum"], abs=1e-9)
        optimizer.step()
        if step < 39:
            theirs.step()
