"""Regularised evolution.  Real et al. 2018, arXiv:1802.01548, algorithm 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from topfive.search.space import Choices, SearchSpace
from topfive.search.trial import Trial


@dataclass(frozen=True)
class Evolution:
    """The best of `sample` members, drawn anew for each child, has a child with one decision changed; the oldest dies.

    The population is the last `population` trials with a reward, copies among them: a copy is a member with the age
    of its proposal, as a network trained again is in the paper.  All children of a round have the population that the
    round began with, as children of workers that run side by side have.  Until the population is full, choices are
    random.  The paper's mutation of nothing (p = 0.05) would only be a copy, and is left out.

    The paper has 100 and 25 for 20,000 networks.  A fifth of both found the best of made-up tables of 4,000 cells
    soonest, of 20 to 100 members, and leaves something to evolve in a search of a hundred trials.
    """

    population: int = 20
    sample: int = 5

    def __call__(
        self, space: SearchSpace, history: Sequence[Trial], count: int, rng: np.random.Generator
    ) -> list[Choices]:
        members = [(trial.reward, trial.choices) for trial in history if trial.reward is not None]
        if len(members) < self.population:
            return [space.sample(rng) for _ in range(count)]
        alive = members[-self.population :]
        return [space.mutate(self._parent(alive, rng), rng) for _ in range(count)]

    def _parent(self, alive: Sequence[tuple[float, Choices]], rng: np.random.Generator) -> Choices:
        places = rng.choice(len(alive), size=min(self.sample, len(alive)), replace=False)
        return max((alive[int(place)] for place in places), key=lambda member: member[0])[1]
