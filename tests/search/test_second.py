"""The second look: whom it is given, what it measures, and that nothing is measured twice."""

from __future__ import annotations

import signal

import pytest

from faults import toys
from heard import Heard
from topfive.errors import DivergedError, StoppedError
from topfive.search import second
from topfive.search.ends import Ends
from topfive.search.executors import in_process
from topfive.search.finals import best_of
from topfive.search.journal import MemoryJournal
from topfive.search.objective import Accuracy
from topfive.search.plan import Plan
from topfive.search.search import Silent, search

PLAN = Plan(toys.SPACE, toys.uniform, toys.Toy(), Accuracy(), seed=3)


def trials(count):
    return search(PLAN, in_process, MemoryJournal(), Ends(trials=count))


class Closer:
    """Gives the evaluator of toys; which seeds it got, by network."""

    def __init__(self):
        self.seen = {}

    def __call__(self):
        return self.measured

    def measured(self, model, seed):
        assert model not in self.seen, "once is enough"
        self.seen[model] = seed
        return toys.Toy()(model, seed)


@pytest.fixture
def closer():
    return Closer()


@pytest.mark.parametrize(("evaluated", "looked_at"), [(20, 0), (79, 0), (80, 2), (125, 3)])
def test_one_in_forty_of_the_best_is_worth_another_look(evaluated, looked_at):
    history = trials(evaluated)
    assert second.worth_another(history) == best_of(history)[:looked_at]


def test_no_more_than_the_most(monkeypatch):
    monkeypatch.setattr(second, "ONE_IN", 2)
    assert len(second.worth_another(trials(60))) == second.MOST


def test_the_best_are_measured_anew_by_another_seed(tmp_path, closer):
    history, heard = trials(125), Heard()
    again, _ = second.look_again(tmp_path, PLAN, closer, history, in_process, heard)
    first = best_of(history)[:3]
    assert [(trial.number, trial.round, trial.choices) for trial in again] == [
        (trial.number, trial.round, trial.choices) for trial in first
    ]
    assert list(closer.seen) == [trial.model for trial in first]
    for old, new in zip(first, again, strict=True):
        assert old.reward != new.reward == toys.quality(new.model, closer.seen[new.model])
    assert "the best 3 of 125 networks" in heard.lines[0]
    assert f"3 of 3: trial {first[2].number}, {again[2].outcome.accuracy:.2%}" in heard.lines[-1]


def test_what_was_looked_at_is_read_back(tmp_path, closer):
    history = trials(80)
    again, _ = second.look_again(tmp_path, PLAN, closer, history, in_process, Silent())
    assert len(closer.seen) == 2
    assert second.look_again(tmp_path, PLAN, closer, history, in_process, Silent())[0] == again


def test_a_search_that_went_on_is_looked_at_for_itself(tmp_path, closer):
    for count in (80, 120):
        closer.seen.clear()
        history = trials(count)
        again, _ = second.look_again(tmp_path, PLAN, closer, history, in_process, Silent())
        assert [trial.key for trial in again] == [trial.key for trial in best_of(history)[: count // second.ONE_IN]]


def test_what_was_measured_otherwise_is_measured_anew(tmp_path, closer):
    history = trials(80)
    other = second.look_again(tmp_path, PLAN, lambda: toys.Toy(), history, in_process, Silent())[0]
    again, _ = second.look_again(tmp_path, PLAN, closer, history, in_process, Silent())
    assert len(closer.seen) == len(again) == len(other)


def test_few_are_not_looked_at(tmp_path, closer):
    assert second.look_again(tmp_path, PLAN, closer, trials(20), in_process, Silent()) == ([], 0.0)
    assert list(tmp_path.iterdir()) == []


def test_where_all_fail_the_first_look_decides(tmp_path):
    def failing(model, seed):
        raise DivergedError("diverged", None, "loss nan")

    heard = Heard()
    again, _ = second.look_again(tmp_path, PLAN, lambda: failing, trials(80), in_process, heard)
    assert again == []
    assert "the first look decides" in heard.lines[-1]


def test_a_signal_names_the_search_that_goes_on(tmp_path, closer):
    def interrupted(evaluate, jobs):
        job = next(iter(jobs))
        yield job, evaluate(job.model, job.seed)
        signal.raise_signal(signal.SIGINT)
        yield None

    history = trials(80)
    with pytest.raises(StoppedError, match=f"topfive search --resume {tmp_path}$"):
        second.look_again(tmp_path, PLAN, closer, history, interrupted, Silent())
    again, _ = second.look_again(tmp_path, PLAN, closer, history, in_process, Silent())
    assert len(again) == len(closer.seen) == 2, "the one that was done is not done again"


@pytest.mark.parametrize(
    ("images", "bytes_each", "expected"),
    [
        (60_000, 784, (32_768, 10_000, 3)),
        (1_437, 64, (1_078, 359, 91)),
        (60_000, 3 * 96**2, (9_709, 10_000, 10)),
        (2, 64, (1, 1, 98_304)),
    ],
)
def test_it_sees_three_times_the_images_of_a_trial(images, bytes_each, expected):
    assert second.amounts(images, bytes_each, seen=32_768) == expected


def test_it_takes_a_fifth_of_the_time():
    assert pytest.approx(0.2) == second.SHARE
