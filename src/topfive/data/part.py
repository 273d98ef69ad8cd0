"""Some images of a data set as a data set of their own."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from topfive.data.dataset import ArrayDataset, FileDataset, ImageDataset, Splits
from topfive.data.shards import ShardDataset
from topfive.data.split import hold_out, rarest
from topfive.errors import DataError


def part(dataset: ImageDataset, chosen: NDArray[np.intp]) -> ImageDataset:
    """The images at the places `chosen`."""
    labels = dataset.labels[chosen]
    match dataset:
        case ArrayDataset():
            return dataclasses.replace(dataset, images=dataset.images[chosen], labels=labels)
        case FileDataset():
            return dataclasses.replace(dataset, paths=[dataset.paths[i] for i in chosen], labels=labels)
        case ShardDataset():
            return dataclasses.replace(dataset, chosen=dataset.chosen[chosen], labels=labels)
        case _:
            raise AssertionError(f"no part of a {type(dataset).__name__}")


def within_training(splits: Splits, training: int | None, validation: int) -> Splits:
    """`splits` whose training and validation images are both from training, each class in proportion.

    What no image of validation or test may decide, such as which network is built, can be decided on these.  `training`
    None means all that `validation` leaves.  DataError where there are not so many.
    """
    dataset = splits.train
    wanted = validation + (1 if training is None else training)
    if wanted > len(dataset):
        why = f"{wanted:,} images are wanted, it has {len(dataset):,}"
        raise DataError("training set", splits.name, why, "Ask for fewer")
    labels = dataset.labels if dataset.labels.ndim == 1 else rarest(dataset.labels)
    names = [dataset.name(i) for i in range(len(dataset))]
    held = hold_out(names, labels, validation, "validation within training")
    rest = np.flatnonzero(~held)
    if training is not None:
        kept = hold_out([names[i] for i in rest], labels[rest], training, "training within training")
        rest = rest[kept]
    return dataclasses.replace(splits, train=part(dataset, rest), val=part(dataset, np.flatnonzero(held)))
