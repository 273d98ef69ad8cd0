"""How alike two pictures are, and which pictures of many may be alike at all.

Two searches, neither of which looks at all pairs in full, propose pairs: one of perceptual hashes (DCT signs against
their median, after Zauner 2010) that are few bits apart, by bands of bits, and one of embeddings with a high cosine, in
blocks.  `likeness` then judges each pair by its pixels, since pictures of one kind have like hashes and embeddings too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Lumas = NDArray[np.uint8]  # [N, S, S]
Floats = NDArray[np.float32]
Intervals = NDArray[np.float64]  # [A, 2], parts of a side, from 0 to 1

RADIUS = 12  # bits of 64 that the hashes of one picture may differ by
COSINE = 0.75  # at which embeddings propose a pair; those of a crop differ more than those of a copy
NEIGHBOURS = 8  # proposed for each picture by embeddings
ALIKE = 0.98  # likeness from which two pictures are one; docs/data.md says what was measured
ALIKE_NEAR, NEAR = 0.965, 0.95  # and from which they are where the cosine of their embeddings is at least the second
ALIKE_MIRRORED = 0.99  # and where one is mirrored: chance makes a rim or a gradient like its mirror image
_BLOCK = 1024
_CELLS = 16  # of a side of what is compared
_BLUR = 2  # cells around a cell whose mean is taken from it: gradients and light do not count
_WORTH = 0.8  # likeness by rough alignment from which a fine one is tried
_WHOLE = np.array([[0.0, 1.0]])
_ROUGH = np.array(
    [(0.0, 1.0), *((at * (1 - size), at * (1 - size) + size) for size in (0.95, 0.9, 0.84) for at in (0, 0.5, 1))]
)
_BITS = np.array([value.bit_count() for value in range(1 << 16)], np.uint8)


@dataclass(frozen=True)
class Alike:
    """`first` < `second`; `is_mirrored`: one is the other seen in a mirror."""

    first: int
    second: int
    likeness: float
    is_mirrored: bool


def hashes(lumas: Lumas) -> NDArray[np.uint64]:
    """[N]"""
    side = lumas.shape[-1]
    waves = np.cos(np.pi * (2 * np.arange(side) + 1) * np.arange(1, 9)[:, None] / (2 * side)).astype(np.float32)
    spectra = (waves @ lumas.astype(np.float32) @ waves.T).reshape(len(lumas), 64)
    bits = spectra > np.median(spectra, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(">u8").astype(np.uint64).ravel()


def near_hashes(these: NDArray[np.uint64], those: NDArray[np.uint64], radius: int = RADIUS) -> NDArray[np.int64]:
    """All (i, j), i < j, [P, 2], with at most `radius` bits between these[i] and those[j].

    Of radius // 2 + 1 bands of bits at least one differs by no more than a bit, so only those are compared.
    """
    edges = np.linspace(0, 64, radius // 2 + 2).astype(int)
    found = [np.empty((0, 2), np.int64)]
    for low, high in pairwise(edges.tolist()):
        mask = np.uint64(((1 << (high - low)) - 1) << low)
        rows = _by_value(these & mask)
        for flipped in (0, *(1 << bit for bit in range(low, high))):
            columns = _by_value((those ^ np.uint64(flipped)) & mask)
            for value in rows.keys() & columns.keys():
                left, right = rows[value], columns[value]
                for start in range(0, len(left), _BLOCK):
                    block = left[start : start + _BLOCK]
                    near = distances(these[block][:, None], those[right][None]) <= radius
                    i, j = np.nonzero(near & (block[:, None] < right[None]))
                    found.append(np.stack([block[i], right[j]], axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _by_value(values: NDArray[np.uint64]) -> dict[int, NDArray[np.intp]]:
    """Where each value stands."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order], prepend=~values[order[:1]]))
    return {int(values[group[0]]): group for group in np.split(order, starts[1:]) if len(group)}


