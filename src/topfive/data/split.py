"""Which image trains and which one judges: stratified splits that depend on the seed and the names alone.

Every image has a place in a fixed order of its class, given by blake2b(seed, name): the first ones are test, the last
ones validation.  Adding an image therefore moves at most one other across each of the two borders, and images of other
classes not at all; the fraction of one part does not touch the other.

An image of several labels stands in the order of its rarest one, so that every class with an image of its own reaches
every part; iterative stratification (Sechidis et al. 2011, "On the stratification of multi-label data", fig. 1) comes
nearer to the fractions of the frequent classes, but one image more may move all others.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from topfive.data.dataset import Labels, class_counts

TRAIN, VAL, TEST = 0, 1, 2
NAMES = ("train", "val", "test")


def stratified_split(
    names: Sequence[str],
    labels: Labels,
    val_fraction: float,
    test_fraction: float,
    seed: int | str,
    contents: Sequence[bytes] | NDArray[np.intp] | None = None,
) -> NDArray[np.int8]:
    """[N] of TRAIN, VAL and TEST; a class of n images gives max(1, round(n * fraction)) to a part with a fraction.

    Where `labels` are several, [N, K], an image is of its rarest class, and those of none are a class.

    Training comes first: a class of one image is all training, one of two gives no validation image where a test
    image is asked for.  Images of a class with equal `contents` (digests, or numbers for them) stay together, so that
    a split made here never judges on what it trained on; the counts are then only near those above.
    """
    order = _order(names, seed)
    labels = labels if labels.ndim == 1 else rarest(labels)
    parts = np.full(len(names), TRAIN, np.int8)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        groups = _groups(members[np.argsort(order[members], kind="stable")], contents)
        training = len(members)
        for part, fraction, ordered in ((TEST, test_fraction, groups), (VAL, val_fraction, groups[::-1])):
            room = training - 1  # one image stays in training whatever the fractions
            wanted = min(room, max(1, int(len(members) * fraction + 0.5))) if fraction > 0 else 0
            for group in ordered:
                if wanted > 0 and len(group) < training and parts[group[0]] == TRAIN:
                    parts[group] = part
                    wanted -= len(group)
                    training -= len(group)
    return parts


def rarest(labels: Labels) -> NDArray[np.int64]:
    """[N], of several labels [N, K] the one that the fewest images have; K for an image without any."""
    counts = np.append(class_counts(labels, labels.shape[1]), len(labels))
    order = np.argsort(counts, kind="stable")
    every = np.pad(labels, ((0, 0), (0, 1)), constant_values=1)  # the last column: none
    found: NDArray[np.int64] = order[every[:, order].argmax(axis=1)]
    return found


def hold_out(names: Sequence[str], labels: Labels, count: int, seed: int | str) -> NDArray[np.bool_]:
    """[N], true for exactly `count` images, each class of labels [N] in proportion (largest remainders)."""
    order = _order(names, seed)
    classes, sizes = np.unique(labels, return_counts=True)
    exact = sizes * count / max(len(labels), 1)
    quota = np.floor(exact).astype(np.int64)
    quota[np.argsort(quota - exact, kind="stable")[: count - int(quota.sum())]] += 1
    held = np.zeros(len(labels), np.bool_)
    for label, size in zip(classes, quota, strict=True):
        members = np.flatnonzero(labels == label)
        held[members[np.argsort(order[members], kind="stable")[:size]]] = True
    return held


def _order(names: Sequence[str], seed: int | str) -> NDArray[np.uint64]:
    """[N], the number that an image's name draws."""
    start = hashlib.blake2b(f"topfive split {seed}\n".encode(), digest_size=8)
    draws = np.empty(len(names), ">u8")
    for index, name in enumerate(names):
        drawn = start.copy()
        drawn.update(os.fsencode(name))
        draws[index] = int.from_bytes(drawn.digest(), "big")
    return draws.astype(np.uint64)


def _groups(members: NDArray[np.intp], contents: Sequence[bytes] | NDArray[np.intp] | None) -> list[list[int]]:
    if contents is None:
        return [[int(member)] for member in members]
    groups: dict[bytes | int, list[int]] = {}
    for member in members:
        groups.setdefault(contents[member], []).append(int(member))
    return list(groups.values())
