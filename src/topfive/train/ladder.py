"""The networks that stated limits choose among, from strong to modest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from topfive.data import Splits
from topfive.models import spec
from topfive.models.efficientnet import Multiplied
from topfive.train.choice import PHOTOGRAPHS, SMALL
from topfive.train.plan import preprocess_for
from topfive.train.recipes import is_small, quick

Rung = Mapping[str, Any]  # fields of a recipe: `model`, and `img_size` and `weights` where they matter
SIDES = tuple(range(224, 63, -16))  # pixels that photographs are looked at with, from the built-in weights
FROM_SCRATCH = 64  # pixels at first for photographs where no network with weights keeps to the limits
SHARES = (1.0, 0.875, 0.75, 0.625, 0.5)  # of the side, at the network's whole depth and width
DEPTH, WIDTH = 1.2**0.5, 1.1**0.5  # divisors a step: half of those by which EfficientNets grow (Tan and Le 2019)
STEPS = 18  # at half the side, to about LeNet-5's operations


def ladder(splits: Splits) -> list[Rung]:
    """What the choice without limits would take, then ever smaller relatives of it, at last LeNet-5.

    Photographs are first looked at less closely, by the network that has weights: what it has seen before is worth more
    than what a few pictures teach a fresh one.  Fresh ones give up half of their side first, which saves three of four
    operations and costs the least accuracy, then depth and width together: `benchmarks/ladder.py` measured the order.
    """
    if is_small(splits):
        side = preprocess_for(quick(spec(SMALL[0]), splits), splits).side
        return [{"model": SMALL[0]}, *_residual(side)[1:], {"model": SMALL[-1]}]
    loaded = [{"model": PHOTOGRAPHS, "weights": "imagenet", "img_size": side} for side in SIDES]
    return [*loaded, *_residual(FROM_SCRATCH), {"model": SMALL[-1]}]


def _residual(side: int) -> list[Rung]:
    """ResNet-20 and what it shrinks to, for images that have or are given `side` pixels."""
    sides = [round(side * share) for share in SHARES]
    shapes = [Multiplied(1.0, 1.0, each, SMALL[0]) for each in sides]
    shapes += [
        Multiplied(round(DEPTH**-step, 2), round(WIDTH**-step, 2), sides[-1], SMALL[0]) for step in range(1, STEPS + 1)
    ]
    # Blocks and channels are whole: steps that round to the same network are one.
    unlike = {spec(shape.name).facts: shape for shape in reversed(shapes)}
    return [{"model": shape.name, "img_size": shape.side} for shape in reversed(unlike.values())]
