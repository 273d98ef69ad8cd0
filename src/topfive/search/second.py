"""A second look at the best trials of a search, at their whole size, before one of them is trained in full.

The best of many short trainings of small networks is partly the luckiest, and partly the best small one.  Zoph et al.
2017 (arXiv:1707.07012) trained the 250 best of their search further before they chose one.  Here they are few: on
Fashion-MNIST five of 218, which takes about a fifth of the search's time.  Longer trials, four times as long and as
small as the first, said nothing of how their networks end up (benchmarks/proxies.py).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from topfive.errors import DivergedError, StoppedError
from topfive.report.wording import percent
from topfive.search.admission import everything
from topfive.search.ends import Ends
from topfive.search.finals import best_of
from topfive.search.journal import journal_in
from topfive.search.plan import Plan
from topfive.search.protocols import Evaluator, Executor
from topfive.search.round import count_evaluated
from topfive.search.search import Silent, search
from topfive.search.space import Choices, SearchSpace
from topfive.search.trial import Measurement, Trial
from topfive.train.loop import Watch

FOLDER = "second-look"
MORE = 3  # times the images that a trial sees, repeats counted
DISTINCT, JUDGED = 32_768, 10_000  # images that it learns from and is judged on, at most
BYTES = 2**28  # that those which it learns from take
MOST = 8  # networks
ONE_IN = 40  # of those that were evaluated
COST = 10  # trials that take as long as one look, about
SHARE = COST / (COST + ONE_IN)  # of the time of all that it takes


@dataclass(frozen=True)
class Again:
    """The strategy that proposes these architectures in their order, and then nothing."""

    chosen: tuple[Choices, ...] = field(repr=False)

    def __call__(
        self, space: SearchSpace, history: Sequence[Trial], count: int, rng: np.random.Generator
    ) -> list[Choices]:
        return list(self.chosen[len(history) : len(history) + count])


class Told(Silent):
    """Says in a line what each of the first has come to."""

    def __init__(self, first: Sequence[Trial], watch: Watch):
        self._first, self._watch, self._done = first, watch, 0

    def note(self, text: str) -> None:
        self._watch.note(text)

    def finished(self, trial: Trial) -> None:
        self._done += 1
        outcome = trial.outcome
        reached = percent(outcome.accuracy) if isinstance(outcome, Measurement) else outcome.reason
        self._watch.note(f"{self._done} of {len(self._first)}: trial {self._first[trial.number].number}, {reached}")


def worth_another(trials: Sequence[Trial]) -> list[Trial]:
    """The best of the trials, none where they are few."""
    count = min(MOST, count_evaluated(trials) // ONE_IN)
    return best_of(trials)[:count] if count > 1 else []


def amounts(images: int, bytes_each: int, seen: int) -> tuple[int, int, int]:
    """Of so many training images how many are learnt from, how many judge, and the epochs; a trial sees `seen`."""
    judging = max(1, min(JUDGED, images // 4))
    learning = max(1, min(images - judging, DISTINCT, BYTES // bytes_each))
    return learning, judging, max(1, round(MORE * seen / learning))


def look_again(
    folder: Path,
    plan: Plan,
    closer: Callable[[], Evaluator],
    trials: Sequence[Trial],
    executor: Executor,
    watch: Watch,
) -> tuple[list[Trial], float]:
    """The best of the trials by numbers, as what `closer` gives measured them by other seeds; and the seconds taken.

    Empty where they are few, or where none of them can be measured again.  What was measured before is not measured
    again: it lies below `folder`, by which networks it is of and how they were measured.
    """
    first = worth_another(trials)
    if not first:
        return [], 0.0
    watch.note(f"a second look, at their whole size, at the best {len(first)} of {count_evaluated(trials)} networks")
    again = dataclasses.replace(
        plan,
        strategy=Again(tuple(trial.choices for trial in first)),
        evaluate=closer(),
        seed=plan.seed + 1,
        round=len(first),
        admit=everything,
    )
    told = json.dumps([again.head, [trial.key for trial in first]], sort_keys=True)
    digest = hashlib.sha256(told.encode()).hexdigest()[:8]
    with journal_in(folder / FOLDER / digest, again.head) as journal:
        try:
            found = search(again, executor, journal, Ends(), Told(first, watch))
        except DivergedError as error:
            watch.note(f"{error}; the first look decides")
            return [], journal.seconds
        except StoppedError as stopped:
            todo = f"Continue with: topfive search --resume {folder}"
            raise StoppedError(stopped.exit_code - 128, folder, stopped.why, todo) from None
        named = zip(found, first, strict=True)
        return [dataclasses.replace(one, number=old.number, round=old.round) for one, old in named], journal.seconds
