"""Evaluations in processes of this machine, each in one of its own, with limits on its memory and its time."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path

from topfive.search.executors import attempt
from topfive.search.protocols import Evaluator, Job
from topfive.search.trial import Failure, Measurement

TRIES = 3  # of an evaluation whose process dies
TURN_SECONDS = 0.5  # the longest that the caller waits for a turn
LEAVING_SECONDS = 2.0  # for a process to give back to the system what its libraries took, before it is ended


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Local:
    """Up to `workers` processes at a time; one ends with its evaluation, and all of them with this process.

    `memory` is how many bytes an evaluation may take beyond what Python and its libraries take before it begins,
    `seconds` how long it may last.  A process that dies by itself is tried again, `TRIES` times in all, then its
    trial is given up: a crash may have come from elsewhere.  What raises an error, takes too much memory or too long
    would do so again, and fails at once.
    """

    workers: int = field(default_factory=cores)
    memory: int | None = None
    seconds: float | None = None

    def __call__(
        self, evaluate: Evaluator, jobs: Iterable[Job]
    ) -> Generator[tuple[Job, Measurement | Failure] | None, None, None]:
        waiting = iter(jobs)
        running: list[_Attempt] = []
        try:
            while True:
                while len(running) < self.workers and (job := next(waiting, None)) is not None:
                    running.append(_Attempt(self, evaluate, job, 1))
                if not running:
                    return
                wait([one.answer for one in running], min([TURN_SECONDS, *(one.left for one in running)]))
                ended = [(one, outcome) for one in running if (outcome := one.outcome()) is not None]
                if not ended:
                    yield None
                for one, outcome in ended:
                    one.stop()
                    running.remove(one)
                    if one.crashed and one.number < TRIES:
                        running.append(_Attempt(self, evaluate, one.job, one.number + 1))
                    else:
                        yield one.job, outcome
        finally:
            for one in running:
                one.stop()


class _Attempt:
    """One process that evaluates one job, the `number`th for it."""

    def __init__(self, limits: Local, evaluate: Evaluator, job: Job, number: int):
        self.job = job
        self.number = number
        self.crashed = False
        self._limits = limits
        self._begun = time.monotonic()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(
            ["__main__", __name__, evaluate.__module__]
        )  # torch is imported once, not by each
        self.answer, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_evaluate, args=(theirs, evaluate, job, limits.memory))
        self._process.start()
        theirs.close()

    @property
    def left(self) -> float:
        """Seconds until the limit."""
        seconds = math.inf if self._limits.seconds is None else self._limits.seconds
        return max(0.0, self._begun + seconds - time.monotonic())

    def outcome(self) -> Measurement | Failure | None:
        """None while there is none yet."""
        if self.answer.poll():
            try:
                answer: Measurement | Failure = self.answer.recv()
                self._process.join(LEAVING_SECONDS)
                return answer
            except (EOFError, OSError):
                self.crashed = True
                self._process.join()
                times = f", {self.number} times" if self.number > 1 else ""
                return Failure(f"its process {_death(self._process.exitcode)}{times}", self.number)
        if self.left == 0:
            return Failure(f"out of time: more than {self._limits.seconds:g} s")
        return None

    def stop(self) -> None:
        self._process.kill()
        self._process.join()
        self._process.close()
        self.answer.close()


def _evaluate(answer: Connection, evaluate: Evaluator, job: Job, memory: int | None) -> None:
    """What the process of an attempt does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the searcher ends its evaluations
    threading.Thread(target=_end_with_searcher, daemon=True).start()
    if memory is not None:
        limit = _data_bytes() + memory
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    with contextlib.suppress(BrokenPipeError):  # the searcher has gone
        answer.send(attempt(evaluate, job))


def _end_with_searcher() -> None:
    searcher = multiprocessing.parent_process()
    assert searcher is not None
    wait([searcher.sentinel])
    signal.raise_signal(signal.SIGKILL)  # from a thread nothing else ends a process at once


def _data_bytes() -> int:
    """What this process has of the memory that RLIMIT_DATA limits."""
    return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()


def _death(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"was killed by {signal.Signals(-exit_code).name}"
    return f"exited with {exit_code}"
