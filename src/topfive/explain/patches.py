"""The images that make the channels of a layer fire most.  Zeiler and Fergus 2013, arXiv:1311.2901, fig. 2."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topfive.explain.layer import as_maps, still, unused, watched
from topfive.explain.target import Images, checked_images
from topfive.nn.classifier import Classifier


@dataclass(frozen=True, eq=False)
class Strongest:
    """Of each channel the images that excite it most, strongest first, each with its strongest place.

    All are [channels, ranks] but `places` [channels, ranks, 2], rows and columns of the maps; `grid` is the maps'
    height and width.
    """

    activations: NDArray[np.float32]
    images: NDArray[np.int64]
    places: NDArray[np.int64]
    grid: tuple[int, int]


def strongest(model: Classifier, batches: Iterable[Images], layer: str, *, top: int = 9) -> Strongest:
    """Look at all images, a batch at a time; images are numbered in the order they come."""
    values = torch.empty(0)
    numbers = spots = torch.empty(0, dtype=torch.int64)
    grid, seen = (0, 0), 0
    caught: list[Tensor] = []

    def catch(output: Tensor) -> Tensor:
        caught[:] = [output.clone()]  # what comes next may write into its input
        return output

    with still(model), torch.no_grad(), watched(model, layer, catch):
        for batch in batches:
            pictures = checked_images(model, batch)
            model(pictures)
            if not caught:
                raise unused(layer)
            maps = as_maps(caught[0], layer).float().cpu()
            grid = (maps.shape[2], maps.shape[3])
            peaks, at = maps.flatten(2).max(2)  # [N, channels]
            index = torch.arange(seen, seen + len(maps))[:, None].expand_as(at)
            seen += len(maps)
            joined = [
                torch.cat([old, new]) if len(old) else new
                for old, new in ((values, peaks), (numbers, index), (spots, at))
            ]
            order = joined[0].argsort(dim=0, descending=True, stable=True)[:top]
            values, numbers, spots = (part.gather(0, order) for part in joined)
    rows, columns = spots // max(1, grid[1]), spots % max(1, grid[1])
    return Strongest(
        values.T.numpy(), numbers.T.numpy(), torch.stack([rows, columns], -1).transpose(0, 1).numpy(), grid
    )
