"""What training and evaluation read: images with labels, in memory or on disk, and the three parts of a data set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from topfive.images import ImageError, Picture, decode


class ImageDataset(Protocol):
    """Labelled images.  `[i]` gives uint8 [C, H, W] with C 1 or 3, and the index of the class."""

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def labels(self) -> NDArray[np.int64]:
        """[N], the class index of every image, without reading an image."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], int]: ...

    def name(self, index: int) -> str:
        """What a report calls this image: its path below the root, or "digits/test/17"."""
        ...


@dataclass(frozen=True, eq=False)
class ArrayDataset:
    """Images of one size, in memory: images uint8 [N, C, H, W], labels int64 [N]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    prefix: str  # the name of image i is prefix/i

    def __post_init__(self) -> None:
        assert self.images.ndim == 4, "images must be [N, C, H, W]"
        assert self.images.dtype == np.uint8, "images must be uint8"
        assert self.labels.shape == (len(self.images),), "labels must be [N]"

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], int]:
        return self.images[index], int(self.labels[index])

    def name(self, index: int) -> str:
        return f"{self.prefix}/{range(len(self))[index]}"


@dataclass(frozen=True, eq=False)
class FileDataset:
    """Image files below `root`, decoded when they are asked for; `paths` use "/" and os.fsdecode's surrogates.

    `short_side` (pixels) is the side the caller will scale to: large JPEGs are then decoded at a smaller scale.
    """

    root: str
    paths: Sequence[str]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    short_side: int | None = None

    def __post_init__(self) -> None:
        assert self.labels.shape == (len(self.paths),), "labels must be [N]"

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], int]:
        pixels = decoded(self, index, self.short_side).pixels
        return pixels.transpose(2, 0, 1).copy(), int(self.labels[index])

    def name(self, index: int) -> str:
        return self.paths[index]

    def path(self, index: int) -> str:
        return os.path.join(self.root, self.paths[index])

    def encoded(self, index: int) -> str:
        return self.path(index)


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
    """

    name: str
    train: ImageDataset
    val: ImageDataset
    test: ImageDataset
    fingerprint: str
    skipped: tuple[Skipped, ...] = ()
    mirror: bool = True
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        return self.train.classes

    def parts(self) -> tuple[tuple[str, ImageDataset], ...]:
        return ("train", self.train), ("val", self.val), ("test", self.test)
