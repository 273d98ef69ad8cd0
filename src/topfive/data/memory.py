"""What was found out about files, kept in the user's cache until a file changes or is not met for a season."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from topfive.data.places import cache_folder

KEPT_DAYS = 90  # since a file was last asked for
SETTLED_SECONDS = 2.0  # a file changed more recently may change again within the resolution of its time stamp
_DAY = 86_400


class Memory:
    """Answers by path, valid while the file's size, time of change and inode stay.

    `kind` names the question and whatever else decides the answer, such as the version of a decoder.  Without a usable
    file it forgets all: a cache that is damaged, full, locked or not writable is given up, never an error.
    """

    def __init__(self, kind: str, file: Path | None = None):
        self._kind = kind
        self._file = file or cache_folder() / "images.sqlite"
        self._database: sqlite3.Connection | None = None
        self._today = int(time.time() // _DAY)

    def __enter__(self) -> Memory:
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._forgiving():
            self._database = sqlite3.connect(self._file, timeout=5.0)
            self._database.execute("DROP TABLE IF EXISTS checks")  # of a layout that was never pruned
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS files (path BLOB, kind TEXT, bytes INTEGER, mtime_ns INTEGER,"
                " inode INTEGER, day INTEGER, answer BLOB, PRIMARY KEY (path, kind)) WITHOUT ROWID"
            )
        return self

    def __exit__(self, *exception: object) -> None:
        self._prune()
        self.commit()
        if self._database is not None:
            self._database.close()

    def recall(self, path: str, stamp: tuple[int, int, int]) -> bytes | None:
        if self._database is None:
            return None
        key = (os.fsencode(path), self._kind)
        row = None
        with self._forgiving():
            row = self._database.execute(
                "SELECT answer, day FROM files"
                " WHERE path = ? AND kind = ? AND bytes = ? AND mtime_ns = ? AND inode = ?",
                (*key, *stamp),
            ).fetchone()
            if row and row[1] != self._today:
                self._database.execute("UPDATE files SET day = ? WHERE path = ? AND kind = ?", (self._today, *key))
        return bytes(row[0]) if row else None

    def store(self, path: str, stamp: tuple[int, int, int], answer: bytes) -> None:
        if self._database is None or stamp[1] / 1e9 > time.time() - SETTLED_SECONDS:
            return
        with self._forgiving():
            self._database.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)",
                (os.fsencode(path), self._kind, *stamp, self._today, answer),
            )

    def commit(self) -> None:
        if self._database is not None:
            with self._forgiving():
                self._database.commit()

    def _prune(self) -> None:
        """Once a day; the day is kept where SQLite keeps a version for its users."""
        if self._database is None:
            return
        with self._forgiving():
            (pruned,) = self._database.execute("PRAGMA user_version").fetchone()
            if pruned != self._today:
                self._database.execute("DELETE FROM files WHERE day < ?", (self._today - KEPT_DAYS,))
                self._database.execute(f"PRAGMA user_version = {self._today}")

    @contextlib.contextmanager
    def _forgiving(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if self._database is not None:
                self._database.close()
                self._database = None
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
                with contextlib.suppress(OSError):
                    self._file.unlink()  # it is no database (any more): the next check begins a new one


def stamp_of(path: str) -> tuple[int, int, int]:
    """Size in bytes, time of change in ns and inode of a file; -1 where it is gone."""
    try:
        status = os.stat(path)
    except OSError:
        return -1, -1, -1
    return status.st_size, status.st_mtime_ns, status.st_ino
