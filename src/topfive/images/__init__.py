"""The one decoder: bytes or a file -> upright RGB pixels [H, W, 3] uint8, or an `ImageError` that says why not.

Everything that reads a picture (training, prediction, export, server) comes through `decode`, so one file gives the
same pixels everywhere.  Its rules:

- Only regular files are opened (a FIFO would hang); the content decides the format, never the name.
- Formats: JPEG (with MPO), PNG, WebP, GIF, BMP, TIFF and PNM.  Left out on purpose: EPS (Pillow would start
  Ghostscript), WMF and PSD (drawings and layers, not pixels), TGA (no signature, so anything may be one), ICO and ICNS
  (containers of other formats), JPEG 2000, AVIF, DDS, FITS and the rest (rare as photographs, and each is more C code
  facing strangers' files); HEIC needs a library of its own.
- More pixels than the limit are refused from the header alone.  So is a PNG whose file is too small for the pixels that
  it claims: deflate never shrinks by more than 1032 : 1, so such a file has been cut, however well its pixels compress.
- Animations and multi-page files give their first frame.
- 16-bit values keep their high byte; float and 32-bit values are scaled so that none is cut off (see `modes`).
- Transparency is composited on white.  Colour profiles are not applied, as nowhere in this field; CMYK is converted by
  the plain formula, CIELAB by its definition.
- EXIF orientation 1-8 is applied; any other value is ignored.

Undetectable: a bit flipped inside a JPEG's data, and a JPEG or small PNG that ends early but in order.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import warnings
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from topfive.errors import DataError, shown
from topfive.images import modes, signature

PIXEL_LIMIT = 50_000_000
EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
    | {".pbm", ".pgm", ".ppm", ".pnm", ".pfm"}
)

_MAXIMUM_SCANS = 200  # a progressive JPEG has about ten; a scan of a few bytes costs a pass over the whole picture
_MAXIMUM_FRAMES = 1000  # where counting walks through the file, it stops here
_DEFLATE_RATIO = 1032  # the most that deflate can shrink
_JPEG_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # neither a stuffed zero, nor a restart, nor padding
_Box = tuple[float, float, float, float]  # left, top, right, bottom
_ORIENTATION = 0x0112  # the EXIF tag
_POSITION = 0x8825  # the EXIF tag of the block that GPS fills
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_CHATTER = r"PIL\.(Jpeg|Mpo|Png|Tiff)ImagePlugin"  # warn about damaged EXIF, tags, MPO and APNG that they then ignore
_QUIET = ("ignore", None, Warning, re.compile(_CHATTER), 0)


class ImageError(DataError):
    """A file that gives no picture; `reason` says why in a few words, `path` is None for bytes."""

    @property
    def reason(self) -> str:
        return self.why

    @property
    def path(self) -> str | os.PathLike[str] | None:
        return self.where


@dataclass(frozen=True, eq=False)
class Picture:
    """pixels [H, W, 3] uint8, upright and read-only; size (width, height) is upright and before any draft scaling.

    `extent` is where the picture lies in its pixels: left, top, right, bottom.  In a draft it can be less than the
    whole, since the last column at 1/8 may stand for less than eight.
    """

    pixels: NDArray[np.uint8]
    format: str
    frames: int  # at least; the pixels are those of the first
    size: tuple[int, int]
    extent: _Box


def decode(
    source: bytes | str | os.PathLike[str], short_side: int | None = None, pixel_limit: int = PIXEL_LIMIT
) -> Picture:
    """The picture in `source`: encoded bytes, or the path of a file.

    `short_side`: the side that the caller will scale to.  A JPEG is then decoded at the smallest of 1/8, 1/4, 1/2, 1
    whose short side is still at least twice that.  Raises ImageError, and nothing else, whatever the file holds.
    """
    path = None if isinstance(source, bytes) else source
    try:
        data = source if isinstance(source, bytes) else _read(source, pixel_limit)
        return _decode(data, short_side, pixel_limit)
    except _RefusedError as refused:
        raise ImageError("image", path, refused.reason, refused.todo) from None
    except MemoryError:
        raise ImageError("image", path, "not enough memory to decode it", "Scale it down.") from None


class _RefusedError(Exception):
    """Why a file gives no picture, where its name is not known."""

    def __init__(self, reason: str, todo: str = "Replace or remove the file."):
        self.reason, self.todo = reason, todo
        super().__init__(reason)


def _read(path: str | os.PathLike[str], pixel_limit: int) -> bytes:
    limit = 8 * pixel_limit + 2**24  # eight bytes a pixel (16-bit RGBA, uncompressed) and what surrounds them
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    try:
        _check_regular(os.stat(path).st_mode)
        with open(os.open(path, flags), "rb") as file:
            _check_regular(os.fstat(file.fileno()).st_mode)  # it may have been replaced in between
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise _RefusedError("no such file", "Check the path.") from None
    except PermissionError:
        raise _RefusedError("permission denied", "Make it readable.") from None
    except OSError as error:
        reason = "a loop of symbolic links" if error.errno == errno.ELOOP else error.strerror or type(error).__name__
        raise _RefusedError(reason, "Check the path.") from None
    except ValueError as error:  # a NUL in the path
        raise _RefusedError(str(error), "Check the path.") from None
    if len(data) > limit:
        raise _RefusedError(f"more than {limit:,} bytes", "Scale it down or raise the pixel limit.")
    return data


def _check_regular(mode: int) -> None:
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFDIR: "directory", stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket"}
        kind = kinds.get(stat.S_IFMT(mode), "device")
        raise _RefusedError(f"not a regular file: {kind}", "Name an image file.")


def _decode(data: bytes, short_side: int | None, pixel_limit: int) -> Picture:
    if not data:
        raise _RefusedError("empty file")
    if _QUIET not in warnings.filters:  # never taken back: warnings.catch_warnings is not safe in threads
        warnings.filterwarnings("ignore", category=Warning, module=_CHATTER)
    try:
        image = _opened(data)
        _check_size(data, image, pixel_limit)
        size, drafted = image.size, None
        if short_side and image.format in ("JPEG", "MPO"):
            drafted = image.draft(None, (2 * short_side, 2 * short_side))
        image.load()
        if drafted is None:
            size = image.size  # Pillow turns a TIFF upright while loading it
        form, frames, orientation = image.format or "", _frames(data, image), _orientation(image)
        extent = _turned((0, 0, *image.size) if drafted is None else drafted[1], image.size, orientation)
        if orientation >= 5:
            size = size[1], size[0]
        upright = modes.rgb(image)
        if orientation != 1:
            upright = upright.transpose(_UPRIGHT[orientation])
        return Picture(np.asarray(upright), form, frames, size, extent)
    except (_RefusedError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        # Beyond Pillow's own limit, whatever ours; the warning comes from a GIF whose first frame exceeds its screen.
        raise _RefusedError("it is over Pillow's own limit of pixels", "Scale it down.") from None
    except Exception as error:  # on damage Pillow raises OSError, SyntaxError, ValueError, struct.error, KeyError ...
        raise _damaged(data, error) from None


def _opened(data: bytes) -> ImageFile.ImageFile:
    """Header read, pixels not.  Not by Image.open: its size check warns, which cannot be caught safely in threads."""
    file = BytesIO(data)
    match signature.decodable(data):
        case "JPEG":
            try:
                return JpegImagePlugin.jpeg_factory(file)
            except Exception:  # a damaged MPO index must not cost the picture
                file.seek(0)
                return JpegImagePlugin.JpegImageFile(file)
        case "PNG":
            return PngImagePlugin.PngImageFile(file)
        case "WEBP":
            return WebPImagePlugin.WebPImageFile(file)
        case "GIF":
            return GifImagePlugin.GifImageFile(file)
        case "BMP":
            return BmpImagePlugin.BmpImageFile(file)
        case "TIFF":
            return TiffImagePlugin.TiffImageFile(file)
        case "PNM":
            return PpmImagePlugin.PpmImageFile(file)
    if picture := signature.foreign_picture(data):
        raise _RefusedError(f"unsupported format: {picture}", "Convert it to JPEG or PNG.")
    other = signature.foreign(data)
    raise _RefusedError(f"not an image: {other}" if other else "not an image")


def _check_size(data: bytes, image: ImageFile.ImageFile, pixel_limit: int) -> None:
    """Refuse what the header shows to be too much or too little."""
    width, height = image.size
    if width * height > pixel_limit:
        reason = f"{width} x {height} is over the limit of {pixel_limit:,} pixels"
        raise _RefusedError(reason, "Scale it down or raise the limit.")
    if image.format == "PNG":
        depth, channels = data[24], {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[data[25]]
        if width * height * depth * channels > 8 * _DEFLATE_RATIO * len(data):
            raise _RefusedError("truncated")
    if image.format in ("JPEG", "MPO") and _has_many_scans(data):
        raise _RefusedError(f"more than {_MAXIMUM_SCANS} scans", "Save it anew.")


def _has_many_scans(data: bytes) -> bool:
    """Walk the markers up to the end of the first picture (what follows, as in a motion photo, is not decoded)."""
    scans, at, components = 0, 2, b""
    while (found := _JPEG_MARKER.search(data, at)) and found[0] != b"\xff\xd9" and scans <= _MAXIMUM_SCANS:
        start = found.end()
        if found[0] in (b"\xff\xc0", b"\xff\xc1"):
            components = data[start + 7 : start + 8]
        if found[0] == b"\xff\xda":
            if data[start + 2 : start + 3] == components:  # sequential, and all in this scan: the decoder stops here
                return False
            scans += 1
        at = start + int.from_bytes(data[start : start + 2], "big")
    return scans > _MAXIMUM_SCANS


@dataclass(frozen=True)
class Exif:
    """What a file says about its picture beside the pixels.

    `orientation` is the value of the tag whatever it is, None where there is none; `is_located`: it has a GPS position;
    `is_damaged`: there is a block of EXIF, and nothing can be read from it.
    """

    orientation: int | None = None
    is_located: bool = False
    is_damaged: bool = False


def exif(data: bytes) -> Exif:
    """Of an encoded image, whatever it holds."""
    try:
        image = _opened(data)
        block = image.info.get("exif")
        if block is None and image.format != "TIFF" and not (image.format == "PNG" and b"eXIf" in data):
            return Exif()  # without asking Pillow, which would decode a PNG to see whether anything follows its pixels
        tags = image.getexif()
        value: Any = tags.get(_ORIENTATION)
        position = len(tags.get_ifd(_POSITION)) > 0
        return Exif(value if isinstance(value, int) else None, position, not len(tags) and not position)
    except MemoryError:
        raise
    except Exception:  # whatever a library makes of a damaged block
        return Exif(is_damaged=True)


def _orientation(image: Image.Image) -> int:
    """1-8, as in EXIF; 1 where it says anything else."""
    try:
        value: Any = image.getexif().get(_ORIENTATION)
        return int(value) if value in _UPRIGHT else 1
    except Exception:  # damaged EXIF says nothing; the pixels are still good
        return 1


def _turned(extent: _Box, size: tuple[int, int], orientation: int) -> _Box:
    """Where an extent that starts at the top left of an image of that size comes to lie in the upright image."""
    right, bottom, (width, height) = extent[2], extent[3], size
    if orientation >= 5:
        right, bottom, width, height = bottom, right, height, width
    left = width - right if orientation in (2, 3, 6, 7) else 0
    top = height - bottom if orientation in (3, 4, 7, 8) else 0
    return left, top, left + right, top + bottom


def _frames(data: bytes, image: ImageFile.ImageFile) -> int:
    if image.format not in ("GIF", "TIFF"):
        return max(1, int(getattr(image, "n_frames", 1)))
    frames = 1
    try:
        again = _opened(data)  # counting moves the reader
        if isinstance(again, GifImagePlugin.GifImageFile):
            return again.n_frames
        while frames < _MAXIMUM_FRAMES:
            again.seek(frames)
            frames += 1
    except Exception:  # the end, or damage after the first frame
        return frames
    return frames


def _damaged(data: bytes, error: Exception) -> _RefusedError:
    form, text = signature.decodable(data), " ".join(str(error).split())
    is_cut_riff = form == "WEBP" and len(data) < 8 + int.from_bytes(data[4:8], "little")
    if is_cut_riff or "truncated" in text.lower() or isinstance(error, EOFError):
        return _RefusedError("truncated")
    if text == "cannot load this image":  # Pillow found no data after the header
        return _RefusedError("no pixels after the header")
    if not text or isinstance(error, KeyError):
        text = f"{type(error).__name__} {text}".rstrip()
    return _RefusedError(f"damaged {form}: {shown(text)[:80]}")
