"""Rounds, copies, ends: what the loop promises to strategies, watchers and whoever goes on later."""

from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st

from faults import toys
from topfive.search.ends import Ends
from topfive.search.executors import in_process
from topfive.search.journal import MemoryJournal, journal_in
from topfive.search.objective import Accuracy
from topfive.search.plan import Plan
from topfive.search.search import Silent, search
from topfive.search.trial import Measurement

PLAN = Plan(toys.SPACE, toys.climb, toys.Toy(), Accuracy(), seed=3)


TWENTY = Ends(trials=20)


def find(plan=PLAN, ends=TWENTY, journal=None, watch=None, executor=in_process):
    return search(plan, executor, journal or MemoryJournal(), ends, watch)


def originals(history):
    return [trial for trial in history if trial.copy_of is None]


class Seen(Silent):
    def __init__(self):
        self.trials, self.rounds, self.why, self.notes = [], [], None, []

    def note(self, text):
        self.notes.append(text)

    def finished(self, trial):
        self.trials.append(trial)

    def round_done(self, round, history):
        self.rounds.append((round, len(history)))

    def ended(self, history, why):
        self.why = why


def test_a_strategy_sees_completed_rounds_in_trial_order():
    seen = []

    def strategy(space, history, count, rng):
        seen.append(history)
        return toys.climb(space, history, count, rng)

    history = find(dataclasses.replace(PLAN, strategy=strategy, round=4))
    for number, before in enumerate(seen):
        assert list(before) == history[: 4 * number]
    assert [trial.number for trial in history] == list(range(len(history)))
    assert [trial.round for trial in history] == [number // 4 for number in range(len(history))]


def test_each_network_is_measured_once_and_its_copies_know_it():
    history = find(ends=Ends(trials=60))
    assert len({trial.key for trial in originals(history)}) == len(originals(history)) == 60
    copies = [trial for trial in history if trial.copy_of is not None]
    assert len(copies) > 10
    for copy in copies:
        original = history[copy.copy_of]
        assert original.number < copy.number
        assert (original.key, original.outcome, original.reward) == (copy.key, copy.outcome, copy.reward)


def test_the_seed_decides_all_and_the_cell_its_own_seed():
    assert find() == find()
    other = find(dataclasses.replace(PLAN, seed=4))
    assert other != find()
    seeds = {}
    for trial in [*find(ends=Ends(trials=40)), *find(dataclasses.replace(PLAN, strategy=toys.uniform))]:
        assert seeds.setdefault(trial.key, trial.outcome) == trial.outcome  # wherever it comes up


@settings(max_examples=15)
@given(first=st.integers(1, 20), more=st.integers(0, 20))
def test_a_longer_search_begins_as_a_shorter_one(tmp_path_factory, first, more):
    folder = tmp_path_factory.mktemp("search")
    whole = find(ends=Ends(trials=first + more))
    with journal_in(folder, PLAN.head) as journal:
        part = find(ends=Ends(trials=first), journal=journal)
    assert part == whole[: len(part)]
    with journal_in(folder, PLAN.head) as journal:
        assert find(ends=Ends(trials=first + more), journal=journal) == whole


def test_what_was_measured_is_read_and_not_measured_again(tmp_path):
    """Latencies and the like are facts: another machine would measure others."""

    def never(model, seed):
        raise AssertionError("measured again")

    def measured(model, seed):
        return Measurement(0.5, 1, 1, 1.0, latency=1 + toys.quality(model, seed))

    measured.__qualname__ = never.__qualname__ = "measured"
    with journal_in(tmp_path, (plan := dataclasses.replace(PLAN, evaluate=measured)).head) as journal:
        history = find(plan, journal=journal)
    assert len({trial.outcome.latency for trial in originals(history)}) == 20
    with journal_in(tmp_path, (plan := dataclasses.replace(PLAN, evaluate=never)).head) as journal:
        assert find(plan, journal=journal) == history


def test_a_watcher_sees_every_trial_also_those_of_former_lives(tmp_path):
    for _ in range(2):
        seen = Seen()
        with journal_in(tmp_path, PLAN.head) as journal:
            history = find(journal=journal, watch=seen)
        assert sorted(seen.trials, key=lambda trial: trial.number) == history
        assert seen.rounds == [(number, 8 * number + 8) for number in range(len(history) // 8)]
        assert seen.why == "20 networks evaluated"


def test_a_space_that_is_used_up_ends():
    seen = Seen()
    history = find(dataclasses.replace(PLAN, strategy=toys.uniform), Ends(patience=300), watch=seen)
    assert len(originals(history)) == 6 * 7 // 2 * 6  # all there are
    assert seen.why == "300 rounds that measured nothing new"


def test_a_strategy_with_nothing_more_ends():
    seen = Seen()
    plan = dataclasses.replace(PLAN, strategy=lambda space, history, count, rng: [] if history else [(0, 0, 0)])
    assert len(find(plan, watch=seen)) == 1
    assert seen.why == "the strategy proposes nothing more"


def test_the_order_in_which_evaluations_end_changes_nothing(tmp_path):
    def backwards(evaluate, jobs):
        for job, outcome in reversed([come for come in in_process(evaluate, jobs) if come is not None]):
            yield None
            yield job, outcome

    with journal_in(tmp_path, PLAN.head) as journal:
        assert find(executor=backwards, journal=journal) == find()
    with journal_in(tmp_path, PLAN.head) as journal:
        assert find(journal=journal) == find()
