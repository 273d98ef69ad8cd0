"""Patches beside their projections, channel by channel.  Zeiler and Fergus 2013, arXiv:1311.2901, fig. 2."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from topfive.explain.heat import Pixels, coloured

CELL, GAP, MARGIN, LINE = 60, 2, 16, 20  # pixels: a patch, between patches, between channels, a line of text
ACROSS = 4  # channels in a row
FAINT = 0.02  # the part of a projection that may lie beyond each edge of its patch
PAPER, INK = (253, 252, 250), (31, 30, 27)

_Number = TypeVar("_Number", np.uint8, np.float32)


@dataclass(frozen=True, eq=False)
class Channel:
    """What excites a channel most, strongest first: the numbers of the images, the activations, the patches uint8
    [side, side, 3], and of each what the channel answers to, of the same shape.
    """

    number: int
    images: tuple[int, ...]
    activations: tuple[float, ...]
    patches: tuple[Pixels, ...]
    projections: tuple[Pixels, ...]

    def picture(self) -> Pixels:
        """Patches on the left, projections on the right, each a square of squares."""
        columns = math.ceil(math.sqrt(len(self.patches)))
        left, right = (_tiled(views, columns) for views in (self.patches, self.projections))
        between = np.full((left.shape[0], 3 * GAP, 3), PAPER, np.uint8)
        return np.concatenate([left, between, right], 1)


def squares(projections: NDArray[np.float32]) -> list[tuple[int, int, int]]:
    """Where each projection [N, C, H, W] lies in its picture: top, left and side, which is the same for all of them."""
    height, width = projections.shape[2:]
    boxes = [_box(np.abs(projection).max(0)) for projection in projections]
    side = min(height, width, max(max(bottom - top, right - left) for top, left, bottom, right in boxes))
    return [
        (_start((top + bottom) / 2, side, height), _start((left + right) / 2, side, width), side)
        for top, left, bottom, right in boxes
    ]


def cut(pixels: NDArray[_Number], square: tuple[int, int, int]) -> NDArray[_Number]:
    """The square of [C, H, W]."""
    top, left, side = square
    return pixels[:, top : top + side, left : left + side]


def visible(projection: NDArray[np.float32]) -> Pixels:
    """A projection [C, H, W] with C 1 or 3 -> uint8 [H, W, 3]; 0 is grey, and the hundredth that is largest is cut."""
    scale = float(np.quantile(np.abs(projection), 0.99)) or 1.0
    return coloured(np.rint(127.5 + 127.5 * (projection / scale).clip(-1, 1)).astype(np.uint8))


def sheet(channels: Sequence[Channel]) -> Pixels:
    """All channels on one picture, each under its number."""
    drawn = [channel.picture() for channel in channels]
    height = max(len(picture) for picture in drawn)
    width = max(len(picture[0]) for picture in drawn)
    across = min(ACROSS, len(drawn))
    down = math.ceil(len(drawn) / across)
    size = (across * (width + MARGIN) + MARGIN, down * (height + LINE + MARGIN) + MARGIN)
    page = Image.new("RGB", size, PAPER)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    for index, (channel, picture) in enumerate(zip(channels, drawn, strict=True)):
        row, column = divmod(index, across)
        left, top = MARGIN + column * (width + MARGIN), MARGIN + row * (height + LINE + MARGIN)
        pen.text((left, top), f"channel {channel.number}", INK, font)
        page.paste(Image.fromarray(picture), (left, top + LINE))
    return np.asarray(page)


def _box(strength: NDArray[np.float32]) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of what holds all but a `FAINT` part of it on every side."""
    (top, bottom), (left, right) = (_extent(strength.sum(1)), _extent(strength.sum(0)))
    return top, left, bottom, right


def _extent(profile: NDArray[np.float32]) -> tuple[int, int]:
    running = np.cumsum(profile, dtype=np.float64)
    first, last = np.searchsorted(running, (FAINT * running[-1], (1 - FAINT) * running[-1])).tolist()
    return first, last + 1


def _start(middle: float, side: int, size: int) -> int:
    return min(max(round(middle - side / 2), 0), size - side)


def _tiled(views: Sequence[Pixels], columns: int) -> Pixels:
    rows = math.ceil(len(views) / columns)
    tiled = np.full((rows * (CELL + GAP) - GAP, columns * (CELL + GAP) - GAP, 3), PAPER, np.uint8)
    for index, view in enumerate(views):
        top, left = (CELL + GAP) * (index // columns), (CELL + GAP) * (index % columns)
        sampling = Image.Resampling.NEAREST if len(view) < CELL else Image.Resampling.LANCZOS
        tiled[top : top + CELL, left : left + CELL] = np.asarray(Image.fromarray(view).resize((CELL, CELL), sampling))
    return tiled
