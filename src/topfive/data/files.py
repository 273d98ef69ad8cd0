"""From a listing to a data set: bad files out, missing parts split off, duplicates named, all of it fingerprinted."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topfive.data.check import Progress, check_files
from topfive.data.dataset import FileDataset, Skipped, Splits
from topfive.data.listing import SHOWN, UNASSIGNED, Listing, some
from topfive.data.split import NAMES, TEST, TRAIN, VAL, hold_out, stratified_split
from topfive.errors import DataError, UsageError, shown


@dataclass(frozen=True)
class Choices:
    """What the caller of open_data decides about a data set of files."""

    seed: int = 0
    val_fraction: float = 0.1
    test_fraction: float = 0.1
    max_bad: float = 0.05
    allow_empty: bool = False
    follow_links: bool = False
    short_side: int | None = None

    def __post_init__(self) -> None:
        for name in ("val_fraction", "test_fraction", "max_bad"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(
                    "setting", name, f"{getattr(self, name)} is not a fraction", "Give a number from 0 to 1"
                )
        if self.val_fraction + self.test_fraction >= 1:
            raise UsageError(
                "settings", "val_fraction and test_fraction", "nothing is left to train on", "Make them smaller"
            )


def assemble(
    name: str, listing: Listing, choices: Choices, progress: Progress | None = None, fixed_val: int | None = None
) -> Splits:
    """Check every image of the listing and make the three parts.

    Where the source gives no val (or test) it is split off, by seed and fractions; `fixed_val` asks instead for exactly
    that many images of train as val, chosen by the name of the data set and not by the seed.
    """
    paths, labels, parts, digests = _good(name, listing, choices, progress)
    notes = list(listing.notes)
    _judge_counts(name, listing, labels, parts, choices.allow_empty)
    _fill_parts(name, paths, labels, parts, digests, choices, fixed_val)
    for label in np.setdiff1d(np.unique(labels), np.unique(labels[parts == TRAIN])):
        raise DataError("data set", name, f"class {shown(listing.classes[label])} has no image to train on", "Add some")
    notes += _few(listing.classes, labels, parts) + _duplicates(paths, labels, parts, digests)
    train, val, test = (
        FileDataset(
            listing.root,
            tuple(paths[index] for index in np.flatnonzero(parts == part)),
            labels[parts == part],
            listing.classes,
            choices.short_side,
        )
        for part in (TRAIN, VAL, TEST)
    )
    fingerprint = _fingerprint(listing.classes, paths, labels, parts, digests)
    return Splits(name, train, val, test, fingerprint, tuple(listing.skipped), notes=tuple(notes))


def _good(
    name: str, listing: Listing, choices: Choices, progress: Progress | None
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int8], list[bytes]]:
    """Paths, labels, parts and digests of the images that decode; the others join `listing.skipped`."""
    good, digests = [], []
    for index, checked in enumerate(check_files(listing.root, listing.paths, progress)):
        if checked.reason:
            listing.skipped.append(Skipped(listing.paths[index], checked.reason))
        else:
            good.append(index)
            digests.append(checked.sha256)
    bad = len(listing.skipped)
    if bad > choices.max_bad * (bad + len(good)):
        first = _first([f"{shown(each.path)}: {shown(each.reason)}" for each in listing.skipped])
        why = f"{bad} of {bad + len(good)} files are bad, more than {choices.max_bad:.0%} ({first})"
        raise DataError("data set", name, why, "Replace or remove them, or allow more with --max-bad")
    labels = np.array([listing.labels[index] for index in good], np.int64)
    parts = np.array([listing.parts[index] for index in good], np.int8)
    return [listing.paths[index] for index in good], labels, parts, digests


def _judge_counts(
    name: str, listing: Listing, labels: NDArray[np.int64], parts: NDArray[np.int8], allow_empty: bool
) -> None:
    if not len(labels):
        raise DataError(
            "data set", name, "there is no image in it", "Give a folder of class folders, a CSV file or a name"
        )
    if len(listing.classes) == 1:
        why = f"there is only one class, {shown(listing.classes[0])}"
        raise DataError("data set", name, why, "A classifier needs at least two")
    filled = set(np.unique(labels[(parts == TRAIN) | (parts == UNASSIGNED)]).tolist())
    empty = [each for label, each in enumerate(listing.classes) if label not in filled]
    if empty and not allow_empty:
        why = f"classes without a usable image to train on: {some(empty)}"
        raise DataError("data set", name, why, "Fill or remove them, or pass --allow-empty")
    if len(filled) < 2:
        raise DataError("data set", name, "fewer than two classes have images", "A classifier needs at least two")


def _fill_parts(
    name: str,
    paths: list[str],
    labels: NDArray[np.int64],
    parts: NDArray[np.int8],
    digests: list[bytes],
    choices: Choices,
    fixed_val: int | None,
) -> None:
    """Give every unassigned image its part, and take what is missing out of train."""
    if UNASSIGNED in parts:
        parts[:] = TRAIN
    val = 0.0 if VAL in parts else choices.val_fraction
    test = 0.0 if TEST in parts else choices.test_fraction
    train = np.flatnonzero(parts == TRAIN)
    names = [paths[index] for index in train]
    if fixed_val is not None:
        if val > 0:
            parts[train[hold_out(names, labels[train], min(fixed_val, len(train) // 10), name)]] = VAL
        return
    contents = [digests[index] for index in train]
    parts[train] = stratified_split(names, labels[train], val, test, choices.seed, contents)


def _few(classes: tuple[str, ...], labels: NDArray[np.int64], parts: NDArray[np.int8]) -> list[str]:
    notes = []
    for part in (VAL, TEST):
        if part in parts:
            missing = np.setdiff1d(np.unique(labels[parts == TRAIN]), np.unique(labels[parts == part]))
            if len(missing):
                notes.append(f"classes without an image in {NAMES[part]}: {some(classes[label] for label in missing)}")
    return notes


def _duplicates(
    paths: Sequence[str], labels: NDArray[np.int64], parts: NDArray[np.int8], digests: Sequence[bytes]
) -> list[str]:
    """Notes on equal files that stand in two parts, or under two classes."""
    first: dict[bytes, int] = {}
    across: dict[tuple[int, int], list[str]] = {}
    conflicts = []
    for index in np.argsort(parts, kind="stable"):
        other = first.setdefault(digests[index], int(index))
        if other == index:
            continue
        pair = f"{shown(paths[other])} = {shown(paths[index])}"
        if parts[other] != parts[index]:
            across.setdefault((int(parts[other]), int(parts[index])), []).append(pair)
        if labels[other] != labels[index]:
            conflicts.append(pair)
    notes = [
        f"{len(pairs)} images of {NAMES[part]} are also in {NAMES[other]}, byte for byte: {_first(pairs)}"
        for (other, part), pairs in sorted(across.items())
    ]
    if conflicts:
        notes.append(f"{len(conflicts)} images stand under two classes: {_first(conflicts)}")
    return notes


def _first(pairs: list[str]) -> str:
    return "; ".join(pairs[:SHOWN]) + ("; ..." if len(pairs) > SHOWN else "")


def _fingerprint(
    classes: tuple[str, ...],
    paths: Sequence[str],
    labels: NDArray[np.int64],
    parts: NDArray[np.int8],
    digests: Sequence[bytes],
) -> str:
    digest = hashlib.sha256("\0".join(classes).encode())
    for index in sorted(range(len(paths)), key=lambda index: paths[index]):
        name = NAMES[parts[index]]
        digest.update(
            b"\0".join((b"", os.fsencode(paths[index]), name.encode(), b"%d" % labels[index], digests[index]))
        )
    return digest.hexdigest()
