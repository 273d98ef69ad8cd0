"""Photographs that PyPI packages ship, cut into small pictures: a folder of JPEG files, and pixels in memory.

What they show does not matter where only speed is measured: the class of a picture is the photograph it is cut from.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import skimage
from measure import RUNS
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_images

COLOUR = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "hubble_deep_field.jpg")
COLOUR += ("ihc.png", "retina.jpg")
FOLDER = RUNS / "photographs"
WIDTH, HEIGHT = 160, 120  # of a file
FILES = 256  # a class


def photographs() -> list[NDArray[np.uint8]]:
    """Ten photographs, uint8 [H, W, 3]."""
    shipped = Path(skimage.__file__).parent / "data"
    opened = [np.asarray(Image.open(shipped / name).convert("RGB")) for name in COLOUR]
    return [*opened, *load_sample_images().images]


def folder() -> Path:
    """2,560 JPEG files of 160 x 120 pixels in ten classes, written once."""
    if FOLDER.exists():
        return FOLDER
    half = FOLDER.with_name(f"{FOLDER.name}.half")
    draw = np.random.default_rng(0)
    for label, photograph in enumerate(photographs()):
        place = half / f"{label:02d}"
        place.mkdir(parents=True, exist_ok=True)
        for index in range(FILES):
            Image.fromarray(_cut(photograph, WIDTH, HEIGHT, draw)).save(place / f"{index:03d}.jpg", quality=90)
    half.rename(FOLDER)
    return FOLDER


def tiles(count: int, side: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Squares uint8 [count, side, side, 3] in the layout of CIFAR-10's pixels, and their classes [count]."""
    draw = np.random.default_rng(0)
    whole = photographs()
    labels = np.arange(count) % len(whole)
    return np.stack([_cut(whole[label], side, side, draw) for label in labels]), labels


def _cut(photograph: NDArray[np.uint8], width: int, height: int, draw: np.random.Generator) -> NDArray[np.uint8]:
    top = draw.integers(photograph.shape[0] - height + 1)
    left = draw.integers(photograph.shape[1] - width + 1)
    return photograph[top : top + height, left : left + width]
