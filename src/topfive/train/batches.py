"""Batches of a data set: `at(epoch, index)` is a function of its arguments, so a run continues anywhere.

Data that fit in memory are held as uint8 and augmented by batch; the rest is decoded by threads that run ahead of the
network.
"""

from __future__ import annotations

import copy
import dataclasses
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from topfive.data import ImageDataset, picture
from topfive.images import Picture
from topfive.preprocess import Preprocess
from topfive.recipe import Recipe
from topfive.train.augment import augment, crops, distort, erase, random_boxes
from topfive.train.loading import Progress, fits, load_pixels, normalised
from topfive.train.mix import mix
from topfive.train.processes import ALONE, Team
from topfive.train.randomness import generator
from topfive.train.sampler import Sampler

AHEAD = 2  # batches decoded in advance
STAGES = 4  # sizes that images grow through (Tan and Le 2021, arXiv:2104.00298, table 6)
GRAIN = 4  # pixels that a size in between is a multiple of


class Batches(Protocol):
    """`steps` batches an epoch; `at` gives images float32 [B, C, side, side], normalised, and targets.

    Where many processes train together, that is this one's share of a batch, with the draws of the whole one; only what
    is erased and mixed of images that do not fit in memory is drawn by share.
    Targets are classes int64 [B], or float32 [B, classes]: shares of the classes where images are mixed, 0 and 1 where
    an image has several labels.
    """

    steps: int

    def at(self, epoch: int, index: int) -> tuple[Tensor, Tensor]: ...
    def names(self, epoch: int, index: int) -> list[str]: ...


def training_batches(
    dataset: ImageDataset,
    recipe: Recipe,
    preprocess: Preprocess,
    workers: int,
    progress: Progress | None = None,
    team: Team = ALONE,
) -> Batches:
    """Batches from memory where the images fit, else decoded as they are needed by `workers` threads."""
    if fits(len(dataset) * team.local_size, _stored(preprocess, recipe)):
        return MemoryBatches(dataset, recipe, preprocess, workers, progress, team)
    return StreamBatches(dataset, recipe, preprocess, workers, team)


