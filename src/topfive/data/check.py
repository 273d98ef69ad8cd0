"""Finding bad images before training: every one is read and decoded once, and the answer kept in the user's cache.

Where that takes too long (a million photographs take an hour a core), less can be asked for: `headers` opens every file
and looks at its first bytes, `none` asks for its size alone.  What a lesser check passes may fail when it is needed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import PIL

from topfive.data.places import cache_folder
from topfive.images import ImageError, decode, signature

Progress = Callable[[int, int], None]  # called with how many files are done, and of how many
MAXIMUM_BYTES = 1 << 29  # no photograph that the decoder takes is larger
CHUNK = 512  # files between two commits of the cache, and the look-ahead of the threads
SETTLED_SECONDS = 2.0  # a file changed more recently may change again within the resolution of its time stamp


HEAD_BYTES = 1024  # what a look at the first bytes reads
Thoroughness = Literal["all", "headers", "none"]


@dataclass(frozen=True, slots=True)
class Checked:
    """`reason` is "" for a good image.

    `sha256` is that of the contents where they were read, else their size (8 bytes), b"" where there are none; the
    width and height are known where it was decoded.
    """

    sha256: bytes
    reason: str = ""
    width: int = 0
    height: int = 0


class Encoded(Protocol):
    """Encoded images, wherever they lie; none of this raises for a damaged one."""

    def __len__(self) -> int: ...
    def path(self, index: int) -> str:
        """A name that no other image on this machine has."""
        ...

    def stamp(self, index: int) -> tuple[int, int]:
        """Size in bytes and time of change in ns: while these are the same, so are the contents; -1 for none."""
        ...

    def read(self, index: int, limit: int) -> bytes | str:
        """The first `limit` bytes, or why there are none."""
        ...


@dataclass(frozen=True)
class _FilesBelow:
    root: str
    paths: Sequence[str]

    def __len__(self) -> int:
        return len(self.paths)

    def path(self, index: int) -> str:
        return os.path.join(self.root, self.paths[index])

    def stamp(self, index: int) -> tuple[int, int]:
        return _stamp(self.path(index))

    def read(self, index: int, limit: int) -> bytes | str:
        return _contents(self.path(index), limit)


def check_files(
    root: str,
    paths: Sequence[str],
    progress: Progress | None = None,
    cache: Path | None = None,
    thoroughness: Thoroughness = "all",
) -> Iterator[Checked]:
    """One answer for each path below `root`, in order; `cache` is a file, by default one in the user's cache folder."""
    return check_all(_FilesBelow(root, paths), thoroughness, progress, cache)


def check_all(
    images: Encoded, thoroughness: Thoroughness = "all", progress: Progress | None = None, cache: Path | None = None
) -> Iterator[Checked]:
    """One answer for each image, in order; only those of a thorough check are kept in the cache."""
    look = {"all": _decoded, "headers": _headed, "none": _weighed}[thoroughness]
    file = (cache or cache_folder() / "images.sqlite") if thoroughness == "all" else None
    done, total = 0, len(images)
    with _Memory(file) as memory, ThreadPoolExecutor(_threads()) as pool:
        for start in range(0, total, CHUNK):
            chunk = range(start, min(start + CHUNK, total))
            known = [memory.recall(images, index) for index in chunk]
            unknown = [index for index, checked in zip(chunk, known, strict=True) if checked is None]
            fresh = pool.map(lambda index: look(images, index), unknown)
            for index, checked in zip(chunk, known, strict=True):
                if checked is None:
                    checked = next(fresh)
                    memory.store(images, index, checked)
                done += 1
                if progress is not None:
                    progress(done, total)
                yield checked
            memory.commit()


