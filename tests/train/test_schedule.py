from __future__ import annotations

import math

import pytest

from topfive.recipe import recipe_from
from topfive.train.schedule import learning_rate


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
