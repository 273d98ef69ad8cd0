"""Depth, width and resolution of a given network, each multiplied: Tan, Le 2019, arXiv:1905.11946, sec. 3.2."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import torch

from topfive.models import spec
from topfive.models.efficientnet import Multiplied
from topfive.search.space import Choices, Decision, SearchSpace


def scaling(
    name: str, base: str, depths: Sequence[float], widths: Sequence[float], sides: Sequence[int]
) -> SearchSpace:
    """`base` with every factor of its depth and its width, on images of every side."""

    def model(choices: Choices) -> str:
        depth, width, side = choices
        return Multiplied(depths[depth], widths[width], sides[side], base).name

    return SearchSpace(
        name=name,
        decisions=(
            Decision("depth", tuple(f"{factor:g}" for factor in depths)),
            Decision("width", tuple(f"{factor:g}" for factor in widths)),
            Decision("side", tuple(map(str, sides))),
        ),
        model=model,
        structure=lambda choices: built(model(choices)),
        levels=(3,),
        settings={"base": base, "depths": list(depths), "widths": list(widths), "sides": list(sides)},
    )


@lru_cache(maxsize=4096)
def built(name: str) -> str:
    """What is left of a network's factors once depths and widths are whole numbers: its side, its count, its shapes."""
    variant = spec(name)
    with torch.device("meta"):
        model = variant.build(num_classes=variant.facts.num_classes, in_channels=variant.facts.in_channels)
    shapes = hashlib.blake2b(digest_size=8)
    for parameter, tensor in model.state_dict().items():
        shapes.update(f"{parameter} {tuple(tensor.shape)}\n".encode())
    return f"s{variant.facts.input_size}:{variant.facts.params}:{shapes.hexdigest()}"


def factors_of(name: str, base: str, factors: Sequence[float]) -> SearchSpace:
    """`base` with each of `factors` of each dimension."""
    side = spec(base).facts.input_size
    return scaling(name, base, factors, factors, [round(factor * side) for factor in factors])
