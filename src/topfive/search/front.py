"""The Pareto front: the trials that no other one beats in both of two quantities."""

from __future__ import annotations

from collections.abc import Sequence

from topfive.errors import UsageError, nearest
from topfive.search.trial import Measurement, Trial

SIGNS = {"accuracy": -1.0, "latency": 1.0, "params": 1.0, "macs": 1.0}  # times the quantity: less is better


def front(trials: Sequence[Trial], first: str, second: str) -> list[Trial]:
    """The non-dominated trials, best in `first` to best in `second`; of equals the earliest.

    Copies and trials without one of the two quantities are no part of it.
    """
    for name in (first, second):
        if name not in SIGNS:
            raise UsageError("unknown quantity", name, nearest(name, SIGNS), f"There are: {', '.join(SIGNS)}")
    if first == second:
        raise UsageError("front", first, "it is between two quantities, and these are one", "Name another")
    measured = [(point, trial) for trial in trials if trial.copy_of is None and (point := _point(trial, first, second))]
    found: list[Trial] = []
    least = float("inf")
    for (_, cost), trial in sorted(measured, key=lambda pair: pair[0]):  # a stable sort: of equals the earliest
        if cost < least:
            found.append(trial)
            least = cost
    return found


def _point(trial: Trial, first: str, second: str) -> tuple[float, float] | None:
    """Both quantities, less is better; None where one is missing."""
    if not isinstance(trial.outcome, Measurement):
        return None
    values = [getattr(trial.outcome, name) for name in (first, second)]
    return None if None in values else (SIGNS[first] * values[0], SIGNS[second] * values[1])
