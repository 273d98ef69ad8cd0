"""Whether two classifiers that saw the same images differ by more than chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topfive.evaluate.metrics import Interval

RESAMPLES = 10_000


@dataclass(frozen=True)
class Paired:
    """`difference` is the first accuracy less the second, `interval` holds 95% of its resamples.

    Of `n` images `only_first` and `only_second` were answered rightly by one alone; `p` is how often chance would part
    them at least as unevenly if both classifiers were equally good.
    """

    n: int
    only_first: int
    only_second: int
    difference: float
    interval: Interval
    p: float


def paired(first: NDArray[np.bool_], second: NDArray[np.bool_], seed: int = 0) -> Paired:
    """Of whether each image [N] was answered rightly by the first and by the second; N is at least 1."""
    n = len(first)
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    return Paired(
        n=n,
        only_first=only_first,
        only_second=only_second,
        difference=(only_first - only_second) / n,
        interval=bootstrap(only_first, only_second, n, seed),
        p=mcnemar(only_first, only_second),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact two-sided p-value of McNemar (1947): each discordant image falls to either side by a fair coin."""
    total, least = only_first + only_second, min(only_first, only_second)
    ways = tail = 1
    for taken in range(least):
        ways = ways * (total - taken) // (taken + 1)
        tail += ways
    return min(1.0, 2 * tail / (1 << total))


def bootstrap(only_first: int, only_second: int, n: int, seed: int = 0) -> Interval:
    """The middle 95% of the accuracy difference when the `n` image pairs are drawn anew, RESAMPLES times.

    A pair counts +1, -1 or 0, so drawing n of them is drawing how many of each: one multinomial.
    """
    shares = np.array([only_first, only_second, n - only_first - only_second]) / n
    drawn = np.random.default_rng(seed).multinomial(n, shares, size=RESAMPLES)
    low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / n, (0.025, 0.975))
    return Interval(float(low), float(high))
