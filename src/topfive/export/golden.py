"""The few real images that travel with an artifact, so that whoever runs it can check its answers."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from topfive.data import ImageDataset
from topfive.data.split import rarest
from topfive.preprocess import Pixels, Preprocess

COUNT = 4


def golden_images(dataset: ImageDataset, preprocess: Preprocess, count: int = COUNT) -> tuple[bytes, ...]:
    """PNGs of `count` images, of different classes as far as there are.

    Images much larger than the network's are first scaled down, so that they do not outweigh the network.
    """
    labels = dataset.labels if dataset.labels.ndim == 1 else rarest(dataset.labels)
    order = np.argsort(labels, kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)] if len(order) else order
    return tuple(encode(scaled(dataset[int(index)][0], 2 * preprocess.resize_side)) for index in chosen)


def encode(image: Pixels) -> bytes:
    """uint8 [C, H, W], grey or RGB -> the bytes of a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def scaled(image: Pixels, longest: int) -> Pixels:
    """uint8 [C, H, W], made so small that no side is longer."""
    height, width = image.shape[1:]
    if max(height, width) <= longest:
        return image
    scale = longest / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    planes = [np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC)) for plane in image]
    return np.stack(planes)
