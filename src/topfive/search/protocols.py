"""The parts of a search that can be exchanged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from topfive.search.space import Choices, SearchSpace
from topfive.search.trial import Failure, Measurement, Trial


class Strategy(Protocol):
    """A function of history: equal arguments give equal proposals, whatever was asked before.

    `history` holds the trials of all completed rounds, in order; `count` proposals are wanted.  Fewer, or none, say
    that the strategy has no more to propose.
    """

    def __call__(
        self, space: SearchSpace, history: Sequence[Trial], count: int, rng: np.random.Generator
    ) -> list[Choices]: ...


class Objective(Protocol):
    """What a measurement is worth: higher is better."""

    def __call__(self, measurement: Measurement) -> float: ...


class Evaluator(Protocol):
    """Measures the network of a name; raises where that is not possible.  It must survive being sent to a process."""

    def __call__(self, model: str, seed: int) -> Measurement: ...


@dataclass(frozen=True)
class Job:
    """One network to evaluate; `number` is its trial's."""

    number: int
    model: str
    seed: int


class Executor(Protocol):
    """Runs jobs beside each other and yields each outcome when it is there, in any order; it never raises for one."""

    def __call__(self, evaluate: Evaluator, jobs: Sequence[Job]) -> Iterator[tuple[Job, Measurement | Failure]]: ...
