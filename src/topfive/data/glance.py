"""One look at a picture: what it is, its digest, and a small version of it by which it is known again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from topfive.data.check import DECODER, Contents, Progress, ask_all
from topfive.data.memory import Memory
from topfive.images import Exif, ImageError, decode, exif

SMALL = 32  # pixels of a side of the small version
NO_EXIF = Exif()
_GREY_PERCENTILE = 99.5  # of the pixels; a few coloured ones are the codec's


@dataclass(frozen=True, eq=False, slots=True)
class Glance:
    """`reason` is "" for a good image; without contents (`sha256` b"") or pixels the rest is empty.

    `chroma` is how far the strongest colours are from grey, in levels.  `small` is the luma uint8 [SMALL, SMALL],
    whatever the picture's shape.
    """

    sha256: bytes
    reason: str
    format: str = ""
    width: int = 0
    height: int = 0
    frames: int = 0
    chroma: int = 0
    exif: Exif = NO_EXIF
    small: NDArray[np.uint8] | None = None


def glance_all(images: Contents, progress: Progress | None = None, cache: Path | None = None) -> Iterator[Glance]:
    """One for each image, in order; each is read once, then known from the user's cache, or that in the file given."""
    with Memory(f"glance 1 {DECODER}", cache) as memory:
        yield from ask_all(images, lambda index: glance(images.read(index)), _packed, _unpacked, memory, progress)


def glance(content: bytes | str) -> Glance:
    """At an encoded image, or at the reason why there is none."""
    if isinstance(content, str):
        return Glance(b"", content)
    digest = hashlib.sha256(content).digest()
    try:
        picture = decode(content, short_side=SMALL)
    except ImageError as error:
        return Glance(digest, error.reason)
    image = Image.fromarray(picture.pixels).resize((SMALL, SMALL), Image.Resampling.BILINEAR, picture.extent)
    chroma = round(float(np.percentile(np.ptp(np.asarray(image), axis=2), _GREY_PERCENTILE)))
    facts = picture.format, *picture.size, picture.frames, chroma
    return Glance(digest, "", *facts, exif(content), np.asarray(image.convert("L")))


def _packed(glance: Glance) -> bytes:
    if not glance.sha256:
        return b""
    facts = [glance.reason, glance.format, glance.width, glance.height, glance.frames, glance.chroma]
    tags = [glance.exif.orientation, glance.exif.is_located, glance.exif.is_damaged]
    small = b"" if glance.small is None else glance.small.tobytes()
    return glance.sha256 + json.dumps([facts, tags]).encode() + b"\n" + small


def _unpacked(packed: bytes) -> Glance:
    head, _, small = packed[32:].partition(b"\n")
    (reason, form, width, height, frames, chroma), tags = json.loads(head)
    pixels = np.frombuffer(small, np.uint8).reshape(SMALL, SMALL) if small else None
    return Glance(packed[:32], reason, form, width, height, frames, chroma, Exif(*tags), pixels)
