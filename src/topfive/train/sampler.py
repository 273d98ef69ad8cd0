"""Which samples a batch holds: a function of epoch and place, so a run continues anywhere."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from topfive.data.dataset import Labels
from topfive.recipe import Recipe
from topfive.train.randomness import generator, order


class Sampler:
    """A slice of its epoch's order; the incomplete last batch is left out.

    With `aug_repeats` a batch holds so many views of each of its images, and an epoch visits so much fewer of them
    (Hoffer et al. 2019, arXiv:1901.09335; as DeiT counts epochs).  A balanced sampler draws every class equally often,
    with replacement.
    """

    def __init__(self, labels: Labels, recipe: Recipe):
        self._labels, self._recipe = labels, recipe
        self._distinct = batch_of(len(labels), recipe) // recipe.aug_repeats
        self.steps = len(labels) // min(recipe.batch_size, len(labels))
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def indices(self, epoch: int, index: int) -> Tensor:
        """The samples of one batch, int64 [B]."""
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._drawn(epoch)
        chosen = self._order[index * self._distinct : (index + 1) * self._distinct]
        return chosen.repeat(self._recipe.aug_repeats)  # copies far apart: mixing takes neighbours

    def _drawn(self, epoch: int) -> Tensor:
        if self._recipe.sampler == "balanced":
            return balanced_order(self._labels, generator(self._recipe.seed, "order", epoch))
        return order(self._recipe.seed, epoch, len(self._labels))


def batch_of(count: int, recipe: Recipe) -> int:
    """Images a step, where there are `count`."""
    return min(recipe.batch_size, count) // recipe.aug_repeats * recipe.aug_repeats


def balanced_order(labels: Labels, draw: torch.Generator) -> Tensor:
    """As many samples as labels [N], each of a class drawn evenly and drawn evenly within it: int64 [N]."""
    by_class = torch.from_numpy(np.argsort(labels, kind="stable"))
    counts = torch.from_numpy(np.unique(labels, return_counts=True)[1])  # of the classes that have any
    starts = counts.cumsum(0) - counts
    chosen = torch.randint(0, len(counts), (len(labels),), generator=draw)
    within = torch.rand(len(labels), generator=draw, dtype=torch.float64) * counts[chosen]
    return by_class[starts[chosen] + within.long()]
