"""One shard, read through once: where its images lie and what class they have; kept in the user's cache."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from array import array
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from topfive.data.memory import Memory, stamp_of
from topfive.data.names import Names
from topfive.data.tar import Member, is_whole, members, open_regular
from topfive.errors import DataError
from topfive.images import EXTENSIONS

INDEX = "shard 1"  # the kind of a memory of indices
MAXIMUM_MEMBERS = 1 << 24
LONGEST_NUMBER, LONGEST_JSON, LONGEST_NAME = 32, 1 << 20, 1000  # bytes of a .cls, of a .json, characters of a class


@dataclass(frozen=True, eq=False)
class Shard:
    """Image i is called `names[i]`, is `sizes[i]` bytes from `offsets[i]`, and of class `classes[labels[i]]`.

    `numbered`: the classes are numbers.  `skipped` are names and reasons; `stamp` is the shard's size, time of
    change in ns and inode; `whole`: it has the mark at its end.
    """

    names: Names
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    labels: NDArray[np.int32]
    classes: tuple[str, ...]
    numbered: bool
    skipped: tuple[tuple[str, str], ...]
    stamp: tuple[int, int, int]
    whole: bool


def index_shard(path: str, memory: Memory) -> Shard:
    """What the shard holds, from memory where it has not changed since; DataError where it cannot be used."""
    with open_regular(path) as file:
        stamp = stamp_of(path)
        packed = memory.recall(path, stamp)
        if packed is not None and (known := _unpacked(packed, stamp)) is not None:
            return known
        shard = _read_through(path, file, stamp)
    memory.store(path, stamp, _packed(shard))
    memory.commit()
    return shard


@dataclass(slots=True)
class _Sample:
    image: Member | None = None
    number: Member | None = None  # .cls
    record: Member | None = None  # .json


class _UnusableError(Exception):
    """Why a sample is left out."""


def _read_through(path: str, file: BinaryIO, stamp: tuple[int, int, int]) -> Shard:
    skipped: list[tuple[str, str]] = []
    names: list[str] = []
    offsets, sizes, labels = array("q"), array("q"), array("i")
    place: dict[int | str, int] = {}
    for key, sample in _samples(path, skipped).items():
        try:
            if sample.image is None:
                raise _UnusableError("no image")
            if sample.image.fault:
                raise _UnusableError(sample.image.fault)
            label = _label(file, sample)
        except _UnusableError as unusable:
            skipped.append((sample.image.name if sample.image else key, str(unusable)))
            continue
        names.append(sample.image.name)
        offsets.append(sample.image.offset)
        sizes.append(sample.image.size)
        labels.append(place.setdefault(label, len(place)))
    kinds = {type(label) for label in place}
    if len(kinds) > 1:
        raise DataError("shard", path, "some of its labels are numbers and some names", "Write them the same way")
    return Shard(
        Names(names),
        np.array(offsets, np.int64),
        np.array(sizes, np.int64),
        np.array(labels, np.int32),
        tuple(str(label) for label in place),
        kinds != {str},
        tuple(skipped),
        stamp,
        is_whole(path),
    )


def _samples(path: str, skipped: list[tuple[str, str]]) -> dict[str, _Sample]:
    """The samples by their key, in the order in which they begin; files of no use to us are passed over."""
    samples: dict[str, _Sample] = {}
    for count, member in enumerate(members(path)):
        if count >= MAXIMUM_MEMBERS:
            raise DataError("shard", path, f"more than {MAXIMUM_MEMBERS:,} files", "Write it as several")
        folder, slash, base = member.name.rpartition("/")
        stem, _, extension = base.partition(".")
        role = {"cls": "number", "json": "record"}.get(extension.lower())
        if f".{extension.lower()}" in EXTENSIONS:
            role = "image"
        if role is None or not stem:  # a hidden file is no sample
            continue
        sample = samples.setdefault(folder + slash + stem, _Sample())
        if getattr(sample, role) is None:
            setattr(sample, role, member)
        else:
            skipped.append((member.name, "the second one of its sample"))
    return samples


def _label(file: BinaryIO, sample: _Sample) -> int | str:
    if sample.number is not None:
        text = _content(file, sample.number, LONGEST_NUMBER).strip()
        if not (text.isdigit() and len(text) < 10):
            raise _UnusableError("its .cls holds no number")
        return int(text)
    if sample.record is None:
        raise _UnusableError("no label: neither .cls nor .json")
    try:
        record = json.loads(_content(file, sample.record, LONGEST_JSON))
    except (ValueError, RecursionError):
        raise _UnusableError("its .json cannot be read") from None
    label = record.get("label") if isinstance(record, dict) else None
    if isinstance(label, str) and 0 < len(label) <= LONGEST_NAME and label.isprintable():
        return label
    if isinstance(label, int) and not isinstance(label, bool) and 0 <= label < 10**9:
        return label
    raise _UnusableError("its .json has no label that is a number or a name")


def _content(file: BinaryIO, member: Member, limit: int) -> bytes:
    if member.fault or member.size > limit:
        raise _UnusableError(f"its label is {member.fault or f'{member.size:,} bytes long'}")
    return os.pread(file.fileno(), member.size, member.offset)


def _packed(shard: Shard) -> bytes:
    facts = (shard.classes, shard.numbered, shard.skipped, shard.whole)
    buffer = BytesIO()
    np.savez(
        buffer,
        facts=np.frombuffer(json.dumps(facts).encode(), np.uint8),
        text=shard.names.text,
        ends=shard.names.ends,
        offsets=shard.offsets,
        sizes=shard.sizes,
        labels=shard.labels,
    )
    return buffer.getvalue()


def _unpacked(packed: bytes, stamp: tuple[int, int, int]) -> Shard | None:
    """What was packed; None where the cache is damaged."""
    try:
        with np.load(BytesIO(packed), allow_pickle=False) as kept:
            classes, numbered, skipped, whole = json.loads(kept["facts"].tobytes())
            names = Names.stored(kept["text"], kept["ends"])
            places = kept["offsets"], kept["sizes"], kept["labels"]
            pairs = tuple((name, reason) for name, reason in skipped)
            return Shard(names, *places, tuple(classes), numbered, pairs, stamp, whole)
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
