"""Where the arithmetic runs: device, threads and memory format, chosen by a short trial on copies before step 0.

Small networks are up to twice as fast on one thread as on two, and whether channels-last pays differs by network:
neither can be told without measuring.  A run is bit-identical only at the same choice, so it is recorded in the run and
kept on resume.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from topfive.train.loss import Loss

PAYS = 1.15  # more threads must be this much faster: they take the machine from others, and wait badly when it is busy
TRIAL_SECONDS = 4.0  # the trial ends with the round that passes this
ROUNDS = 5


@dataclass(frozen=True)
class Placement:
    """`threads` of the processor that one operation may use, and whether activations are stored channels last."""

    threads: int
    channels_last: bool

    def apply(self, model: nn.Module) -> None:
        """Set the process's thread count and move `model` to the memory format."""
        torch.set_num_threads(self.threads)
        model.to(memory_format=self.memory_format)

    @property
    def memory_format(self) -> torch.memory_format:
        return torch.channels_last if self.channels_last else torch.contiguous_format


def choose_placement(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    loss: Loss,
    *,
    name: str,
    threads: int | None = None,
    channels_last: bool | None = None,
    cache: Path | None = None,
) -> Placement:
    """The fastest placement for training `model` on batches like `images` [N, C, H, W]; what is given is not tried.

    The answer is kept in `cache` (a JSON file), by machine, network and shape.
    """
    thread_counts = [threads] if threads else sorted({1, available_cores()})
    formats = [False, True] if channels_last is None else [channels_last]
    candidates = [Placement(*pair) for pair in itertools.product(thread_counts, formats)]
    if len(candidates) == 1:
        return candidates[0]
    key = _key(name, images, candidates)
    known = _read(cache)
    if key in known:
        return Placement(**known[key])
    trials = {candidate: _trial(candidate, model, images, labels, loss) for candidate in candidates}
    best = _fastest(trials)
    if cache is not None:
        _write(cache, {**known, key: asdict(best)})
    return best


def available_cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _trial(placement: Placement, model: nn.Module, images: Tensor, labels: Tensor, loss: Loss) -> Callable[[], float]:
    """A function that times one training step of a copy of `model`, in seconds."""
    trained = copy.deepcopy(model).train().to(memory_format=placement.memory_format)
    images = images.to(memory_format=placement.memory_format)

    def step() -> float:
        torch.set_num_threads(placement.threads)
        start = time.perf_counter()
        loss(trained(images), labels).backward()  # type: ignore[no-untyped-call]
        trained.zero_grad(set_to_none=True)
        return time.perf_counter() - start

    return step


def _fastest(trials: dict[Placement, Callable[[], float]]) -> Placement:
    """All arms in turn, so that a drift of the machine's speed meets all alike; the least median wins, if it pays."""
    start = time.perf_counter()
    seconds: dict[Placement, list[float]] = {placement: [] for placement in trials}
    for step in trials.values():
        step()  # the first one allocates
    for _ in range(ROUNDS):
        for placement, step in trials.items():
            seconds[placement].append(step())
        if time.perf_counter() - start > TRIAL_SECONDS:
            break
    medians = {placement: statistics.median(values) for placement, values in seconds.items()}
    best = min(medians, key=medians.__getitem__)
    modest = min((placement for placement in medians if placement.threads == 1), key=medians.__getitem__, default=best)
    return best if medians[best] * PAYS < medians[modest] else modest


def _key(name: str, images: Tensor, candidates: list[Placement]) -> str:
    machine = [platform.machine(), torch.__version__, torch.backends.cpu.get_cpu_capability(), available_cores()]
    text = json.dumps([machine, name, list(images.shape), [asdict(candidate) for candidate in candidates]])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(cache: Path | None) -> dict[str, dict[str, Any]]:
    try:
        known = json.loads(cache.read_text()) if cache is not None else {}
        return {key: value for key, value in known.items() if set(value) == {"threads", "channels_last"}}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}  # a cache: damaged or missing, we measure again


def _write(cache: Path, known: dict[str, dict[str, Any]]) -> None:
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        temporary = cache.with_name(f"{cache.name}.tmp-{os.getpid()}")
        temporary.write_text(json.dumps(known, indent=1))
        os.replace(temporary, cache)
    except OSError:
        return  # nowhere to keep it: the next run measures again
