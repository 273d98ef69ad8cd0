"""WebDataset shards: tar files in which the files of one sample, 0001.jpg and 0001.cls, share their name up to a dot.

Each shard is read through once, without unpacking, for where its images lie and what class they have; from then on any
image is read from its place, so that training shuffles, splits and resumes as it does with a folder.  What was found is
kept in the user's cache for as long as the shard has the same size and time of change.

An image's class is the number in its .cls, or the number or name under "label" in its .json.  Numbers count the lines
of a classes.txt beside the shards, where there is one.  Shards with train, val or test in their names are those parts.
"""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topfive.data.braces import expand
from topfive.data.check import MAXIMUM_BYTES, Checked, Progress, Thoroughness, check_all
from topfive.data.dataset import ImageDataset, Labels, Skipped, decoded
from topfive.data.listing import SPLIT_NAMES, UNASSIGNED, Listing, judge_classes, judge_parts, some
from topfive.data.memory import Memory, stamp_of
from topfive.data.names import Names
from topfive.data.shard import INDEX, Shard, index_shard
from topfive.data.split import NAMES
from topfive.data.tar import open_regular
from topfive.errors import DataError, nearest, shown

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")  # all but the first are refused when opened
CLASSES = "classes.txt"
MAXIMUM_CLASSES = 1_000_000


def shard_files(source: str) -> list[str]:
    """The shards that `source` means: a brace pattern, a tar file, or a folder of nothing else; else none."""
    if os.path.isdir(source):
        return _in_folder(source)
    if os.path.lexists(source):
        return [source] if source.lower().endswith(".tar") else []
    files = expand(source) if "{" in source else []
    return files if files and all(file.lower().endswith(SUFFIXES) for file in files) else []


def list_shards(source: str, files: list[str], progress: Progress | None = None) -> Listing:
    """Every sample of the shards; DataError for a shard or a label that cannot be used."""
    missing = [file for file in files if not os.path.exists(file)]
    if missing:
        raise DataError(
            "no such shard", missing[0], f"{len(missing)} of {len(files)} are missing", "Correct the pattern"
        )
    files = [os.path.abspath(file) for file in files]
    root = os.path.commonpath([os.path.dirname(file) for file in files])
    titles = [os.path.relpath(file, root).replace(os.sep, "/") for file in files]
    parts = _parts(source, titles)
    found = []
    with Memory(INDEX) as memory:
        for done, file in enumerate(files, 1):
            found.append(index_shard(file, memory))
            if progress is not None:
                progress(done, len(files))
    names, labels = _classes(source, root, titles, found)
    counts = [len(shard.offsets) for shard in found]
    part_of = np.repeat(np.array(parts, np.int8), counts)
    by_part = {part: {names[label] for label in np.unique(labels[part_of == part])} for part in sorted(set(parts))}
    first = min(by_part)
    judge_parts(source, by_part[first], {NAMES[part]: seen for part, seen in by_part.items() if part != first}, True)
    paths = Names(f"{title}/{name}" for title, shard in zip(titles, found, strict=True) for name in shard.names)
    listing = Listing(Shards.of(files, found), names, paths, labels, part_of)
    for title, shard in zip(titles, found, strict=True):
        listing.skipped += [Skipped(f"{title}/{path}", reason) for path, reason in shard.skipped]
    cut = [title for title, shard in zip(titles, found, strict=True) if not shard.whole]
    if cut:
        listing.notes.append(f"shards without a mark at their end, perhaps cut short: {some(cut)}")
    return listing


@dataclass(frozen=True, eq=False)
class Shards:
    """Images within larger files: image i is `sizes[i]` bytes from `offsets[i]` of `files[shard[i]]`."""

    files: tuple[str, ...]
    stamps: NDArray[np.int64]  # [S, 3], size in bytes, time of change in ns and inode when the shard was read
    shard: NDArray[np.int32]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, files: list[str], found: list[Shard]) -> Shards:
        return cls(
            tuple(files),
            np.array([shard.stamp for shard in found], np.int64),
            np.repeat(np.arange(len(found), dtype=np.int32), [len(shard.offsets) for shard in found]),
            np.concatenate([shard.offsets for shard in found]),
            np.concatenate([shard.sizes for shard in found]),
        )

    def __len__(self) -> int:
        return len(self.offsets)

    def path(self, index: int) -> str:
        return f"{self.files[self.shard[index]]}#{self.offsets[index]}"

    def stamp(self, index: int) -> tuple[int, int, int]:
        _, mtime_ns, inode = self.stamps[self.shard[index]].tolist()
        return int(self.sizes[index]), mtime_ns, inode

    def read(self, index: int, limit: int = MAXIMUM_BYTES) -> bytes | str:
        which, size = self.shard[index], min(int(self.sizes[index]), limit)
        if self.sizes[index] > MAXIMUM_BYTES:
            return f"larger than {MAXIMUM_BYTES} bytes"
        try:
            with open_regular(self.files[which]) as file:
                if stamp_of(self.files[which]) != tuple(self.stamps[which]):
                    return "its shard changed after it was listed"
                content = os.pread(file.fileno(), size, int(self.offsets[index]))
                return content if len(content) == size else "its shard cannot be read to the end"
        except DataError as error:
            return f"its shard is not to be had: {error.why}"
        except OSError as error:
            return (error.strerror or type(error).__name__).lower()
        except MemoryError:
            return "not enough memory to read it"

    def check(self, paths: Names, thoroughness: Thoroughness, progress: Progress | None) -> Iterator[Checked]:
        return check_all(self, thoroughness, progress)

    def dataset(
        self,
        paths: Names,
        chosen: NDArray[np.intp],
        labels: Labels,
        classes: tuple[str, ...],
        short_side: int | None,
    ) -> ImageDataset:
        return ShardDataset(self, paths, chosen, labels, classes, short_side)


