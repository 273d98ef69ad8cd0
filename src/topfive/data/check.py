"""Finding bad images before training: every one is read and decoded once, and the answer kept in the user's cache.

Where that takes too long (a million photographs take a core an hour or more), less can be asked for: `headers` opens
every file and looks at its first bytes, `none` asks for its size alone.  What passes a lesser check may fail later.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import PIL

from topfive.data.memory import Memory, stamp_of
from topfive.images import ImageError, decode, signature

Progress = Callable[[int, int], None]  # called with how many files are done, and of how many
MAXIMUM_BYTES = 1 << 29  # no photograph that the decoder takes is larger
HEAD_BYTES = 1024  # what a look at the first bytes reads
CHUNK = 512  # files between two commits of the cache, and the look-ahead of the threads
DECODER = f"pillow {PIL.__version__}"  # another Pillow may think otherwise of a damaged file
Thoroughness = Literal["all", "headers", "none"]
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Checked:
    """`reason` is "" for a good image.

    `sha256` is that of the contents where they were read, else their size (8 bytes), b"" where there are none; width
    and height are known where it was decoded.
    """

    sha256: bytes
    reason: str = ""
    width: int = 0
    height: int = 0


class Contents(Protocol):
    """Encoded images, wherever they lie; nothing here raises for a damaged one."""

    def __len__(self) -> int: ...

    def path(self, index: int) -> str:
        """A name that no other image on this machine has."""
        ...

    def stamp(self, index: int) -> tuple[int, int, int]:
        """Size in bytes (-1: gone), time of change in ns and inode: while these are the same, so are the contents."""
        ...

    def read(self, index: int, limit: int = MAXIMUM_BYTES) -> bytes | str:
        """The first `limit` bytes, or why there are none."""
        ...


@dataclass(frozen=True)
class FilesBelow:
    """Files, as Contents."""

    root: str
    paths: Sequence[str]

    def __len__(self) -> int:
        return len(self.paths)

    def path(self, index: int) -> str:
        return os.path.join(self.root, self.paths[index])

    def stamp(self, index: int) -> tuple[int, int, int]:
        return stamp_of(self.path(index))

    def read(self, index: int, limit: int = MAXIMUM_BYTES) -> bytes | str:
        return read_file(self.path(index), limit)


def check_files(
    root: str, paths: Sequence[str], progress: Progress | None = None, cache: Path | None = None
) -> Iterator[Checked]:
    """One answer for each path below `root`, in order; `cache` is a file, by default one in the user's cache folder."""
    return check_all(FilesBelow(root, paths), "all", progress, cache)


def check_all(
    images: Contents, thoroughness: Thoroughness = "all", progress: Progress | None = None, cache: Path | None = None
) -> Iterator[Checked]:
    """One answer for each image, in order; those of a thorough check are kept in the cache."""
    if thoroughness == "all":
        with Memory(f"check 2 {DECODER}", cache) as memory:
            yield from ask_all(images, lambda index: _decoded(images, index), _packed, _unpacked, memory, progress)
        return
    look = _headed if thoroughness == "headers" else _weighed
    with ThreadPoolExecutor(_threads()) as pool:
        for start in range(0, len(images), CHUNK):
            chunk = range(start, min(start + CHUNK, len(images)))
            yield from pool.map(lambda index: look(images, index), chunk)
            if progress is not None:
                progress(chunk.stop, len(images))


def ask_all(
    images: Contents,
    ask: Callable[[int], _Answer],
    pack: Callable[[_Answer], bytes],
    unpack: Callable[[bytes], _Answer],
    memory: Memory,
    progress: Progress | None = None,
) -> Iterator[_Answer]:
    """What `ask` says of each image, in order, from threads or from memory.

    An answer that packs to b"" is not kept: why a file could not be read may change without its contents.
    """
    done, total = 0, len(images)
    with ThreadPoolExecutor(_threads()) as pool:
        for start in range(0, total, CHUNK):
            chunk = range(start, min(start + CHUNK, total))
            known = [memory.recall(images.path(index), images.stamp(index)) for index in chunk]
            unknown = [index for index, packed in zip(chunk, known, strict=True) if packed is None]
            fresh = pool.map(ask, unknown)
            for index, packed in zip(chunk, known, strict=True):
                if packed is None:
                    answer = next(fresh)
                    if kept := pack(answer):
                        memory.store(images.path(index), images.stamp(index), kept)
                else:
                    answer = unpack(packed)
                done += 1
                if progress is not None:
                    progress(done, total)
                yield answer
            memory.commit()


def _decoded(images: Contents, index: int) -> Checked:
    content = images.read(index)
    if isinstance(content, str):
        return Checked(b"", content)
    digest = hashlib.sha256(content).digest()
    try:
        picture = decode(content, short_side=1)  # every byte is parsed, at the cheapest scale
    except ImageError as error:
        return Checked(digest, error.reason)
    return Checked(digest, "", *picture.size)


def _headed(images: Contents, index: int) -> Checked:
    head = images.read(index, HEAD_BYTES)
    if isinstance(head, str):
        return Checked(b"", head)
    if signature.decodable(head) is None:
        return Checked(b"", "not an image" if head else "empty file")
    return _weighed(images, index)


def _weighed(images: Contents, index: int) -> Checked:
    size = images.stamp(index)[0]
    if size <= 0:
        return Checked(b"", "it is gone" if size < 0 else "empty file")
    return Checked(size.to_bytes(8, "little"), f"larger than {MAXIMUM_BYTES} bytes" if size > MAXIMUM_BYTES else "")


def read_file(path: str, limit: int = MAXIMUM_BYTES) -> bytes | str:
    """The bytes of a regular file, `limit` of them where less than all will do, or why they cannot be had."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return "not a regular file"
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):  # it may have been replaced since
                return "not a regular file"
            if status.st_size > MAXIMUM_BYTES:
                return f"larger than {MAXIMUM_BYTES} bytes"
            return file.read(limit)
    except FileNotFoundError:
        return "it is gone"
    except OSError as error:
        return (error.strerror or type(error).__name__).lower()
    except MemoryError:
        return "not enough memory to read it"


def _threads() -> int:
    return min(8, os.cpu_count() or 1)


def _packed(checked: Checked) -> bytes:
    if not checked.sha256:
        return b""
    return json.dumps([checked.sha256.hex(), checked.reason, checked.width, checked.height]).encode()


def _unpacked(packed: bytes) -> Checked:
    digest, reason, width, height = json.loads(packed)
    return Checked(bytes.fromhex(digest), reason, width, height)
