"""What a folder or a CSV file says before any image has been read, and the judgements that need no more than that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from topfive.data.check import Checked, FilesBelow, Progress, Thoroughness, check_all
from topfive.data.dataset import FileDataset, ImageDataset, Labels, Skipped
from topfive.data.names import Names
from topfive.errors import DataError, shown

UNASSIGNED = -1  # the part of an image that the source does not put into train, val or test
SPLIT_NAMES = {"train": 0, "val": 1, "valid": 1, "validation": 1, "test": 2}
SHOWN = 5  # examples in one message


class Store(Protocol):
    """Where the images of a listing lie; `paths` are those of the listing, all of them and in its order."""

    def check(self, paths: Names, thoroughness: Thoroughness, progress: Progress | None) -> Iterator[Checked]:
        """One answer for each image, in order."""
        ...

    def dataset(
        self,
        paths: Names,
        chosen: NDArray[np.intp],
        labels: Labels,
        classes: tuple[str, ...],
        short_side: int | None,
    ) -> ImageDataset:
        """The images at the places `chosen`, with their `labels`."""
        ...


@dataclass(frozen=True)
class Files:
    """A file for each image, below `root`."""

    root: str

    def check(self, paths: Names, thoroughness: Thoroughness, progress: Progress | None) -> Iterator[Checked]:
        return check_all(FilesBelow(self.root, paths), thoroughness, progress)

    def dataset(
        self,
        paths: Names,
        chosen: NDArray[np.intp],
        labels: Labels,
        classes: tuple[str, ...],
        short_side: int | None,
    ) -> ImageDataset:
        return FileDataset(self.root, paths.take(chosen), labels, classes, short_side)


@dataclass
class Listing:
    """Image i is `paths[i]` of the store, with the label `labels[i]` (see ImageDataset), in part `parts[i]`.

    A part that the source does not give is UNASSIGNED.
    """

    store: Store
    classes: tuple[str, ...]
    paths: Names
    labels: Labels
    parts: NDArray[np.int8]
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def judge_classes(where: str, classes: Iterable[str]) -> list[str]:
    """Notes on class names that may not be meant; DataError for those that cannot be used."""
    classes = sorted(classes)
    for name in classes:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise DataError(
                "class", name, "its name is not UTF-8, and class names go into the artifact", "Rename it"
            ) from None
    if set(classes) == {str(number) for number in range(1, 1001)}:
        raise DataError(
            "data set",
            where,
            "its classes are the numbers 1 to 1000, of which nobody knows whether they count synsets in ILSVRC's order",
            "Name the folders by synset (n01440764 ...)",
        )
    notes = []
    if all(name.isdecimal() for name in classes) and classes != sorted(classes, key=int):
        first = ", ".join(classes[:SHOWN])
        notes.append(f"the class names are numbers and stand in the order of text: {first} ...")
    alike: dict[str, list[str]] = {}
    for name in classes:
        alike.setdefault(name.strip().casefold(), []).append(name)
    for group in alike.values():
        if len(group) > 1:
            notes.append(
                "classes that differ only in case or blanks: " + ", ".join(repr(shown(name)) for name in group)
            )
    return notes


def judge_parts(where: str, train: set[str], others: dict[str, set[str]], allow_missing: bool) -> None:
    """Raise where validation or test knows other classes than training; with `allow_missing` they may lack some."""
    faults = []
    for part, names in others.items():
        surplus, lacking = names - train, set() if allow_missing else train - names
        if surplus:
            faults.append(f"only in {part}: {some(surplus)}")
        if lacking:
            faults.append(f"in train and not in {part}: {some(lacking)}")
    if faults:
        raise DataError("the classes of train and the rest differ in", where, "; ".join(faults), "Make them the same")


def some(names: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    names = sorted(names)
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(shown(name) for name in names[:SHOWN]) + rest
