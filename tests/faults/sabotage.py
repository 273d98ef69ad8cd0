"""Decoders with a planted fault, to see that the fuzz notices; each strikes at about one image in fifty."""

from __future__ import annotations

import os
import time
import warnings
import zlib

from topfive.images import Picture, decode


def _strikes(data: bytes) -> bool:
    return zlib.crc32(data) % 50 == 7


def aborts(data: bytes, short_side: int | None) -> Picture:
    if _strikes(data):
        os.abort()
    return decode(data, short_side)


def hangs(data: bytes, short_side: int | None) -> Picture:
    while _strikes(data):
        time.sleep(0.01)
    return decode(data, short_side)


def leaks(data: bytes, short_side: int | None) -> Picture:
    if _strikes(data):
        raise KeyError("an exception of some library")
    return decode(data, short_side)


def warns(data: bytes, short_side: int | None) -> Picture:
    if _strikes(data):
        warnings.warn("something about a tag", stacklevel=1)
    return decode(data, short_side)
