"""The views of an image over which a classifier's answer is averaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from topfive.data import ImageDataset, picture
from topfive.errors import UsageError
from topfive.preprocess import Pixels, Preprocess

LARGEST_FACTOR = 10.0  # a scale up to this is a factor, a larger one is a short side in pixels


@dataclass(frozen=True)
class Views:
    """What `Preprocess.views` is asked for; `short_sides` are in pixels, () being the preprocessing's own.

    An image's answer is the mean of its views' probabilities, after softmax and temperature, as in AlexNet (sec. 4.1),
    VGG (sec. 4.2) and GoogLeNet (sec. 7).
    """

    crops: Literal[1, 10, 144] = 1
    short_sides: tuple[int, ...] = ()
    mirror: bool = False

    def of(self, dataset: ImageDataset, index: int, preprocess: Preprocess) -> Pixels:
        """Image `index` -> uint8 [views, C, side, side]; it is decoded for the largest scale.  Raises ImageError."""
        source = picture(dataset, index, max(self.short_sides, default=preprocess.resize_side))
        return preprocess.views(source, self.crops, self.short_sides, self.mirror)


SINGLE = Views()  # the centre of the image, as in training and prediction


def short_sides(text: str, preprocess: Preprocess) -> tuple[int, ...]:
    """The short sides, in pixels, that "0.9,1.0,1.14" (factors of the network's own) or "256,288,352" stand for."""
    found = []
    for part in text.split(","):
        try:
            scale = float(part)
        except ValueError:
            scale = 0.0
        if not 0 < scale < 100_000:  # false for NaN too
            raise UsageError("--scales", text, f"{part.strip()!r} is no scale", "Use e.g. --scales 1.0,1.14,1.28")
        pixels = round(scale * preprocess.resize_side if scale <= LARGEST_FACTOR else scale)
        if pixels < preprocess.size:
            why = f"{part.strip()} is a short side of {pixels} pixels, and the network sees {preprocess.size}"
            todo = f"Use {preprocess.size / preprocess.resize_side:.3g} or more"
            raise UsageError("--scales", text, why, todo)
        found.append(pixels)
    return tuple(found)
