"""The images that make the channels of a layer fire most.  Zeiler and Fergus 2013, arXiv:1311.2901, fig. 2."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topfive.errors import UsageError
from topfive.explain.deconvnet import Rule, deconvnet
from topfive.explain.heat import Pixels, coloured
from topfive.explain.layer import as_maps, still, unused, watched
from topfive.explain.sheet import Channel, cut, squares, visible
from topfive.explain.target import Images, checked_images
from topfive.nn.classifier import Classifier
from topfive.preprocess import Preprocess


@dataclass(frozen=True, eq=False)
class Strongest:
    """Of each channel the images that excite it most, strongest first, each with its strongest place.

    All are [channels, ranks] but `places` [channels, ranks, 2], rows and columns of the maps.
    """

    activations: NDArray[np.float32]
    images: NDArray[np.int64]
    places: NDArray[np.int64]


BATCH = 16  # images at a time


def strongest(model: Classifier, batches: Iterable[Images], layer: str, *, top: int = 9) -> Strongest:
    """Look at all images, a batch at a time; images are numbered in the order they come."""
    best: tuple[Tensor, ...] = ()
    seen = 0
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
            peaks, spots = maps.flatten(2).max(2)  # [N, channels]
            images = torch.arange(seen, seen + len(maps))[:, None].expand_as(spots)
            seen += len(maps)
            places = torch.stack([spots // maps.shape[3], spots % maps.shape[3]], 2)
            new = (peaks, images, places)
            best = _first(tuple(map(torch.cat, zip(best, new, strict=True))) if best else new, top)
    if not best:
        raise UsageError("explain", None, "there are no images", "Give some")
    return Strongest(*(part.transpose(0, 1).numpy() for part in best))


def _first(found: tuple[Tensor, ...], top: int) -> tuple[Tensor, ...]:
    """Of activations, images [N, channels] and places [N, channels, 2] those of the largest activations."""
    activations, images, places = found
    order = activations.argsort(dim=0, descending=True, stable=True)[:top]
    return activations.gather(0, order), images.gather(0, order), places.gather(0, order[..., None].expand(-1, -1, 2))


def channels(
    model: Classifier,
    load: Callable[[int], Pixels],
    images: int,
    preprocess: Preprocess,
    layer: str,
    rule: Rule,
    *,
    count: int = 16,
    top: int = 9,
) -> list[Channel]:
    """At most `count` of the channels that any image excites, evenly over them all, as they are drawn.

    `load` gives an image uint8 [C, H, W] by its number below `images`; it is called again for those that are shown.
    """

    def batches() -> Iterator[NDArray[np.float32]]:
        for start in range(0, images, BATCH):
            yield preprocess.normalise(np.stack([load(i) for i in range(start, min(start + BATCH, images))]))

    found = strongest(model, batches(), layer, top=top)
    alive = np.flatnonzero(found.activations.max(1, initial=0) > 0)
    evenly = np.linspace(0, len(alive) - 1, min(count, len(alive))).round().astype(int)
    return [_channel(model, found, number, load, preprocess, layer, rule) for number in alive[evenly].tolist()]


def _channel(
    model: Classifier,
    found: Strongest,
    number: int,
    load: Callable[[int], Pixels],
    preprocess: Preprocess,
    layer: str,
    rule: Rule,
) -> Channel:
    ranks = np.flatnonzero(found.activations[number] > 0)
    numbers = found.images[number, ranks].tolist()
    pictures = np.stack([load(image) for image in numbers])
    places = [(int(row), int(column)) for row, column in found.places[number, ranks]]
    projections = deconvnet(model, preprocess.normalise(pictures), layer, [number] * len(ranks), places, rule)
    there = squares(projections)
    return Channel(
        number,
        tuple(numbers),
        tuple(found.activations[number, ranks].tolist()),
        tuple(coloured(cut(picture, square)) for picture, square in zip(pictures, there, strict=True)),
        tuple(visible(cut(projection, square)) for projection, square in zip(projections, there, strict=True)),
    )
