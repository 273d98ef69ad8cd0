"""Small pictures that show any number of three shapes, and the CSV file that says which."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

CLASSES = ("bar", "cross", "ring")
SIDE = 24
_PLACES = {"cross": (2, 2), "ring": (13, 2), "bar": (6, 13)}


def draw(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pictures uint8 [N, 3, 24, 24] and their labels uint8 [N, 3]."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((count, len(CLASSES))) < 0.45).astype(np.uint8)
    pictures = np.empty((count, 3, SIDE, SIDE), np.uint8)
    for row, shown in enumerate(labels):
        image = Image.fromarray(rng.integers(0, 60, (SIDE, SIDE, 3)).astype(np.uint8))
        pen = ImageDraw.Draw(image)
        for name in np.array(CLASSES)[shown == 1].tolist():
            x, y = (place + int(rng.integers(-1, 2)) for place in _PLACES[name])
            colour = tuple(rng.integers(150, 255, 3).tolist())
            if name == "cross":
                pen.line((x, y, x + 8, y + 8), fill=colour, width=2)
                pen.line((x, y + 8, x + 8, y), fill=colour, width=2)
            elif name == "ring":
                pen.ellipse((x, y, x + 8, y + 8), outline=colour, width=2)
            else:
                pen.rectangle((x, y + 3, x + 10, y + 6), fill=colour)
        pictures[row] = np.asarray(image).transpose(2, 0, 1)
    return pictures, labels


def write(folder: Path, count: int, seed: int = 0) -> Path:
    """The pictures as files, and their table."""
    folder.mkdir(parents=True)
    lines = ["path,labels"]
    for number, (picture, shown) in enumerate(zip(*draw(count, seed), strict=True)):
        Image.fromarray(picture.transpose(1, 2, 0)).save(folder / f"{number:04}.png")
        lines.append(f"{number:04}.png,{';'.join(np.array(CLASSES)[shown == 1])}")
    table = folder / "table.csv"
    table.write_text("\n".join(lines) + "\n")
    return table
