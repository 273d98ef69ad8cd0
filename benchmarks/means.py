"""Figures of several seeds: their mean, how far they spread, and how far two means are apart."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


def spread(figures: Sequence[float]) -> float:
    """Their standard deviation; nan of one."""
    return statistics.stdev(figures) if len(figures) > 1 else math.nan


def apart(one: Sequence[float], other: Sequence[float], name: str) -> str:
    """The points that the mean of one is above or below that of the other, by its name, with their standard error."""
    gap = 100 * (statistics.mean(one) - statistics.mean(other))
    error = 100 * math.hypot(*(spread(figures) / math.sqrt(len(figures)) for figures in (one, other)))
    return f"{abs(gap):.2f} points {'above' if gap >= 0 else 'below'} {name} (standard error {error:.2f})"
