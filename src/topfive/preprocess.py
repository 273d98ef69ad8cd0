"""The one resize, crop and normalise: RGB or grey pixels -> what a network is fed.

Geometry: the image is scaled so that its short side is `resize_side` = floor(size / crop) (the long side truncated to a
whole number), the centred `size` x `size` square is kept, and `pad` black pixels are added on each side, so that a
network gets `side` = size + 2 * pad.  Scaling and cropping are one pass that computes only the pixels kept, so an image
of 20000 x 1 costs no more than any other.  The result is that of scaling wholly and cropping then, to within one level
(more where bicubic or lanczos overshoot black or white: Pillow clips between its two passes, and their order varies).
An image whose short side is `resize_side` already is only cropped.  Scaling has antialiasing and rounds to 8 bits.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from topfive.errors import UsageError
from topfive.images import Picture, decode

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Pixels = NDArray[np.uint8]
_Size = tuple[int, int]  # width and height
_Square = tuple[int, int, int]  # left, top and side, in pixels of the scaled image

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
LARGEST_SIDE = 8192  # pixels that a network may be asked to see
_Finite = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Preprocess:
    """How images become the input of one network.  `mean` and `std` are on the scale [0, 1], one value a channel.

    One channel is grey by the luma of ITU-R BT.601 (0.299 R + 0.587 G + 0.114 B), which leaves grey images exact.
    """

    size: Annotated[int, Field(ge=1, le=LARGEST_SIDE)] = 224
    crop: Annotated[float, Field(ge=0.1, le=1)] = 0.875
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear"
    mean: tuple[_Finite, ...] = IMAGENET_MEAN
    std: tuple[Annotated[_Finite, Field(gt=0)], ...] = IMAGENET_STD
    pad: Annotated[int, Field(ge=0, le=1024)] = 0

    @model_validator(mode="after")
    def _check_channels(self) -> Self:
        if len(self.mean) not in (1, 3) or len(self.std) != len(self.mean):
            raise ValueError("mean and std need one value each (grey) or three each (RGB)")
        return self

    @property
    def channels(self) -> int:
        return len(self.mean)

    @property
    def side(self) -> int:
        """Height and width of what the network gets."""
        return self.size + 2 * self.pad

    @property
    def resize_side(self) -> int:
        """The short side that an image is scaled to."""
        return math.floor(self.size / self.crop)

    def load(self, source: bytes | str | os.PathLike[str]) -> Pixels:
        """A file or its bytes -> [C, side, side].  Raises ImageError."""
        return self.pixels(decode(source, short_side=self.resize_side))

    def pixels(self, picture: Picture | Pixels) -> Pixels:
        """A picture, or pixels [H, W, 3] or [H, W] -> [C, side, side]."""
        views: Pixels = self.views(picture, 1)[0]
        return views

    def views(
        self,
        picture: Picture | Pixels,
        crops: Literal[1, 10, 144],
        short_sides: Sequence[int] = (),
        mirror: bool = False,
    ) -> Pixels:
        """The views to average over -> [N, C, side, side]; the second half of several crops mirrors the first.

        10: the four corners and the centre of the scaled image (AlexNet, sec. 4.1).  144: for short sides of 8/7, 9/7,
        10/7 and 11/7 of `size` (256, 288, 320 and 352 for 224), the squares at the start, middle and end of the long
        side; of each the four corners, the centre, and the whole scaled to `size` (GoogLeNet, sec. 7).

        1 and 10 crops are taken at each of `short_sides`, in pixels, () being `resize_side` alone: the squares stay
        `size` wide and show less of a larger image (VGG, sec. 4.2, and ResNet, sec. 3.4, let the network see all of
        it).  `mirror` adds the mirror image of a single crop.
        """
        for short in short_sides:
            if short < self.size:
                why = f"smaller than the {self.size} pixels that the network sees"
                raise UsageError("short side", str(short), why, "Choose larger scales")
        source = _source(picture, self.channels)
        shorts = short_sides or (self.resize_side,)
        match crops:
            case 1:
                squares = [self._centre(source.size, short) for short in shorts]
            case 10:
                squares = [square for short in shorts for square in self._corners(source.size, short)]
            case 144 if short_sides:
                raise UsageError("crops", "144", "they have four scales of their own", "Leave the scales out")
            case 144:
                squares = self._pyramid(source.size)
            case _:
                raise UsageError("crops", str(crops), "there are 1, 10 or 144", "Choose one of them.")
        views = [self._cut(source, *square) for square in squares]
        return self._finished(views + [view[:, ::-1] for view in views] if mirror or crops > 1 else views)

    def normalise(self, batch: Pixels) -> NDArray[np.float32]:
        """[N, C, side, side] -> the same shape: (x / 255 - mean) / std, correctly rounded to float32."""
        if batch.ndim != 4 or batch.shape[1] != self.channels or batch.dtype != np.uint8:
            raise UsageError("batch", f"{batch.dtype} {batch.shape}", f"uint8 [N, {self.channels}, H, W] is needed")
        levels = np.arange(256) / 255
        out = np.empty(batch.shape, np.float32)
        for channel, (mean, std) in enumerate(zip(self.mean, self.std, strict=True)):
            table = ((levels - mean) / std).astype(np.float32)
            # By plane, or all of grey images at once: a contiguous target needs no buffer.
            planes = [(batch, out)] if self.channels == 1 else zip(batch[:, channel], out[:, channel], strict=True)
            for plane, target in planes:
                table.take(plane, out=target, mode="clip")
        return out

    def _centre(self, original: _Size, short: int) -> tuple[_Size, _Square]:
        scaled = _scaled(original, short)
        return scaled, (_half(scaled[0] - self.size), _half(scaled[1] - self.size), self.size)

    def _corners(self, original: _Size, short: int) -> list[tuple[_Size, _Square]]:
        scaled = _scaled(original, short)
        return [(scaled, square) for square in _five((0, 0), scaled, self.size)]

    def _pyramid(self, original: _Size) -> list[tuple[_Size, _Square]]:
        squares: list[tuple[_Size, _Square]] = []
        for sevenths in (8, 9, 10, 11):
            short = self.size * sevenths // 7
            scaled = _scaled(original, short)
            extra = max(scaled) - short
            for offset in (0, _half(extra), extra):
                left, top = (offset, 0) if scaled[0] >= scaled[1] else (0, offset)
                inner = [*_five((left, top), (short, short), self.size), (left, top, short)]
                squares += [(scaled, square) for square in inner]
        return squares

    def _cut(self, source: _Source, scaled: _Size, square: _Square) -> Pixels:
        """One square of the scaled image, computed from the original -> [size, size] or [size, size, 3]."""
        height, width = source.pixels.shape[:2]
        left, top, side = square
        if scaled == (width, height) and side == self.size:
            return source.pixels[top : top + side, left : left + side]
        first, upper, last, lower = source.extent
        across, down = (last - first) / scaled[0], (lower - upper) / scaled[1]
        box = (
            first + left * across,
            upper + top * down,
            min(first + (left + side) * across, width),
            min(upper + (top + side) * down, height),
        )
        image = Image.fromarray(source.pixels).resize((self.size, self.size), _FILTERS[self.interpolation], box)
        return np.asarray(image)

    def _finished(self, views: list[Pixels]) -> Pixels:
        """Squares [size, size(, 3)] -> [N, C, side, side] within the black frame."""
        out = np.zeros((len(views), self.channels, self.side, self.side), np.uint8)
        inner = out[:, :, self.pad : self.pad + self.size, self.pad : self.pad + self.size]
        for view, target in zip(views, inner, strict=True):
            target[...] = view.transpose(2, 0, 1) if view.ndim == 3 else view
        return out


class _Source(NamedTuple):
    """What is scaled: pixels [H, W, 3], or [H, W] where they are grey or grey is wanted; the rest as in Picture."""

    pixels: Pixels
    size: _Size
    extent: tuple[float, float, float, float]


def _source(picture: Picture | Pixels, channels: int) -> _Source:
    pixels = picture.pixels if isinstance(picture, Picture) else picture
    has_form = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if not has_form or pixels.dtype != np.uint8 or 0 in pixels.shape:
        raise UsageError("pixels", f"{pixels.dtype} {list(pixels.shape)}", "uint8 [H, W, 3] or [H, W] is needed")
    if channels == 1 and pixels.ndim == 3:
        pixels = np.asarray(Image.fromarray(pixels).convert("L"))
    if isinstance(picture, Picture):
        return _Source(pixels, picture.size, picture.extent)
    height, width = pixels.shape[:2]
    return _Source(pixels, (width, height), (0, 0, width, height))


def _scaled(original: _Size, short: int) -> _Size:
    width, height = original
    return (short * width // height, short) if width >= height else (short, short * height // width)


def _half(extra: int) -> int:
    """Where the centred part begins; halves go to the even number, as in torchvision and timm."""
    return round(extra / 2)


def _five(corner: tuple[int, int], region: _Size, size: int) -> list[_Square]:
    """Top left, top right, bottom left, bottom right and centre of a region."""
    left, top = corner
    right, bottom = left + region[0] - size, top + region[1] - size
    middle = left + _half(region[0] - size), top + _half(region[1] - size), size
    return [(left, top, size), (right, top, size), (left, bottom, size), (right, bottom, size), middle]
