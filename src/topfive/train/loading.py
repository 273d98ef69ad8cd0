"""Images as tensors: read and scaled by threads, held where they fit, normalised by the one implementation."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

from topfive.data import ImageDataset, picture
from topfive.preprocess import Preprocess

MEMORY_SHARE = 0.25  # of the machine's memory that decoded images may take
CONTAINER = Path("/sys/fs/cgroup/memory.max")  # bytes that a container may use
Progress = Callable[[int, int], None]  # done, total


def load_pixels(
    dataset: ImageDataset,
    preprocess: Preprocess,
    workers: int,
    progress: Progress | None = None,
    chosen: range | None = None,
) -> tuple[Tensor, Tensor]:
    """Samples (by default all) through the geometry of `preprocess`: uint8 [N, C, side, side] and their labels."""
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
        self.side = preprocess.side  # pixels
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
    """uint8 [N, C, side, side] as the network wants it."""
    return torch.from_numpy(preprocess.normalise(images.numpy()))


def memory_bytes() -> int:
    """The memory of this machine, or of the container that this process runs in."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int(CONTAINER.read_text()))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return machine
