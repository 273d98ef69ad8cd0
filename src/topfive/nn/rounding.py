"""Whole numbers of channels after scaling a width."""

from __future__ import annotations


def divisible(channels: float, by: int = 8) -> int:
    """The multiple of `by` nearest to `channels`, at least `by`, and never more than a tenth below `channels`."""
    rounded = max(by, int(channels + by / 2) // by * by)
    return rounded if rounded >= 0.9 * channels else rounded + by
