"""The one decoder: bytes or a file -> upright RGB pixels [H, W, 3] uint8, or an `ImageError` that says why not.

Everything that reads a picture (training, prediction, export, server) comes through `decode`, so one file gives the
same pixels everywhere.  Rules, in order:

- Only regular files are opened (a FIFO would hang); the content decides the format, never the name.
- Formats: JPEG (with MPO), PNG, WebP, GIF, BMP, TIFF and PNM.  Left out on purpose: EPS (Pillow would start
  Ghostscript), WMF and PSD (drawings and layers, not pixels), TGA (no signature, so anything may be one), ICO and ICNS
  (containers of other formats), JPEG 2000, AVIF, DDS, FITS and the rest (rare as photographs, and each is more C code
  facing strangers' files); HEIC needs a library of its own.
- More pixels than the limit are refused from the header alone.  So is a PNG whose file is too small for the pixels that
  it claims: deflate never shrinks by more than 1032 : 1, so such a file has been cut, however well its pixels compress.
- Animations and multi-page files give their first frame.
- 16-bit values keep their high byte.  Float and 32-bit values have no white of their own: white is the smallest of
  1 (float only), 255, 65535 and 2**32 - 1 that holds the largest value, black is 0 or the smallest negative value.
- Transparency is composited on white.  Colour profiles are not applied, as nowhere in this field; CMYK is converted by
  the plain formula, CIELAB by its definition.
- EXIF orientation 1-8 is applied; any other value is ignored.
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
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from topfive.errors import DataError, shown

PIXEL_LIMIT = 50_000_000
BACKGROUND = (255, 255, 255)
EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
    | {".pbm", ".pgm", ".ppm", ".pnm", ".pfm"}
)

_MAXIMUM_SCANS = 200  # a progressive JPEG has about ten; each costs a pass over all coefficients for a few bytes
_MAXIMUM_FRAMES = 1000  # where counting needs a walk through the file, it stops here
_DEFLATE_RATIO = 1032  # the most that deflate can expand one byte
_ORIENTATION = 0x0112  # the EXIF tag
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PILLOW_CHATTER = r"PIL\.(Jpeg|Mpo|Png|Tiff)ImagePlugin"
_QUIET = ("ignore", None, Warning, re.compile(_PILLOW_CHATTER), 0)


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
    """pixels [H, W, 3] uint8, upright and read-only; size (width, height) is upright and before any draft scaling."""

    pixels: NDArray[np.uint8]
    format: str
    frames: int
    size: tuple[int, int]


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
    """Why a file gives no picture, before it is known where it came from."""

    def __init__(self, reason: str, todo: str = "Replace or remove the file."):
        self.reason, self.todo = reason, todo
        super().__init__(reason)


def _read(path: str | os.PathLike[str], pixel_limit: int) -> bytes:
    limit = 8 * pixel_limit + 2**24  # eight bytes a pixel (16-bit RGBA, uncompressed) and what surrounds them
    try:
        _check_regular(os.stat(path).st_mode)
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            _check_regular(status.st_mode)  # it may have been replaced since
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise _RefusedError("no such file", "Check the path.") from None
    except PermissionError:
        raise _RefusedError("permission denied", "Make the file readable.") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _RefusedError("a loop of symbolic links", "Remove the link.") from None
        raise _RefusedError(error.strerror or type(error).__name__) from None
    except ValueError as error:  # a NUL in the path
        raise _RefusedError(str(error), "Check the path.") from None
    if len(data) > limit:
        raise _RefusedError(f"more than {limit:,} bytes", "Scale it down or raise the pixel limit.")
    return data


def _check_regular(mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    for kind, name in (
        (stat.S_ISDIR, "directory"),
        (stat.S_ISFIFO, "FIFO"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISCHR, "character device"),
        (stat.S_ISBLK, "block device"),
    ):
        if kind(mode):
            raise _RefusedError(f"not a regular file: {name}", "Name a file.")
    raise _RefusedError("not a regular file", "Name a file.")


def _decode(data: bytes, short_side: int | None, pixel_limit: int) -> Picture:
    if not data:
        raise _RefusedError("empty file")
    if _QUIET not in warnings.filters:  # idempotent, so safe in threads, which warnings.catch_warnings is not
        warnings.filterwarnings("ignore", category=Warning, module=_PILLOW_CHATTER)
    try:
        image = _opened(data)
        form = image.format or "?"
        _check_size(data, image, pixel_limit)
        size = image.size
        if short_side and form in ("JPEG", "MPO"):
            image.draft(None, (2 * short_side, 2 * short_side))
            image.load()
        else:
            image.load()
            size = image.size  # loading turned a TIFF upright
        orientation = _orientation(image)
        rgb = _rgb(image)
        if orientation is not None:
            rgb = rgb.transpose(orientation)
        if orientation in (_UPRIGHT[5], _UPRIGHT[6], _UPRIGHT[7], _UPRIGHT[8]):
            size = size[1], size[0]
        return Picture(np.asarray(rgb), form, _frames(data, image), size)
    except (_RefusedError, MemoryError):
        raise
    except (
        Exception
    ) as error:  # what Pillow raises on damage is open-ended: OSError, SyntaxError, struct.error, KeyError...
        raise _damaged(data, error) from None


def _opened(data: bytes) -> ImageFile.ImageFile:
    """Header read, pixels not.  Not Image.open: its size check warns, and no warning can be caught safely in threads."""
    file = BytesIO(data)
    match _signature(data):
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
    foreign, is_image = _foreign(data)
    if is_image:
        raise _RefusedError(f"unsupported format: {foreign}", "Convert it to JPEG or PNG.")
    raise _RefusedError(f"not an image: {foreign}" if foreign else "not an image")


def _signature(data: bytes) -> str | None:
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if re.match(rb"P[1-6fF][\s#]", data):
        return "PNM"
    if data.startswith(b"BM"):
        return "BMP"
    return None


_FOREIGN = (
    (b"%!PS", "EPS", True),
    (b"\xc5\xd0\xd3\xc6", "EPS", True),
    (b"8BPS", "Photoshop", True),
    (b"\0\0\x01\0", "ICO", True),
    (b"\0\0\0\x0cjP  ", "JPEG 2000", True),
    (b"\xff\x4f\xff\x51", "JPEG 2000", True),
    (b"\0\0\0\x0cJXL ", "JPEG XL", True),
    (b"\xff\x0a", "JPEG XL", True),
    (b"%PDF", "PDF", False),
    (b"PK\x03\x04", "ZIP", False),
    (b"\x1f\x8b", "gzip", False),
    (b"\x7fELF", "a program", False),
    (b"MZ", "a program", False),
    (b"SQLite format 3", "SQLite", False),
    (b"\x80\x02", "pickle", False),
    (b"\x80\x03", "pickle", False),
    (b"\x80\x04", "pickle", False),
    (b"\x80\x05", "pickle", False),
    (b"RIFF", "sound or video", False),
)


def _foreign(data: bytes) -> tuple[str, bool]:
    """What a file without a known signature is, as far as its first bytes tell, and whether that is a picture."""
    for prefix, name, is_image in _FOREIGN:
        if data.startswith(prefix):
            return name, is_image
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        if brand in (b"avif", b"avis"):
            return "AVIF", True
        return ("HEIC", True) if brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1") else ("video", False)
    head = data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "HTML", False
    if head.startswith(b"<svg") or (head.startswith((b"<?xml", b"<!doctype svg", b"<!--")) and b"<svg" in head):
        return "SVG", True
    if head.startswith(b"<?xml"):
        return "XML", False
    is_text = bool(head) and not re.search(rb"[\x00-\x08\x0e-\x1f\x7f]", head)
    return ("text", False) if is_text and head.isascii() else ("", False)


def _check_size(data: bytes, image: ImageFile.ImageFile, pixel_limit: int) -> None:
    """Refuse from the header what cannot, or should not, be decoded."""
    width, height = image.size
    if width < 1 or height < 1:
        raise _RefusedError("it has no pixels")
    if width * height > pixel_limit:
        raise _RefusedError(
            f"{width} x {height} is over the limit of {pixel_limit:,} pixels", "Scale it down or raise the limit."
        )
    if image.format == "PNG":
        depth, channels = data[24], {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(data[25], 1)
        if width * height * depth * channels > 8 * _DEFLATE_RATIO * len(data):
            raise _RefusedError("truncated")
    if image.format in ("JPEG", "MPO") and data.count(b"\xff\xda") > _MAXIMUM_SCANS:
        raise _RefusedError(f"more than {_MAXIMUM_SCANS} scans", "Save it anew as a baseline JPEG.")


def _orientation(image: Image.Image) -> Image.Transpose | None:
    try:
        value: Any = image.getexif().get(_ORIENTATION)
        return _UPRIGHT.get(value)
    except Exception:  # damaged EXIF says nothing; the pixels are still good
        return None


def _frames(data: bytes, image: ImageFile.ImageFile) -> int:
    """How many frames the file has, at least; counted on a second opening, since counting moves the reader."""
    if image.format not in ("GIF", "TIFF"):
        return max(1, int(getattr(image, "n_frames", 1)))
    frames = 1
    try:
        again = _opened(data)
        if isinstance(again, GifImagePlugin.GifImageFile):
            return max(1, again.n_frames)
        while frames < _MAXIMUM_FRAMES:
            again.seek(frames)
            frames += 1
    except Exception:  # the end, or damage after the first frame
        return frames
    return frames


def _rgb(image: Image.Image) -> Image.Image:
    """Any mode -> RGB, as the module's rules say."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _eight_bits(image)
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB") or image
    if image.has_transparency_data:
        if image.mode == "La":
            image = image.convert("LA")
        rgba = image.convert("RGBA")
        image = Image.new("RGB", rgba.size, BACKGROUND)
        image.paste(rgba, mask=rgba.getchannel("A"))
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 12, 16 or 32 bits or float -> L, or LA where one grey value stands for transparent."""
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
    bits = tags.get(TiffImagePlugin.BITSPERSAMPLE, (0,))[0]
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        levels = (values >> (4 if bits == 12 else 8)).astype(np.uint8)
    elif image.format == "PPM" and image.mode == "I":
        levels = (values >> 8).astype(np.uint8)  # Pillow scales any maximum to 65535
    else:
        if bits == 32 and image.mode == "I" and tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,))[0] == 1:
            values = values.view(np.uint32)
        levels = _stretched(values)
    if tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:  # white is zero; Pillow turns only 8 bits round
        levels = 255 - levels
    grey = Image.fromarray(levels)
    key = image.info.get("transparency")
    if isinstance(key, int):
        grey.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
    return grey


def _stretched(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Values without a white of their own -> 0..255, see the module's rules; NaN is black."""
    real = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf)
    finite = real[np.isfinite(real)]
    largest, smallest = (float(finite.max()), float(finite.min())) if finite.size else (0.0, 0.0)
    whites = (1.0, 255.0, 65535.0, 2.0**32 - 1) if values.dtype.kind == "f" else (255.0, 65535.0, 2.0**32 - 1)
    white = next((white for white in whites if largest <= white), largest)
    black = min(0.0, smallest)
    return np.rint((real.clip(black, white) - black) * (255.0 / (white - black))).astype(np.uint8)


def _damaged(data: bytes, error: Exception) -> _RefusedError:
    text = " ".join(str(error).split())
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return _RefusedError("truncated")
    return _RefusedError(f"damaged {_signature(data)}: {shown(text)[:80] or type(error).__name__}")
