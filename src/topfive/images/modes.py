"""Any mode of Pillow -> RGB of 8 bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, TiffImagePlugin

BACKGROUND = (255, 255, 255)  # what shows through where a picture is transparent


def rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _eight_bits(image)
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB") or image
    if image.has_transparency_data:
        rgba = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        image = Image.new("RGB", rgba.size, BACKGROUND)
        image.paste(rgba, mask=rgba.getchannel("A"))
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 12, 16 or 32 bits or float -> L, or LA where one grey value stands for transparent."""
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
    bits = tags.get(TiffImagePlugin.BITSPERSAMPLE, (0,))[0]
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        levels = (values >> (4 if bits == 12 else 8)).astype(np.uint8)  # the high byte, as Pillow does for 16-bit RGB
    elif image.format == "PPM" and image.mode == "I":
        levels = (values >> 8).astype(np.uint8)  # Pillow has scaled the file's maximum to 65535
    else:
        if bits == 32 and image.mode == "I" and tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,))[0] == 1:
            values = values.view(np.uint32)
        levels = _scaled(values)
    if tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:  # zero is white; Pillow inverts only up to 8 bits
        levels = 255 - levels
    grey = Image.fromarray(levels)
    key = image.info.get("transparency")
    if isinstance(key, int):
        grey.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
    return grey


def _scaled(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Values that have no white of their own -> 0..255.

    White is 1 (float) or 255 (integers), or the largest value where that is more; black is 0, or the smallest value
    where that is less.  NaN is black, infinities are black and white.
    """
    with np.errstate(invalid="ignore"):  # a signalling NaN
        real = values.astype(np.float64)
    real[np.isnan(real)] = 0
    finite = np.isfinite(real)
    white = float(np.max(real, where=finite, initial=1.0 if values.dtype.kind == "f" else 255.0))
    black = float(np.min(real, where=finite, initial=0.0))
    real.clip(black, white, out=real)
    return np.rint((real - black) * (255 / (white - black))).astype(np.uint8)
