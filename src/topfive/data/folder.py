"""Folders of classes, root/<class>/* or root/{train,val,test}/<class>/*, in the order of torchvision's ImageFolder.

Nothing is opened here, and nothing is ever written.  Hidden files and what file managers leave behind are no images;
other files without an image's extension are counted.  Links inside the root are followed, each folder is read once, so
loops end.
"""

from __future__ import annotations

import os
from array import array
from collections import Counter
from collections.abc import Iterator

import numpy as np

from topfive.data.dataset import Skipped
from topfive.data.listing import SPLIT_NAMES, UNASSIGNED, Files, Listing, judge_classes, judge_parts, some
from topfive.data.names import Names
from topfive.data.split import NAMES, TRAIN
from topfive.errors import DataError, shown
from topfive.images import EXTENSIONS

JUNK = frozenset({"thumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin"})


def list_folder(folder: str, follow_links: bool = False, allow_empty: bool = False) -> Listing:
    """Every image of the folder.  DataError for a layout that cannot be meant."""
    walk = _Walk(os.path.abspath(folder), follow_links)
    top, loose = walk.entries("")
    if walk.skipped and not top and not loose:
        raise DataError("cannot read folder", folder, walk.skipped[0].reason)
    parts = _part_folders(folder, walk, top)
    if parts:
        found = {part: walk.entries(name) for part, name in parts.items()}
        by_part = {part: {name: f"{parts[part]}/{name}" for name in names} for part, (names, _) in found.items()}
        loose = [*loose, *(path for _, files in found.values() for path in files)]
        strange = sorted(set(top) - set(parts.values()))
        if strange:
            walk.notes.append(f"folders beside {'/'.join(parts.values())} are not used: {some(strange)}")
        others = {parts[part]: set(names) for part, names in by_part.items() if part != TRAIN}
        judge_parts(folder, set(by_part[TRAIN]), others, allow_empty)
    else:
        by_part = {UNASSIGNED: {name: name for name in top}}
    classes = tuple(sorted(by_part.get(TRAIN, by_part.get(UNASSIGNED, {}))))
    if not classes and loose:
        raise DataError(
            "data set", folder, "its pictures lie side by side", "Put those of each class in a folder of their own"
        )
    notes = judge_classes(folder, classes)
    labels, parts_of = array("q"), array("b")

    def paths() -> Iterator[str]:
        for part, folders in by_part.items():
            for label, name in enumerate(classes):
                for path in walk.files(folders[name]) if name in folders else []:
                    labels.append(label)
                    parts_of.append(part)
                    yield path

    names = Names(paths())
    listing = Listing(Files(walk.root), classes, names, np.array(labels, np.int64), np.array(parts_of, np.int8))
    if loose:
        notes.append(f"{len(loose)} pictures lie in no class folder and are not used: {some(loose)}")
    listing.skipped, listing.notes = walk.skipped, [*walk.notes, *notes, *walk.counts()]
    return listing


def _part_folders(folder: str, walk: _Walk, top: list[str]) -> dict[int, str]:
    """Which folder is train, val and test; empty where the folders are classes (and one may be called train)."""
    parts: dict[int, str] = {}
    for name in top:
        part = SPLIT_NAMES.get(name)
        if part is None:
            continue
        if part in parts:
            raise DataError("data set", folder, f"{parts[part]} and {name} are both validation", "Keep one of them")
        parts[part] = name
    if not any(walk.has_folders(name) for name in parts.values()):
        return {}
    if TRAIN not in parts:
        known = ", ".join(parts.values())
        raise DataError(
            "data set", folder, f"there is {known} and no {NAMES[TRAIN]}", "Open a folder of classes instead"
        )
    return parts


class _Walk:
    """One reading of a tree: what was seen, what was passed over and why."""

    def __init__(self, root: str, follow_links: bool):
        self.root = root
        self.skipped: list[Skipped] = []
        self.notes: list[str] = []
        self._real = os.path.realpath(root)
        self._follow_links = follow_links
        self._others: Counter[str] = Counter()
        self._again = 0
        self._seen: set[tuple[int, int]] = set()

    def entries(self, relative: str) -> tuple[list[str], list[str]]:
        """The names of the folders and the paths of the images in one folder, sorted."""
        folders, images = [], []
        try:
            with os.scandir(os.path.join(self.root, relative)) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self.skipped.append(Skipped(relative, f"the folder cannot be read: {error.strerror}"))
            return [], []
        for entry in found:
            if entry.name.startswith(".") or entry.name.lower() in JUNK:
                continue
            path = f"{relative}/{entry.name}" if relative else entry.name
            image = os.path.splitext(entry.name)[1].lower() in EXTENSIONS
            reason = self._reason_against(entry)
            if reason == "":
                if entry.is_dir():
                    folders.append(entry.name)
                    continue
                if image:
                    images.append(path)
                    continue
            elif image or entry.is_dir():
                self.skipped.append(Skipped(path, reason))
                continue
            self._others[os.path.splitext(entry.name)[1].lower()] += 1
        return folders, images

    def _reason_against(self, entry: os.DirEntry[str]) -> str:
        """Why this entry is not used, or ""; decided without opening it."""
        try:
            if entry.is_symlink():
                target = os.path.realpath(entry.path)
                if not os.path.exists(target):
                    return "a link that leads nowhere"
                inside = target == self._real or target.startswith(os.path.join(self._real, ""))
                if not inside and not self._follow_links:
                    if os.path.isdir(target):  # nobody knows how many images are behind it
                        todo = "Copy it, or allow it with --follow-links"
                        raise DataError("folder", entry.path, "it is a link that leads out of the data set", todo)
                    return "a link that leads out of the data set"
            return "" if entry.is_dir() or entry.is_file() else "not a regular file"
        except OSError as error:
            return error.strerror or str(error)

    def has_folders(self, relative: str) -> bool:
        try:
            with os.scandir(os.path.join(self.root, relative)) as entries:
                return any(entry.is_dir() and not entry.name.startswith(".") for entry in entries)
        except OSError:
            return False

    def files(self, relative: str) -> list[str]:
        """The paths of all images below a class folder, sorted."""
        found: list[str] = []
        waiting = [relative]
        while waiting:
            folder = waiting.pop()
            if self._first_visit(folder):
                folders, images = self.entries(folder)
                found += images
                waiting += [f"{folder}/{name}" for name in folders]
        return sorted(found)

    def _first_visit(self, relative: str) -> bool:
        try:
            status = os.stat(os.path.join(self.root, relative))
        except OSError as error:
            self.skipped.append(Skipped(relative, f"the folder cannot be read: {error.strerror}"))
            return False
        key = (status.st_dev, status.st_ino)
        if key in self._seen:
            self._again += 1
            return False
        self._seen.add(key)
        return True

    def counts(self) -> list[str]:
        """Notes on what was passed over."""
        notes = []
        if self._others:
            kinds = ", ".join(
                f"{shown(kind) or 'no extension'} {count}" for kind, count in sorted(self._others.items())[:8]
            )
            notes.append(f"{self._others.total()} files are not named as images and are not used: {kinds}")
        if self._again:
            notes.append(f"{self._again} links lead to folders already read and were not followed")
        return notes