def distances(these: NDArray[np.uint64], those: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """How many bits differ, by broadcasting."""
    differing = these ^ those
    count = np.zeros(differing.shape, np.uint8)
    for shift in range(0, 64, 16):
        count += _BITS[(differing >> np.uint64(shift)) & np.uint64(0xFFFF)]
    return count


def near_embeddings(embeddings: Floats, cosine: float = COSINE, neighbours: int = NEIGHBOURS) -> NDArray[np.int64]:
    """(i, j), i < j, [P, 2]: for each of [N, D], of length 1 or 0, at most `neighbours` that are at least so near."""
    found = [np.empty((0, 2), np.int64)]
    for start in range(0, len(embeddings), _BLOCK):
        cosines = embeddings[start : start + _BLOCK] @ embeddings.T
        rows = np.arange(len(cosines))
        cosines[rows, start + rows] = -1
        best = np.argpartition(-cosines, min(neighbours, cosines.shape[1] - 1) - 1, axis=1)[:, :neighbours]
        i, j = np.nonzero(np.take_along_axis(cosines, best, axis=1) >= cosine)
        found.append(np.sort(np.stack([start + i, best[i, j]], axis=1), axis=1))
    return np.unique(np.concatenate(found), axis=0).astype(np.int64)


def look_alikes(
    lumas: Lumas, embeddings: Floats | None, progress: Callable[[int, int], None] | None = None
) -> Iterator[Alike]:
    """The pairs of pictures that are one picture: encoded anew, scaled, lit otherwise, mirrored, or cut a little."""
    plain, mirrored = hashes(lumas), hashes(lumas[:, :, ::-1])
    proposed = [near_hashes(plain, plain), near_hashes(plain, mirrored)]
    if embeddings is not None:
        proposed.append(near_embeddings(embeddings))
    pairs = np.unique(np.concatenate(proposed), axis=0)
    for done, (first, second) in enumerate(pairs.tolist(), start=1):
        near = embeddings is not None and float(embeddings[first] @ embeddings[second]) >= NEAR
        straight = likeness(lumas[first], lumas[second])
        if straight >= (ALIKE_NEAR if near else ALIKE):
            yield Alike(first, second, straight, False)
        elif (turned := likeness(lumas[first], lumas[second, :, ::-1])) >= ALIKE_MIRRORED:
            yield Alike(first, second, turned, True)
        if progress is not None:
            progress(done, len(pairs))


def likeness(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """The correlation of two lumas [S, S], blurred parts taken out, at the best place of either within the other."""
    return max(_fit(one, other), _fit(other, one))


class _Place(NamedTuple):
    """The best of some boxes: its score, and the intervals of a side that it takes from the top and from the left."""

    score: float
    down: tuple[float, float]
    across: tuple[float, float]


def _fit(whole: NDArray[np.uint8], part: NDArray[np.uint8]) -> float:
    """The best correlation of `part` with a box of `whole` of at least about four fifths of its sides."""
    source = whole.astype(np.float32)
    target = _boxes(part.astype(np.float32), _WHOLE, _WHOLE)[0]
    place = _best(source, target, _ROUGH, _ROUGH)
    if place.score >= _WORTH:
        for step in (0.02, 0.01, 0.005):
            finer = _best(source, target, _around(place.down, step), _around(place.across, step))
            place = max(place, finer)
    return place.score


def _best(source: Floats, target: Floats, downs: Intervals, acrosses: Intervals) -> _Place:
    scores = _boxes(source, downs, acrosses) @ target
    best = int(scores.argmax())
    (top, bottom), (left, right) = downs[best // len(acrosses)], acrosses[best % len(acrosses)]
    return _Place(float(scores[best]), (float(top), float(bottom)), (float(left), float(right)))


def _boxes(luma: Floats, downs: Intervals, acrosses: Intervals) -> Floats:
    """[A * B, cells * cells], each of length 1: what differs from its surroundings in each box of a luma [S, S]."""
    rows = _means(downs, len(luma)) @ luma
    boxes = rows[:, None] @ _means(acrosses, len(luma)).transpose(0, 2, 1)[None]  # [A, B, cells, cells]
    blur = _blur()
    detail = (boxes - blur @ boxes @ blur.T).reshape(-1, _CELLS * _CELLS)
    detail -= detail.mean(axis=1, keepdims=True)
    unit: Floats = detail / (np.linalg.norm(detail, axis=1, keepdims=True) + np.float32(1e-6))
    return unit


def _around(interval: tuple[float, float], step: float) -> Intervals:
    low, high = np.meshgrid(interval[0] + step * np.arange(-1, 2), interval[1] + step * np.arange(-1, 2))
    return np.array([low.ravel(), high.ravel()]).T.clip(0, 1)


def _means(intervals: Intervals, side: int) -> Floats:
    """[A, cells, side]: what takes the mean over each of the cells into which an interval of a side falls."""
    edges = side * (intervals[:, :1] + (intervals[:, 1:] - intervals[:, :1]) * np.linspace(0, 1, _CELLS + 1))
    pixels = np.arange(side)
    weights = np.minimum(edges[:, 1:, None], pixels + 1) - np.maximum(edges[:, :-1, None], pixels)
    weights = weights.clip(0)
    means: Floats = (weights / weights.sum(axis=2, keepdims=True)).astype(np.float32)
    return means


@cache
def _blur() -> Floats:
    near = np.abs(np.subtract.outer(np.arange(_CELLS), np.arange(_CELLS))) <= _BLUR
    blur: Floats = (near / near.sum(axis=1, keepdims=True)).astype(np.float32)
    return blur