@dataclass(frozen=True, eq=False)
class ShardDataset:
    """The images at the places `chosen` of `shards`, decoded when they are asked for; `paths` are those of all."""

    shards: Shards
    paths: Names
    chosen: NDArray[np.intp]
    labels: Labels
    classes: tuple[str, ...]
    short_side: int | None = None

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], int]:
        return decoded(self, index, self.short_side).pixels.transpose(2, 0, 1).copy(), int(self.labels[index])

    def name(self, index: int) -> str:
        return self.paths[int(self.chosen[index])]

    def encoded(self, index: int) -> bytes:
        content = self.shards.read(int(self.chosen[index]))
        if isinstance(content, str):
            raise DataError("image", self.name(index), content, "Start again when its shard is there and complete")
        return content


def _in_folder(folder: str) -> list[str]:
    """The tar files of a folder, or of its folders called train, val and test, where it holds no other folder."""
    found: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    inner = _in_folder(entry.path) if entry.name in SPLIT_NAMES else []
                    if not inner:
                        return []
                    found += inner
                elif entry.name.lower().endswith(SUFFIXES):
                    found.append(entry.path)
    except OSError:
        return []
    return found


def _parts(source: str, titles: list[str]) -> list[int]:
    """The part of each shard, by the last word of its name that is one; where all are of one, nothing is assigned."""
    words = [
        [SPLIT_NAMES[word] for word in re.split("[^a-z]+", title.lower()) if word in SPLIT_NAMES] for title in titles
    ]
    parts = [word[-1] if word else UNASSIGNED for word in words]
    if len(set(parts)) == 1:
        return [UNASSIGNED] * len(parts)
    nameless = [title for title, part in zip(titles, parts, strict=True) if part == UNASSIGNED]
    if nameless:
        why = f"some of its shards are called train, val or test, and others not: {some(nameless)}"
        raise DataError("data set", source, why, "Rename them, or name those that are meant by a pattern")
    if min(parts) > 0:
        raise DataError("data set", source, "none of its shards is called train", "Name those of train too")
    return parts


def _classes(
    source: str, root: str, titles: list[str], found: list[Shard]
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The class names and the class of each image."""
    numbered = {shard.numbered for shard in found if len(shard.offsets)}
    if len(numbered) > 1:
        kinds = {shard.numbered: title for title, shard in zip(titles, found, strict=True) if len(shard.offsets)}
        why = f"the classes are numbers in {shown(kinds[True])} and names in {shown(kinds[False])}"
        raise DataError("data set", source, why, "Write them the same way")
    listed = _listed_classes(os.path.join(root, CLASSES))
    if numbered == {False}:
        texts = {text for shard in found for text in shard.classes}
        names = listed or tuple(sorted(texts))
        judge_classes(source, names)
        strange = sorted(texts - set(names))
        if strange:
            raise DataError("label", strange[0], f"{CLASSES} has no such line", nearest(strange[0], names))
        place = {name: label for label, name in enumerate(names)}
    else:
        highest = max((int(text) for shard in found for text in shard.classes), default=-1)
        if highest >= (len(listed) or MAXIMUM_CLASSES):
            why = f"{CLASSES} has {len(listed)} lines" if listed else f"more than {MAXIMUM_CLASSES:,} classes"
            raise DataError("label", str(highest), why, "Labels count from 0; correct them or the list")
        names = listed or tuple(str(label) for label in range(highest + 1))
        place = {str(label): label for label in range(len(names))}
    labels = array("q")
    for shard in found:
        own = np.array([place[text] for text in shard.classes], np.int64)
        labels.extend(own[shard.labels].tolist())
    return names, np.array(labels, np.int64)


def _listed_classes(file: str) -> tuple[str, ...]:
    """The lines of classes.txt; none where there is no such file."""
    if not os.path.lexists(file):
        return ()
    with open_regular(file) as stream:
        content = stream.read(MAXIMUM_CLASSES * 32)
    try:
        names = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise DataError("class list", file, "it is not UTF-8", "Save it as UTF-8") from None
    for line, name in enumerate(names, 1):
        if not name.strip():
            raise DataError("class list", file, f"line {line} is empty", "One class a line, in the order of the labels")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError("class list", file, f"{shown(twice)!r} stands twice", "Make the names differ")
    judge_classes(file, names)
    return tuple(names)
