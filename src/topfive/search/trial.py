"""One trial of a search: what was proposed and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from topfive.search.space import Choices


@dataclass(frozen=True)
class Measurement:
    """What an evaluator found out about a network.

    `accuracy` is the top-1 fraction on held-out training images at the end, `curve` that after each epoch, `seconds`
    processor time, `latency` milliseconds for one image through the exported graph (None where it was not asked for).
    """

    accuracy: float
    params: int
    macs: int
    seconds: float
    curve: tuple[float, ...] = ()
    latency: float | None = None


@dataclass(frozen=True)
class Failure:
    """Why a trial has no measurement: refused, raised, diverged, killed, or out of time; after how many attempts."""

    reason: str
    attempts: int = 1


@dataclass(frozen=True)
class Trial:
    """`number` counts from 0 in the order of proposals; `copy_of` is the trial that had the same key before.

    `reward` is what the objective makes of the measurement, None for a failure.  Higher is better.
    """

    number: int
    round: int
    choices: Choices
    key: str
    model: str
    outcome: Measurement | Failure
    reward: float | None
    copy_of: int | None = None
