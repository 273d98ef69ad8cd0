"""Which labelled images an evaluation is on: a part of a data set, or all of what has no part to train on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from topfive.data import ImageDataset, Skipped, open_data
from topfive.data.folder import list_folder
from topfive.data.ilsvrc import is_published, list_validation
from topfive.data.listing import SPLIT_NAMES, Listing
from topfive.data.split import NAMES, TEST, TRAIN, VAL
from topfive.data.table import list_table
from topfive.errors import DataError, UsageError, shown

ALL = "all"
SPLITS = (*NAMES, ALL)


@dataclass(frozen=True)
class Measured:
    """The images of `split`; `skipped` were found unreadable when they were listed."""

    name: str
    split: str
    dataset: ImageDataset
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()


def open_measured(
    source: str,
    split: str | None = None,
    *,
    short_side: int | None = None,
    data_root: Path | None = None,
    follow_links: bool = False,
    progress: Callable[[int, int], None] | None = None,
    **choices: Any,
) -> Measured:
    """The images of `split` (train, val, test or all) of what `open_data` opens; `choices` are its own.

    None is test.  A folder that holds val or test, but no train, need not be one that can be trained on: its parts are
    taken whole, and None is test where there is one, else val.  So are ILSVRC's validation images side by side (see
    `list_validation`), which are val.  A folder of classes, or a CSV file, is divided as in training, for its images
    may have been trained on; "all" takes every one.  DataError where there is no such image.
    """
    whole = _whole(source, split, data_root, follow_links)
    if whole is not None:
        listing, taken = whole
        chosen = np.arange(len(listing.labels))
        dataset = listing.store.dataset(listing.paths, chosen, listing.labels, listing.classes, short_side)
        name = os.path.basename(os.path.abspath(source)) or source
        return Measured(name, taken, _filled(source, dataset, taken), tuple(listing.skipped), tuple(listing.notes))
    if split == ALL:
        raise UsageError("--split", ALL, f"{shown(source)} has parts of its own", f"Choose {', '.join(NAMES)}")
    splits = open_data(
        source,
        data_root=data_root,
        follow_links=follow_links,
        short_side=short_side,
        progress=progress,
        **choices,
    )
    part = split or NAMES[TEST]
    others = ", ".join(f"{name} {len(dataset):,}" for name, dataset in splits.parts())
    dataset = _filled(source, dict(splits.parts())[part], part, f" ({others})")
    divided = split is None and os.path.isdir(source) and not _parts(source)
    notes = (f"these are the {len(dataset):,} images that training holds out; --split all takes every one",) * divided
    return Measured(splits.name, part, dataset, splits.skipped, notes)


def _whole(source: str, split: str | None, data_root: Path | None, follow_links: bool) -> tuple[Listing, str] | None:
    """The images to be taken whole, and what they are called; None where `open_data` divides them."""
    if os.path.isdir(source):
        published = list_validation(source)
        if published is not None:
            return published, split or ALL
        parts = _parts(source)
        if VAL in parts and split in (None, NAMES[VAL]):
            published = list_validation(os.path.join(source, parts[VAL]))
            if published is not None:
                return published, NAMES[VAL]
        if parts and TRAIN not in parts:
            folder, taken = _lone(source, parts, split)
            return list_folder(folder, follow_links, allow_empty=True), taken
        return (list_folder(source, follow_links, allow_empty=True), ALL) if split == ALL else None
    if split == ALL and os.path.isfile(source):
        return list_table(source, None if data_root is None else str(data_root), follow_links), ALL
    return None


def _parts(folder: str) -> dict[int, str]:
    """The folders in it that are called as parts are, and hold folders of classes or ILSVRC's images."""
    found = {}
    for name, part in SPLIT_NAMES.items():
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError), os.scandir(path) as entries:
            if any(entry.is_dir() or is_published(entry.name) for entry in entries):
                found[part] = name
    return found


def _lone(source: str, parts: dict[int, str], split: str | None) -> tuple[str, str]:
    """The folder of the part that is asked for, and the part's name, where there is none to train on."""
    named = {NAMES[part]: name for part, name in parts.items()}
    if split == ALL and len(named) > 1:
        raise UsageError("--split", ALL, f"{shown(source)} holds {' and '.join(named)}", "Choose one of them")
    taken = NAMES[max(parts)] if split in (None, ALL) else str(split)
    if taken not in named:
        raise DataError("data set", source, f"it has no {taken}, only {' and '.join(named)}", "Choose another --split")
    return os.path.join(source, named[taken]), taken


def _filled(source: str, dataset: ImageDataset, split: str, others: str = "") -> ImageDataset:
    if not len(dataset):
        raise DataError("data set", source, f"its {split} split is empty{others}", "Choose another --split")
    return dataset
