"""How a paper trains its network, as a row of data, and how a row becomes a recipe for the images at hand."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from topfive.data import ArrayDataset, Splits
from topfive.models import create_model
from topfive.recipe import Recipe, recipe_from
from topfive.spec import ModelSpec

LARGEST_BATCH = 256  # more neither fit into the memory of a usual processor nor make its steps more efficient
STEPS = 10  # at least this many an epoch, however few the images
SMALL_SIDE = 64  # pixels; images up to this are small ones, as MNIST's and CIFAR's are
EPSILON = 1e-3  # of our RMSProp, as in the programs of MnasNet and EfficientNet; Inception's, and what follows it, is 1


@dataclass(frozen=True)
class Training:
    """A row: `batch` images make a step of the paper, and `rate` is its highest learning rate for them.

    Where many machines move the same weights independently, `batch` is that of one of them.  `epsilon` is that of the
    paper's RMSProp.  `settings` are fields of `Recipe`.  `source` is where the figures stand, and whether they are
    written down from memory ("recalled"); `took` the hardware and the time that the paper names; `departs` where our
    loop does otherwise, and why ("" where it does not).
    """

    source: str
    batch: int
    rate: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    epsilon: float = EPSILON
    took: str = ""
    departs: str = ""

    def recipe(self, spec: ModelSpec, splits: Splits, **changes: Any) -> Recipe:
        """The row for this network and these images, some fields changed.

        Mirrors where that keeps the meaning, and sizes that grow where there is room to grow.
        """
        settings = {**self.settings, **changes}
        batch = batch_for(self.batch, splits, settings.get("aug_repeats", 1))
        own = {
            "model": spec.name,
            "batch_size": batch,
            "lr": self.rate_for(batch),
            "hflip": 0.5 if splits.mirror else 0.0,
        }
        if is_small(splits):
            settings.pop("start_size", None)
        return recipe_from(own | settings)

    def rate_for(self, batch: int) -> float:
        """The rate for another batch, to four digits.

        It falls with the batch, linearly (Goyal et al. 2017, arXiv:1706.02677, sec. 2.1), but for LAMB with its root
        (You et al. 2019, arXiv:1904.00962, sec. 4.3).  Where RMSProp divides by the root of a larger epsilon, the rate
        is what makes a small gradient move the weights as far.
        """
        power = 0.5 if self.settings.get("opt") == "lamb" else 1.0
        rate = self.rate * (batch / self.batch) ** power * (EPSILON / self.epsilon) ** 0.5
        return float(f"{rate:.4g}")


def batch_for(papers: int, splits: Splits, repeats: int = 1) -> int:
    """The paper's batch, or the largest power of two that `LARGEST_BATCH` and `STEPS` leave, a multiple of `repeats`.

    At least two images, which batch normalisation needs.
    """
    most = min(LARGEST_BATCH, len(splits.train) // STEPS)
    batch = papers if papers <= most else 2 ** max(1, most.bit_length() - 1)
    return max(repeats, batch - batch % repeats)


def is_small(splits: Splits) -> bool:
    """Whether the images are of one size, in memory, and small."""
    return isinstance(splits.train, ArrayDataset) and splits.train.images.shape[2] <= SMALL_SIDE


def has(spec: ModelSpec, wanted: Callable[[nn.Module], bool]) -> bool:
    """Whether any part of the network is what is wanted; asked on the meta device."""
    return any(wanted(part) for part in _parts(spec.name))


@functools.lru_cache(maxsize=1)
def _parts(name: str) -> tuple[nn.Module, ...]:
    with torch.device("meta"):
        return tuple(create_model(name).modules())
