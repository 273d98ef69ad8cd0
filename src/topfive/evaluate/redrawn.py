"""How far the mean average precision of several labels would wander if the images had been drawn anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topfive.evaluate.labels import Truth
from topfive.evaluate.metrics import Floats

DRAWS = 2_000
TOGETHER = 100  # draws at a time: their counts are one matrix [TOGETHER, N]

Counts = NDArray[np.int32]


def redrawn(probabilities: Floats, truth: Truth, seed: int = 0) -> Floats:
    """The mean average precision of DRAWS samples of N images, drawn with replacement from those given [N, K].

    Two classifiers that answered the same images in the same order meet the same samples where the seed is the same, so
    that their values may be subtracted.  The mean is over the classes that a sample shows; of one without any it is 0.
    """
    rng, n = np.random.default_rng(seed), len(truth)
    ranked = [_Ranked.of(scores, shows) for scores, shows in zip(probabilities.T, truth.T, strict=True) if shows.any()]
    found = []
    for _ in range(0, DRAWS, TOGETHER):
        drawn = rng.integers(0, n, (TOGETHER, n)) + n * np.arange(TOGETHER)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=TOGETHER * n).reshape(TOGETHER, n).astype(np.int32)
        averages = np.stack([one.average_precision(counts) for one in ranked])
        shown = np.isfinite(averages)
        found.append(np.where(shown, averages, 0.0).sum(axis=0) / np.maximum(1, shown.sum(axis=0)))
    return np.concatenate(found)


@dataclass(frozen=True, eq=False)
class _Ranked:
    """One class: the images, best score first, and where the ranks end that hold one which shows it.

    A sample only changes how often each image counts, never their order: one sort serves all.
    """

    order: NDArray[np.intp]
    showing: NDArray[np.intp]
    ends: NDArray[np.intp]  # in `order`
    showing_ends: NDArray[np.intp]  # in `showing`

    @classmethod
    def of(cls, scores: Floats, shows: NDArray[np.bool_]) -> _Ranked:
        order = np.argsort(-scores, kind="stable")
        last = np.append(np.diff(scores[order]) != 0, True)  # of those that score the same, which share a rank
        rank = np.cumsum(last) - last
        places = np.flatnonzero(shows[order])
        held, firsts = np.unique(rank[places][::-1], return_index=True)
        return cls(order, order[places], np.flatnonzero(last)[held], len(places) - 1 - firsts)

    def average_precision(self, counts: Counts) -> Floats:
        """Of each row of `counts` [R, N], how often each image was drawn; NaN where none that shows the class was."""
        claims = np.cumsum(counts[:, self.order], axis=1)[:, self.ends]
        hits = np.cumsum(counts[:, self.showing], axis=1)[:, self.showing_ends]
        gained = np.diff(hits, axis=1, prepend=0)
        total = hits[:, -1]
        area = (gained * hits / np.maximum(1, claims)).sum(axis=1) / np.maximum(1, total)
        return np.where(total > 0, area, np.nan)
