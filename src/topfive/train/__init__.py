"""Training: a recipe and a data set in, a finished run folder out."""

from topfive.recipe import Recipe, recipe_from
from topfive.train.finish import Report
from topfive.train.fit import Silent, Surroundings, fit
from topfive.train.processes import joined
from topfive.train.recipes import RECIPES, recipe_named
from topfive.train.request import DataChoices, Request, Settled, settle
from topfive.train.run import Run

__all__ = [
    "RECIPES",
    "DataChoices",
    "Recipe",
    "Report",
    "Request",
    "Run",
    "Settled",
    "Silent",
    "Surroundings",
    "fit",
    "joined",
    "recipe_from",
    "recipe_named",
    "settle",
]
