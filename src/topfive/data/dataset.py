"""What training and evaluation read: images with labels, in memory or on disk, and the three parts of a data set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from topfive.images import ImageError, Picture, decode

Labels = NDArray[np.integer[Any]]


class ImageDataset(Protocol):
    """Labelled images.  `[i]` gives uint8 [C, H, W] with C 1 or 3, and its label.

    The label is the index of its one class; or, where an image may show several classes or none, uint8 [K] with a 1 for
    each of the K classes that it shows.
    """

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def labels(self) -> Labels:
        """int64 [N], or uint8 [N, K] of several labels: the label of every image, without reading an image."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], int | NDArray[np.uint8]]: ...

    def name(self, index: int) -> str:
        """What a report calls this image: its path below the root, or "digits/test/17"."""
        ...


@dataclass(frozen=True, eq=False)
class ArrayDataset:
    """Images of one size, in memory: images uint8 [N, C, H, W], labels int64 [N] or uint8 [N, K]."""

    images: NDArray[np.uint8]
    labels: Labels
    classes: tuple[str, ...]
    prefix: str  # the name of image i is prefix/i

    def __post_init__(self) -> None:
        assert self.images.ndim == 4, "images must be [N, C, H, W]"
        assert self.images.dtype == np.uint8, "images must be uint8"
        assert is_labelling(self.labels, len(self.images), len(self.classes)), "labels must be [N] or uint8 [N, K]"

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], int | NDArray[np.uint8]]:
        return self.images[index], label_of(self.labels, index)

    def name(self, index: int) -> str:
        return f"{self.prefix}/{range(len(self))[index]}"


@dataclass(frozen=True, eq=False)
class FileDataset:
    """Image files below `root`, decoded when they are asked for; `paths` use "/" and os.fsdecode's surrogates.

    `short_side` (pixels) is the side the caller will scale to: large JPEGs are then decoded at a smaller scale.
    """

    root: str
    paths: Sequence[str]
    labels: Labels
    classes: tuple[str, ...]
    short_side: int | None = None

    def __post_init__(self) -> None:
        assert is_labelling(self.labels, len(self.paths), len(self.classes)), "labels must be [N] or uint8 [N, K]"

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], int | NDArray[np.uint8]]:
        pixels = decoded(self, index, self.short_side).pixels
        return pixels.transpose(2, 0, 1).copy(), label_of(self.labels, index)

    def name(self, index: int) -> str:
        return self.paths[index]

    def path(self, index: int) -> str:
        return os.path.join(self.root, self.paths[index])

    def encoded(self, index: int) -> str:
        return self.path(index)


def is_labelling(labels: Labels, count: int, classes: int) -> bool:
    """Whether these can be the labels of `count` images."""
    return labels.shape == (count,) or (labels.shape == (count, classes) and labels.dtype == np.uint8)


def label_of(labels: Labels, index: int) -> int | NDArray[np.uint8]:
    return int(labels[index]) if labels.ndim == 1 else labels[index].astype(np.uint8)


def classes_shown(labels: Labels, index: int) -> list[int]:
    """The classes of one image, in order."""
    return [int(labels[index])] if labels.ndim == 1 else np.flatnonzero(labels[index]).tolist()


def class_counts(labels: Labels, classes: int) -> NDArray[np.int64]:
    """[classes], the images that show each."""
    return np.bincount(labels, minlength=classes) if labels.ndim == 1 else labels.sum(axis=0, dtype=np.int64)


@runtime_checkable
class Encoded(Protocol):
    """A data set of encoded images."""

    def encoded(self, index: int) -> str | bytes:
        """What `decode` takes: a path, or the contents."""
        ...

    def name(self, index: int) -> str: ...


def picture(dataset: ImageDataset, index: int, short_side: int | None) -> Picture | NDArray[np.uint8]:
    """One image as `Preprocess` takes it: a file decoded for `short_side`, as predict does it, or pixels in memory."""
    if isinstance(dataset, Encoded):
        return decoded(dataset, index, short_side)
    image, _ = dataset[index]
    return image[0] if len(image) == 1 else image.transpose(1, 2, 0)


def decoded(dataset: Encoded, index: int, short_side: int | None) -> Picture:
    """One image decoded for `short_side`; what is wrong with it is said with its name."""
    try:
        return decode(dataset.encoded(index), short_side)
    except ImageError as error:
        where = dataset.name(index) if error.where is None else error.where
        raise ImageError(error.what, where, error.why, error.todo) from None


@dataclass(frozen=True)
class Skipped:
    """A file that looks like an image of the data set and is not used, and why."""

    path: str
    reason: str


@dataclass(frozen=True, eq=False)
class Splits:
    """A data set as a run sees it; `val` and `test` may be empty.

    `fingerprint` is a sha256 over class names and, for each image, split, path, label and contents: two data sets with
    the same fingerprint train the same network.  `mirror`: an image means the same when its left and right are swapped.
    `leaked`: how many images stand in another part too, byte for byte.
    """

    name: str
    train: ImageDataset
    val: ImageDataset
    test: ImageDataset
    fingerprint: str
    skipped: tuple[Skipped, ...] = ()
    mirror: bool = True
    notes: tuple[str, ...] = ()
    leaked: int = 0

    @property
    def classes(self) -> tuple[str, ...]:
        return self.train.classes

    @property
    def several(self) -> bool:
        """An image may show several classes, or none."""
        return self.train.labels.ndim == 2

    def parts(self) -> tuple[tuple[str, ImageDataset], ...]:
        return ("train", self.train), ("val", self.val), ("test", self.test)