class MemoryBatches:
    """All of a data set as uint8 in memory, shuffled by epoch and augmented by batch."""

    def __init__(
        self,
        dataset: ImageDataset,
        recipe: Recipe,
        preprocess: Preprocess,
        workers: int = 1,
        progress: Progress | None = None,
        team: Team = ALONE,
    ):
        self._team = team
        self._images, self._labels = load_pixels(dataset, _stored(preprocess, recipe), workers, progress)
        self._dataset, self._recipe, self._preprocess = dataset, recipe, preprocess
        self._sampler = Sampler(dataset.labels, recipe)
        self.steps = self._sampler.steps

    def under(self, recipe: Recipe) -> MemoryBatches:
        """The same images in memory, drawn and varied as a recipe says that crops as this one does."""
        other = copy.copy(self)
        other._recipe, other._sampler = recipe, Sampler(self._dataset.labels, recipe)
        other.steps = other._sampler.steps
        return other

    def names(self, epoch: int, index: int) -> list[str]:
        return [self._dataset.name(i) for i in self._sampler.indices(epoch, index).tolist()]

    def at(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        chosen = self._sampler.indices(epoch, index)
        draw = generator(self._recipe.seed, "augment", epoch, index)
        images = augment(self._images.index_select(0, chosen), self._preprocess.side, self._recipe, draw)
        images = resized(normalised(self._preprocess, images), side_at(self._recipe, self._preprocess.side, epoch))
        images, targets = varied(images, self._labels[chosen], len(self._dataset.classes), self._recipe, draw)
        return self._team.share(images), self._team.share(targets)


class StreamBatches:
    """Images decoded, cropped and scaled by threads, `AHEAD` batches in advance; any number gives the same pixels."""

    def __init__(self, dataset: ImageDataset, recipe: Recipe, preprocess: Preprocess, workers: int, team: Team = ALONE):
        self._dataset, self._recipe, self._preprocess, self._team = dataset, recipe, preprocess, team
        self._sampler = Sampler(dataset.labels, recipe)
        self.steps = self._sampler.steps
        self._pool = ThreadPoolExecutor(max(1, workers), thread_name_prefix="decode")
        self._running: OrderedDict[tuple[int, int], list[Future[NDArray[np.uint8]]]] = OrderedDict()

    def names(self, epoch: int, index: int) -> list[str]:
        return [self._dataset.name(i) for i in self._sampler.indices(epoch, index).tolist()]

    def at(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        for ahead in range(AHEAD + 1):
            where = divmod(epoch * self.steps + index + ahead, self.steps)
            if where not in self._running and where[0] < self._recipe.epochs:
                chosen = self._sampler.indices(*where)
                ours = zip(
                    *(self._team.share(part).tolist() for part in (torch.arange(len(chosen)), chosen)), strict=True
                )
                self._running[where] = [self._pool.submit(self._view, *where, *each) for each in ours]
        views = np.stack([future.result() for future in self._running.pop((epoch, index))])
        labels = torch.from_numpy(self._dataset.labels[self._team.share(self._sampler.indices(epoch, index)).numpy()])
        draw = generator(self._recipe.seed, "mix", epoch, index, *self._team.own)
        images = normalised(self._preprocess, torch.from_numpy(views))
        images = resized(images, side_at(self._recipe, self._preprocess.side, epoch))
        return varied(images, labels, len(self._dataset.classes), self._recipe, draw)

    def _view(self, epoch: int, index: int, place: int, i: int) -> NDArray[np.uint8]:
        """The varied view of sample `i` that stands at `place` of a batch, uint8 [C, side, side]."""
        recipe, resize_side = self._recipe, self._preprocess.resize_side
        most = max(resize_side / recipe.scale[0] ** 0.5, self._preprocess.size * recipe.resize[1])
        found = picture(self._dataset, i, round(most))  # the smallest crop has enough pixels
        draw = generator(recipe.seed, "augment", epoch, index, place)
        view = self._crop(found, draw) if crops(recipe) else self._preprocess.pixels(found)
        return distort(torch.from_numpy(view)[None], recipe, draw)[0].numpy()

    def _crop(self, found: Picture | NDArray[np.uint8], draw: torch.Generator) -> NDArray[np.uint8]:
        pixels = found.pixels if isinstance(found, Picture) else found
        height, width = pixels.shape[:2]
        left, top, wide, high = random_boxes(1, self._recipe, draw, aspect=width / height)[0].tolist()
        box = (left * width, top * height, (left + wide) * width, (top + high) * height)
        square = (self._preprocess.size, self._preprocess.size)
        cropped = np.asarray(Image.fromarray(pixels).resize(square, Image.Resampling.BILINEAR, box))
        return dataclasses.replace(self._preprocess, crop=1.0).pixels(cropped)


def varied(
    images: Tensor, labels: Tensor, classes: int, recipe: Recipe, draw: torch.Generator
) -> tuple[Tensor, Tensor]:
    """What is done to normalised images last: rectangles erased, pairs mixed together with their targets."""
    if recipe.reprob:
        images = erase(images, recipe.reprob, draw)
    if recipe.mixup or recipe.cutmix:
        return mix(images, labels, classes, recipe.mixup, recipe.cutmix, draw)
    return images, labels if labels.ndim == 1 else labels.float()


def side_at(recipe: Recipe, side: int, epoch: int) -> int:
    """Pixels a side that epoch `epoch` sees: from `start_size` to `side` in stages, the last of double length.

    Few epochs have a stage each; the last is always whole.
    """
    stages = min(STAGES, recipe.epochs)
    parts = stages + 1 if recipe.epochs > stages else stages
    stage = epoch * parts // recipe.epochs
    if recipe.start_size is None or stage >= stages - 1:
        return side
    grown = recipe.start_size + (side - recipe.start_size) * stage / (stages - 1)
    return round(grown / GRAIN) * GRAIN


def resized(images: Tensor, side: int) -> Tensor:
    """Images float32 [N, C, H, W] as [N, C, side, side], antialiased."""
    if images.shape[2] == side:
        return images
    return F.interpolate(images, size=(side, side), mode="bilinear", antialias=True)


def _stored(preprocess: Preprocess, recipe: Recipe) -> Preprocess:
    """What is held in memory: the final square, or the whole scaled square that random crops are drawn from."""
    if not crops(recipe):
        return preprocess
    return dataclasses.replace(preprocess, size=preprocess.resize_side, crop=1.0)
