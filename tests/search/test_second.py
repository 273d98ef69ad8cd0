"""The second look: whom it is given, what it measures, and that nothing is measured twice."""

from __future__ import annotations

import dataclasses
import signal

import pytest

from faults import toys
from heard import Heard
from topfive.data import open_data
from topfive.errors import DivergedError, StoppedError
from topfive.recipe import Recipe
from topfive.search import second
from topfive.search.ends import Ends
from topfive.search.executors import in_process
from topfive.search.finals import best_of
from topfive.search.journal import MemoryJournal
from topfive.search.objective import Accuracy
from topfive.search.plan import Plan
from topfive.search.proxy import Proxy
from topfive.search.search import Silent, search
from topfive.search.transfer import Reduced, Transfer

PLAN = Plan(toys.SPACE, toys.uniform, toys.Toy(), Accuracy(), seed=3)


def trials(count):
    return search(PLAN, in_process, MemoryJournal(), Ends(trials=count))


@pytest.fixture
def seen(monkeypatch):
    """The evaluator of toys in the place of the longer one; which seeds it got, by network."""
    seeds = {}

    def longer(evaluate):
        def measured(model, seed):
            assert model not in seeds, "once is enough"
            seeds[model] = seed
            return evaluate(model, seed)

        return measured

    monkeypatch.setattr(second, "lengthened", longer)
    return seeds


@pytest.mark.parametrize(("evaluated", "looked_at"), [(20, 0), (79, 0), (80, 2), (125, 3)])
def test_one_in_forty_of_the_best_is_worth_another_look(evaluated, looked_at):
    history = trials(evaluated)
    assert second.worth_another(history) == best_of(history)[:looked_at]


def test_no_more_than_the_most(monkeypatch):
    monkeypatch.setattr(second, "ONE_IN", 2)
    assert len(second.worth_another(trials(60))) == second.MOST


def test_the_best_are_measured_anew_by_another_seed(tmp_path, seen):
    history, heard = trials(125), Heard()
    again, _ = second.look_again(tmp_path, PLAN, history, in_process, heard)
    first = best_of(history)[:3]
    assert [(trial.number, trial.round, trial.choices) for trial in again] == [
        (trial.number, trial.round, trial.choices) for trial in first
    ]
    assert list(seen) == [trial.model for trial in first]
    for old, new in zip(first, again, strict=True):
        assert old.reward != new.reward == toys.quality(new.model, seen[new.model])
    assert "the best 3 of 125 networks" in heard.lines[0]
    assert f"3 of 3: trial {first[2].number}, {again[2].outcome.accuracy:.2%}" in heard.lines[-1]


def test_what_was_looked_at_is_read_back(tmp_path, seen):
    history = trials(80)
    again, _ = second.look_again(tmp_path, PLAN, history, in_process, Silent())
    assert len(seen) == 2
    assert second.look_again(tmp_path, PLAN, history, in_process, Silent())[0] == again


def test_a_search_that_went_on_is_looked_at_for_itself(tmp_path, seen):
    for count in (80, 120):
        seen.clear()
        history = trials(count)
        again, _ = second.look_again(tmp_path, PLAN, history, in_process, Silent())
        assert [trial.key for trial in again] == [trial.key for trial in best_of(history)[: count // second.ONE_IN]]


def test_few_are_not_looked_at(tmp_path, seen):
    assert second.look_again(tmp_path, PLAN, trials(20), in_process, Silent()) == ([], 0.0)
    assert list(tmp_path.iterdir()) == []


def test_where_all_fail_the_first_look_decides(tmp_path, monkeypatch):
    def failing(model, seed):
        raise DivergedError("diverged", None, "loss nan")

    monkeypatch.setattr(second, "lengthened", lambda evaluate: failing)
    heard = Heard()
    again, _ = second.look_again(tmp_path, PLAN, trials(80), in_process, heard)
    assert again == []
    assert "the first look decides" in heard.lines[-1]


def test_a_signal_names_the_search_that_goes_on(tmp_path, seen):
    def interrupted(evaluate, jobs):
        job = next(iter(jobs))
        yield job, evaluate(job.model, job.seed)
        signal.raise_signal(signal.SIGINT)
        yield None

    history = trials(80)
    with pytest.raises(StoppedError, match=f"topfive search --resume {tmp_path}$"):
        second.look_again(tmp_path, PLAN, history, interrupted, Silent())
    again, _ = second.look_again(tmp_path, PLAN, history, in_process, Silent())
    assert len(again) == len(seen) == 2, "the one that was done is not done again"


def test_it_takes_so_many_times_the_epochs():
    splits = open_data("digits")
    recipe = Recipe(model="", epochs=3)
    evaluate = Reduced(Proxy(splits, recipe), Transfer(8), 10)
    longer = second.lengthened(evaluate)
    assert longer == dataclasses.replace(evaluate, evaluate=Proxy(splits, dataclasses.replace(recipe, epochs=12)))
    assert pytest.approx(0.1) == second.SHARE
