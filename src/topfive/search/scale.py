"""Compound scaling as a search: Tan, Le 2019, arXiv:1905.11946, sec. 3.3.

First the grid over what depth, width and resolution are multiplied by for twice the multiply-accumulates; then the
family that the best of it gives, phi doublings each, and against it each dimension alone for as many.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from topfive.data import Splits
from topfive.errors import UsageError
from topfive.models import spec
from topfive.models.efficientnet import LARGEST, Multiplied
from topfive.recipe import Recipe
from topfive.search.space import Choices, SearchSpace
from topfive.search.spaces.scaling import scaling
from topfive.search.trial import Trial

Dimension = Literal["depth", "width", "resolution"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
HUNDRED = 100  # steps of a factor from 1 to 2
STEP = 0.1  # of each factor in the grid
TOLERANCE = 0.1  # of alpha * beta^2 * gamma^2 about 2
UNLIKE = 0.1  # share by which rounding may take a network from twice the multiply-accumulates


@dataclass(frozen=True)
class Factors:
    """alpha, beta and gamma, or what became of them."""

    depth: float = 1.0
    width: float = 1.0
    resolution: float = 1.0

    @property
    def cost(self) -> float:
        """By what the multiply-accumulates are multiplied, about: eq. 3."""
        return self.depth * self.width**2 * self.resolution**2

    def doubled(self, phi: float) -> Factors:
        """These for each of `phi` doublings."""
        return Factors(self.depth**phi, self.width**phi, self.resolution**phi)


@dataclass(frozen=True)
class Member:
    """A network that is tried: `method` is grid, compound or a dimension that is scaled alone, phi of the family."""

    method: str
    phi: int
    factors: Factors


def grid(step: float = STEP, tolerance: float = TOLERANCE) -> list[Factors]:
    """All factors from 1 on, in steps, whose cost is within `tolerance` of 2."""
    most = 2 + tolerance
    depths, others = (
        [round(1 + step * place, 4) for place in range(int((end - 1) / step + 1e-9) + 1)] for end in (most, most**0.5)
    )
    every = itertools.starmap(Factors, itertools.product(depths, others, others))
    return [factors for factors in every if abs(factors.cost - 2) <= tolerance + 1e-9]


def recipe_for(epochs: int, splits: Splits) -> Recipe:
    """The same short training for every size of a network."""
    return Recipe(
        model="", epochs=epochs, batch_size=128, opt="adamw", lr=0.004, weight_decay=0.02,
        warmup_epochs=min(0.5, epochs / 2), hflip=0.5 if splits.mirror else 0.0,
    )  # fmt: skip


@dataclass(frozen=True)
class Scaled:
    """A network as it can be scaled in steps of a hundredth in depth and width and of a pixel in resolution."""

    base: str
    phi: int

    @property
    def side(self) -> int:
        return spec(self.base).facts.input_size

    def rounded(self, factors: Factors) -> Factors:
        """The factors that a network can have, nearest to `factors`."""
        depth, width = (round(factor * HUNDRED) / HUNDRED for factor in (factors.depth, factors.width))
        return Factors(depth, width, round(factors.resolution * self.side) / self.side)

    def name(self, factors: Factors) -> str:
        near = self.rounded(factors)
        return Multiplied(near.depth, near.width, round(near.resolution * self.side), self.base).name

    def macs(self, factors: Factors) -> int:
        return spec(self.name(factors)).facts.macs

    def choices(self, factors: Factors) -> Choices:
        """Its place in `space`."""
        near = self.rounded(factors)
        return (
            round((near.depth - 1) * HUNDRED),
            round((near.width - 1) * HUNDRED),
            round((near.resolution - 1) * self.side),
        )

    @property
    def space(self) -> SearchSpace:
        """All that can be scaled to `phi` doublings and a little more."""
        most = 2.0 ** (self.phi + 1)
        factors = [1 + step / HUNDRED for step in range(round((min(most, LARGEST) - 1) * HUNDRED) + 1)]
        sides = range(self.side, round(most * self.side) + 1)
        space = scaling("scale", self.base, factors, factors, sides)
        return replace(space, settings={"base": self.base, "phi": self.phi})

    def alone(self, dimension: Dimension, macs: int) -> Factors:
        """The factor of one dimension whose network comes nearest to so many multiply-accumulates."""
        answers = self.space.decisions[DIMENSIONS.index(dimension)].answers
        scale = float(self.side) if dimension == "resolution" else 1.0

        def only(step: int) -> Factors:
            return replace(Factors(), **{dimension: float(answers[step]) / scale})

        reached = bisect_left(range(len(answers)), macs, key=lambda step: self.macs(only(step)))
        near = [only(step) for step in (reached - 1, reached) if 0 <= step < len(answers)]
        return min(near, key=lambda factors: abs(self.macs(factors) - macs))


@dataclass(frozen=True)
class CompoundScaling:
    """The strategy: the base and the grid, then what follows from the best of the grid; after that, nothing."""

    scaled: Scaled
    step: float = STEP
    tolerance: float = TOLERANCE

    def __call__(
        self, space: SearchSpace, history: Sequence[Trial], count: int, rng: np.random.Generator
    ) -> list[Choices]:
        rest = self.members(history)[len(history) :]
        return [self.scaled.choices(member.factors) for member in rest[:count]]

    def members(self, history: Sequence[Trial]) -> list[Member]:
        """What is tried, in order, as far as `history` decides it: member i is trial i."""
        first = [Member("base", 0, Factors()), *(Member("grid", 1, factors) for factors in self.candidates())]
        if len(history) < len(first):
            return first
        best = self.best(history)
        return first if best is None else [*first, *self.family(best)]

    def candidates(self) -> list[Factors]:
        """The grid without the networks that rounding takes too far from twice the multiply-accumulates."""
        target = 2 * self.scaled.macs(Factors())
        near = [
            factors
            for factors in grid(self.step, self.tolerance)
            if abs(self.scaled.macs(factors) / target - 1) <= UNLIKE
        ]
        if not near:
            why = f"no factors take it within {UNLIKE:.0%} of twice its multiply-accumulates"
            raise UsageError(
                "cannot scale", self.scaled.base, why, "Use a smaller --step, a larger --tolerance or a larger network"
            )
        return near

    def best(self, history: Sequence[Trial]) -> Factors | None:
        """alpha, beta and gamma: the most accurate of the grid, of equals the cheapest; None where all have failed."""
        candidates = self.candidates()
        tried = zip(candidates, history[1 : 1 + len(candidates)], strict=False)
        measured = [(trial.reward, factors) for factors, trial in tried if trial.reward is not None]
        return max(measured, key=lambda one: (one[0], -self.scaled.macs(one[1])))[1] if measured else None

    def family(self, best: Factors) -> Iterator[Member]:
        """phi = 1 to the last: all three dimensions, and each of them alone at the same multiply-accumulates."""
        for phi in range(1, self.scaled.phi + 1):
            compound = best.doubled(phi)
            yield Member("compound", phi, compound)
            macs = self.scaled.macs(compound)
            for dimension in DIMENSIONS:
                yield Member(dimension, phi, self.scaled.alone(dimension, macs))
