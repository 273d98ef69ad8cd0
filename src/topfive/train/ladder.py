"""The networks that stated limits choose among, from strong to modest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from topfive.data import Splits
from topfive.models import spec
from topfive.models.efficientnet import Multiplied
from topfive.train.choice import PHOTOGRAPHS, SMALL
from topfive.train.plan import preprocess_for
from topfive.train.recipes import is_small, quick

Rung = Mapping[str, Any]  # fields of a recipe: `model`, and `img_size` and `weights` where they matter
SIDES = tuple(range(224, 63, -16))  # pixels that photographs are looked at with, from the built-in weights
FROM_SCRATCH = (64, 48, 32)  # pixels for photographs where no network with weights keeps to the limits
SHARES = (1.0, 0.875, 0.75, 0.625, 0.5)  # of the side of small images
WIDTHS = (1.0, 0.75, 0.5, 0.375, 0.25)  # of a ResNet-20; the least has, at half the side, LeNet-5's operations


def ladder(splits: Splits) -> list[Rung]:
    """What the choice without limits would take, then ever smaller relatives of it, at last LeNet-5.

    Photographs are first looked at less closely, by the network that has weights: what it has seen before is worth more
    than what a few pictures teach a fresh one.  Fresh ones are ordered by side times width, whose square their
    multiply-accumulates go with: of what is known before training, these tell most of what one family can learn.
    """
    if is_small(splits):
        side = preprocess_for(quick(spec(SMALL[0]), splits), splits).side
        smaller = _residual({round(side * share) for share in SHARES})
        return [{"model": SMALL[0]}, *smaller[1:], {"model": SMALL[-1]}]
    loaded = [{"model": PHOTOGRAPHS, "weights": "imagenet", "img_size": side} for side in SIDES]
    return [*loaded, *_residual(FROM_SCRATCH), {"model": SMALL[-1]}]


def _residual(sides: Iterable[int]) -> list[Rung]:
    shapes = sorted(product(sides, WIDTHS), key=lambda shape: (shape[0] * shape[1], shape[0]), reverse=True)
    return [{"model": Multiplied(1.0, width, side, SMALL[0]).name, "img_size": side} for side, width in shapes]
