"""Training: a recipe and a data set in, a finished run folder out."""

from topfive.train.finish import Report
from topfive.train.fit import Surroundings, fit
from topfive.train.recipe import Recipe, recipe_from
from topfive.train.recipes import default_recipe
from topfive.train.request import DataChoices, Request, Settled, settle
from topfive.train.run import Run

__all__ = [
    "DataChoices",
    "Recipe",
    "Report",
    "Request",
    "Run",
    "Settled",
    "Surroundings",
    "default_recipe",
    "fit",
    "recipe_from",
    "settle",
]
