"""Whether two classifiers that saw the same images differ by more than chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topfive.evaluate.metrics import Floats, Interval

RESAMPLES = 10_000


@dataclass(frozen=True)
class Paired:
    """`difference` is the first's figure less the second's, on `n` images; `interval` holds 95% of its resamples.

    The figure is accuracy, where images have several labels mean average precision.  `only_first` and `only_second`
    count what one alone answered rightly: images, or pairs of image and class.  `p` is how often chance would part them
    at least so far if both classifiers were equally good.
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


def paired_redrawn(first: Floats, second: Floats) -> tuple[Interval, float]:
    """The interval and `p` of a difference, from values of both on the same samples of the images [R].

    `p` is twice the share of samples in which the lesser one is not behind, counted as if one more had shown it: with R
    samples it is never below 2 / (R + 1).
    """
    differences = first - second
    behind = 1 + min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    return middle(differences), min(1.0, 2 * behind / (1 + len(differences)))


def middle(values: Floats) -> Interval:
    """What holds the middle 95% of the values."""
    low, high = np.quantile(values, (0.025, 0.975))
    return Interval(float(low), float(high))


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
    return middle((drawn[:, 0] - drawn[:, 1]) / n)
