"""From a listing to a data set: bad files out, missing parts split off, duplicates named, all of it fingerprinted."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from topfive.data.check import Progress, Thoroughness
from topfive.data.dataset import Labels, Skipped, Splits, class_counts, classes_shown
from topfive.data.listing import SHOWN, UNASSIGNED, Listing, some
from topfive.data.names import Names
from topfive.data.split import NAMES, TEST, TRAIN, VAL, hold_out, stratified_split
from topfive.errors import DataError, UsageError, nearest, shown

SHA256_BYTES = 32
_PASSED_OVER = {
    "headers": "no image was decoded before training: a damaged one stops the run when it is met",
    "none": "no image was looked at before training: a damaged one stops the run when it is met",
}


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
    check: Thoroughness = "all"

    def __post_init__(self) -> None:
        for name in ("val_fraction", "test_fraction", "max_bad"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(
                    "setting", name, f"{getattr(self, name)} is not a fraction", "Give a number from 0 to 1"
                )
        if self.check not in (known := get_args(Thoroughness)):
            raise UsageError(
                "setting", "check", f"{self.check!r} is not {' or '.join(known)}", nearest(self.check, known)
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
    good = _good(name, listing, choices, progress)
    notes = list(listing.notes)
    judge_counts(name, listing, good.labels, good.parts, choices.allow_empty)
    fill_parts(name, good, choices, fixed_val)
    for label in np.setdiff1d(_filled(listing, good.labels), _filled(listing, good.labels[good.parts == TRAIN])):
        raise DataError("data set", name, f"class {shown(listing.classes[label])} has no image to train on", "Add some")
    notes += _few(listing, good.labels, good.parts)
    leaked = 0
    if choices.check == "all":
        found, leaked = _duplicates(good)
        notes += found
    else:
        notes.append(_PASSED_OVER[choices.check])
    train, val, test = (
        listing.store.dataset(
            listing.paths,
            good.places[good.parts == part],
            good.labels[good.parts == part],
            listing.classes,
            choices.short_side,
        )
        for part in (TRAIN, VAL, TEST)
    )
    fingerprint = _fingerprint(listing.classes, good)
    return Splits(name, train, val, test, fingerprint, tuple(listing.skipped), notes=tuple(notes), leaked=leaked)


@dataclass(frozen=True)
class Good:
    """The images that passed: where each stands in the listing, and what is known of it.

    `contents` [N, 32] uint8 are the sha256 of each, or its size in the first bytes where it was not read.
    """

    places: NDArray[np.intp]
    paths: Names
    labels: Labels
    parts: NDArray[np.int8]
    contents: NDArray[np.uint8]

    def same(self) -> NDArray[np.intp]:
        """[N], a number that images share whose contents are equal."""
        _, numbers = np.unique(self.contents.view("S32").ravel(), return_inverse=True)
        return numbers


def _good(name: str, listing: Listing, choices: Choices, progress: Progress | None) -> Good:
    """The images that pass the check; the others join `listing.skipped`."""
    passed = np.zeros(len(listing.paths), np.bool_)
    contents = np.zeros((len(listing.paths), SHA256_BYTES), np.uint8)
    for index, checked in enumerate(listing.store.check(listing.paths, choices.check, progress)):
        if checked.reason:
            listing.skipped.append(Skipped(listing.paths[index], checked.reason))
        else:
            passed[index] = True
            contents[index, : len(checked.sha256)] = np.frombuffer(checked.sha256, np.uint8)
    places = np.flatnonzero(passed)
    judge_bad(name, listing.skipped, len(places), choices.max_bad)
    paths = listing.paths.take(places) if listing.skipped else listing.paths
    return Good(places, paths, listing.labels[places], listing.parts[places], contents[places])


def judge_bad(name: str, skipped: Sequence[Skipped], good: int, max_bad: float) -> None:
    """DataError where more than `max_bad`, a fraction, of the files are bad."""
    bad = len(skipped)
    if bad > max_bad * (bad + good):
        first = _first([f"{shown(each.path)}: {shown(each.reason)}" for each in skipped])
        why = f"{bad} of {bad + good} files are bad, more than {max_bad:.0%} ({first})"
        raise DataError("data set", name, why, "Replace or remove them, or allow more with --max-bad")


def judge_counts(name: str, listing: Listing, labels: Labels, parts: NDArray[np.int8], allow_empty: bool) -> None:
    """DataError where too few images or classes are left to train on."""
    if not len(labels):
        raise DataError(
            "data set", name, "there is no image in it", "Give a folder of class folders, a CSV file or a name"
        )
    if len(listing.classes) == 1:
        why = f"there is only one class, {shown(listing.classes[0])}"
        raise DataError("data set", name, why, "A classifier needs at least two")
    filled = set(_filled(listing, labels[(parts == TRAIN) | (parts == UNASSIGNED)]).tolist())
    empty = [each for label, each in enumerate(listing.classes) if label not in filled]
    if empty and not allow_empty:
        why = f"classes without a usable image to train on: {some(empty)}"
        raise DataError("data set", name, why, "Fill or remove them, or pass --allow-empty")
    if len(filled) < 2:
        raise DataError("data set", name, "fewer than two classes have images", "A classifier needs at least two")


def fill_parts(name: str, good: Good, choices: Choices, fixed_val: int | None) -> None:
    """Give every unassigned image its part, and take what is missing out of train."""
    labels, parts = good.labels, good.parts
    if UNASSIGNED in parts:
        parts[:] = TRAIN
    val = 0.0 if VAL in parts else choices.val_fraction
    test = 0.0 if TEST in parts else choices.test_fraction
    train = np.flatnonzero(parts == TRAIN)
    names = good.paths if len(train) == len(parts) else good.paths.take(train)
    if fixed_val is not None:
        if val > 0:
            parts[train[hold_out(names, labels[train], min(fixed_val, len(train) // 10), name)]] = VAL
        return
    if val > 0 or test > 0:
        same = good.same()[train] if choices.check == "all" else None
        parts[train] = stratified_split(names, labels[train], val, test, choices.seed, same)


def _filled(listing: Listing, labels: Labels) -> NDArray[np.intp]:
    """The classes that an image shows."""
    return np.flatnonzero(class_counts(labels, len(listing.classes)))


def _few(listing: Listing, labels: Labels, parts: NDArray[np.int8]) -> list[str]:
    notes = []
    for part in (VAL, TEST):
        if part in parts:
            missing = np.setdiff1d(_filled(listing, labels[parts == TRAIN]), _filled(listing, labels[parts == part]))
            if len(missing):
                names = some(listing.classes[label] for label in missing)
                notes.append(f"classes without an image in {NAMES[part]}: {names}")
    return notes


def _duplicates(good: Good) -> tuple[list[str], int]:
    """Notes on equal files that stand in two parts, or under two classes; and how many are in two parts."""
    same = good.same()
    across: dict[tuple[int, int], list[str]] = {}
    conflicts = []
    order = np.argsort(good.parts, kind="stable")
    _, first, inverse = np.unique(same[order], return_index=True, return_inverse=True)
    originals = order[first[inverse]]
    for index, other in zip(order[order != originals], originals[order != originals], strict=True):
        pair = f"{shown(good.paths[other])} = {shown(good.paths[index])}"
        if good.parts[other] != good.parts[index]:
            across.setdefault((int(good.parts[other]), int(good.parts[index])), []).append(pair)
        if np.any(good.labels[other] != good.labels[index]):
            conflicts.append(pair)
    notes = [
        f"{len(pairs)} images of {NAMES[part]} are also in {NAMES[other]}, byte for byte: {_first(pairs)}"
        for (other, part), pairs in sorted(across.items())
    ]
    if conflicts:
        notes.append(f"{len(conflicts)} images stand under two classes: {_first(conflicts)}")
    return notes, sum(map(len, across.values()))


def _first(pairs: list[str]) -> str:
    return "; ".join(pairs[:SHOWN]) + ("; ..." if len(pairs) > SHOWN else "")


def _fingerprint(classes: tuple[str, ...], good: Good) -> str:
    digest = hashlib.sha256("\0".join(classes).encode())
    for index in good.paths.order():
        name, contents = NAMES[good.parts[index]], good.contents[index].tobytes()
        path = os.fsencode(good.paths[index])
        digest.update(b"\0".join((b"", path, name.encode(), _told(good.labels, index), contents)))
    return digest.hexdigest()


def _told(labels: Labels, index: int) -> bytes:
    """One image's label: a number, or each of several numbers with a mark, so that one of one is not one of several."""
    found = classes_shown(labels, index)
    return b"%d" % found[0] if labels.ndim == 1 else b"".join(b"%d;" % label for label in found)
