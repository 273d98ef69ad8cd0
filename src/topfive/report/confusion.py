"""What was taken for what: counts where they can be read; shades, and the worst blocks of them, where they cannot."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topfive.evaluate import Evaluation
from topfive.report.contents import Contents
from topfive.report.neighbours import Chain, blocks
from topfive.report.picture import data_uri
from topfive.report.section import Section

MAXIMUM_COUNTED = 20  # classes up to which the matrix is a table of numbers
MAXIMUM_NAMED = 60  # classes up to which the picture has their names beside it
MAXIMUM_SIDE = 250  # pixels of the picture, never shown smaller; more classes share a pixel
BLOCK = 10  # classes at most in a block that is shown as a table of its own
BLOCKS = 4
LETTERS_APART = 13  # units
CONFUSIONS = 15
SHADES = 10
_RIGHT, _WRONG = (58, 138, 116), (214, 96, 54)  # legible on black and on white
_NAMED_STEP, _NAMED_MARGIN = 11, 140  # units of the drawing a class, and for a name
_PLAIN_SIDE, _PLAIN_MARGIN = 400, 16


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


@dataclass(frozen=True)
class Block:
    """Classes that are taken for each other, with their part of the matrix; `start` and `side` in its units.

    `letter_at` is where its letter stands, clear of the one above.  `wrong` images were taken for another class of the
    block, `elsewhere` for one of the others.
    """

    letter: str
    start: float
    side: float
    letter_at: float
    classes: tuple[str, ...]
    rows: list[tuple[str, list[Cell]]]
    wrong: int
    elsewhere: int


def section(contents: Contents) -> Section | None:
    result = contents.evaluation
    if not isinstance(result, Evaluation):
        return None
    counts, classes = result.confusion, result.classes
    counted = len(classes) <= MAXIMUM_COUNTED
    chains = [] if counted else blocks(counts, BLOCK)
    drawn = None if counted else picture(counts, classes, chains)
    return Section(
        "confusion",
        "Confusion",
        "confusion.html",
        {
            "classes": classes,
            "rows": list(zip(classes, table(counts, _shares(counts)), strict=True)) if counted else [],
            "picture": drawn,
            "blocks": worst_blocks(counts, classes, chains, drawn) if drawn else [],
            "confusions": commonest(counts, classes) if len(classes) > 2 else (),
            "wrong": int(counts.sum() - np.trace(counts)),
        },
    )


def table(counts: NDArray[np.int64], shares: NDArray[np.float64]) -> list[list[Cell]]:
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


def picture(counts: NDArray[np.int64], classes: tuple[str, ...], chains: list[Chain]) -> Shaded:
    """The whole matrix in the order of the `chains`, with the names beside it where these can be read."""
    order = [index for chain in chains for index in chain]
    together = math.ceil(len(order) / MAXIMUM_SIDE)
    uri = data_uri(shades(counts[np.ix_(order, order)], together))
    if len(order) > MAXIMUM_NAMED:
        return Shaded(uri, _PLAIN_SIDE, _PLAIN_MARGIN, (), False, together)
    labels = tuple(((place + 0.5) * _NAMED_STEP, classes[index]) for place, index in enumerate(order))
    return Shaded(uri, len(order) * _NAMED_STEP, _NAMED_MARGIN, labels, True, together)


def worst_blocks(
    counts: NDArray[np.int64], classes: tuple[str, ...], chains: list[Chain], drawn: Shaded
) -> list[Block]:
    """The chains with the most errors inside, the worst first."""
    starts = np.cumsum([0, *map(len, chains)]).tolist()
    unit = drawn.side / (math.ceil(starts[-1] / drawn.together) * drawn.together)  # the last row may be of fewer
    shares = _shares(counts)
    inside = [counts[np.ix_(chain, chain)] for chain in chains]
    wrong = [int(part.sum() - np.trace(part)) for part in inside]
    worst = sorted((place for place in range(len(chains)) if wrong[place]), key=lambda place: -wrong[place])[:BLOCKS]
    letter_at, lowest = {}, -math.inf
    for place in sorted(worst):
        letter_at[place] = lowest = max(lowest + LETTERS_APART, (starts[place] + len(chains[place]) / 2) * unit)
    found = []
    for letter, place in zip("ABCD", worst, strict=False):
        chain = chains[place]
        names = tuple(classes[index] for index in chain)
        cells = table(inside[place], shares[np.ix_(chain, chain)])
        found.append(
            Block(
                letter=letter,
                start=round(starts[place] * unit, 2),
                side=round(len(chain) * unit, 2),
                letter_at=round(letter_at[place], 2),
                classes=names,
                rows=list(zip(names, cells, strict=True)),
                wrong=wrong[place],
                elsewhere=int(counts[list(chain)].sum() - inside[place].sum()),
            )
        )
    return found


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
