"""The cheapest network of a space, so that a limit which none keeps to is refused before anything is trained."""

from __future__ import annotations

from topfive.errors import LimitsError
from topfive.evaluate.limits import amount
from topfive.models import spec
from topfive.search.space import Choices, SearchSpace

SWEEPS = 3


def check_limit(space: SearchSpace, max_macs: int) -> None:
    """LimitsError, with the nearest, where no network has as few multiply-accumulates."""
    model = space.model(smallest(space))
    least = spec(model).facts.macs
    if least > max_macs:
        nearest = amount("macs", least)
        why = f"no network of {space.name} has at most {amount('macs', max_macs)}: the nearest has {nearest}"
        raise LimitsError("search", None, why, f"Use --max-macs {least} or more, or a smaller --space")


def smallest(space: SearchSpace) -> Choices:
    """By giving each decision in turn its cheapest answer, until nothing gets cheaper."""
    choices: Choices = (0,) * len(space.decisions)
    least = _macs(space, choices)
    for _ in range(SWEEPS):
        before = choices
        for place, decision in enumerate(space.decisions):
            for answer in range(len(decision.answers)):
                other = (*choices[:place], answer, *choices[place + 1 :])
                if (cost := _macs(space, other)) < least:
                    choices, least = other, cost
        if choices == before:
            break
    return choices


def _macs(space: SearchSpace, choices: Choices) -> int:
    return spec(space.model(choices)).facts.macs
