"""A hand-made network at the cost of a found one, to hold it against: a paper's own, wider or narrower."""

from __future__ import annotations

import math
from dataclasses import dataclass

from topfive.errors import UsageError
from topfive.models import spec
from topfive.models.efficientnet import Multiplied
from topfive.nn.measure import count_facts

SMALL, PHOTOGRAPHS = "resnet20_cifar", "mobilenet_v2"  # what small images are usually given, and larger ones
TOLERANCE = 0.05  # of the multiply-accumulates: nearer is alike
DEPTHS = (1.0, 1.34, 0.67, 2.0, 0.34, 3.0)  # factors, tried in this order where channels are whole and few
NARROWEST, WIDEST = 0.01, 32.0  # factors
STEPS = 6  # guesses of a width


@dataclass(frozen=True)
class Rival:
    """`model` has `macs` multiply-accumulates; `off` is how far these are from those wanted, as a share of them."""

    model: str
    macs: int
    off: float


def rival(base: str, macs: int, side: int, num_classes: int) -> Rival:
    """The network `base` scaled to `macs` at images of `side` pixels: in width alone where that comes near enough.

    UsageError where its paper knows no widths.
    """
    row = spec(base)
    scale = row.scale
    if scale is None:
        why = "its paper knows no factors of depth and width"
        raise UsageError("rival", base, why, "Use e.g. resnet20_cifar or mobilenet_v2")

    found: list[Rival] = []
    for depth in DEPTHS:
        width, tried = 1.0, set[float]()
        while width not in tried and len(tried) < STEPS:
            tried.add(width)
            build = scale(depth=depth, width=width)
            counted = count_facts(build, side, num_classes, row.facts.in_channels).macs
            name = Multiplied(depth, width, side, base).name
            found.append(Rival(name, counted, abs(counted / macs - 1)))
            if found[-1].off <= TOLERANCE:
                return found[-1]
            guess = round(width * math.sqrt(macs / counted), 2)  # most of the cost grows with the square of the width
            width = min(max(guess, NARROWEST), WIDEST)
    return min(found, key=lambda one: one.off)
