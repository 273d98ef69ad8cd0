"""What a report tells, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topfive.data import ImageDataset, Skipped
from topfive.evaluate import Evaluation
from topfive.images import ImageError


@dataclass(frozen=True, eq=False)
class Mistake:
    """An image the model was wrong about: how sure it was of its `guess`, and what it left for the `truth`.

    `pixels` uint8 [C, H, W] with C 1 or 3, of any size; None where the image can no longer be read.
    """

    name: str
    truth: str
    guess: str
    probability: float
    truth_probability: float
    pixels: NDArray[np.uint8] | None = field(repr=False)

    def __post_init__(self) -> None:
        if self.pixels is not None:
            assert self.pixels.dtype == np.uint8, "pixels must be uint8"
            assert self.pixels.ndim == 3, "pixels must be [C, H, W]"
            assert self.pixels.shape[0] in (1, 3), "an image has 1 or 3 channels"


@dataclass(frozen=True)
class Shipped:
    """The file that was written, and how nearly its answers are the network's.

    `difference` and `tolerance` are relative to the largest answer; `agreement` is the fraction of `images` with the
    same first class.
    """

    file: str
    file_bytes: int
    difference: float
    tolerance: float
    images: int
    agreement: float
    temperature: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Contents:
    """A run as its report tells it; what is left out, the page leaves out.

    `counts` are the images of each part ("train", "val", "test"), `split` is the part that `evaluation` measured.
    `curve` has one entry an epoch with "epoch" and any of "lr", "train_loss", "val_top1", "val_nll", "seconds";
    `best_epoch` is the one whose weights are shipped.  `skipped` are the files left out before training: those of
    `evaluation` are added by the page.  The keys of `recipe` and `environment` are shown as they are.
    """

    title: str
    model: str
    data: str
    split: str
    evaluation: Evaluation
    paper: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    curve: Sequence[Mapping[str, Any]] = ()
    best_epoch: int | None = None
    mistakes: Sequence[Mistake] = ()
    skipped: Sequence[Skipped] = ()
    shipped: Shipped | None = None
    recipe: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, object] = field(default_factory=dict)
    notes: Sequence[str] = ()


def worst_mistakes(evaluation: Evaluation, dataset: ImageDataset, count: int = 24) -> tuple[Mistake, ...]:
    """The wrong answers that `evaluation` gave most confidently, with their pictures from the `dataset` it measured."""
    probabilities, labels = evaluation.probabilities, evaluation.labels
    guesses = probabilities.argmax(axis=1)
    confidence = probabilities[np.arange(len(labels)), guesses]
    wrong = np.flatnonzero(guesses != labels)
    rows = wrong[np.argsort(-confidence[wrong], kind="stable")][:count].tolist()
    index_of = {dataset.name(index): index for index in range(len(dataset))} if rows else {}
    mistakes = []
    for row in rows:
        # Images that were skipped have no row, so a row's image is found by its name.
        name = evaluation.names[row] if evaluation.names else dataset.name(row)
        truth, guess = int(labels[row]), int(guesses[row])
        mistakes.append(
            Mistake(
                name=name,
                truth=evaluation.classes[truth],
                guess=evaluation.classes[guess],
                probability=float(confidence[row]),
                truth_probability=float(probabilities[row, truth]),
                pixels=_pixels(dataset, index_of[name]),
            )
        )
    return tuple(mistakes)


def _pixels(dataset: ImageDataset, index: int) -> NDArray[np.uint8] | None:
    try:
        return dataset[index][0]
    except ImageError:  # it was read for the evaluation, and has gone since
        return None
