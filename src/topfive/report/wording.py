"""How names and numbers are put on the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from topfive.errors import MAXIMUM_SHOWN, shown
from topfive.evaluate.paired import Paired

SIGNIFICANT = 0.05
SHORT = 26  # characters of a class name beside a matrix


def harmless(value: Any) -> Any:
    """Every text on its way to the page: without control, bidirectional and undecodable characters, and not endless.

    Templates escape what this returns.  It cuts long text, so what this package draws itself (the style, paths, data
    URIs) is marked `safe` where a template uses it, and passes, as the results of macros do.
    """
    return _shown(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def short(name: str) -> str:
    """The beginning of a long name."""
    safe = _shown(name)
    return safe if len(safe) <= SHORT else safe[: SHORT - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def percent(fraction: float) -> str:
    return f"{fraction:.2%}"


def points(difference: float) -> str:
    """A difference of fractions, in percentage points with its sign."""
    return f"{100 * difference:+.2f}".replace("-", "\N{MINUS SIGN}") if round(100 * difference, 2) else "0.00"


def chance(p: float) -> str:
    """A p-value to two digits, very small ones as a bound."""
    return "< 0.0001" if p < 0.0001 else f"{p:.2f}" if p >= 0.1 else f"{p:.2g}"


def verdict(found: Paired) -> str:
    """What a p-value below or above 0.05 says in words."""
    if found.p >= SIGNIFICANT:
        return "not shown"
    return "first is better" if found.difference > 0 else "second is better"


def count(number: int) -> str:
    return f"{number:,}"


def size(number_of_bytes: int) -> str:
    """Bytes in decimal units, to three digits."""
    if number_of_bytes < 1000:
        return f"{number_of_bytes} bytes"
    amount, unit = number_of_bytes / 1000, "kB"
    for larger in ("MB", "GB"):
        if amount < 999.5:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.{2 if amount < 9.995 else 1 if amount < 99.95 else 0}f} {unit}"


def amount(number: int) -> str:
    """A large count to three digits: 840, 61.7K, 4.65M."""
    for power, unit in ((10**9, "G"), (10**6, "M"), (10**3, "K")):
        if number >= 0.9995 * power:
            part = number / power
            return f"{part:.{2 if part < 9.995 else 1 if part < 99.95 else 0}f}{unit}"
    return str(number)


def duration(seconds: float) -> str:
    """Two or three digits and the unit: 840 \N{MICRO SIGN}s, 3.2 ms, 95 ms, 1.2 s, 12 min."""
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    if seconds >= 90:
        return f"{seconds / 60:.0f} min"
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if seconds * factor >= 0.9995:
            part = seconds * factor
            return f"{part:.{1 if part < 9.95 else 0}f} {unit}"
    return f"{seconds * 1e6:.0f} \N{MICRO SIGN}s"


def scientific(number: float) -> str:
    """Two digits and the power of ten: 1.2e-6."""
    digits, power = f"{number:.1e}".split("e")
    return f"{digits.removesuffix('.0')}e{int(power)}" if number else "0"


def setting(value: object) -> str:
    """A value of a recipe or an environment."""
    if value in (None, "", [], ()):
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {setting(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(setting, value))
    return str(value)


def _shown(text: str) -> str:
    """`shown`, which reads no more of a megabyte than it shows."""
    return shown(text[: MAXIMUM_SHOWN + 1])
