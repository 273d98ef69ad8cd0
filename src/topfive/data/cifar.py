"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009) in their binary layout, and, without unpickling, in the one for Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topfive.errors import DataError

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


def _read(folder: Path, name: str, label_byte: int, classes: int) -> Part:
    path = folder / f"{name}.bin"
    if not path.is_file():
        raise DataError("incomplete data set", folder, f"{name}.bin is missing", "Fetch it again")
    return _read_binary(path, label_byte, classes)


def _read_binary(path: Path, label_byte: int, classes: int) -> Part:
    """Records of label_byte + 1 labels (the last one counts) and 3072 pixels."""
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise DataError("cannot read", path, error.strerror or str(error)) from None
    record = label_byte + 1 + PIXELS
    if not content.size or content.size % record:
        raise DataError(
            "damaged CIFAR file", path, f"{content.size} bytes are not records of {record}", "Fetch it again"
        )
    records = content.reshape(-1, record)
    labels = np.ascontiguousarray(records[:, label_byte])
    if labels.max() >= classes:
        raise DataError("damaged CIFAR file", path, f"a label is {labels.max()}, not below {classes}", "Fetch it again")
    return np.ascontiguousarray(records[:, label_byte + 1 :]).reshape(-1, 3, SIDE, SIDE), labels
