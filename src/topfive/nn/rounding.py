"""Whole numbers of channels and of blocks after scaling a width and a depth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise


def divisible(channels: float, by: int = 8) -> int:
    """The multiple of `by` nearest to `channels`, at least `by`, and never more than a tenth below `channels`."""
    rounded = max(by, int(channels + by / 2) // by * by)
    return rounded if rounded >= 0.9 * channels else rounded + by


def deepened(depths: Sequence[int], factor: float) -> tuple[int, ...]:
    """Blocks of each stage, at least one, so that the first stages together have `factor` times as many, rounded.

    Rounding stage by stage would add a block to all of them or to none where they are of one depth.
    """
    ends = [0, *(int(factor * blocks + 0.5) for blocks in accumulate(depths))]
    return tuple(max(1, end - start) for start, end in pairwise(ends))
