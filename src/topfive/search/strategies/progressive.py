"""PNAS: architectures grow level by level, and a surrogate says which are worth measuring.

Liu et al. 2017, arXiv:1712.00559, algorithm 1.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from topfive.errors import UsageError
from topfive.search.space import Choices, SearchSpace
from topfive.search.strategies.replay import Replay, one_thread
from topfive.search.strategies.surrogate import Ensemble, Net, Perceptron
from topfive.search.trial import Trial
from topfive.train.randomness import seed_of

LARGEST_FIRST = 10_000  # choices at the first level, all of which are measured
PAPERS_TOP = 256


@dataclass(frozen=True)
class Progressive:
    """A strategy in stages.  The first measures all of the first level.

    Each later stage goes up one level: the surrogate is fitted to all trials so far, ranks all children of what was
    measured at the level below, and the best `top` are measured.  The paper ends with the last level.  Here another
    climb begins at the second level, among the children not yet measured, until a whole climb finds none: a search
    may last as long as its time, and its beginning is the paper's.  A space with one level is measured whole, in
    order, and that is all.

    `top` is the paper's 256 or twice the number of networks of the first level, if that is less: 256 is about twice
    the 136 of the paper's space, and in a small space 256 would be all of the second level.
    """

    net: Net = Perceptron
    seed: int = 0
    top: int | None = None

    def __call__(
        self, space: SearchSpace, history: Sequence[Trial], count: int, rng: np.random.Generator
    ) -> list[Choices]:
        """At most `count`, and fewer at the end of a stage, as the next one needs the results of all of it."""
        return list(self._replay.after(space, history).waiting.values())[:count]

    @cached_property
    def _replay(self) -> Replay[Climb]:
        return Replay(lambda space: Climb(space, self))


class Climb:
    """The stages of a search so far: what is to be measured in the present one, and what came of those before."""

    def __init__(self, space: SearchSpace, settings: Progressive):
        self.space, self.settings = space, settings
        self.level = 0
        self.trials: list[Trial] = []
        self.known: set[str] = set()
        self.waiting = first_level(space)  # by key, best first
        self.top = settings.top or papers_top(len(self.waiting))

    def learn(self, trials: Sequence[Trial]) -> None:
        self.trials += trials
        for trial in trials:
            self.known.add(trial.key)
            self.waiting.pop(trial.key, None)
        for _ in self.space.levels[1:]:
            if not self.waiting:
                self.level = self.level % (len(self.space.levels) - 1) + 1
                self.waiting = self._best_children()

    def _best_children(self) -> dict[str, Choices]:
        """The `top` new networks that the surrogate ranks highest at the present level; best first."""
        measured = [(trial.choices, trial.reward) for trial in self.trials if trial.reward is not None]
        parents = [choices for choices, _ in measured if len(choices) == self.space.levels[self.level - 1]]
        if not parents:
            return {}
        grown = children(self.space, parents, self.level)
        with one_thread():
            seed = seed_of(self.settings.seed, "surrogate", len(self.trials))
            surrogate = Ensemble(self.space, self.settings.net, seed)
            surrogate.fit([choices for choices, _ in measured], [reward for _, reward in measured])
            scores = surrogate.predict(grown)
        ranked = (tuple(map(int, grown[place])) for place in np.argsort(-scores, kind="stable"))
        return distinct(self.space, ranked, self.known, self.top)


def papers_top(first: int) -> int:
    """How many go on from each level, in a space with `first` networks at its first."""
    return min(PAPERS_TOP, 2 * first)


def first_level(space: SearchSpace) -> dict[str, Choices]:
    """Every network of the first level once, by key."""
    if space.size_at(0) > LARGEST_FIRST:
        why = f"it measures all {space.size_at(0):,} choices of the first level of {space.name}"
        raise UsageError("strategy", "pnas", why, "Use another, such as evolution")
    every = itertools.product(*(range(len(decision.answers)) for decision in space.decisions[: space.levels[0]]))
    return distinct(space, every, frozenset(), LARGEST_FIRST)


def children(space: SearchSpace, parents: Sequence[Choices], level: int) -> NDArray[np.int64]:
    """All of `level` that begin as one of `parents` does: int64 [parents * ways to go on, decisions of `level`]."""
    added = [
        range(len(decision.answers)) for decision in space.decisions[space.levels[level - 1] : space.levels[level]]
    ]
    ways = np.array(list(itertools.product(*added)), np.int64)
    above = np.array(parents, np.int64)
    return np.concatenate([above.repeat(len(ways), axis=0), np.tile(ways, (len(above), 1))], axis=1)


def distinct(space: SearchSpace, ranked: Iterable[Choices], known: Set[str], count: int) -> dict[str, Choices]:
    """The first `count` whose networks are neither in `known` nor came before, by key."""
    found: dict[str, Choices] = {}
    for choices in ranked:
        if len(found) == count:
            break
        key = space.key(choices)
        if key not in known:
            found.setdefault(key, choices)
    return found
