"""Counts of parameters and of multiply-accumulates as people write and read them."""

from __future__ import annotations

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9}


def short(count: int) -> str:
    """Three digits and a unit: 840, 61.7K, 25.6M, 4.09G."""
    if abs(count) < 1000:
        return str(count)
    for unit in "KMG":
        size = abs(count) / UNITS[unit]
        if size < 999.5 or unit == "G":
            digits = f"{size:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f}{unit}"
            return f"-{digits}" if count < 0 else digits
    raise AssertionError("G ends the loop")


def difference(new: int, old: int) -> str:
    """How far `new` is from `old`: "equal", "+231M (+5.99%)"."""
    if new == old:
        return "equal"
    part = f" ({percent(new / old - 1)})" if old else ""
    return f"{'+' if new > old else ''}{short(new - old)}{part}"


def percent(fraction: float) -> str:
    """A change with its sign, to three digits."""
    return f"{100 * fraction:+.3g}%"
