"""Finding bad files before training: every file is read and decoded once, and the answer kept in the user's cache."""

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

import PIL

from topfive.data.places import cache_folder
from topfive.images import ImageError, decode

Progress = Callable[[int, int], None]  # called with how many files are done, and of how many
MAXIMUM_BYTES = 1 << 29  # no photograph that the decoder takes is larger
CHUNK = 512  # files between two commits of the cache, and the look-ahead of the threads
SETTLED_SECONDS = 2.0  # a file changed more recently may change again within the resolution of its time stamp


@dataclass(frozen=True, slots=True)
class Checked:
    """`reason` is "" for a good image; `sha256` is b"" and size 0 where the file could not be read."""

    sha256: bytes
    reason: str = ""
    width: int = 0
    height: int = 0


def check_files(
    root: str, paths: Sequence[str], progress: Progress | None = None, cache: Path | None = None
) -> Iterator[Checked]:
    """One answer for each path below `root`, in order; `cache` is a file, by default one in the user's cache folder."""
    done = 0
    with _Memory(cache or cache_folder() / "images.sqlite") as memory, ThreadPoolExecutor(_threads()) as pool:
        for start in range(0, len(paths), CHUNK):
            chunk = [os.path.join(root, path) for path in paths[start : start + CHUNK]]
            known = [memory.recall(path) for path in chunk]
            unknown = [path for path, checked in zip(chunk, known, strict=True) if checked is None]
            fresh = pool.map(check_file, unknown)
            for path, checked in zip(chunk, known, strict=True):
                if checked is None:
                    checked = next(fresh)
                    memory.store(path, checked)
                done += 1
                if progress is not None:
                    progress(done, len(paths))
                yield checked
            memory.commit()


def check_file(path: str) -> Checked:
    """Read and decode one file; a FIFO or device is never opened."""
    try:
        content = _content(path)
    except FileNotFoundError:
        return Checked(b"", "it is gone")
    except OSError as error:
        return Checked(b"", (error.strerror or type(error).__name__).lower())
    except MemoryError:
        return Checked(b"", "not enough memory to read it")
    if content is None:
        return Checked(b"", "not a regular file")
    if len(content) > MAXIMUM_BYTES:
        return Checked(b"", f"larger than {MAXIMUM_BYTES} bytes")
    digest = hashlib.sha256(content).digest()
    try:
        picture = decode(content, short_side=1)  # every byte is parsed, at the cheapest scale
    except ImageError as error:
        return Checked(digest, error.reason)
    return Checked(digest, "", *picture.size)


def _content(path: str) -> bytes | None:
    if not stat.S_ISREG(os.stat(path).st_mode):
        return None
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # it may have been replaced since
            return None
        return file.read(MAXIMUM_BYTES + 1)


def _threads() -> int:
    return min(8, os.cpu_count() or 1)


class _Memory:
    """What earlier checks found, by path, size, time of change and decoder; without a usable file it forgets all."""

    def __init__(self, file: Path):
        self._file = file
        self._database: sqlite3.Connection | None = None
        self._decoder = f"1 {PIL.__version__}"  # another Pillow may think otherwise of a damaged file

    def __enter__(self) -> _Memory:
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

    def recall(self, path: str) -> Checked | None:
        if self._database is None:
            return None
        stamp = _stamp(path)
        row = None
        with self._forgiving():
            row = self._database.execute(
                "SELECT sha256, reason, width, height FROM checks"
                " WHERE path = ? AND decoder = ? AND bytes = ? AND mtime_ns = ?",
                (os.fsencode(path), self._decoder, *stamp),
            ).fetchone()
        return Checked(*row) if row else None

    def store(self, path: str, checked: Checked) -> None:
        """Keep an answer that follows from the contents; why a file could not be read may change without them."""
        size, mtime_ns = _stamp(path)
        if self._database is None or not checked.sha256 or mtime_ns / 1e9 > time.time() - SETTLED_SECONDS:
            return
        with self._forgiving():
            self._database.execute(
                "INSERT OR REPLACE INTO checks VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (os.fsencode(path), self._decoder, size, mtime_ns, *_row(checked)),
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
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
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
