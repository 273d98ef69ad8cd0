"""What a report tells, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topfive.data import Skipped
from topfive.evaluate import Evaluation, LabelEvaluation
from topfive.evaluate.speed import Speed

Pixels = NDArray[np.uint8]  # [C, H, W] with C 1 or 3, of any size


@dataclass(frozen=True, eq=False)
class Mistake:
    """An image the model was wrong about: how sure it was of its `guess`, and what it left for the `truth`.

    `pixels` are None where the image can no longer be read, `heat` where the network has no map of where it looked:
    else what it saw, under the evidence for its guess.
    """

    name: str
    truth: str
    guess: str
    probability: float
    truth_probability: float
    pixels: Pixels | None = field(repr=False)
    heat: Pixels | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _check(self.pixels, self.heat)


@dataclass(frozen=True, eq=False)
class WrongLabel:
    """Where images have several labels: a class that an image was `claimed` to show, or not, wrongly.

    `probability` is what it was given, `threshold` what a claim takes, `truth` what the image shows; pictures are as
    those of a `Mistake`.
    """

    name: str
    label: str
    claimed: bool
    probability: float
    threshold: float
    truth: tuple[str, ...]
    pixels: Pixels | None = field(repr=False)
    heat: Pixels | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _check(self.pixels, self.heat)


def _check(*pictures: Pixels | None) -> None:
    for pixels in pictures:
        if pixels is not None:
            assert pixels.dtype == np.uint8, "pixels must be uint8"
            assert pixels.ndim == 3, "pixels must be [C, H, W]"
            assert pixels.shape[0] in (1, 3), "an image has 1 or 3 channels"


@dataclass(frozen=True, eq=False)
class Pair:
    """Two classes that are taken for each other, how often which way, and some of the pictures."""

    first: str
    second: str
    first_as_second: int
    second_as_first: int
    examples: tuple[Mistake, ...] = field(repr=False)


@dataclass(frozen=True)
class Shipped:
    """The file that was written, and how nearly its answers are the network's.

    `difference` and `tolerance` are relative to the largest answer; `agreement` is the fraction of `images` with the
    same first class; in int8 all three are those of the file that it was quantised from.  `params` and `macs` (for one
    image) are counted on the network.  `limits` says how the file stands to those that were stated.
    """

    file: str
    file_bytes: int
    difference: float
    tolerance: float
    images: int
    agreement: float
    temperature: float = 1.0
    params: int | None = None
    macs: int | None = None
    speed: Speed | None = None
    precision: str = "float32"
    limits: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Contents:
    """A run as its report tells it; what is left out, the page leaves out.

    `counts` are the images of each part ("train", "val", "test"), `split` is the part that `evaluation` measured.
    `curve` has one entry an epoch with "epoch" and any of "lr", "train_loss", "val_top1" or "val_map", "val_nll",
    "seconds"; `best_epoch` is the one whose weights are shipped.  `skipped` are the files left out before training:
    those of `evaluation` are added by the page.  `balance` has the images of each class [K] in each part.  The keys of
    `recipe` and `environment` are shown as they are.
    """

    title: str
    model: str
    data: str
    split: str
    evaluation: Evaluation | LabelEvaluation
    paper: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    balance: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    curve: Sequence[Mapping[str, Any]] = ()
    best_epoch: int | None = None
    mistakes: Sequence[Mistake] | Sequence[WrongLabel] = ()
    pairs: Sequence[Pair] = ()
    skipped: Sequence[Skipped] = ()
    shipped: Shipped | None = None
    recipe: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, object] = field(default_factory=dict)
    notes: Sequence[str] = ()
