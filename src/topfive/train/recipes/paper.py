"""paper: each network trained as its own paper says."""

from __future__ import annotations

from topfive.data import Splits
from topfive.recipe import Recipe
from topfive.spec import ModelSpec
from topfive.train.recipes.quick import quick


def paper(spec: ModelSpec, splits: Splits) -> Recipe:
    return quick(spec, splits)
