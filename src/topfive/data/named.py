"""The data sets that have a name: where their files lie, how they are read, and which part judges.

`digits` is in the package.  The others are looked for below the data root, in the layouts in which they are published
and in torchvision's, and where Debian puts them.  Where only train and test are published, a fixed stratified part of
train, the same in every run, is validation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topfive.data.cifar import CIFAR10_CLASSES, CIFAR100_CLASSES, read_cifar10, read_cifar100
from topfive.data.dataset import ArrayDataset, Splits
from topfive.data.idx import read_idx
from topfive.data.places import DEBIAN, data_folder
from topfive.data.split import NAMES, hold_out
from topfive.errors import DataError

Images = NDArray[np.uint8]  # [N, C, H, W]
Labels = NDArray[np.uint8]  # [N]
Published = tuple[Images, Labels, Images, Labels]  # train images, train labels, test images, test labels

DIGITS = tuple("0123456789")
FASHION = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
HELD_OUT = 5_000  # images of train that are validation where none is published


@dataclass(frozen=True)
class NamedSet:
    """`read` takes the folder that was found; `layouts` are the folders, below a data root, that may hold it.

    The first layout is where `topfive data get` puts the set.
    """

    name: str
    classes: tuple[str, ...]
    mirror: bool
    licence: str
    origin: str
    layouts: tuple[str, ...]
    files: tuple[str, ...]  # one of them shows that the folder holds the set
    read: Callable[[Path], Published] | None
    remedy: str

    @property
    def num_classes(self) -> int:
        return len(self.classes) or 1000  # ImageNet's names come with its labels


def read_mnist(folder: Path) -> Published:
    """The four IDX files, each plain or with .gz."""
    parts = []
    for part in ("train", "t10k"):
        images = read_idx(_plain_or_packed(folder, f"{part}-images-idx3-ubyte"), 3)
        path = _plain_or_packed(folder, f"{part}-labels-idx1-ubyte")
        labels = read_idx(path, 1)
        if len(images) != len(labels):
            raise DataError("damaged data set", path, f"{len(labels)} labels stand beside {len(images)} images")
        if not len(labels) or labels.max() >= 10 or not images.size:
            raise DataError("damaged data set", path, "it is empty or has a label that is not 0 to 9")
        parts += [images[:, None], labels]
    return parts[0], parts[1], parts[2], parts[3]


def _plain_or_packed(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise DataError("incomplete data set", folder, f"{name} is missing", "Fetch it again")


def _idx_files() -> tuple[str, ...]:
    return tuple(f"{part}-images-idx3-ubyte{ending}" for part in ("train", "t10k") for ending in ("", ".gz"))


SETS = (
    NamedSet(
        "digits",
        DIGITS,
        mirror=False,
        licence="CC BY 4.0",
        origin="UCI optical recognition of handwritten digits, through scikit-learn",
        layouts=(),
        files=(),
        read=None,
        remedy="",
    ),
    NamedSet(
        "mnist",
        DIGITS,
        mirror=False,
        licence="CC BY-SA 3.0, as its mirrors state",
        origin="LeCun, Cortes, Burges",
        layouts=("MNIST/raw", "mnist", "mnist/raw"),
        files=_idx_files(),
        read=read_mnist,
        remedy="Run topfive data get mnist",
    ),
    NamedSet(
        "fashion-mnist",
        FASHION,
        mirror=True,
        licence="MIT",
        origin="Zalando Research",
        layouts=("FashionMNIST/raw", "fashion-mnist", "fashion-mnist/raw"),
        files=_idx_files(),
        read=read_mnist,
        remedy="Run apt-get install dataset-fashion-mnist, or topfive data get fashion-mnist",
    ),
    NamedSet(
        "cifar10",
        CIFAR10_CLASSES,
        mirror=True,
        licence="none stated; the authors ask to be cited",
        origin="Krizhevsky, University of Toronto",
        layouts=("cifar-10-batches-py", "cifar-10-batches-bin", "cifar10", "cifar10/cifar-10-batches-bin"),
        files=("data_batch_1.bin", "data_batch_1"),
        read=read_cifar10,
        remedy="Run topfive data get cifar10",
    ),
    NamedSet(
        "cifar100",
        CIFAR100_CLASSES,
        mirror=True,
        licence="none stated; the authors ask to be cited",
        origin="Krizhevsky, University of Toronto",
        layouts=("cifar-100-python", "cifar-100-binary", "cifar100", "cifar100/cifar-100-binary"),
        files=("train.bin", "train"),
        read=read_cifar100,
        remedy="Run topfive data get cifar100",
    ),
    NamedSet(
        "imagenet",
        (),
        mirror=True,
        licence="research and teaching only; access is given by image-net.org",
        origin="Russakovsky et al., ILSVRC 2012",
        layouts=("imagenet", "ImageNet", "ILSVRC2012"),
        files=("train",),
        read=None,
        remedy="Unpack the ILSVRC 2012 archives of image-net.org into imagenet/train/<wnid> and imagenet/val/<wnid>",
    ),
)
NAMED = {each.name: each for each in SETS}


def places(named: NamedSet, data_root: Path | None) -> tuple[Path, ...]:
    """The folders in which the set is looked for, in order."""
    root = data_root if data_root is not None else data_folder()
    below = tuple(root / layout for layout in named.layouts)
    return (*below, DEBIAN / named.name) if named.layouts else ()


def find(named: NamedSet, data_root: Path | None) -> Path | None:
    """The first folder that holds a file of the set, or None."""
    for folder in places(named, data_root):
        if any((folder / file).exists() for file in named.files):
            return folder
    return None


def require(named: NamedSet, data_root: Path | None) -> Path:
    """Like find, but a missing set is an error that says where it was looked for and how it is had."""
    folder = find(named, data_root)
    if folder is None:
        looked = ", ".join(map(str, places(named, data_root)))
        raise DataError("data set not found", named.name, f"it is not in {looked}", named.remedy)
    return folder


def open_arrays(named: NamedSet, data_root: Path | None, val_fraction: float) -> Splits:
    """A set that is read whole into memory.  `val_fraction` 0 leaves all of train for training."""
    if named.name == "digits":
        return _open_digits(named)
    assert named.read is not None
    folder = require(named, data_root)
    train, train_labels, test, test_labels = named.read(folder)
    names = [f"{named.name}/train/{index}" for index in range(len(train))]
    count = min(HELD_OUT, len(train) // 10) if val_fraction > 0 else 0
    held = hold_out(names, train_labels.astype(np.int64), count, named.name)
    parts = (
        (train[~held] if count else train, train_labels[~held]),
        (train[held], train_labels[held]),
        (test, test_labels),
    )
    return _splits(named, parts)


def _open_digits(named: NamedSet) -> Splits:
    with resources.as_file(resources.files("topfive.data") / "digits.npz") as path, np.load(path) as stored:
        images, labels, part = stored["images"], stored["labels"], stored["part"]
    return _splits(named, tuple((images[part == index, None], labels[part == index]) for index in range(3)))


def _splits(named: NamedSet, parts: tuple[tuple[Images, Labels], ...]) -> Splits:
    digest = hashlib.sha256("\n".join(named.classes).encode())
    for part, (images, labels) in zip(NAMES, parts, strict=True):
        digest.update(f"\n{part} {images.shape}\n".encode())
        digest.update(np.ascontiguousarray(images).data)
        digest.update(np.ascontiguousarray(labels).data)
    train, val, test = (
        ArrayDataset(images, labels.astype(np.int64), named.classes, f"{named.name}/{part}")
        for part, (images, labels) in zip(NAMES, parts, strict=True)
    )
    return Splits(named.name, train, val, test, fingerprint=digest.hexdigest(), mirror=named.mirror)
