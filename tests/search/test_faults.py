"""What a search survives and how it says what it does not: F1 to F11."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from faults import searchers, toys
from topfive.errors import DivergedError, LimitsError, RefusedError, UsageError
from topfive.search import ends as clocks
from topfive.search.admission import Limits
from topfive.search.ends import Ends
from topfive.search.executors import OUT_OF_MEMORY, in_process
from topfive.search.executors.local import Local
from topfive.search.head import FORMAT, JOURNAL
from topfive.search.journal import MemoryJournal, journal_in
from topfive.search.objective import Accuracy
from topfive.search.plan import Plan
from topfive.search.search import Silent, reasons, search
from topfive.search.space import Decision, SearchSpace
from topfive.search.trial import Failure, Measurement

TESTS = Path(__file__).parent.parent
PLAN = Plan(toys.SPACE, toys.climb, toys.Toy(), Accuracy(), seed=3)


def find(folder, plan=PLAN, executor=in_process, watch=None, **ends):
    with journal_in(folder, plan.head) as journal:
        return search(plan, executor, journal, Ends(**({"trials": 20} | ends)), watch)


def process(module: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


# F1: killed at any moment


def kill(*arguments: object) -> dict[str, int]:
    with process("faults.searches", *arguments) as run:
        out, errors = run.communicate()
    assert run.returncode == 0, errors
    return json.loads(out)


def check(found: dict[str, int]) -> None:
    assert found["again"] == found["failed"] == 0
    assert found["equal"] == found["ended"] >= 1


def test_f1_killed_searches_end_as_one_left_alone():
    found = kill("--kills", 12)
    check(found)
    assert found["kills"] == 12
    assert found["evaluating"] >= 1, "the kills must land while networks are evaluated"
    assert found["in_write"] >= 1, "and inside the writing of the journal"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("workers", [0, 2])
def test_f1_fifty_kills(workers):
    found = kill("--kills", 50, "--workers", workers)
    check(found)
    assert found["kills"] == 50
    assert found["evaluating"] >= 5
    assert found["in_write"] >= (0 if workers else 5)  # which is a small part of the time where processes evaluate


@pytest.mark.slow
def test_f1_a_journal_that_forgets_is_seen():
    assert kill("--kills", 5, "--sabotage", "forgetful")["again"] > 0


@pytest.mark.slow
def test_f1_a_strategy_that_knows_more_than_the_history_is_seen():
    found = kill("--kills", 3, "--sabotage", "moody")
    assert found["equal"] < found["ended"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_f1_a_signal_stops_it_and_it_goes_on(tmp_path, number):
    log = tmp_path / "log"
    with process("faults.searchers", tmp_path, "--pause", 0.1) as run:
        while ["end"] not in [line[:1] for line in toys.told(log)]:
            time.sleep(0.01)
        run.send_signal(number)
        _, errors = run.communicate()
    assert run.returncode == 128 + number
    assert f"{number.name} after" in errors
    assert "topfive search --resume" in errors
    known = len((tmp_path / JOURNAL).read_bytes().splitlines())
    plan = searchers.plan(log, 0.1)
    assert find(tmp_path, plan, trials=searchers.TRIALS) == alone(plan)
    assert 2 < known < len((tmp_path / JOURNAL).read_bytes().splitlines())


def alone(plan):
    """What one searcher finds in one process and one life, and tells no log."""
    plan = replace(plan, evaluate=toys.Toy())
    return search(plan, in_process, MemoryJournal(), Ends(trials=searchers.TRIALS))


# F2 and F3: evaluations that fail


def test_f2_the_search_goes_on_and_every_failure_has_its_reason(tmp_path):
    faults = ("raises", "crashes", "hangs", "devours", "diverges")
    plan = replace(PLAN, strategy=each_third_answer, evaluate=toys.Misbehaving(faults), round=6)
    history = find(tmp_path, plan, Local(2, memory=2**29, seconds=3), trials=6)
    assert [t.outcome.reason if isinstance(t.outcome, Failure) else t.reward > 0 for t in history] == [
        "ValueError: two lines of text",
        "its process was killed by SIGSEGV, 3 times",
        "out of time: more than 3 s",
        OUT_OF_MEMORY,
        "diverged: loss nan at step 3",
        True,
    ]
    assert find(tmp_path, plan, never, trials=6) == history  # time-outs too are facts


def each_third_answer(space, history, count, rng):
    return [(0, 0, answer) for answer in range(6)] if not history else []


def never(evaluate, jobs):
    for job in jobs:
        raise AssertionError(f"{job} is evaluated again")
    yield


def test_f3_a_trial_that_crashes_is_tried_three_times_and_never_again(tmp_path):
    log = tmp_path / "log"
    plan = replace(PLAN, strategy=each_third_answer, evaluate=toys.Misbehaving(("exits",), log), round=6)
    for _ in range(2):
        history = find(tmp_path, plan, Local(2), trials=6)
        assert history[0].outcome == Failure("its process exited with 3, 3 times", attempts=3)
        begun = Counter(model for what, model in toys.told(log) if what == "begin")
        assert begun == {t.model: 3 if t.number == 0 else 1 for t in history}


# F4 and F5: what is not evaluated


def test_f4_copies_are_answered_and_not_counted(tmp_path):
    log = tmp_path / "log"
    history = find(tmp_path, replace(PLAN, evaluate=toys.Toy(log=log)), trials=60)
    begun = [model for what, model in toys.told(log) if what == "begin"]
    assert len(begun) == len(set(begun)) == 60
    assert len(history) > 70
    assert begun == [trial.model for trial in history if trial.copy_of is None]


def test_f5_what_is_too_big_or_none_is_refused_before_training(tmp_path):
    models = ("lenet5", "resnet18", "vgg11", "no_such_net", "resnet20_cifar")
    decisions = (Decision("net", models),)
    space = SearchSpace("nets", decisions, lambda c: models[c[0]], lambda c: models[c[0]], (1,))
    log = tmp_path / "log"
    limits = Limits(32, 10, max_params=1_000_000, max_macs=2_000_000)
    plan = Plan(space, toys.uniform, AnyNet(log), Accuracy(), admit=limits)
    history = find(tmp_path, plan)
    outcome = {trial.model: trial.outcome for trial in history}
    assert outcome["lenet5"].accuracy == 0.5
    assert outcome["resnet18"].reason.startswith("too big: 11,1")
    assert outcome["resnet20_cifar"].reason.endswith("multiply-accumulates, 2,000,000 allowed")
    assert outcome["vgg11"].reason.startswith(("too big: ", "cannot be built: "))
    assert outcome["no_such_net"].reason.startswith("cannot be built: ")
    assert [model for _, model in toys.told(log)] == ["lenet5"]
    with pytest.raises(LimitsError, match=r"no network is admitted: .* parameters, 1 allowed") as error:
        find(tmp_path / "other", replace(plan, admit=Limits(32, 10, max_params=1)))
    assert error.value.exit_code == 8


class AnyNet:
    def __init__(self, log):
        self.log = log

    def __call__(self, model, seed):
        toys.tell(self.log, f"begin {model}")
        return Measurement(0.5, 1, 1, 1.0)


# F6 and F7: time


class Ticking:
    """A clock that only evaluations move: ten seconds each."""

    now = 1000.0

    def monotonic(self):
        return self.now

    def __call__(self, model, seed):
        self.now += 10
        return toys.Toy()(model, seed)


@pytest.fixture
def clock(monkeypatch):
    clock = Ticking()
    monkeypatch.setattr(clocks, "time", clock)
    return clock


def test_f6_it_ends_with_the_evaluation_in_which_the_time_ends(tmp_path, clock):
    plan = replace(PLAN, evaluate=clock)
    history = find(tmp_path, plan, trials=None, seconds=35)
    assert clock.now == 1040
    with journal_in(tmp_path, plan.head) as journal:
        assert [trial.outcome for trial in history] == [result.outcome for result in journal.results.values()]
    assert history == find(tmp_path / "other", plan, trials=4)


def test_f6_an_evaluation_that_runs_is_waited_for(tmp_path):
    log = tmp_path / "log"
    history = find(tmp_path, replace(PLAN, evaluate=toys.Toy(0.3, log)), Local(2), trials=None, seconds=0.1)
    told = Counter(what for what, _ in toys.told(log))
    assert told["begin"] == told["end"] == len(history) <= 2


def test_f7_the_time_of_former_lives_counts(tmp_path, clock):
    plan = replace(PLAN, evaluate=clock)
    with pytest.raises(KeyboardInterrupt):
        find(tmp_path, plan, watch=Dying(after=3), trials=None, seconds=75)
    assert clock.now == 1030
    clock.now = 5.0  # another boot
    history = find(tmp_path, plan, trials=None, seconds=75)
    assert clock.now == 55
    assert len(history) == 8
    assert find(tmp_path, plan, trials=None, seconds=75) == history
    assert clock.now == 55


def test_f7_the_time_of_a_long_evaluation_is_written_down(tmp_path, clock):
    def slow(evaluate, jobs):
        next(iter(jobs))
        for _ in range(7):
            clock.now += 6
            yield None
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find(tmp_path, executor=slow)
    with journal_in(tmp_path, PLAN.head) as journal:
        assert 42 - clocks.TICK_SECONDS <= journal.seconds <= 42


class Dying(Silent):
    def __init__(self, after):
        self.after = after

    def finished(self, trial):
        self.after -= 1
        if not self.after:
            raise KeyboardInterrupt


# F8: searchers beside each other


def beside_each_other(folder, *arguments):
    runs = [process("faults.searchers", folder, *arguments) for _ in range(2)]
    for run in runs:
        _, errors = run.communicate()
        assert run.returncode == 0, errors
    log = toys.told(folder / "log")
    return [(folder / f"found.{run.pid}").read_text() for run in runs], log


def test_f8_two_searchers_run_each_trial_once(tmp_path):
    found, log = beside_each_other(tmp_path)
    begun = Counter(model for what, model in log if what == "begin")
    assert set(begun.values()) == {1}
    assert len(begun) == searchers.TRIALS
    assert found == ["\n".join(map(repr, alone(searchers.plan(tmp_path / "log", 0.02))))] * 2


@pytest.mark.slow
def test_f8_without_claims_trials_would_run_twice(tmp_path):
    _, log = beside_each_other(tmp_path, "--careless")
    assert max(Counter(model for what, model in log if what == "begin").values()) == 2


def test_f8_the_claims_of_the_dead_are_taken_over(tmp_path):
    log = tmp_path / "log"
    with process("faults.searchers", tmp_path, "--pause", 1000) as dead:
        while len(toys.told(log)) < 2:
            time.sleep(0.01)
        with process("faults.searchers", tmp_path, "--workers", 1) as living:
            while len(toys.told(log)) < 2 + 2 * 4:  # what the first round leaves to it
                assert living.poll() is None
                time.sleep(0.01)
            time.sleep(0.5)
            assert len(toys.told(log)) == 10  # and no more while the other lives
            dead.kill()
            _, errors = living.communicate()
            assert living.returncode == 0, errors
    begun = Counter(model for what, model in toys.told(log) if what == "begin")
    assert sorted(begun.values()) == [1] * (searchers.TRIALS - 2) + [2, 2]


# F9 and F10: the journal at resume


def test_f9_a_torn_last_line_is_dropped_and_counted(tmp_path):
    history = find(tmp_path)
    path = tmp_path / JOURNAL
    os.truncate(path, path.stat().st_size - 30)

    class Notes(Silent):
        def __init__(self):
            self.texts = []

        def note(self, text):
            self.texts.append(text)

    notes = Notes()
    assert find(tmp_path, watch=notes) == history
    assert notes.texts == [f"{path}: torn lines dropped: 1"]


def moved(choices):
    return toys.model(tuple(reversed(choices)))


@pytest.mark.parametrize(
    ("edited", "said"),
    [
        (
            {"space": replace(toys.SPACE, settings={"size": 7})},
            "space.settings.size 6 then, 7 now",
        ),
        ({"space": replace(toys.SPACE, name="joy")}, 'space.name "toy" then, "joy" now'),
        ({"space": replace(toys.SPACE, model=moved)}, "trial . was toy:.*, now it is toy:"),
        ({"strategy": toys.uniform}, 'strategy "climb" then, "uniform" now'),
        ({"evaluate": toys.Misbehaving(("raises",))}, r"evaluator \"Toy\(\)\" then, \"Misbehaving\(.*raises"),
        ({"admit": Limits(32, 10)}, "admission"),
        ({"seed": 4}, "seed 3 then, 4 now"),
        ({"round": 9}, "round 8 then, 9 now"),
        ({"seed": 4, "round": 9}, "seed 3 then, 4 now; round 8 then, 9 now"),
        ({"asked": {"data": "a"}}, 'asked.data null then, "a" now'),
    ],
)
def test_f10_an_edited_search_is_refused_with_the_difference(tmp_path, edited, said):
    history = find(tmp_path)
    before = (tmp_path / JOURNAL).read_bytes()
    with pytest.raises(UsageError, match=said) as error:
        find(tmp_path, replace(PLAN, **edited))
    assert error.value.exit_code == 2
    assert (tmp_path / JOURNAL).read_bytes() == before
    assert find(tmp_path) == history


def test_f10_a_newer_journal_is_refused(tmp_path):
    find(tmp_path)
    path = tmp_path / JOURNAL
    path.write_bytes(path.read_bytes().replace(b'"format": %d' % FORMAT, b'"format": %d' % (FORMAT + 1)))
    with pytest.raises(RefusedError, match=f"format {FORMAT + 1}, and this version reads up to {FORMAT}"):
        find(tmp_path)


# F11: nothing comes of it


def test_f11_where_all_fail_it_says_why(tmp_path):
    plan = replace(PLAN, evaluate=toys.Misbehaving(("raises", "diverges") * 3))
    seen = []
    watch = Silent()
    watch.ended = lambda history, why: seen.extend(history)
    with pytest.raises(
        DivergedError, match=r"all evaluations failed: \d+ x ValueError: two lines of text; \d+ x diver"
    ):
        find(tmp_path, plan, watch=watch)
    assert DivergedError.exit_code == 6
    assert set(reasons(seen)) == {"ValueError: two lines of text", "diverged: loss nan at step 3"}
    assert reasons(seen).total() == 20


def test_f11_where_all_fail_it_gives_up(tmp_path):
    plan = replace(PLAN, evaluate=toys.Misbehaving(("raises",) * 6))
    with pytest.raises(DivergedError):
        find(tmp_path, plan, trials=None, patience=3)
    with journal_in(tmp_path, plan.head) as journal:
        assert len(journal.rounds) == 3
