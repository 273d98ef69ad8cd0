"""One trial of a search: what was proposed and what came of it."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from topfive.search.space import Choices

_READ_FROM_FILES = ConfigDict(extra="forbid")

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, config=_READ_FROM_FILES)
class Measurement:
    """What an evaluator found out about a network.

    `accuracy` is the top-1 fraction on held-out training images at the end, `curve` that after each epoch, `seconds`
    processor time, `latency` milliseconds for one image through the exported graph (None where it was not asked for).
    """

    accuracy: Fraction
    params: Count
    macs: Count
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    curve: tuple[Fraction, ...] = ()
    latency: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


@dataclass(frozen=True, config=_READ_FROM_FILES)
class Failure:
    """Why a trial has no measurement: refused (no attempt), raised, diverged, killed, or out of time."""

    reason: str
    attempts: Count = 1


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of evaluating one network: a line of the journal.  `trial` is the number of its trial."""

    trial: int
    key: str
    model: str
    outcome: Measurement | Failure


@dataclasses.dataclass(frozen=True)
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
