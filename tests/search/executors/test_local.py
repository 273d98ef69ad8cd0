"""Processes of this machine: the same outcomes as in one process, limits that hold, and nothing left running."""

from __future__ import annotations

import multiprocessing
import time

import pytest

from faults import toys
from topfive.search.executors import OUT_OF_MEMORY, attempt, in_process
from topfive.search.executors.local import Local
from topfive.search.protocols import Job
from topfive.search.trial import Failure

JOBS = [Job(number, toys.model((number, 0, number % 6)), 100 + number) for number in range(7)]


def outcomes(executor, evaluate, jobs=JOBS):
    return {job: outcome for come in executor(evaluate, jobs) if come is not None for job, outcome in [come]}


@pytest.mark.parametrize("workers", [1, 3])
def test_outcomes_are_those_of_one_process(workers):
    assert outcomes(Local(workers), toys.Toy()) == outcomes(in_process, toys.Toy())


def test_jobs_are_taken_when_there_is_room():
    taken, ended = [], 0

    def jobs():
        for job in JOBS:
            taken.append(job)
            yield job

    for come in Local(2)(toys.Toy(), jobs()):
        assert len(taken) <= ended + 2
        ended += come is not None
    assert ended == len(taken) == len(JOBS)


def test_the_caller_has_turns_and_ends_all_by_closing(tmp_path):
    log = tmp_path / "log"
    running = Local(2)(toys.Toy(pause=1000, log=log), JOBS)
    while len(toys.told(log)) < 2:
        assert next(running) is None
    begun = time.monotonic()
    running.close()
    assert time.monotonic() - begun < 100
    assert len(toys.told(log)) == 2


def test_evaluations_end_with_a_searcher_that_is_killed(tmp_path):
    log = tmp_path / "log"
    searcher = multiprocessing.get_context("forkserver").Process(target=toys.breathe_beside_each_other, args=(log,))
    searcher.start()
    while len(toys.told(log)) < 4:
        time.sleep(0.01)
    searcher.kill()
    searcher.join()
    quiet = 0
    while quiet < 10:  # which is far more than a breath
        before = len(toys.told(log))
        time.sleep(10 * toys.BREATH)
        quiet = quiet + 1 if len(toys.told(log)) == before else 0


@pytest.mark.parametrize(
    ("fault", "reason", "attempts"),
    [
        ("raises", "ValueError: two lines of text", 1),
        ("diverges", "diverged: loss nan at step 3", 1),
        ("is_no_number", "measured nan: Input should be less than or equal to 1", 1),
        ("crashes", "its process was killed by SIGSEGV, 3 times", 3),
        ("exits", "its process exited with 3, 3 times", 3),
        ("hangs", "out of time: more than 3 s", 1),
        ("devours", OUT_OF_MEMORY, 1),
    ],
)
def test_a_fault_is_a_failure_with_its_reason(tmp_path, fault, reason, attempts):
    log = tmp_path / "log"
    local = Local(1, memory=2**29, seconds=3 if fault == "hangs" else None)
    evaluate = toys.Misbehaving((fault,), log)
    bad, good = Job(0, toys.model((1, 1, 0)), 0), Job(1, toys.model((1, 1, 1)), 0)
    found = outcomes(local, evaluate, [bad, good])
    assert found == {bad: Failure(reason, attempts), good: attempt(toys.Toy(), good)}
    assert toys.told(log).count(["begin", bad.model]) == attempts
