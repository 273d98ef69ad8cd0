"""What a measured network is worth, as one number: higher is better."""

from __future__ import annotations

from dataclasses import dataclass

from topfive.errors import UsageError, nearest
from topfive.search.protocols import Objective
from topfive.search.trial import Measurement

COSTS = ("latency", "macs", "params")
WEIGHTS = {"soft": (-0.07, -0.07), "hard": (0.0, -1.0)}  # MnasNet, sec. 3.1: below the target and above it
OBJECTIVES = ("accuracy", *WEIGHTS)


@dataclass(frozen=True)
class Accuracy:
    """The top-1 fraction and nothing else."""

    def __call__(self, measurement: Measurement) -> float:
        return measurement.accuracy


@dataclass(frozen=True)
class Weighted:
    """accuracy * (cost / target) ** w.  Tan et al. 2018, arXiv:1807.11626, eq. 2 and 3.

    w is `below` where the cost is at most the target and `above` otherwise.  `cost` is one of COSTS, `target` in its
    unit: milliseconds, multiply-accumulates, parameters.
    """

    cost: str
    target: float
    below: float
    above: float

    def __call__(self, measurement: Measurement) -> float:
        ratio = cost_of(measurement, self.cost) / self.target
        return measurement.accuracy * float(ratio ** (self.below if ratio <= 1 else self.above))


def objective_named(name: str, cost: str = "latency", target: float | None = None) -> Objective:
    """`accuracy`, or MnasNet's reward, `soft` (a price on every per cent of cost) or `hard` (a wall at the target)."""
    if name not in OBJECTIVES:
        raise UsageError("unknown objective", name, nearest(name, OBJECTIVES), f"There are: {', '.join(OBJECTIVES)}")
    if name == "accuracy":
        return Accuracy()
    if cost not in COSTS:
        raise UsageError("unknown cost", cost, nearest(cost, COSTS), f"There are: {', '.join(COSTS)}")
    if target is None or not 0 < target < float("inf"):
        why = f"it needs a target for {cost} above 0, not {target}"
        raise UsageError("objective", name, why, "State a limit, or use the objective accuracy")
    return Weighted(cost, target, *WEIGHTS[name])


def cost_of(measurement: Measurement, cost: str) -> float:
    """A cost by name.  UsageError where it was not measured."""
    value: float | None = getattr(measurement, cost)
    if value is None:
        raise UsageError("objective", cost, "the evaluator measured none", "Use macs or params, or measure it")
    return value
