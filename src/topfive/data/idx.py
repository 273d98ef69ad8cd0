"""The IDX files of MNIST and its relatives (yann.lecun.com/exdb/mnist): arrays of bytes, plain or in gzip."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from topfive.errors import DataError

UNSIGNED_BYTE = 0x08  # the type code in the third byte of the magic number
MAXIMUM_BYTES = 1 << 30  # a header that claims more is damaged: MNIST's largest file holds 47 MB
GZIP = b"\x1f\x8b"


def read_idx(path: str | os.PathLike[str], dimensions: int) -> NDArray[np.uint8]:
    """The array of unsigned bytes in the file at `path`, which must have `dimensions` axes."""
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == GZIP
            file.seek(0)
            if not packed:
                return _parse(file, path, dimensions)
            with gzip.GzipFile(fileobj=file) as unpacked:
                return _parse(unpacked, path, dimensions)  # type: ignore[arg-type]
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, f"its gzip stream is damaged ({error})") from None
    except OSError as error:
        raise DataError("cannot read", path, error.strerror or str(error)) from None


def _parse(file: BinaryIO, path: str | os.PathLike[str], dimensions: int) -> NDArray[np.uint8]:
    head = file.read(4 + 4 * dimensions)
    if len(head) < 4 or head[:2] != b"\0\0":
        raise _damaged(path, "it does not begin as an IDX file does")
    if head[2] != UNSIGNED_BYTE or head[3] != dimensions:
        raise _damaged(path, f"it holds type {head[2]:#04x} in {head[3]} dimensions, not bytes in {dimensions}")
    if len(head) < 4 + 4 * dimensions:
        raise _damaged(path, "it ends inside its header")
    shape = struct.unpack(f">{dimensions}I", head[4:])
    size = math.prod(shape)
    if size > MAXIMUM_BYTES:
        raise _damaged(path, f"its header claims {size} bytes")
    body = file.read(size + 1)  # one more than there should be, so that surplus is seen
    if len(body) != size:
        found = "more" if len(body) > size else f"{len(body)}"
        raise _damaged(path, f"its header promises {size} bytes and {found} follow")
    return np.frombuffer(body, np.uint8).reshape(shape).copy()  # writable


def _damaged(path: str | os.PathLike[str], why: str) -> DataError:
    return DataError("damaged IDX file", path, why, "Fetch it again")
