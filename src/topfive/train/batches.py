"""Batches of a data set: `at(epoch, index)` is a function of its arguments, so a run continues anywhere.

Data that fit in memory are held as uint8 and augmented by batch; the rest is decoded by threads that run ahead of the
network.
"""

from __future__ import annotations

import dataclasses
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from topfive.data import ImageDataset, picture
from topfive.images import Picture
from topfive.preprocess import Preprocess
from topfive.train.augment import augment, crop_boxes, random_mirror
from topfive.train.randomness import generator, order
from topfive.train.recipe import Recipe

MEMORY_SHARE = 0.25  # of the machine's memory that decoded images may take
AHEAD = 2  # batches decoded in advance
Progress = Callable[[int, int], None]  # done, total


class Batches(Protocol):
    """`steps` batches an epoch; `at` gives images float32 [B, C, side, side], normalised, and labels int64 [B]."""

    steps: int

    def at(self, epoch: int, index: int) -> tuple[Tensor, Tensor]: ...
    def names(self, epoch: int, index: int) -> list[str]: ...


def training_batches(
    dataset: ImageDataset, recipe: Recipe, preprocess: Preprocess, workers: int, progress: Progress | None = None
) -> Batches:
    """Batches from memory where the images fit, else decoded as they are needed by `workers` threads."""
    if fits(len(dataset), _stored(preprocess, recipe)):
        return MemoryBatches(dataset, recipe, preprocess, workers, progress)
    return StreamBatches(dataset, recipe, preprocess, workers)


