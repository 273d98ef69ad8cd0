"""A file that only grows, line by line, written by many processes and cut off by none of their deaths."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from topfive.errors import ResourceError


class LogFile:
    """JSON objects, one a line.  A line counts from its newline on, and is on the disk when `append` returns.

    `torn` counts the beginnings of lines that a death left behind and that were cut off again.
    """

    def __init__(self, path: Path):
        self.path = path
        self.torn = 0
        self._read = 0  # bytes that `lines` has given
        with self._failing():
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            folder = os.open(path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)

    def close(self) -> None:
        os.close(self._file)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """No other process appends meanwhile, and the file ends with a whole line."""
        with self._failing():
            fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            with self._failing():
                self._cut_torn_line()
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def lines(self) -> list[bytes]:
        """The whole lines that have come since the last call."""
        with self._failing():
            new = _bytes_from(self._file, self._read)
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole.split(b"\n")[:-1]

    def append(self, entry: dict[str, Any]) -> None:
        """Only within `alone`, and only when `lines` has given all others."""
        line = json.dumps(entry, allow_nan=False).encode() + b"\n"
        with self._failing():
            written = os.write(self._file, line)
            if written < len(line):  # a full disk takes a part before it refuses
                os.write(self._file, line[written:])
            os.fsync(self._file)
        self._read += len(line)

    def _cut_torn_line(self) -> None:
        size = os.fstat(self._file).st_size
        tail = _bytes_from(self._file, self._read)
        whole = self._read + tail.rfind(b"\n") + 1
        if whole < size:
            os.ftruncate(self._file, whole)
            self.torn += 1

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ResourceError("cannot write journal", self.path, error.strerror or str(error)) from None


class Claims:
    """Numbers that this process alone holds: byte N of a file is locked for number N.

    The kernel frees what a dead process held.  Such locks belong to the process: two `Claims` of one file within one
    process would not see each other.
    """

    def __init__(self, path: Path):
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)

    def close(self) -> None:
        os.close(self._file)

    def take(self, number: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except (BlockingIOError, PermissionError):  # systems differ in what they call it
            return False
        return True

    def free(self, number: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)


def _bytes_from(file: int, start: int) -> bytes:
    parts = []
    while part := os.pread(file, 1 << 20, start):
        parts.append(part)
        start += len(part)
    return b"".join(parts)
