"""paper: each network trained as its own paper says."""

from __future__ import annotations

from fnmatch import fnmatchcase

from topfive.data import Splits
from topfive.recipe import Recipe
from topfive.spec import ModelSpec
from topfive.train.recipes.attention import ATTENTION
from topfive.train.recipes.bag_of_tricks import bag_of_tricks
from topfive.train.recipes.inception import INCEPTION
from topfive.train.recipes.mobile import MOBILE
from topfive.train.recipes.plain import PLAIN
from topfive.train.recipes.residual import BAG_OF_TRICKS, RESIDUAL
from topfive.train.recipes.training import Training

PAPERS = PLAIN | INCEPTION | RESIDUAL | MOBILE | ATTENTION  # by pattern of names; the first that fits holds


def paper(spec: ModelSpec, splits: Splits) -> Recipe:
    """The row of `PAPERS` that is the network's: its `source` is the paper's section or table.

    Time and accuracy to be expected are the paper's own: on its hardware what the row says it `took`, and on its images
    `spec.facts.reported`, at its batch.  On a processor and few images the batch is cut, and the rate with it (see
    `Training`); epochs stay the paper's, so that a small data set gets fewer steps than the paper's had.
    """
    row = training_of(spec)
    if row is BAG_OF_TRICKS:
        return bag_of_tricks(spec, splits)
    loss = {"loss": "rbf_mse"} if spec.name == "lenet5_original" else {}
    return row.recipe(spec, splits, **loss)


def training_of(spec: ModelSpec) -> Training:
    """How the network's paper trains it."""
    return next(row for pattern, row in PAPERS.items() if fnmatchcase(spec.name, pattern))
