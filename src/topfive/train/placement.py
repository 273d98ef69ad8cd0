"""How the arithmetic runs: threads, memory format and precision, chosen by a short trial on copies before step 0.

Small networks are up to twice as fast on one thread as on two, parts of a batch side by side are faster yet, whether
channels-last pays differs by network, and half precision is slower than single on many processors: none can be told
without measuring.  A run is bit-identical only at
the same choice, so it is recorded in the run and kept on resume.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import itertools
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from topfive.train import heap
from topfive.train.abreast import Abreast, divided, separable

PAYS = 1.15  # more threads must be this much faster: they take the machine from others, and wait badly when it is busy
TRIAL_SECONDS = 4.0  # the trial ends with the round that passes this
ROUNDS = 5
TRIAL_PIXELS = 400_000  # that the images of a trial's step have together: 8 of 224 pixels a side
Precision = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class Placement:
    """`threads` of the processor that one operation may use, and whether activations are stored channels last.

    Arithmetic is in `precision` where that is safe (autocast), and `compiled` by torch.  `abreast` parts of a batch are
    computed at a time, where it goes through the network in parts, each on so many threads.
    """

    threads: int
    channels_last: bool
    precision: Precision = "float32"
    compiled: bool = False
    abreast: int = 1

    def apply(self, model: nn.Module) -> None:
        """Set the process's thread count, keep its memory, and move `model` to the memory format."""
        heap.keep()
        torch.set_num_threads(self.threads)
        model.to(memory_format=self.memory_format)

    @property
    def processors(self) -> int:
        return self.threads * self.abreast

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """While this lasts, one operation may use all processors of the placement: nothing is computed beside it."""
        before = torch.get_num_threads()
        torch.set_num_threads(self.processors)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    @property
    def memory_format(self) -> torch.memory_format:
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def autocast(self, device: torch.device) -> contextlib.AbstractContextManager[Any]:
        """The context in which the network computes."""
        if self.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(device.type, getattr(torch, self.precision))


def choose_placement(
    objective: nn.Module,
    images: Tensor,
    targets: Tensor,
    *,
    name: str,
    threads: int | None = None,
    channels_last: bool | None = None,
    half: bool = False,
    compiled: bool = False,
    parts: int = 1,
    cache: Path | None = None,
) -> Placement:
    """The fastest placement for training on batches like `images` [N, C, H, W]; what is given is not tried.

    `objective(images, targets)` is the loss, on the device of the images.  With `half` lower precisions compete too.
    A batch goes through the network in `parts`, some of which may be computed at a time where no `threads` are given.
    The answer is kept in `cache` (a JSON file), by machine, network and shape.
    """
    on_processor = images.device.type == "cpu"
    counts = [threads] if threads else sorted({1, available_cores()}) if on_processor else [available_cores()]
    formats = [False, True] if channels_last is None else [channels_last]
    precisions = get_args(Precision) if half else ("float32",)
    candidates = [Placement(*each, compiled) for each in itertools.product(counts, formats, precisions)]
    if on_processor and not threads and not compiled:
        for abreast in beside(objective, images, targets, parts):
            candidates += [
                Placement(available_cores() // abreast, *each, abreast=abreast)
                for each in itertools.product(formats, precisions)
            ]
    if len(candidates) == 1:
        return candidates[0]
    key = _key(name, images, candidates)
    known = _read(cache)
    if key in known:
        return Placement(**known[key])
    few = enough(images)
    best = _fastest({each: _trial(each, objective, images[:few], targets[:few], parts) for each in candidates})
    if cache is not None:
        _write(cache, {**known, key: asdict(best)})
    return best


def beside(objective: nn.Module, images: Tensor, targets: Tensor, parts: int) -> list[int]:
    """How many parts at a time are worth a trial beside one after another."""
    abreast = min(parts, available_cores(), len(images) // 2)
    return [abreast] if abreast > 1 and separable(objective, images[:2], targets[:2]) else []


def step_seconds(objective: nn.Module, images: Tensor, targets: Tensor, parts: int = 1, looked: float = 0.0) -> float:
    """Seconds that the network's part of a step takes in the fastest placement, whose threads stay set.

    There it is timed for `looked` seconds at least.  Slow steps count too, but for the slowest tenth: one hiccup of the
    machine may be as long as all the rest.
    """
    candidates = [Placement(threads, True) for threads in {1, available_cores()}]
    candidates += [
        Placement(available_cores() // abreast, True, abreast=abreast)
        for abreast in beside(objective, images, targets, parts)
    ]
    trials = {each: _trial(each, objective, images, targets, parts) for each in candidates}
    best = _fastest(trials)
    step = trials[best]
    seconds: list[float] = []
    while len(seconds) < 2 * ROUNDS or sum(seconds) < looked:
        seconds.append(step())
    torch.set_num_threads(best.threads)
    return statistics.fmean(sorted(seconds)[: len(seconds) - len(seconds) // 10])


def enough(images: Tensor) -> int:
    """How many of images [N, C, H, W] tell the speed of a step: small ones all, of photographs a few."""
    return min(len(images), max(4, TRIAL_PIXELS // images[0, 0].numel()))


def available_cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _trial(
    placement: Placement, objective: nn.Module, images: Tensor, targets: Tensor, parts: int = 1
) -> Callable[[], float]:
    """A function that times one training step of a copy, in seconds; compilation is not part of the trial."""
    heap.keep()
    trained = copy.deepcopy(objective).train().to(memory_format=placement.memory_format)
    abreast = Abreast(trained, placement.abreast, placement.threads)
    images = images.to(memory_format=placement.memory_format)
    shares = divided(images, targets, parts)

    def learn(its: nn.Module, some: Tensor, wanted: Tensor) -> float:
        with placement.autocast(images.device):
            loss = its(some, wanted)
        loss.backward()
        return 0.0

    def step() -> float:
        torch.set_num_threads(placement.threads)
        start = time.perf_counter()
        abreast.each(learn, shares)
        trained.zero_grad(set_to_none=True)
        if images.is_cuda:
            torch.cuda.synchronize(images.device)
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
    modest = min(
        (placement for placement in medians if placement.processors == 1), key=medians.__getitem__, default=best
    )
    return best if medians[best] * PAYS < medians[modest] else modest


def _key(name: str, images: Tensor, candidates: list[Placement]) -> str:
    machine = [platform.machine(), torch.__version__, torch.backends.cpu.get_cpu_capability(), available_cores()]
    machine += [torch.cuda.get_device_name(images.device)] if images.is_cuda else []
    text = json.dumps([machine, name, list(images.shape), [asdict(candidate) for candidate in candidates]])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(cache: Path | None) -> dict[str, dict[str, Any]]:
    try:
        known = json.loads(cache.read_text()) if cache is not None else {}
        names = {field.name for field in fields(Placement)}
        return {key: value for key, value in known.items() if set(value) == names}
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
