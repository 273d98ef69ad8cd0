"""What lies where in a tar file: POSIX ustar and pax, and GNU's long names, uncompressed; nothing is ever unpacked.

Python's own reader keeps every member, and believes sizes that lead it in circles; here all places are found in one
pass, each is after the one before, and names that lead out of a folder are an error although no file gets that name.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from topfive.errors import DataError, shown

BLOCK = 512
LONGEST = 1 << 20  # bytes of one extended header
_COMPRESSED = ((b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"))
_KINDS = {
    b"1": "a hard link",
    b"2": "a link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a FIFO",
    b"S": "a sparse file",
}
_IGNORED = b"5DKgV"  # folders, GNU's lists of folders and long links, pax defaults for all, volume labels


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the archive: `size` bytes from `offset`; `fault` says why it cannot be read, "" if it can."""

    name: str  # os.fsdecode's surrogates among it
    offset: int
    size: int
    fault: str = ""


def members(path: str) -> Iterator[Member]:
    """Every member that is, or would be, a file.  A file cut short gives the member at its end a fault, then stops.

    DataError for what is no tar file, is damaged or compressed, or has a name that leads out.
    """
    with open_regular(path) as file:
        length = os.fstat(file.fileno()).st_size
        offset, extended = 0, dict[str, bytes]()
        while True:
            file.seek(offset)
            header = file.read(BLOCK)
            if offset == 0:
                _judge_start(path, header)
            if len(header) < BLOCK or not header.strip(b"\0"):
                return
            _check(path, header, offset)
            kind, start = header[156:157], offset + BLOCK
            size = _number(path, extended.get("size"), header[124:136], offset)
            offset = start + -(-size // BLOCK) * BLOCK
            if kind in b"xL" and start + size <= length:
                if size > LONGEST:
                    raise _damaged(path, start, f"a name of {size:,} bytes")
                extended |= _pax(path, file.read(size), start) if kind == b"x" else {"path": file.read(size)}
                continue
            name, extended = _name(path, header, extended, start), {}
            if start + size > length:
                yield Member(name, start, size, "truncated: the shard ends within it")
                return
            if kind in _IGNORED:
                continue
            fault = "" if kind in b"07\0" else _KINDS.get(kind, "of an unknown kind")
            yield Member(name, start, size, f"not a regular file: {fault}" if fault else "")


def is_whole(path: str) -> bool:
    """Whether the end mark is there, two blocks of zeros: without it, the archive may have been cut."""
    with open_regular(path) as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 2 * BLOCK))
        return file.read() == bytes(2 * BLOCK)


def open_regular(path: str) -> BinaryIO:
    """Open a file to read; DataError for a FIFO, a device or what cannot be opened."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise DataError("shard", path, "not a regular file", "Name a .tar file")
        return open(os.open(path, flags), "rb")
    except OSError as error:
        raise DataError("shard", path, (error.strerror or type(error).__name__).lower(), "Check the path") from None


def _judge_start(path: str, header: bytes) -> None:
    if not header:
        raise DataError("shard", path, "empty file", "Fetch or write it again")
    for magic, name in _COMPRESSED:
        if header.startswith(magic):
            why = f"it is compressed ({name}), and images are read from any place in it"
            raise DataError("shard", path, why, "Decompress it; its images are compressed already")
    if len(header) < BLOCK:
        raise DataError("shard", path, "not a tar file", "Fetch or write it again")


def _check(path: str, header: bytes, offset: int) -> None:
    """The sum of the header's bytes, its own field taken as blanks, must be the one that it states."""
    counted = header[:148] + b" " * 8 + header[156:]
    try:
        stated = int(header[148:156].strip(b" \0") or b"0", 8)
    except ValueError:
        stated = -1
    if stated != sum(counted) and stated != sum(counted) - 256 * sum(
        byte > 127 for byte in counted
    ):  # signed: old ones
        if offset == 0:
            raise DataError("shard", path, "not a tar file", "Fetch or write it again")
        raise _damaged(path, offset, "a header that does not add up")


def _number(path: str, extended: bytes | None, field: bytes, offset: int) -> int:
    try:
        if extended is not None:
            size = int(extended) if extended.isdigit() and len(extended) < 20 else -1
        elif field[0] & 0x80:  # base 256, GNU's for large files
            size = int.from_bytes(field[1:], "big") if field[0] == 0x80 else -1
        else:
            size = int(field.strip(b" \0") or b"0", 8)
    except ValueError:
        size = -1
    if not 0 <= size < 1 << 62:
        raise _damaged(path, offset, "a size that is none")
    return size


def _name(path: str, header: bytes, extended: dict[str, bytes], offset: int) -> str:
    name = header[:100].split(b"\0")[0]
    if header[257:263] == b"ustar\0" and header[345] != 0:
        name = header[345:500].split(b"\0")[0] + b"/" + name
    text = os.fsdecode(extended["path"].rstrip(b"\0") if "path" in extended else name)
    if text.startswith("/") or ".." in text.split("/") or "\0" in text:
        why = f"{shown(text)!r} in it leads out of the archive"
        raise DataError("shard", path, why, "Somebody made it to do harm: do not use it")
    return text.removeprefix("./")


def _pax(path: str, records: bytes, offset: int) -> dict[str, bytes]:
    """The path and the size in pax records, each "<its own length> <key>=<value>\\n"."""
    found = {}
    while records.strip(b"\0"):
        length, _, rest = records[:20].partition(b" ")
        end = int(length) if length.isdigit() else 0
        key, equals, value = records[len(length) + 1 : max(end - 1, 0)].partition(b"=")
        if not rest or not equals or records[end - 1 : end] != b"\n":
            raise _damaged(path, offset, "a header that does not add up")
        if key in (b"path", b"size"):
            found[key.decode()] = value
        elif key.startswith(b"GNU.sparse."):
            raise DataError("shard", path, "it holds a sparse file", "Write it again with plain files")
        records = records[end:]
    return found


def _damaged(path: str, offset: int, what: str) -> DataError:
    return DataError("shard", path, f"damaged at byte {offset:,}: {what}", "Fetch or write it again")
