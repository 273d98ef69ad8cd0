"""One round of a search: its proposals, evaluated by this searcher and by others that share the journal."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from topfive.errors import UsageError
from topfive.search.ends import Clock
from topfive.search.plan import Plan
from topfive.search.protocols import Executor, Job, Journal, Watch
from topfive.search.space import Choices
from topfive.search.trial import Failure, Measurement, Result, Trial
from topfive.train.randomness import seed_of

POLL_SECONDS = 0.2  # between looks at what other searchers have done


@dataclass(frozen=True)
class Work:
    """The parts that a search is made of."""

    plan: Plan
    executor: Executor
    journal: Journal
    clock: Clock
    watch: Watch


@dataclass(frozen=True)
class Proposal:
    """A trial to come; `copy_of` is the trial that had the same key before."""

    number: int
    choices: Choices
    key: str
    model: str
    copy_of: int | None


class Round:
    """Until all its proposals are trials, or a limit leaves some without."""

    def __init__(self, work: Work, number: int, proposals: Sequence[Choices], history: Sequence[Trial]):
        self.work = work
        self.number = number
        self.proposals: list[Proposal] = []
        self._history = history
        self._done: dict[int, Trial] = {}
        self._admitted: set[int] = set()
        first = {trial.key: trial.number for trial in reversed(history)}
        for trial, choices in enumerate(proposals, len(history)):
            key = work.plan.space.key(choices)
            original = first.setdefault(key, trial)
            model = work.plan.space.model(choices)
            self.proposals.append(Proposal(trial, choices, key, model, original if original != trial else None))

    @property
    def trials(self) -> list[Trial]:
        """What came of it until now, in order."""
        return [self._done[number] for number in sorted(self._done)]

    def run(self) -> None:
        work = self.work
        while True:
            with contextlib.closing(work.executor(work.plan.evaluate, self._jobs())) as running:
                for come in running:
                    if work.clock.stopped and (come is None or isinstance(come[1], Failure)):
                        return  # a failure that the signal may have made
                    if come is not None:
                        self._record(self.proposals[come[0].number - len(self._history)], come[1])
                    work.clock.tick()
            if next(self._pending(), None) is None:
                return
            time.sleep(POLL_SECONDS)  # the rest is evaluated by others
            work.journal.refresh()
            work.clock.tick()

    def _jobs(self) -> Iterator[Job]:
        for proposal in self._pending():
            if self.work.journal.claim(proposal.number):
                seed = seed_of(self.work.plan.seed, f"trial:{proposal.key}")
                yield Job(proposal.number, proposal.model, seed)

    def _pending(self) -> Iterator[Proposal]:
        """What is to be evaluated, in order, within the limits; all that need not be is settled on the way."""
        wanted = self.work.clock.ends.trials
        evaluated = count_evaluated(self._history)
        for proposal in self.proposals:
            if evaluated == wanted:
                return
            trial = self._known(proposal)
            if trial is None and proposal.copy_of is None and not self.work.clock.over:
                trial = self._refused(proposal)
                if trial is None:
                    yield proposal
            evaluated += proposal.copy_of is None and (trial is None or was_evaluated(trial))

    def _known(self, proposal: Proposal) -> Trial | None:
        """The trial that the proposal has become, or becomes by what the journal says."""
        if proposal.number in self._done:
            return self._done[proposal.number]
        if proposal.copy_of is not None:
            original = self._original(proposal.copy_of)
            return original and self._settle(proposal, original.outcome)
        result = self.work.journal.results.get(proposal.number)
        if result is None:
            return None
        self._check(proposal, result)
        return self._settle(proposal, result.outcome)

    def _refused(self, proposal: Proposal) -> Trial | None:
        if proposal.number in self._admitted:
            return None
        if reason := self.work.plan.admit(proposal.model):
            return self._record(proposal, Failure(reason, attempts=0))
        self._admitted.add(proposal.number)
        return None

    def _original(self, number: int) -> Trial | None:
        return self._history[number] if number < len(self._history) else self._done.get(number)

    def _record(self, proposal: Proposal, outcome: Measurement | Failure) -> Trial:
        self.work.journal.record(
            Result(proposal.number, proposal.key, proposal.model, outcome), self.work.clock.seconds
        )
        return self._settle(proposal, outcome)

    def _settle(self, proposal: Proposal, outcome: Measurement | Failure) -> Trial:
        reward = self.work.plan.objective(outcome) if isinstance(outcome, Measurement) else None
        trial = Trial(
            proposal.number, self.number, proposal.choices, proposal.key, proposal.model, outcome, reward,
            proposal.copy_of,
        )  # fmt: skip
        self._done[trial.number] = trial
        self.work.watch.finished(trial)
        return trial

    def _check(self, proposal: Proposal, result: Result) -> None:
        if (result.key, result.model) != (proposal.key, proposal.model):
            was, now = f"{result.model} ({result.key})", f"{proposal.model} ({proposal.key})"
            why = f"trial {proposal.number} was {was}, now it is {now}"
            todo = "The space was changed since. Start anew with another --out"
            raise UsageError("search", self.work.journal.name, why, todo)


def was_evaluated(trial: Trial) -> bool:
    """Whether it took an evaluation of its own: it was neither refused nor known before."""
    return trial.copy_of is None and not (isinstance(trial.outcome, Failure) and trial.outcome.attempts == 0)


def count_evaluated(trials: Sequence[Trial]) -> int:
    return sum(map(was_evaluated, trials))
