"""A hand-made network at the cost of a found one, to hold it against: a paper's own, wider or narrower."""

from __future__ import annotations

from dataclasses import dataclass

from topfive.errors import UsageError
from topfive.models import spec
from topfive.models.efficientnet import Multiplied
from topfive.nn.measure import count_facts

TOLERANCE = 0.05  # of the multiply-accumulates: nearer is alike
DEPTHS = (1.0, 1.34, 0.67, 2.0, 0.34, 3.0)  # factors, tried in this order where channels are whole and few
WIDTHS = 1600  # hundredths: the widest network that is tried


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

    def cost(depth: float, hundredths: int) -> int:
        build = scale(depth=depth, width=hundredths / 100)
        return count_facts(build, side, num_classes, row.facts.in_channels).macs

    found: list[Rival] = []
    for depth in DEPTHS:
        low, high = 1, WIDTHS  # the cost grows with the width: halve until the wanted one lies between two
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if cost(depth, middle) <= macs else (low, middle)
        for width in (low, high):
            counted = cost(depth, width)
            name = Multiplied(depth, width / 100, side, base).name
            found.append(Rival(name, counted, abs(counted / macs - 1)))
        nearest = min(found, key=lambda one: one.off)
        if nearest.off <= TOLERANCE:
            break
    return nearest
