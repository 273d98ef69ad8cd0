"""The published validation images of ILSVRC 2012, side by side in one folder, and the lists that say what they show."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from topfive.data.listing import UNASSIGNED, Files, Listing, some
from topfive.data.names import Names
from topfive.errors import DataError, shown
from topfive.labels import imagenet

COUNT = 50_000
KAGGLE, TENSORFLOW = "LOC_val_solution.csv", "imagenet_2012_validation_synset_labels.txt"
DEVELOPMENT_KIT = "ILSVRC2012_validation_ground_truth.txt"
_NAME = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG", re.IGNORECASE)
_Synsets = dict[int, str]  # by the number in the image's name, from 1


def list_validation(folder: str) -> Listing | None:
    """The images of a folder that holds ILSVRC2012_val_<number>.JPEG, all or some; None where it holds none.

    What they show is read from a list in the folder or in the one above: Kaggle's LOC_val_solution.csv, or
    imagenet_2012_validation_synset_labels.txt with one synset a line.  DataError where there is none or it is damaged.
    """
    numbers = {int(match[1]): match[0] for match in map(_NAME.fullmatch, _files(folder)) if match}
    if not numbers:
        return None
    synsets = _synsets(folder)
    lacking = [numbers[number] for number in sorted(numbers.keys() - synsets.keys())]
    if lacking:
        raise DataError("data set", folder, f"its list does not name {some(lacking)}", "Give the whole list")
    classes = tuple(sorted({synsets[number] for number in numbers}))
    index = {synset: label for label, synset in enumerate(classes)}
    order = sorted(numbers)
    labels = np.array([index[synsets[number]] for number in order], np.int64)
    names = Names(numbers[number] for number in order)
    return Listing(Files(os.path.abspath(folder)), classes, names, labels, np.full(len(order), UNASSIGNED, np.int8))


def is_published(name: str) -> bool:
    """Whether a file is called as the published validation images are."""
    return _NAME.fullmatch(name) is not None


def _files(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry.name for entry in entries if entry.is_file())
    except OSError as error:
        raise DataError("cannot read folder", folder, error.strerror or str(error)) from None


def _synsets(folder: str) -> _Synsets:
    readers: dict[str, Callable[[Iterable[str]], _Synsets]] = {KAGGLE: _kaggle, TENSORFLOW: _lines}
    above = os.path.dirname(os.path.abspath(folder))
    for place in (folder, above):
        for name, reader in readers.items():
            path = os.path.join(place, name)
            if os.path.isfile(path):
                return _checked(path, reader)
    todo = f"Put {KAGGLE} or {TENSORFLOW} beside them, or sort them into folders by synset"
    why = "its ILSVRC2012_val images lie side by side, and nothing says what they show"
    if any(os.path.isfile(os.path.join(place, DEVELOPMENT_KIT)) for place in (folder, above)):
        why = f"{DEVELOPMENT_KIT} numbers the classes in an order that only the development kit's meta.mat tells"
    raise DataError("data set", folder, why, todo)


def _checked(path: str, reader: Callable[[Iterable[str]], _Synsets]) -> _Synsets:
    try:
        with open(path, encoding="utf-8-sig", newline="") as lines:
            synsets = reader(lines)
    except (OSError, ValueError, csv.Error) as error:
        raise DataError("list of labels", path, " ".join(str(error).split())) from None
    known = set(imagenet().synsets)
    for number, synset in synsets.items():
        if synset not in known:
            raise DataError("list of labels", path, f"image {number} shows {shown(synset)}, no synset of ImageNet")
    return synsets


def _kaggle(lines: Iterable[str]) -> _Synsets:
    """`ILSVRC2012_val_00048981,n03995372 85 1 499 272 ...`: synset and box of each object, all of one class."""
    found = {}
    for row in csv.reader(lines):
        match = _NAME.fullmatch(f"{row[0]}.JPEG") if len(row) == 2 else None
        if match:
            found[int(match[1])] = row[1].split(" ")[0]
        elif row and row[0] != "ImageId":
            raise ValueError(f"{shown(','.join(row))} is not an image and what it shows")
    return found


def _lines(lines: Iterable[str]) -> _Synsets:
    """Line n is the synset of image n."""
    found = {number: line.strip() for number, line in enumerate(lines, start=1)}
    if len(found) != COUNT:
        raise ValueError(f"it has {len(found):,} lines, not {COUNT:,}")
    return found
