"""The parts of a search that can be exchanged."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from topfive.search.space import Choices, SearchSpace
from topfive.search.trial import Failure, Measurement, Result, Trial


class Strategy(Protocol):
    """A function of history: equal arguments give equal proposals, whatever was asked before.

    `history` holds the trials of all completed rounds, in order; at most `count` proposals are wanted.  Only
    none at all says that the strategy has no more to propose.
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
    """Runs jobs beside each other and yields each outcome when it is there, in any order; it never raises for one.

    A job is taken from `jobs` only when there is room to run it at once.  While nothing is there yet, None comes at
    least once a second, so that whoever asks can look at the clock; who has enough closes the generator, which ends
    all that runs.
    """

    def __call__(
        self, evaluate: Evaluator, jobs: Iterable[Job]
    ) -> Generator[tuple[Job, Measurement | Failure] | None, None, None]: ...


class Admission(Protocol):
    """Says why a network is not worth evaluating, before any training; "" where it is."""

    def __call__(self, model: str) -> str: ...


class Journal(Protocol):
    """What a search knows: all of its state, so that whoever opens the journal again goes on where it ended.

    `rounds` are the proposals of each round begun, `results` what is known by number of trial, `seconds` what the
    search has taken in all its lives.  `name` is what messages call it, `notes` are for the user.  Many searchers may
    share a journal: `refresh` reads what the others wrote, and only who holds the claim on a trial may evaluate it.
    """

    name: str
    rounds: list[tuple[Choices, ...]]
    results: dict[int, Result]
    seconds: float

    @property
    def notes(self) -> list[str]: ...

    def refresh(self) -> None: ...
    def propose(self, round: int, proposals: Sequence[Choices], seconds: float) -> None: ...
    def claim(self, trial: int) -> bool: ...
    def record(self, result: Result, seconds: float) -> None: ...
    def tick(self, seconds: float) -> None: ...


class Watch(Protocol):
    """Who wants to see a search as it goes.

    `finished` is called for every trial, those read from the journal included, as they come; `ended` with all of them
    in trial order and why there are no more.
    """

    def note(self, text: str) -> None: ...
    def proposed(self, round: int, count: int) -> None: ...
    def finished(self, trial: Trial) -> None: ...
    def round_done(self, round: int, history: Sequence[Trial]) -> None: ...
    def ended(self, history: Sequence[Trial], why: str) -> None: ...
