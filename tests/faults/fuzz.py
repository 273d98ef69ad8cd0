"""Mutation fuzz of the decoder: image `index` is a function of the index alone, decoded in a child that may die of it.

The child works through a range with limits on memory and on the time of each image, and writes a letter an image:
d decoded, r refused (ImageError), x anything else.  Where it dies, the next letter was due: that image killed it, and a
new child goes on behind it.
"""

from __future__ import annotations

import importlib
import os
import random
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from faults.pictures import encoded, orientation, photo, png_chunk, with_exif, ycck_jpeg
from topfive.images import ImageError

MEMORY_BYTES = 4 << 30  # address space of a child
NUMBERS = (0, 1, 2, 7, 8, 16, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@dataclass
class Outcome:
    count: int = 0
    decoded: int = 0
    refused: int = 0
    crashes: list[int] = field(default_factory=list)  # indices
    hangs: list[int] = field(default_factory=list)
    escapes: list[int] = field(default_factory=list)  # something other than ImageError was raised
    warnings: list[str] = field(default_factory=list)  # lines; libtiff's own messages about damage do not count
    seconds: float = 0.0
    peak_rss_megabytes: int = 0

    @property
    def is_clean(self) -> bool:
        return not (self.crashes or self.hangs or self.escapes or self.warnings)


@cache
def seeds() -> tuple[bytes, ...]:
    """One small valid file for each kind of file that the decoder reads."""
    truth = photo(32, 24)
    image, values = Image.fromarray(truth), truth[..., 0]
    turned = image.convert("RGBA")
    turned.putalpha(Image.fromarray(values))
    tags = Image.Exif()
    tags[0x0112] = 6
    more = (255 - truth,)
    cmyk = image.convert("CMYK")
    jpegs = [
        encoded(image, "JPEG"),
        encoded(image, "JPEG", progressive=True, exif=tags),
        encoded(image, "JPEG", restart_marker_blocks=2, subsampling=0),
        encoded(values, "JPEG"),
        encoded(cmyk, "JPEG"),
        ycck_jpeg(np.asarray(cmyk)),
        with_exif(encoded(image, "JPEG"), orientation(8)),
        encoded(image, "MPO", more=more),
    ]
    pngs = [encoded(each, "PNG") for each in (image, values, turned, image.quantize(16), Image.fromarray(values > 99))]
    pngs += [encoded(values.astype(np.uint16) * 257, "PNG"), encoded(image, "PNG", exif=tags, more=more)]
    webps = [encoded(image, "WEBP"), encoded(turned, "WEBP", exif=tags), encoded(image, "WEBP", lossless=True)]
    webps += [encoded(image, "WEBP", more=more)]
    gifs = [encoded(image, "GIF"), encoded(image, "GIF", interlace=1, transparency=3), encoded(image, "GIF", more=more)]
    bitmaps = [encoded(each, "BMP") for each in (image, values, image.quantize(16), Image.fromarray(values > 99))]
    packings = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    tiffs = [encoded(image, "TIFF", compression=packing) for packing in packings]
    tiffs += [encoded(image.quantize(16), "TIFF"), encoded(cmyk, "TIFF"), encoded(image, "TIFF", exif=tags, more=more)]
    tiffs += [encoded(Image.fromarray(values > 99), "TIFF", compression="group4"), encoded(turned, "TIFF")]
    tiffs += [encoded(values.astype(kind), "TIFF") for kind in (np.uint16, np.int32, np.float32)]
    tiffs += [encoded(image.convert(mode), "TIFF") for mode in ("YCbCr", "LA")]
    plain = b"P3 4 2 255\n" + b" ".join(b"%d" % value for value in range(24))
    pnms = [encoded(each, "PPM") for each in (image, values, Image.fromarray(values > 99), values.astype(np.float32))]
    return (*jpegs, *pngs, *webps, *gifs, *bitmaps, *tiffs, *pnms, plain, b"P5 2 2 65535\n" + bytes(range(8)))


def mutant(index: int) -> bytes:
    rng = random.Random(index)
    data = bytearray(seeds()[index % len(seeds())])
    for _ in range(rng.choice((1, 1, 1, 1, 2, 4))):
        rng.choice((_flip, _flip, _set_number, _set_number, _truncate, _remove, _repeat, _splice))(rng, data)
    if data.startswith(b"\x89PNG") and rng.random() < 0.7:
        _mend_checksums(data)  # else the checksum is all that is ever tested
    return bytes(data)


def _at(rng: random.Random, data: bytearray) -> int:
    """A position, every other time within the header."""
    return rng.randrange(min(len(data), 64) if rng.random() < 0.5 else len(data)) if data else 0


def _flip(rng: random.Random, data: bytearray) -> None:
    for _ in range(rng.choice((1, 1, 3, 20))):
        if data:
            data[_at(rng, data)] ^= 1 << rng.randrange(8)


def _set_number(rng: random.Random, data: bytearray) -> None:
    at, kind = _at(rng, data), rng.choice(("B", "<H", ">H", "<I", ">I"))
    size = struct.calcsize(kind)
    if at + size <= len(data):
        data[at : at + size] = struct.pack(kind, rng.choice(NUMBERS) & (1 << 8 * size) - 1)


def _truncate(rng: random.Random, data: bytearray) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _remove(rng: random.Random, data: bytearray) -> None:
    at = _at(rng, data)
    del data[at : at + rng.choice((1, 2, 16, 200))]


def _repeat(rng: random.Random, data: bytearray) -> None:
    at = _at(rng, data)
    data[at:at] = data[at : at + rng.choice((1, 4, 64))] * rng.choice((1, 2, 30))


def _splice(rng: random.Random, data: bytearray) -> None:
    other = rng.choice(seeds())
    start, at = rng.randrange(len(other)), _at(rng, data)
    part = other[start : start + rng.choice((4, 32, 400))]
    data[at : at + rng.choice((0, len(part)))] = part


def _mend_checksums(data: bytearray) -> None:
    at = 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if at + 12 + size > len(data):
            return
        data[at : at + 12 + size] = png_chunk(bytes(data[at + 4 : at + 8]), bytes(data[at + 8 : at + 8 + size]))
        at += 12 + size


def run(
    count: int, start: int = 0, decoder: str = "topfive.images:decode", timeout_seconds: int = 30, batch: int = 2000
) -> Outcome:
    """`decoder`: "module:function" of (data, short_side)."""
    outcome, began, index = Outcome(count=count), time.monotonic(), start
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    while index < start + count:
        stop = min(index + batch, start + count)
        command = [sys.executable, "-W", "always", __file__, decoder, str(index), str(stop), str(timeout_seconds)]
        with tempfile.TemporaryFile() as stderr:
            child = subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, env=environment, check=False)
            stderr.seek(0)
            lines = stderr.read().decode(errors="replace").splitlines()
        if child.returncode > 0:
            raise RuntimeError("the child failed outside the decoder: " + "\n".join(lines[-20:]))
        outcome.warnings += [line for line in lines if "Warning" in line]
        letters, _, peak = child.stdout.decode().partition("m")
        outcome.peak_rss_megabytes = max(outcome.peak_rss_megabytes, int(peak or 0) // 1024)
        outcome.decoded += letters.count("d")
        outcome.refused += letters.count("r")
        outcome.escapes += [index + i for i, letter in enumerate(letters) if letter == "x"]
        index += len(letters)
        if index < stop:
            (outcome.hangs if child.returncode == -signal.SIGALRM else outcome.crashes).append(index)
            index += 1
    outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


def _child(decoder: str, start: int, stop: int, timeout_seconds: int) -> None:
    module, function = decoder.split(":")
    decode = getattr(importlib.import_module(module), function)
    # A GIF whose first frame exceeds its screen by far is refused, but Pillow warns before we can know.
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for index in range(start, stop):
        data = mutant(index)
        signal.alarm(timeout_seconds)  # no handler: it ends the process, even within C
        try:
            picture = decode(data, (None, 5)[index % 2])
            zlib.crc32(picture.pixels)  # touch every pixel
            letter = b"d"
        except ImageError:
            letter = b"r"
        except Exception:
            traceback.print_exc()
            letter = b"x"
        signal.alarm(0)
        os.write(1, letter)
    # Its own, from the kernel: getrusage would count what the process that started it held before exec.
    peak = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    os.write(1, f"m{peak}".encode())


if __name__ == "__main__":
    _child(sys.argv[1], *map(int, sys.argv[2:]))
