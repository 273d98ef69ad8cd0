"""Every image file that a data set of strangers may hold, made in under a second, each with what decoding must give.

`write(folder)` makes them all and returns path -> Expected.  The ids A1..A21 name the fault: A1 truncated, A2 empty, A3
wrong extension, A4 not an image, A5 header only, A6 bit flip, A7 CMYK, A8 more than 8 bits, A9 transparency, A10 few
bits, A11 animated, A12-A14 bombs, A15 EXIF, A16 thin, A17-A18 hostile names, A20 not a readable regular file, A21 gone.
"""

from __future__ import annotations

import os
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WHITE, BLACK = 255, 0
RED_GREEN_BLUE = ((255, 0, 0), (0, 255, 0), (0, 0, 255))


@dataclass(frozen=True, eq=False)
class Expected:
    """Either pixels, as near as `tolerance` (mean absolute difference, 0: equal), or a reason to refuse (a regex)."""

    fault: str
    pixels: NDArray[np.uint8] | None = None
    tolerance: float = 0
    reason: str = ""
    frames: int = 1


Files = Iterator[tuple[bytes, bytes | Callable[[str], None], Expected]]  # name, content or its maker, what must come


def photo(width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """Smooth colours with one sharp corner, different under each of the eight orientations; [height, width, 3]."""
    across, down = np.linspace(0, 1, width)[None, :], np.linspace(0, 1, height)[:, None]
    channels = [220 * across + 0 * down + 20, 200 * down + 0 * across + 30, 90 * across + 90 * (1 - down) + 40]
    pixels = np.stack(np.broadcast_arrays(*channels), axis=-1).astype(np.uint8)
    pixels[: height // 4, : width // 4] = 250, 20, 10
    return pixels


def encoded(
    image: Image.Image | NDArray[Any], form: str, more: tuple[NDArray[np.uint8], ...] = (), **options: Any
) -> bytes:
    """`more`: the frames that follow."""
    file = BytesIO()
    if more:
        options |= {"save_all": True, "append_images": [Image.fromarray(frame) for frame in more]}
    fresh = image.copy() if isinstance(image, Image.Image) else Image.fromarray(image)  # saving leaves traces in it
    fresh.save(file, form, **options)
    return file.getvalue()


def grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[H, W] -> [H, W, 3]"""
    return np.repeat(pixels[..., None], 3, axis=2)


def png(width: int, height: int, depth: int, colour: int, data: bytes, extra: bytes = b"") -> bytes:
    """`data`: the zlib stream; `extra`: chunks before it."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [png_chunk(b"IHDR", header), extra, png_chunk(b"IDAT", data), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def black_png(width: int, height: int) -> bytes:
    """One bit a pixel, all black.  Deflated blocks of zeros are repeated, so that a huge one costs no time."""
    row = 1 + (width + 7) // 8
    rows = next(n for n in (100, 10, 1) if height % n == 0)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = deflate.compress(bytes(row * rows)) + deflate.flush(zlib.Z_FULL_FLUSH)
    adler = (row * height % 65521) << 16 | 1
    return png(width, height, 1, 0, b"\x78\xda" + block * (height // rows) + b"\x03\0" + struct.pack(">I", adler))


def short_png(width: int, height: int, rows: int) -> bytes:
    """A PNG in good order that claims more rows than it has."""
    return png(width, height, 8, 0, zlib.compress(bytes((1 + width) * rows), 9))


def with_exif(jpeg: bytes, tiff: bytes) -> bytes:
    segment = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


def exif(*tags: tuple[int, int, int, bytes], offset: int = 8) -> bytes:
    """A little-endian TIFF block; tags are (number, type, count, four bytes)."""
    entries = b"".join(struct.pack("<HHI", *tag[:3]) + tag[3] for tag in tags)
    return b"II*\0" + struct.pack("<IH", offset, len(tags)) + entries + bytes(4)


def orientation(value: int) -> bytes:
    return exif((0x0112, 3, 1, struct.pack("<HH", value, 0)))


CORRUPT_EXIF = {
    "garbage": b"\xde\xad\xbe\xef" * 8,
    "offset past the end": exif((0x0112, 3, 1, struct.pack("<HH", 6, 0)), offset=2**31),
    "data past the end": exif((0x010F, 2, 5000, struct.pack("<I", 2**20)), (0x0112, 3, 1, struct.pack("<HH", 99, 0))),
    "cut in the table": orientation(6)[:14],
    "a thousand tags claimed": b"II*\0\x08\0\0\0" + b"\xe8\x03" + orientation(1)[10:],
    "loop": exif((0x8769, 4, 1, struct.pack("<I", 8)), (0x8825, 4, 1, struct.pack("<I", 8))),
    "orientation is text": exif((0x0112, 2, 4, b"six\0")),
}


def upright(pixels: NDArray[np.uint8], value: int) -> NDArray[np.uint8]:
    """What a viewer shows of stored `pixels` [H, W, 3] under an EXIF orientation (Exif 2.32, table 6)."""
    turned = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: np.rot90(pixels, -1),
        7: pixels[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(pixels, 1),
    }
    return turned[value]


def ycck_jpeg(cmyk: NDArray[np.uint8]) -> bytes:
    """As Adobe writes them: inverted, and YCC of the inverted CMY.  [H, W, 4]"""
    ycc = np.asarray(Image.fromarray(cmyk[..., :3]).convert("YCbCr"))
    stored = Image.fromarray(np.dstack([255 - ycc, cmyk[..., 3]]), "CMYK")  # Pillow inverts once more
    data = bytearray(encoded(stored, "JPEG", quality=95, subsampling=0))
    marker = data.index(b"Adobe")
    data[marker + 11] = 2  # the transform: YCCK
    return bytes(data)


def many_scans(scans: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    data = encoded(photo(), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + data[-2:]


def _truncated_and_foreign(truth: NDArray[np.uint8]) -> Files:
    jpeg, whole = encoded(truth, "JPEG", quality=95), encoded(truth, "PNG")
    yield b"half.jpg", jpeg[: len(jpeg) // 2], Expected("A1", reason="truncated")
    yield b"last two bytes.jpg", jpeg[:-2], Expected("A1", reason="truncated")
    yield b"half.png", whole[: len(whole) // 2], Expected("A1", reason="truncated")
    yield b"half.webp", encoded(truth, "WEBP")[:200], Expected("A1", reason="truncated")
    yield b"half.gif", encoded(truth, "GIF")[:900], Expected("A1", reason="truncated")
    yield b"half.tif", encoded(truth, "TIFF")[:500], Expected("A1", reason="truncated")
    yield b"half.bmp", encoded(truth, "BMP")[:500], Expected("A1", reason="truncated")
    yield b"empty.jpg", b"", Expected("A2", reason="empty file")
    yield b"png named.jpg", whole, Expected("A3", truth)
    texts = {
        "HTML": b"<!DOCTYPE html>\n<html><body>404</body></html>",
        "SVG": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
        "text": b"not a picture at all\n",
        "pickle": b"\x80\x04\x95\x05\0\0\0\0\0\0\0\x8c\x01a\x94.",
        "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    }
    for name, text in texts.items():
        yield f"{name}.jpg".encode(), text, Expected("A4", reason=f": {name}$")
    yield b"header only.jpg", jpeg[: jpeg.index(b"\xff\xda")], Expected("A5", reason="no pixels after the header")
    flipped = bytearray(jpeg)
    flipped[jpeg.index(b"\xff\xda") + 100] ^= 4
    yield b"bit flip.jpg", bytes(flipped), Expected("A6", truth, tolerance=255)
    yield b"many scans.jpg", many_scans(300), Expected("A1", reason="scans")


def _colours(truth: NDArray[np.uint8]) -> Files:
    cmyk = Image.fromarray(truth).convert("CMYK")
    yield b"cmyk.jpg", encoded(cmyk, "JPEG", quality=95), Expected("A7", truth, tolerance=3)
    yield b"ycck.jpg", ycck_jpeg(np.asarray(cmyk)), Expected("A7", truth, tolerance=3)
    yield b"cmyk.tif", encoded(cmyk, "TIFF"), Expected("A7", truth)
    values = truth[..., 0]
    deep = values.astype(np.uint16) * 257
    yield b"16 bit.png", encoded(deep, "PNG"), Expected("A8", grey(values))
    yield b"16 bit.tif", encoded(deep, "TIFF"), Expected("A8", grey(values))
    pgm = b"P5 %d %d 65535\n" % values.shape[::-1] + deep.astype(">u2").tobytes()
    yield b"16 bit.pgm", pgm, Expected("A8", grey(values))
    yield b"float.tif", encoded(values.astype(np.float32) / 255, "TIFF"), Expected("A8", grey(values))
    mid = np.full((9, 9), 128, np.uint8)
    yield b"mid-grey 16.png", encoded(np.full((9, 9), 32768, np.uint16), "PNG"), Expected("A8", grey(mid))
    yield b"mid-grey float.tif", encoded(np.full((9, 9), 0.5, np.float32), "TIFF"), Expected("A8", grey(mid))
    yield b"32 bit.tif", encoded(np.array([[0, 500, 1000]], np.int32), "TIFF"), Expected("A8", _row(0, 128, 255))
    wild = np.array([[np.nan, -np.inf, 0, 0.2, 1, np.inf]], np.float32)
    yield b"not finite.tif", encoded(wild, "TIFF"), Expected("A8", _row(0, 0, 0, 51, 255, 255))

    alpha = np.array([[0, 255, 51]], np.uint8)
    half = np.array([[[255] * 3, [0] * 3, [204] * 3]], np.uint8)  # black at alpha 0, 1 and 0.2 on white
    black = np.zeros((1, 3), np.uint8)
    yield b"rgba.png", encoded(np.dstack([black] * 3 + [alpha]), "PNG"), Expected("A9", half)
    yield b"la.png", encoded(Image.fromarray(np.dstack([black, alpha]), "LA"), "PNG"), Expected("A9", half)
    yield b"rgba.webp", encoded(np.dstack([black] * 3 + [alpha]), "WEBP", lossless=True), Expected("A9", half)
    yield b"rgba.tif", encoded(np.dstack([black] * 3 + [alpha]), "TIFF"), Expected("A9", half)
    palette = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    palette.putpalette([0] * 9)
    yield b"palette alphas.png", encoded(palette, "PNG", transparency=bytes([0, 255, 51])), Expected("A9", half)
    palette.putpalette([value for colour in RED_GREEN_BLUE for value in colour])
    clear = np.array([[RED_GREEN_BLUE[0], (WHITE, WHITE, WHITE), RED_GREEN_BLUE[2]]], np.uint8)
    yield b"palette key.png", encoded(palette, "PNG", transparency=1), Expected("A9", clear)
    yield b"palette key.gif", encoded(palette, "GIF", transparency=1), Expected("A9", clear)
    opaque = np.array([RED_GREEN_BLUE], np.uint8)
    yield b"palette.png", encoded(palette, "PNG"), Expected("A9", opaque)
    yield b"colour key.png", encoded(opaque, "PNG", transparency=RED_GREEN_BLUE[1]), Expected("A9", clear)
    key = np.array([[100, 40000, 65535]], np.uint16)
    yield b"16 bit key.png", _with_key(key, 40000), Expected("A9", _row(0, WHITE, 255))

    bits = values > 128
    yield b"1 bit.png", encoded(Image.fromarray(bits), "PNG"), Expected("A10", grey(bits.astype(np.uint8) * 255))
    yield b"1 bit.tif", encoded(Image.fromarray(bits), "TIFF"), Expected("A10", grey(bits.astype(np.uint8) * 255))
    yield b"grey.png", encoded(values, "PNG"), Expected("A10", grey(values))
    yield b"grey.jpg", encoded(values, "JPEG", quality=95), Expected("A10", grey(values), tolerance=2)
    for form, name in (("BMP", b"plain.bmp"), ("TIFF", b"plain.tif"), ("PPM", b"plain.ppm")):
        yield name, encoded(truth, form), Expected("A10", truth)


def _row(*levels: int) -> NDArray[np.uint8]:
    return grey(np.array([levels], np.uint8))


def _with_key(values: NDArray[np.uint16], key: int) -> bytes:
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png(values.shape[1], len(values), 16, 0, zlib.compress(rows), png_chunk(b"tRNS", struct.pack(">H", key)))


def _animated(truth: NDArray[np.uint8]) -> Files:
    for form, options, tolerance in (
        ("GIF", {}, 6),
        ("WEBP", {"lossless": True}, 0),
        ("PNG", {}, 0),
        ("TIFF", {}, 0),
        ("MPO", {"quality": 95}, 3),
    ):
        content = encoded(truth, form, (255 - truth, truth), **options)
        yield f"animated.{form.lower()}".encode(), content, Expected("A11", truth, tolerance, frames=3)


def _sizes_and_exif(truth: NDArray[np.uint8]) -> Files:
    yield b"bomb.png", black_png(30000, 30000), Expected("A12", reason="30000 x 30000 is over the limit")
    yield b"large.png", black_png(12000, 12000), Expected("A13", reason="12000 x 12000 is over the limit")
    yield b"claims 81 MP.png", short_png(9000, 9000, 10), Expected("A14", reason="9000 x 9000 is over the limit")
    yield b"claims 36 MP.png", short_png(6000, 6000, 10), Expected("A14", reason="truncated")
    plain = encoded(truth, "JPEG", quality=95)
    for value in range(1, 9):
        turned = upright(truth, value)
        yield f"exif {value}.jpg".encode(), with_exif(plain, orientation(value)), Expected("A15", turned, 3)
        for form in ("PNG", "WEBP", "TIFF"):
            tags = Image.Exif()
            tags[0x0112] = value
            options = {"lossless": True} if form == "WEBP" else {}
            name = f"exif {value}.{form.lower()}".encode()
            yield name, encoded(truth, form, exif=tags, **options), Expected("A15", turned)
    for value in (0, 9, 99):
        yield f"exif {value}.jpg".encode(), with_exif(plain, orientation(value)), Expected("A15", truth, 3)
    for name, block in CORRUPT_EXIF.items():
        yield f"exif {name}.jpg".encode(), with_exif(plain, block), Expected("A15", truth, 3)
    for width, height in ((1, 1), (20000, 1), (1, 20000)):
        thin = photo(width, height)
        yield f"{width} x {height}.png".encode(), encoded(thin, "PNG"), Expected("A16", thin)


def _names_and_kinds(truth: NDArray[np.uint8]) -> Files:
    whole = encoded(truth, "PNG")
    for name in (b"\xff.png", b"caf\xe9.png"):
        yield name, whole, Expected("A17", truth)
    for text in ("line\nbreak.png", "\x1b[31mred.png", "-rf.png", "right\u202egnp.png", "=cmd.png"):
        yield text.encode(), whole, Expected("A18", truth)
    yield b"fifo.png", os.mkfifo, Expected("A20", reason="not a regular file: FIFO")
    yield b"socket.png", lambda path: os.mknod(path, 0o600 | stat.S_IFSOCK), Expected("A20", reason="file: socket")
    yield b"folder.png", os.mkdir, Expected("A20", reason="not a regular file: directory")
    yield b"loop.png", lambda path: os.symlink(path, path), Expected("A20", reason="loop of symbolic links")
    yield b"gone.png", lambda path: None, Expected("A21", reason="no such file")


def write(folder: Path) -> dict[str, Expected]:
    """Make every file; the path (with os.fsdecode's surrogates) of each, and what decoding it must give."""
    truth = photo()
    expected: dict[str, Expected] = {}
    for files in (_truncated_and_foreign, _colours, _animated, _sizes_and_exif, _names_and_kinds):
        for name, content, outcome in files(truth):
            path = os.path.join(folder, os.fsdecode(name))
            assert path not in expected, f"two files {path!r}"
            if callable(content):
                content(path)
            else:
                Path(path).write_bytes(content)
            expected[path] = outcome
    return expected
