"""Pixels as data URIs, which a page carries within itself."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

THUMBNAIL = 192  # pixels of the longer side; larger pictures are made smaller


def data_uri(pixels: NDArray[np.uint8]) -> str:
    """A picture uint8 [H, W, C] with C 1 (grey), 3 (RGB) or 4 (RGBA): the very pixels as PNG, or a JPEG thumbnail.

    A thumbnail's pixels are not the picture's any more, so nothing is lost where JPEG takes a tenth of the bytes.
    """
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    if is_small(pixels) or pixels.shape[2] == 4:
        return _encoded(image, "PNG", optimize=True)
    scale = THUMBNAIL / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    return _encoded(image.resize((width, height), Image.Resampling.LANCZOS), "JPEG", quality=85)


def whole_uri(pixels: NDArray[np.uint8]) -> str:
    """The very pixels [H, W, 3] of a picture of any size."""
    return _encoded(Image.fromarray(pixels), "PNG", optimize=True)


def is_small(pixels: NDArray[np.uint8]) -> bool:
    """Whether a picture [H, W, C] is shown with its very pixels."""
    height, width = pixels.shape[:2]
    return bool(height <= THUMBNAIL and width <= THUMBNAIL)


def _encoded(image: Image.Image, kind: str, **options: int) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
