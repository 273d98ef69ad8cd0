"""How a search went, as charts: the reward of every trial and the best so far; accuracy against what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, pairwise

from topfive.report.chart import Chart, Point, Series, draw
from topfive.search.front import front
from topfive.search.trial import Measurement, Trial

UNITS = {  # of a cost: what divides it on the axis, and the axis' name
    "latency": (1.0, "milliseconds for one image"),
    "macs": (1e6, "million multiply-accumulates"),
    "params": (1e3, "thousand parameters"),
}


def history_chart(trials: Sequence[Trial]) -> Chart | None:
    """By trial; None where none has a reward.  A round's mean stands at its middle."""
    rewards: list[Point] = []
    by_round: dict[int, list[Point]] = {}
    for trial in trials:
        if trial.reward is not None:
            point = float(trial.number), trial.reward
            rewards.append(point)
            by_round.setdefault(trial.round, []).append(point)
    rounds = [_mean(points) for points in by_round.values()]
    series = [
        Series("a trial", "each", rewards, joined=False),
        Series("mean of a round", "run-2", rounds),
        Series("best so far", "run-1", _best_so_far(rewards)),
    ]
    fractions = all(0 <= reward <= 1 for _, reward in rewards)
    return draw("Reward", series, fractions=fractions, x_label="trial")


def front_chart(trials: Sequence[Trial], cost: str, target: float | None = None) -> Chart | None:
    """Accuracy against `cost`, one of UNITS, with the front between them; `target` is in the measurement's unit."""
    unit, name = UNITS[cost]

    def points(some: Sequence[Trial]) -> list[Point]:
        found = []
        for trial in some:
            if isinstance(trial.outcome, Measurement):
                value: float | None = getattr(trial.outcome, cost)
                if value is not None:
                    found.append((value / unit, trial.outcome.accuracy))
        return found

    best = sorted(points(front(trials, "accuracy", cost)))
    series = [Series("a trial", "each", points(trials), joined=False), Series("front", "run-1", _steps(best))]
    mark = None if target is None else target / unit
    return draw("Accuracy", series, mark=mark, fractions=True, x_label=name, whole=False)


def _best_so_far(rewards: Sequence[Point]) -> list[Point]:
    better: list[Point] = []
    for number, reward in rewards:
        if not better or reward > better[-1][1]:
            better.append((number, reward))
    return [*_steps(better), (rewards[-1][0], better[-1][1])] if better else []


def _steps(points: Sequence[Point]) -> list[Point]:
    """Level until the next point, then up."""
    corners = [(after[0], before[1]) for before, after in pairwise(points)]
    return [*chain.from_iterable(zip(points, corners, strict=False)), *points[-1:]]


def _mean(points: Sequence[Point]) -> Point:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