class MemoryBatches:
    """All of a data set as uint8 in memory, shuffled by epoch and augmented by batch."""

    def __init__(
        self,
        dataset: ImageDataset,
        recipe: Recipe,
        preprocess: Preprocess,
        workers: int = 1,
        progress: Progress | None = None,
    ):
        self._images, self._labels = load_pixels(dataset, _stored(preprocess, recipe), workers, progress)
        self._dataset, self._recipe, self._preprocess = dataset, recipe, preprocess
        self._sampler = Sampler(len(dataset), recipe)
        self.steps = self._sampler.steps

    def names(self, epoch: int, index: int) -> list[str]:
        return [self._dataset.name(i) for i in self._sampler.indices(epoch, index).tolist()]

    def at(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        chosen = self._sampler.indices(epoch, index)
        draw = generator(self._recipe.seed, "augment", epoch, index)
        images = augment(self._images[chosen], self._preprocess.side, self._recipe, draw)
        return normalised(self._preprocess, images), self._labels[chosen]


class StreamBatches:
    """Images decoded, cropped and scaled by threads, `AHEAD` batches in advance; any number gives the same pixels."""

    def __init__(self, dataset: ImageDataset, recipe: Recipe, preprocess: Preprocess, workers: int):
        self._dataset, self._recipe, self._preprocess = dataset, recipe, preprocess
        self._sampler = Sampler(len(dataset), recipe)
        self.steps = self._sampler.steps
        self._pool = ThreadPoolExecutor(max(1, workers), thread_name_prefix="decode")
        self._running: OrderedDict[tuple[int, int], list[Future[tuple[NDArray[np.uint8], int]]]] = OrderedDict()

    def names(self, epoch: int, index: int) -> list[str]:
        return [self._dataset.name(i) for i in self._sampler.indices(epoch, index).tolist()]

    def at(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        for ahead in range(AHEAD + 1):
            where = divmod(epoch * self.steps + index + ahead, self.steps)
            if where not in self._running and where[0] < self._recipe.epochs:
                chosen = self._sampler.indices(*where)
                self._running[where] = [self._pool.submit(self._sample, where[0], i) for i in chosen.tolist()]
        samples = [future.result() for future in self._running.pop((epoch, index))]
        images = torch.from_numpy(np.stack([pixels for pixels, _ in samples]))
        draw = generator(self._recipe.seed, "augment", epoch, index)
        images = random_mirror(images, self._recipe.hflip, draw)
        return normalised(self._preprocess, images), torch.tensor([label for _, label in samples])

    def _sample(self, epoch: int, i: int) -> tuple[NDArray[np.uint8], int]:
        scale, resize_side = self._recipe.scale, self._preprocess.resize_side
        label = int(self._dataset.labels[i])
        found = picture(self._dataset, i, round(resize_side / scale[0] ** 0.5))  # the smallest crop has enough pixels
        if scale == (1.0, 1.0):
            return self._preprocess.pixels(found), label
        pixels = found.pixels if isinstance(found, Picture) else found
        height, width = pixels.shape[:2]
        draw = generator(self._recipe.seed, "crop", epoch, i)
        left, top, wide, high = crop_boxes(1, scale, draw, aspect=width / height)[0].tolist()
        box = (left * width, top * height, (left + wide) * width, (top + high) * height)
        square = (self._preprocess.size, self._preprocess.size)
        cropped = np.asarray(Image.fromarray(pixels).resize(square, Image.Resampling.BILINEAR, box))
        return dataclasses.replace(self._preprocess, crop=1.0).pixels(cropped), label


class Sampler:
    """Which samples a batch holds: a slice of its epoch's permutation; the incomplete last batch is left out."""

    def __init__(self, count: int, recipe: Recipe):
        self._count, self._seed = count, recipe.seed
        self._batch = min(recipe.batch_size, count)
        self.steps = count // self._batch
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def indices(self, epoch: int, index: int) -> Tensor:
        if epoch != self._epoch:
            self._epoch, self._order = epoch, order(self._seed, epoch, self._count)
        return self._order[index * self._batch : (index + 1) * self._batch]


def load_pixels(
    dataset: ImageDataset,
    preprocess: Preprocess,
    workers: int,
    progress: Progress | None = None,
    chosen: range | None = None,
) -> tuple[Tensor, Tensor]:
    """Samples (by default all) through the geometry of `preprocess`: uint8 [N, C, side, side] and labels int64 [N]."""
    chosen = range(len(dataset)) if chosen is None else chosen
    pixels = torch.empty((len(chosen), preprocess.channels, preprocess.side, preprocess.side), dtype=torch.uint8)
    view = pixels.numpy()

    def load(place: int) -> None:
        view[place] = preprocess.pixels(picture(dataset, chosen[place], preprocess.resize_side))

    with ThreadPoolExecutor(max(1, workers), thread_name_prefix="decode") as pool:
        for done, _ in enumerate(pool.map(load, range(len(chosen))), 1):
            if progress is not None:
                progress(done, len(chosen))
    return pixels, torch.from_numpy(dataset.labels[chosen.start : chosen.stop])


class EvaluationBatches:
    """A data set in order, as the shipped file sees it; held in memory where it fits, since it is read every epoch."""

    def __init__(self, dataset: ImageDataset, preprocess: Preprocess, batch_size: int, workers: int):
        self._dataset, self._preprocess, self._batch_size, self._workers = dataset, preprocess, batch_size, workers
        self._held: tuple[Tensor, Tensor] | None = None
        if fits(len(dataset), preprocess):
            self._held = load_pixels(dataset, preprocess, workers)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Images float32 [B, C, side, side], normalised, and labels int64 [B]."""
        for start in range(0, len(self._dataset), self._batch_size):
            chosen = range(start, min(start + self._batch_size, len(self._dataset)))
            if self._held is not None:
                pixels, labels = (tensor[chosen.start : chosen.stop] for tensor in self._held)
            else:
                pixels, labels = load_pixels(self._dataset, self._preprocess, self._workers, chosen=chosen)
            yield normalised(self._preprocess, pixels), labels


def fits(count: int, preprocess: Preprocess) -> bool:
    """Whether `count` images of this size may be held in memory."""
    return count * preprocess.channels * preprocess.side**2 <= MEMORY_SHARE * memory_bytes()


def normalised(preprocess: Preprocess, images: Tensor) -> Tensor:
    """uint8 [N, C, side, side] as the network wants it, by the one implementation."""
    return torch.from_numpy(preprocess.normalise(images.numpy()))


def memory_bytes() -> int:
    """The memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _stored(preprocess: Preprocess, recipe: Recipe) -> Preprocess:
    """What is held in memory: the final square, or the whole scaled square that random crops are drawn from."""
    if recipe.scale == (1.0, 1.0):
        return preprocess
    return dataclasses.replace(preprocess, size=preprocess.resize_side, crop=1.0)