def _decoded(images: Encoded, index: int) -> Checked:
    content = images.read(index, MAXIMUM_BYTES + 1)
    if isinstance(content, str):
        return Checked(b"", content)
    if len(content) > MAXIMUM_BYTES:
        return Checked(b"", f"larger than {MAXIMUM_BYTES} bytes")
    digest = hashlib.sha256(content).digest()
    try:
        picture = decode(content, short_side=1)  # every byte is parsed, at the cheapest scale
    except ImageError as error:
        return Checked(digest, error.reason)
    return Checked(digest, "", *picture.size)


def _headed(images: Encoded, index: int) -> Checked:
    head = images.read(index, HEAD_BYTES)
    if isinstance(head, str):
        return Checked(b"", head)
    if signature.decodable(head) is None:
        return Checked(b"", "not an image" if head else "empty file")
    return _weighed(images, index)


def _weighed(images: Encoded, index: int) -> Checked:
    size, _ = images.stamp(index)
    return Checked(size.to_bytes(8, "little")) if size > 0 else Checked(b"", "it is gone" if size < 0 else "empty file")


def _contents(path: str, limit: int) -> bytes | str:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return "not a regular file"
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # it may have been replaced since
                return "not a regular file"
            return file.read(limit)
    except FileNotFoundError:
        return "it is gone"
    except OSError as error:
        return (error.strerror or type(error).__name__).lower()
    except MemoryError:
        return "not enough memory to read it"


def _threads() -> int:
    return min(8, os.cpu_count() or 1)


class _Memory:
    """What earlier checks found, by path, size, time of change and decoder; without a usable file it forgets all."""

    def __init__(self, file: Path | None):
        self._file = file
        self._database: sqlite3.Connection | None = None
        self._decoder = f"1 {PIL.__version__}"  # another Pillow may think otherwise of a damaged file

    def __enter__(self) -> _Memory:
        if self._file is None:
            return self
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._forgiving():
            self._database = sqlite3.connect(self._file, timeout=5.0)
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS checks (path BLOB PRIMARY KEY, decoder TEXT, bytes INTEGER,"
                " mtime_ns INTEGER, sha256 BLOB, reason TEXT, width INTEGER, height INTEGER) WITHOUT ROWID"
            )
        return self

    def __exit__(self, *exception: object) -> None:
        self.commit()
        if self._database is not None:
            self._database.close()

    def recall(self, images: Encoded, index: int) -> Checked | None:
        if self._database is None:
            return None
        row = None
        with self._forgiving():
            row = self._database.execute(
                "SELECT sha256, reason, width, height FROM checks"
                " WHERE path = ? AND decoder = ? AND bytes = ? AND mtime_ns = ?",
                (os.fsencode(images.path(index)), self._decoder, *images.stamp(index)),
            ).fetchone()
        return Checked(*row) if row else None

    def store(self, images: Encoded, index: int, checked: Checked) -> None:
        """Keep an answer that follows from the contents; why a file could not be read may change without them."""
        if self._database is None or not checked.sha256:
            return
        size, mtime_ns = images.stamp(index)
        if mtime_ns / 1e9 > time.time() - SETTLED_SECONDS:
            return
        with self._forgiving():
            self._database.execute(
                "INSERT OR REPLACE INTO checks VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (os.fsencode(images.path(index)), self._decoder, size, mtime_ns, *_row(checked)),
            )

    def commit(self) -> None:
        if self._database is not None:
            with self._forgiving():
                self._database.commit()

    @contextlib.contextmanager
    def _forgiving(self) -> Iterator[None]:
        """A cache that is damaged, full, locked or not writable is given up, never an error."""
        try:
            yield
        except sqlite3.Error as error:
            if self._database is not None:
                self._database.close()
                self._database = None
            if (
                self._file
                and isinstance(error, sqlite3.DatabaseError)
                and not isinstance(error, sqlite3.OperationalError)
            ):
                with contextlib.suppress(OSError):
                    self._file.unlink()  # it is no database (any more): the next check begins a new one


def _stamp(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def _row(checked: Checked) -> tuple[bytes, str, int, int]:
    return checked.sha256, checked.reason, checked.width, checked.height
