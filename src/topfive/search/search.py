"""The search itself: rounds of proposals, each evaluated and written down, until an end is reached."""

from __future__ import annotations

import itertools
import signal
from collections import Counter
from collections.abc import Sequence

import numpy as np

from topfive.errors import DivergedError, LimitsError, StoppedError
from topfive.search.ends import Clock, Ends
from topfive.search.plan import Plan
from topfive.search.protocols import Executor, Journal, Watch
from topfive.search.round import Round, Work, count_evaluated
from topfive.search.space import Choices
from topfive.search.trial import Failure, Measurement, Trial
from topfive.train.randomness import seed_of
from topfive.train.run import stopping

REASONS = 3  # that the one line of an error lists


class Silent:
    """Nobody watches."""

    def note(self, text: str) -> None: ...
    def proposed(self, round: int, count: int) -> None: ...
    def finished(self, trial: Trial) -> None: ...
    def round_done(self, round: int, history: Sequence[Trial]) -> None: ...
    def ended(self, history: Sequence[Trial], why: str) -> None: ...


def search(plan: Plan, executor: Executor, journal: Journal, ends: Ends, watch: Watch | None = None) -> list[Trial]:
    """All trials in order, those that the journal knew included.

    StoppedError where a signal asked for it, with all that was finished in the journal; DivergedError where every
    evaluation failed, LimitsError where no network was admitted to one.
    """
    history: list[Trial] = []
    with stopping() as stop:
        work = Work(plan, executor, journal, Clock(journal, ends, stop), watch or Silent())
        for note in journal.notes:
            work.watch.note(note)
        why = _rounds(work, history)
        work.watch.ended(history, why)
    if stop.signal_number:
        name = signal.Signals(stop.signal_number).name
        raise StoppedError(
            stop.signal_number, journal.name, f"{name} after {len(history)} trials, all saved",
            f"Continue with: topfive search --resume {journal.name}",
        )  # fmt: skip
    if history and not any(isinstance(trial.outcome, Measurement) for trial in history):
        raise _nothing_measured(history, journal.name)
    return history


def reasons(history: Sequence[Trial]) -> Counter[str]:
    """Why evaluations failed and networks were refused, and how often; copies do not count."""
    return Counter(t.outcome.reason for t in history if isinstance(t.outcome, Failure) and t.copy_of is None)


def _rounds(work: Work, history: list[Trial]) -> str:
    """Append to `history` until an end is reached; gives which."""
    journal, clock, ends = work.journal, work.clock, work.clock.ends
    fruitless = 0
    for number in itertools.count():
        if count_evaluated(history) == ends.trials:
            return f"{ends.trials} networks evaluated"
        if fruitless == ends.patience:
            return f"{fruitless} rounds that measured nothing new"
        if number >= len(journal.rounds) and clock.over:
            return "stopped" if clock.stopped else "the time is over"
        proposals = _proposals(work, number, history)
        if not proposals:
            return "the strategy proposes nothing more"
        work.watch.proposed(number, len(proposals))
        this = Round(work, number, proposals, history)
        this.run()
        history += (new := this.trials)
        if len(new) == len(proposals):
            work.watch.round_done(number, history)
        elif clock.over:
            return "stopped" if clock.stopped else "the time is over"
        fruitless = 0 if any(t.copy_of is None and isinstance(t.outcome, Measurement) for t in new) else fruitless + 1
    raise AssertionError("there is always another round")


def _proposals(work: Work, number: int, history: Sequence[Trial]) -> tuple[Choices, ...]:
    """What a round tries.  The round begun last is proposed once more, which shows a strategy that has changed."""
    plan, journal = work.plan, work.journal
    if number < len(journal.rounds) - 1:
        return journal.rounds[number]
    rng = np.random.default_rng(seed_of(plan.seed, "propose", number))
    proposed = plan.strategy(plan.space, tuple(history), plan.round, rng)
    proposals = tuple(tuple(int(choice) for choice in choices) for choices in proposed)
    if proposals or number < len(journal.rounds):
        journal.propose(number, proposals, work.clock.seconds)
    return proposals


def _nothing_measured(history: Sequence[Trial], name: str) -> DivergedError | LimitsError:
    counts = reasons(history)
    listed = "; ".join(f"{count} x {reason}" for reason, count in counts.most_common(REASONS))
    more = f"; {len(counts) - REASONS} more reasons" if len(counts) > REASONS else ""
    if count_evaluated(history) == 0:
        return LimitsError("search", name, f"no network is admitted: {listed}{more}", "Allow bigger ones")
    return DivergedError(
        "search",
        name,
        f"all evaluations failed: {listed}{more}",
        "Mend the first reason, and search with another --out",
    )
