"""What a paper says, as data: the paper, the numbers it reports, our exact counts, and where we depart from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from topfive.preprocess import Preprocess

if TYPE_CHECKING:
    from topfive.nn.classifier import Classifier
    from topfive.nn.sides import Sides


@dataclass(frozen=True)
class Paper:
    """A publication; `month` (1-12) is that of its first public version, `arxiv` is "" where there is none."""

    title: str
    authors: str
    year: int
    month: int
    arxiv: str = ""


@dataclass(frozen=True)
class Reported:
    """One figure of the paper as a fraction (never percent), the table it stands in, and how it was measured."""

    metric: str
    value: float
    where: str
    protocol: str


@dataclass(frozen=True)
class Facts:
    """Exact counts of one variant at its own head and input; tested against the built network.

    `params` are the trainable parameters; `macs` are multiply-accumulates of convolutions and matrix products for one
    image of `in_channels` x `input_size` x `input_size`.
    """

    params: int
    macs: int
    num_classes: int = 1000
    in_channels: int = 3
    input_size: int = 224
    reported: tuple[Reported, ...] = ()


class Build(Protocol):
    """Makes the network of one variant, with fresh weights."""

    def __call__(self, *, num_classes: int, in_channels: int) -> Classifier: ...


class Scale(Protocol):
    """Makes a variant with so many times its depth and its width, both above 0, rounded as its paper rounds."""

    def __call__(self, *, depth: float, width: float) -> Build: ...


@dataclass(frozen=True)
class ModelSpec:
    """A variant that `create_model` can build.

    `fact` is the row of the architecture table that it must equal; `departs` says where we knowingly differ from the
    paper, and why ("" where we do not).  `sides` are the side classifiers that it is trained with and `build` leaves
    out.  `scale` is None where a paper's network has no depth and width that could be multiplied.
    """

    name: str
    family: str
    paper: Paper
    build: Build = field(repr=False)
    preprocess: Preprocess
    facts: Facts
    fact: str
    departs: str = ""
    sides: Sides | None = field(default=None, repr=False)
    scale: Scale | None = field(default=None, repr=False)
