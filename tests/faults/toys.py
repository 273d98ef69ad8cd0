"""Searches that take milliseconds: a space, a strategy, and evaluators that misbehave as real ones do.

Kept light, as the processes that evaluate import it.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from topfive.errors import DivergedError
from topfive.search.executors.local import Local
from topfive.search.protocols import Job
from topfive.search.space import Choices, Decision, SearchSpace
from topfive.search.trial import Measurement, Trial

BREATH = 0.02  # seconds
LINE = 256  # characters of a line in a log, with its end


def model(choices: Choices) -> str:
    return "toy:" + ",".join(map(str, choices))


def structure(choices: Choices) -> str:
    """The first two decisions may change places, so there are copies."""
    return model((*sorted(choices[:2]), *choices[2:]))


SPACE = SearchSpace(
    "toy",
    tuple(Decision(name, tuple("abcdef")) for name in ("one", "two", "three")),
    model,
    structure,
    (3,),
    {"size": 6},
)


def uniform(space: SearchSpace, history: Sequence[Trial], count: int, rng: np.random.Generator) -> list[Choices]:
    return [space.sample(rng) for _ in range(count)]


def climb(space: SearchSpace, history: Sequence[Trial], count: int, rng: np.random.Generator) -> list[Choices]:
    """Children of the best so far, and others: a trial that is lost or changed changes all that follow."""
    rated = [trial for trial in history if trial.reward is not None]
    if not rated:
        return uniform(space, history, count, rng)
    best = max(rated, key=lambda trial: trial.reward or 0.0)
    return [space.mutate(best.choices, rng) if rng.random() < 0.5 else space.sample(rng) for _ in range(count)]


def quality(model: str, seed: int) -> float:
    """In [0, 1), and the same for copies."""
    alike = structure(tuple(map(int, model.removeprefix("toy:").split(","))))
    digest = hashlib.blake2b(f"{alike} {seed}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little") / 2**32


@dataclass(frozen=True)
class Toy:
    """Takes `pause` seconds; `log` is told when it begins and ends with a network."""

    pause: float = field(default=0.0, repr=False)
    log: Path | None = field(default=None, repr=False)

    def __call__(self, model: str, seed: int) -> Measurement:
        tell(self.log, f"begin {model}")
        time.sleep(self.pause)
        value = quality(model, seed)
        tell(self.log, f"end {model}")
        return Measurement(value, params=len(model), macs=seed % 1000, seconds=value, curve=(value / 2, value))


def tell(log: Path | None, line: str) -> None:
    """All lines have one length that divides a page: a write across two pages can be seen, or killed, half done."""
    if log is not None:
        assert len(line) < LINE, f"{line} is longer than a line of the log"
        with open(log, "a") as file:
            file.write(line.ljust(LINE - 1) + "\n")


def told(log: Path) -> list[list[str]]:
    """The lines of a log, in words."""
    return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


@dataclass(frozen=True)
class Misbehaving:
    """Fails as `faults` says for the third decision's answer; the other networks are measured as by `Toy`."""

    faults: tuple[str, ...]
    log: Path | None = field(default=None, repr=False)

    def __call__(self, model: str, seed: int) -> Measurement:
        good = Toy(log=self.log)(model, seed)
        place = int(model.split(",")[-1])
        return FAULTS[self.faults[place]](good) if place < len(self.faults) else good


@dataclass(frozen=True)
class Breathing:
    """Tells its log that it lives until it is ended."""

    log: Path

    def __call__(self, model: str, seed: int) -> Measurement:
        while True:
            tell(self.log, f"lives {model}")
            time.sleep(BREATH)


def breathe_beside_each_other(log: Path) -> None:
    """What a searcher does that a test kills."""
    for _ in Local(2)(Breathing(log), [Job(0, "one", 0), Job(1, "two", 0)]):
        pass


def raises(good: Measurement) -> Measurement:
    raise ValueError("two lines\nof text")


def diverges(good: Measurement) -> Measurement:
    raise DivergedError("diverged", "here", "loss nan at step 3")


def is_no_number(good: Measurement) -> Measurement:
    return Measurement(float("nan"), good.params, good.macs, good.seconds)


def crashes(good: Measurement) -> Measurement:
    ctypes.string_at(0)
    return good


def exits(good: Measurement) -> Measurement:
    os._exit(3)


def hangs(good: Measurement) -> Measurement:
    time.sleep(1000)
    return good


def devours(good: Measurement) -> Measurement:
    hoard = []
    for _ in range(64):
        hoard.append(np.ones(2**23))  # 64 MB each, 4 GB in all, were they given
    return good


FAULTS = {one.__name__: one for one in (raises, diverges, is_no_number, crashes, exits, hangs, devours)}
