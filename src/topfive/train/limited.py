"""The choice under stated limits: the first network of the ladder that keeps to all of them and has time to learn."""

from __future__ import annotations

import dataclasses
import math
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from topfive.artifact import Precision
from topfive.data import Splits
from topfive.errors import LimitsError
from topfive.evaluate.limits import Limits, amount, stated
from topfive.recipe import Recipe, recipe_from
from topfive.train.choice import ENOUGH, MOST, SECONDS, for_training, warmed_up, whole
from topfive.train.ladder import ladder
from topfive.train.loop import Watch
from topfive.train.pace import epoch_seconds
from topfive.train.weighed import MARGIN, Weighed, facts_of, least_bytes, weigh

LOOK = 0.25  # of the time, after which the ladder is climbed from below: what is left is for learning
PROPORTION = 0.8  # a smaller relative takes at least this share of the time that its operations let expect


def chosen_within(
    limits: Limits, name: str | None, settings: Mapping[str, Any], splits: Splits, watch: Watch
) -> Recipe:
    """The recipe `name`, or what suits, with the settings put in, of the strongest network that keeps to the limits.

    Where the settings name a network, it is that or none.  Says what was chosen and why.  LimitsError where there is
    none, with what the nearest network needs.
    """
    seconds = float(settings.get("time") or SECONDS)
    until = time.monotonic() + for_training(seconds)
    fixed = name is not None or "model" in settings
    rungs = [{}] if "model" in settings else ladder(splits)
    recipes = (whole(name, {**rung, **settings}, splits) for rung in rungs)
    watch.note(f"{splits.name}: looking for the strongest of {len(rungs)} networks with {limits.told()}")
    walk = Walk(limits, splits, whole(name, {**rungs[-1], **settings}, splits), math.inf if fixed else until)
    found = next(walk.fitting(recipes), None) if fixed else walk.timely(recipes)
    if found is None:
        raise walk.refusal()
    watch.note(f"{found.told()}: {walk.reason(found)}")
    if fixed:
        return found.recipe
    epochs = min(MOST, max(1, walk.epochs(found)))
    watch.note(f"{epochs} epochs within {seconds:.0f} s; change it by --time, --max-latency, --max-size, --max-macs")
    fitted = {"epochs": epochs, "time": seconds, **settings}
    return recipe_from({**dataclasses.asdict(found.recipe), **warmed_up(found.recipe, fitted)})


class Walk:
    """Down a ladder of recipes, from strong to modest, remembering what was found out about each.

    What its operations tell to be hopeless is passed over without a measurement, but never `least`, the last of them.
    Training must end by `until`, of time.monotonic(); where a good part of that went by with looking, the rest of the
    ladder is looked at from its modest end.
    """

    def __init__(self, limits: Limits, splits: Splits, least: Recipe, until: float = math.inf):
        self.limits, self.splits, self.least, self.until = limits, splits, least, until
        self.turn = until if math.isinf(until) else until - (1 - LOOK) * self._left()
        self.weighed: list[Weighed] = []
        self.passed: Counter[str] = Counter()  # how many for the sake of what
        self._epoch: dict[Recipe, float] = {}  # seconds
        self._pace = 0.0  # of them, for each multiply-accumulate

    def fitting(self, recipes: Iterable[Recipe]) -> Iterator[Weighed]:
        """Those that keep to the limits, in floats where these do, else in int8."""
        ahead = deque(recipes)
        while ahead:
            late = time.monotonic() > self.turn
            recipe = ahead.pop() if late else ahead.popleft()
            facts = facts_of(recipe, self.splits)
            hopeless = ""
            if self.limits.macs is not None and facts.macs > self.limits.macs:
                hopeless = "macs"
            elif recipe != self.least and self._left() < ENOUGH * PROPORTION * self._pace * facts.macs:
                hopeless = "time"
            if hopeless:
                self.passed[hopeless] += 1
                continue
            for precision in get_args(Precision):
                if self.limits.size is not None and least_bytes(facts, precision) > self.limits.size:
                    broken: tuple[str, ...] = ("size",)
                elif self._too_slow(facts.macs, precision):
                    broken = ("latency",)
                else:
                    self.weighed.append(weigh(recipe, precision, self.limits, self.splits))
                    broken = self.limits.broken(self.weighed[-1].cost, MARGIN)
                if not broken:
                    self.passed["look"] = len(ahead) if late else 0
                    yield self.weighed[-1]
                    break
            else:
                self.passed[broken[0]] += 1

    def timely(self, recipes: Iterable[Recipe]) -> Weighed | None:
        """The first of those that has the time to see the images often enough, else the quickest to train."""
        quickest: Weighed | None = None
        for found in self.fitting(recipes):
            self._epoch[found.recipe] = epoch_seconds(found.recipe, self.splits, max(0.0, self._left()))
            self._pace = self._pace or self._epoch[found.recipe] / found.cost.macs
            if self.epochs(found) >= ENOUGH:
                return found
            if quickest is None or self._epoch[found.recipe] < self._epoch[quickest.recipe]:
                quickest = found
            self.passed["time"] += 1
        return quickest

    def epochs(self, found: Weighed) -> int:
        """How often it sees the images in the time that is left."""
        return int(self._left() / self._epoch[found.recipe])

    def reason(self, found: Weighed) -> str:
        """Its costs, and why none above it was taken."""
        costs = ", ".join(amount(name, getattr(found.cost, name)) for name in stated(self.limits))
        words = {"macs": "too many operations", "size": "too large", "latency": "too slow", "time": "too long to train"}
        words["look"] = "not looked at for want of time"
        passed = ", ".join(f"{count} {words[name]}" for name, count in self.passed.items() if count)
        return f"{costs} with fresh weights; {f'passed over: {passed}' if passed else 'none is stronger'}"

    def refusal(self) -> LimitsError:
        """That nothing keeps to the limits, with what the network that comes nearest to all of them together needs."""
        known = {(each.recipe, each.precision) for each in self.weighed}
        for precision in get_args(Precision):
            if (self.least, precision) not in known:
                self.weighed.append(weigh(self.least, precision, self.limits, self.splits))
        nearest = min(self.weighed, key=lambda each: sorted(self._shares(each).values(), reverse=True))
        listed = ", ".join(
            f"{amount(name, share * limit)} where {amount(name, limit)} is allowed"
            for (name, limit), share in zip(stated(self.limits).items(), self._shares(nearest).values(), strict=True)
        )
        why = f"the nearest possible values are {listed}, of {nearest.told()}"
        return LimitsError("no network keeps to the limits on", self.splits.name, why, "Loosen them")

    def _shares(self, weighed: Weighed) -> dict[str, float]:
        """How much of each limit it needs, with the margin of the latency: what is above one breaks it."""
        shares = {name: getattr(weighed.cost, name) / limit for name, limit in stated(self.limits).items()}
        return {name: share / MARGIN if name == "latency" else share for name, share in shares.items()}

    def _left(self) -> float:
        return self.until - time.monotonic()

    def _too_slow(self, macs: int, precision: Precision) -> bool:
        """By the quickest so far for its operations: smaller ones are seldom quicker than in proportion."""
        if self.limits.latency is None:
            return False
        rates = [(w.cost.latency or 0.0) / w.cost.macs for w in self.weighed if w.precision == precision]
        return bool(rates) and PROPORTION * min(rates) * macs > MARGIN * self.limits.latency
