"""What was taken for what: counts where they can be read, shades where they cannot, and the commonest confusions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topfive.report.chart import ticks
from topfive.report.contents import Contents
from topfive.report.picture import data_uri
from topfive.report.section import Section
from topfive.report.wording import short

MAXIMUM_COUNTED = 20  # classes up to which the matrix is a table of numbers
MAXIMUM_NAMED = 60  # classes up to which the picture has their names beside it
MAXIMUM_SIDE = 250  # pixels of the picture; more classes share a pixel
LEVEL = 3  # characters of a class name that fit above a column
CONFUSIONS = 15
SHADES = 10
_RIGHT, _WRONG = (58, 138, 116), (214, 96, 54)  # legible on black and on white
_NAMED_STEP, _NAMED_MARGIN = 11, 140  # units of the drawing a class, and for a name
_PLAIN_SIDE, _PLAIN_MARGIN = 400, 36


@dataclass(frozen=True)
class Cell:
    count: int
    shade: str  # the class that colours it, "" for none


@dataclass(frozen=True)
class Confusion:
    """`share` is the fraction of the truth's images."""

    truth: str
    guess: str
    count: int
    share: float


@dataclass(frozen=True)
class Shaded:
    """The matrix as a picture `side` units wide behind `margin` units of labels, (place, text) from its corner."""

    uri: str
    side: float
    margin: float
    labels: tuple[tuple[float, str], ...]
    named: bool
    together: int  # classes that share a row


def section(contents: Contents) -> Section:
    result = contents.evaluation
    counts, classes = result.confusion, result.classes
    counted = len(classes) <= MAXIMUM_COUNTED
    wrong = int(counts.sum() - np.trace(counts))
    return Section(
        "confusion",
        "Confusion",
        "confusion.html",
        {
            "classes": classes,
            "upright": max(len(short(name)) for name in classes) > LEVEL,
            "rows": list(zip(classes, table(counts), strict=True)) if counted else [],
            "picture": None if counted else picture(counts, classes),
            "confusions": commonest(counts, classes) if len(classes) > 2 else (),
            "wrong": wrong,
            "shades": range(1, SHADES + 1),
        },
    )


def table(counts: NDArray[np.int64]) -> list[list[Cell]]:
    shares = _shares(counts)
    return [
        [
            Cell(int(number), _shade(float(shares[row, column]), right=row == column))
            for column, number in enumerate(numbers)
        ]
        for row, numbers in enumerate(counts)
    ]


def commonest(counts: NDArray[np.int64], classes: tuple[str, ...]) -> tuple[Confusion, ...]:
    """The largest numbers off the diagonal, of equal ones the one of the rarer class first."""
    errors = counts.copy()
    np.fill_diagonal(errors, 0)
    truths, guesses = np.nonzero(errors)
    numbers, shares = errors[truths, guesses], _shares(counts)[truths, guesses]
    order = np.lexsort((-shares, -numbers))[:CONFUSIONS]
    return tuple(Confusion(classes[truths[i]], classes[guesses[i]], int(numbers[i]), float(shares[i])) for i in order)


def picture(counts: NDArray[np.int64], classes: tuple[str, ...]) -> Shaded:
    total = len(classes)
    together = math.ceil(total / MAXIMUM_SIDE)
    pixels = shades(counts, together)
    if total <= MAXIMUM_NAMED:
        side: float = total * _NAMED_STEP
        labels = tuple(((index + 0.5) * _NAMED_STEP, name) for index, name in enumerate(classes))
        return Shaded(data_uri(pixels), side, _NAMED_MARGIN, labels, True, together)
    unit = _PLAIN_SIDE / (len(pixels) * together)  # the last row may stand for fewer classes
    labels = tuple(
        ((index + 0.5) * unit, f"{index:,.0f}") for index in ticks(0, total - 1, whole=True) if index <= total - 1
    )
    return Shaded(data_uri(pixels), _PLAIN_SIDE, _PLAIN_MARGIN, labels, False, together)


def shades(counts: NDArray[np.int64], together: int = 1) -> NDArray[np.uint8]:
    """RGBA [P, P, 4]: the hue tells right from wrong, the opacity is the root of the share of a class's images.

    Of the `together` x `together` cells that share a pixel the strongest is shown, a wrong one before a right one:
    a mean would hide the single confusion that matters.
    """
    shares = _shares(counts)
    right = np.diag(np.diag(shares))
    strongest_right, strongest_wrong = (_pooled(part, together) for part in (right, shares - right))
    is_wrong = strongest_wrong > 0
    is_diagonal = np.eye(len(is_wrong), dtype=bool)
    is_wrong &= ~is_diagonal | (strongest_wrong > strongest_right)
    colours = np.where(is_wrong[:, :, None], _WRONG, _RIGHT)
    opacity = np.sqrt(np.where(is_wrong, strongest_wrong, strongest_right))
    return np.dstack([colours, np.round(255 * opacity)]).astype(np.uint8)


def _pooled(values: NDArray[np.float64], together: int) -> NDArray[np.float64]:
    """The largest of each `together` x `together` block; the last blocks may be smaller."""
    starts = np.arange(0, len(values), together)
    pooled: NDArray[np.float64] = np.maximum.reduceat(np.maximum.reduceat(values, starts, 0), starts, 1)
    return pooled


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each row, the fraction in each column; of an empty row, 0."""
    shares: NDArray[np.float64] = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def _shade(share: float, *, right: bool) -> str:
    """right-1 to right-10 or wrong-1 to wrong-10; the root makes small shares visible."""
    level = math.ceil(SHADES * math.sqrt(share))
    return f"{'right' if right else 'wrong'}-{level}" if level else ""
