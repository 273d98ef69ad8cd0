"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009) in their binary layout, and, without unpickling, in the one for Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topfive.data.pickled import array_of, read_pickled
from topfive.errors import DataError, shown

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CIFAR100_NAMES = (
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge "
    "bus butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud "
    "cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl "
    "hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man "
    "maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree "
    "pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray "
    "road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel "
    "streetcar sunflower sweet_pepper table tank telephone television tiger tractor train "
    "trout tulip turtle wardrobe whale willow_tree wolf woman worm "
)
CIFAR100_CLASSES = tuple(_CIFAR100_NAMES.split())
SIDE = 32
PIXELS = 3 * SIDE * SIDE
Part = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # images [N, 3, 32, 32], labels [N]


def read_cifar10(folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Train images and labels, test images and labels."""
    batches = [_read(folder, f"data_batch_{number}", 0, 10) for number in range(1, 6)]
    train = np.concatenate([images for images, _ in batches]), np.concatenate([labels for _, labels in batches])
    return *train, *_read(folder, "test_batch", 0, 10)


def read_cifar100(folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Train images and fine labels, test images and fine labels."""
    return *_read(folder, "train", 1, 100), *_read(folder, "test", 1, 100)


def _read(folder: Path, name: str, coarse: int, classes: int) -> Part:
    """One file in either layout; `coarse` labels stand before the one that counts."""
    binary, pickled = folder / f"{name}.bin", folder / name
    if binary.is_file():
        path, (images, labels) = binary, _read_binary(binary, coarse)
    elif pickled.is_file():
        path, (images, labels) = pickled, _read_pickled(pickled, "fine_labels" if coarse else "labels")
    else:
        raise DataError("incomplete data set", folder, f"{name} or {name}.bin is missing", "Fetch it again")
    if labels.max() >= classes:
        raise DataError("damaged CIFAR file", path, f"a label is {labels.max()}, not below {classes}", "Fetch it again")
    return np.ascontiguousarray(images).reshape(-1, 3, SIDE, SIDE), labels


def _read_binary(path: Path, coarse: int) -> Part:
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise DataError("cannot read", path, error.strerror or str(error)) from None
    record = coarse + 1 + PIXELS
    if not content.size or content.size % record:
        raise DataError(
            "damaged CIFAR file", path, f"{content.size} bytes are not records of {record}", "Fetch it again"
        )
    records = content.reshape(-1, record)
    return records[:, coarse + 1 :], np.ascontiguousarray(records[:, coarse])


def _read_pickled(path: Path, key: str) -> Part:
    found = read_pickled(path)
    images, labels = array_of(found.get("data")), found.get(key)
    if images is None or images.ndim != 2 or images.shape[1] != PIXELS or not len(images):
        raise DataError("damaged CIFAR file", path, f"it has no bytes of N x {PIXELS} pixels", "Fetch it again")
    if not isinstance(labels, list) or len(labels) != len(images):
        raise DataError(
            "damaged CIFAR file", path, f"it has no list {shown(key)} of {len(images)} labels", "Fetch it again"
        )
    if not all(isinstance(label, int) and 0 <= label < 256 for label in labels):
        raise DataError("damaged CIFAR file", path, "a label is no small number", "Fetch it again")
    return images, np.array(labels, np.uint8)
