"""The recipes that `topfive train --recipe` starts from: functions of network and data, each giving one `Recipe`."""

from __future__ import annotations

from collections.abc import Callable

from topfive.data import Splits
from topfive.errors import UsageError, nearest
from topfive.recipe import Recipe
from topfive.spec import ModelSpec
from topfive.train.recipes.bag_of_tricks import bag_of_tricks
from topfive.train.recipes.fine_tune import fine_tune
from topfive.train.recipes.modern import modern
from topfive.train.recipes.paper import paper
from topfive.train.recipes.quick import quick
from topfive.train.recipes.training import SMALL_SIDE, is_small

__all__ = [
    "RECIPES",
    "SMALL_SIDE",
    "bag_of_tricks",
    "fine_tune",
    "is_small",
    "modern",
    "paper",
    "quick",
    "recipe_named",
]

RECIPES: dict[str, Callable[[ModelSpec, Splits], Recipe]] = {
    "quick": quick,
    "paper": paper,
    "bag-of-tricks": bag_of_tricks,
    "modern": modern,
    "fine-tune": fine_tune,
}


def recipe_named(name: str, spec: ModelSpec, splits: Splits) -> Recipe:
    """The recipe called `name` for this network and these images.  UsageError for a name that is not there."""
    if name not in RECIPES:
        raise UsageError("unknown recipe", name, nearest(name, RECIPES), f"There are {', '.join(RECIPES)}")
    return RECIPES[name](spec, splits)
