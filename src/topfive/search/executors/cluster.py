"""Evaluations on many machines, by Ray."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from typing import Any

from topfive.errors import ResourceError, need
from topfive.search.executors.local import TRIES, TURN_SECONDS, Local
from topfive.search.protocols import Evaluator, Job
from topfive.search.trial import Failure, Measurement


@dataclass(frozen=True)
class Cluster:
    """The machines of a Ray cluster: the one at `address`, else the one of RAY_ADDRESS or of `ray start`, else a new
    one of this machine alone.

    Up to `workers` evaluations at a time, by default as many as the cluster has processors.  Each runs on its machine
    just as in `local`, which sees to its limits; a machine that is lost is made up for by another.
    """

    address: str | None = None
    workers: int | None = None
    local: Local = field(default_factory=lambda: Local(workers=1))

    def __call__(
        self, evaluate: Evaluator, jobs: Iterable[Job]
    ) -> Generator[tuple[Job, Measurement | Failure] | None, None, None]:
        ray = _joined(self.address)
        workers = self.workers or int(ray.cluster_resources()["CPU"])
        task = ray.remote(num_cpus=1, max_retries=TRIES - 1)(_evaluated)
        shared = ray.put((self.local, evaluate))
        waiting = iter(jobs)
        running: dict[Any, Job] = {}
        try:
            while True:
                while len(running) < workers and (job := next(waiting, None)) is not None:
                    running[task.remote(shared, job)] = job
                if not running:
                    return
                ended, _ = ray.wait(list(running), timeout=TURN_SECONDS)
                if not ended:
                    yield None
                for one in ended:
                    yield running.pop(one), _answer(ray, one)
        finally:
            for one in running:
                ray.cancel(one, force=True)


def _evaluated(shared: tuple[Local, Evaluator], job: Job) -> Measurement | Failure:
    """What a worker of the cluster does."""
    local, evaluate = shared
    return next(come[1] for come in local(evaluate, [job]) if come is not None)


def _answer(ray: Any, ended: Any) -> Measurement | Failure:
    try:
        answer: Measurement | Failure = ray.get(ended)
    except ray.exceptions.RayError as error:
        return Failure(f"its machine was lost ({type(error).__name__}), {TRIES} times", TRIES)
    return answer


def _joined(address: str | None) -> Any:
    """Ray itself, with this process part of a cluster."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # and warn
    ray: Any = need("ray", "cluster")
    if ray.is_initialized():
        return ray
    try:
        ray.init(address=address, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ValueError, RuntimeError) as error:
        why = " ".join(str(error).split())
        raise ResourceError(
            "cluster", address, why, "Start one with: ray start --head, or leave --address out"
        ) from None
    return ray
