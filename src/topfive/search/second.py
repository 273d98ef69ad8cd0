"""A second, longer look at the best trials of a search, before one of them is trained in full.

The best of many short trainings is partly the luckiest.  Zoph et al. 2017 (arXiv:1707.07012) trained the 250 best of
their search further before they chose one; here they are few, and the look takes a tenth of the search's time at most.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
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
from topfive.search.proxy import Proxy
from topfive.search.round import count_evaluated
from topfive.search.search import Silent, search
from topfive.search.space import Choices, SearchSpace
from topfive.search.transfer import Reduced
from topfive.search.trial import Measurement, Trial
from topfive.train.loop import Watch

FOLDER = "second-look"
LONGER = 4  # times the epochs of a trial
MOST = 8  # networks
ONE_IN = 40  # of those that were evaluated
SHARE = LONGER / ONE_IN  # of the time of all trials that it takes, at most


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


def look_again(
    folder: Path, plan: Plan, trials: Sequence[Trial], executor: Executor, watch: Watch
) -> tuple[list[Trial], float]:
    """The best of the trials by numbers, with what a longer training of another seed measured; and the seconds taken.

    Empty where they are few, or where none of them can be measured again.  What was measured before is not measured
    again: it lies below `folder`, by which networks it is of.
    """
    first = worth_another(trials)
    if not first:
        return [], 0.0
    again = dataclasses.replace(
        plan,
        strategy=Again(tuple(trial.choices for trial in first)),
        evaluate=lengthened(plan.evaluate),
        seed=plan.seed + 1,
        round=len(first),
        admit=everything,
    )
    watch.note(f"a second look, {LONGER} times as long, at the best {len(first)} of {count_evaluated(trials)} networks")
    digest = hashlib.sha256(" ".join(trial.key for trial in first).encode()).hexdigest()[:8]
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


def lengthened(evaluate: Evaluator) -> Evaluator:
    """The same, with more epochs."""
    assert isinstance(evaluate, Reduced)
    proxy = evaluate.evaluate
    assert isinstance(proxy, Proxy)
    recipe = dataclasses.replace(proxy.recipe, epochs=LONGER * proxy.recipe.epochs)
    return dataclasses.replace(evaluate, evaluate=dataclasses.replace(proxy, recipe=recipe))
