"""Millions of names in memory: one buffer of bytes, and where each name ends."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray


class Names(Sequence[str]):
    """Strings, os.fsdecode's surrogates among them, at their own bytes and eight more; a list of str takes 60 more."""

    def __init__(self, names: Iterable[str] = ()):
        text, ends = bytearray(), array("q")
        for name in names:
            text += os.fsencode(name)
            ends.append(len(text))
        self._set(np.frombuffer(text, np.uint8), np.frombuffer(ends, np.int64))

    def _set(self, text: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
        self._text, self._ends = text, ends

    @classmethod
    def stored(cls, text: NDArray[np.uint8], ends: NDArray[np.int64]) -> Names:
        """What `text` and `ends` of other Names hold; ValueError for arrays that are none."""
        starts = np.concatenate([np.zeros(1, np.int64), ends])
        if text.dtype != np.uint8 or text.ndim != 1 or (np.diff(starts) < 0).any() or starts[-1] != len(text):
            raise ValueError("these are no names")
        names = cls.__new__(cls)
        names._set(text, starts[1:])
        return names

    @property
    def text(self) -> NDArray[np.uint8]:
        """All names, one after the other."""
        return self._text

    @property
    def ends(self) -> NDArray[np.int64]:
        """[N], where in `text` each name ends."""
        return self._ends

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Names: ...
    def __getitem__(self, index: int | slice) -> str | Names:
        if isinstance(index, slice):
            return Names(self[i] for i in range(len(self))[index])
        place = range(len(self))[index]
        start = self._ends[place - 1] if place else 0
        return os.fsdecode(self._text[start : self._ends[place]].tobytes())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Names):
            return NotImplemented
        return np.array_equal(self._text, other._text) and np.array_equal(self._ends, other._ends)

    __hash__ = None  # type: ignore[assignment]

    def order(self) -> NDArray[np.intp]:
        """[N], the places of the names in the order of their text."""
        lengths = np.diff(self._ends, prepend=0)
        widest = int(lengths.max(initial=1))
        plain = len(self._text) > 0 and self._text.min() > 0 and self._text.max() < 128  # bytes sort as text does
        if not plain or widest * len(self) > 4 * len(self._text):  # one very long name must not widen the others
            return np.array(sorted(range(len(self)), key=self.__getitem__), np.intp)
        table = np.zeros((len(self), widest), np.uint8)
        table[np.arange(widest) < lengths[:, None]] = self._text
        return np.argsort(table.view(f"S{widest}").ravel(), kind="stable")

    def take(self, chosen: NDArray[np.intp]) -> Names:
        """The names at these places, in this order."""
        return Names(self[index] for index in chosen)
