"""What a strategy learns is rebuilt from history; what was rebuilt for the last history is kept."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

import torch

from topfive.search.space import SearchSpace
from topfive.search.trial import Trial


class Learner(Protocol):
    """Learns from the trials of one round after the other."""

    def learn(self, trials: Sequence[Trial]) -> None: ...


LearnerT = TypeVar("LearnerT", bound=Learner)


class Replay(Generic[LearnerT]):
    """Learners that are functions of history: `begin` makes one that has learnt nothing.

    A history that goes on from the last one costs only its new rounds; any other is replayed from its beginning.
    """

    def __init__(self, begin: Callable[[SearchSpace], LearnerT]):
        self._begin = begin
        self._last: tuple[SearchSpace, list[Trial], LearnerT] | None = None

    def after(self, space: SearchSpace, history: Sequence[Trial]) -> LearnerT:
        """The learner that has seen all rounds of `history`; good until the next call."""
        last, self._last = self._last, None  # nothing half taught is kept where a round raises
        if last is not None and last[0] == space and last[1] == list(history[: len(last[1])]):
            _, known, learner = last
        else:
            known, learner = [], self._begin(space)
        with one_thread():
            for _, trials in itertools.groupby(history[len(known) :], key=lambda trial: trial.round):
                learner.learn(list(trials))
        self._last = (space, list(history), learner)
        return learner


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums of more than one thread have an order of their own, and a replay must give the same bits everywhere."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
