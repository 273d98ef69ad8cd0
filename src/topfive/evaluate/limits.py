"""What a shipped file may cost at most, and what it does cost: time for an image, bytes, multiply-accumulates."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from topfive.errors import UsageError
from topfive.evaluate.latency import measure_latency

MEASUREMENTS = 3  # of a latency at most

_NUMBER = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s?([A-Za-z]{0,3})")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_COUNTS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


@dataclass(frozen=True)
class Cost:
    """Of one file: median seconds for one image on one thread, bytes, multiply-accumulates for one image.

    The latency is None where nobody asked for it.
    """

    latency: float | None
    size: int
    macs: int


@dataclass(frozen=True)
class Limits:
    """The most of each of `Cost` that is allowed; None allows any."""

    latency: float | None = None
    size: int | None = None
    macs: int | None = None

    def __bool__(self) -> bool:
        return any(value is not None for value in dataclasses.astuple(self))

    def broken(self, cost: Cost, slack: float = 1.0) -> tuple[str, ...]:
        """Names of the limits that `cost` exceeds; of the latency only the share `slack` may be used.

        Bytes and multiply-accumulates are the same wherever they are counted, time is not.
        """
        assert self.latency is None or cost.latency is not None, "what is limited must be measured"
        exceeds = {
            "latency": self.latency is not None and (cost.latency or 0) > self.latency * slack,
            "size": self.size is not None and cost.size > self.size,
            "macs": self.macs is not None and cost.macs > self.macs,
        }
        return tuple(name for name, exceeded in exceeds.items() if exceeded)

    def told(self) -> str:
        """The limits in one line."""
        return ", ".join(f"at most {amount(name, value)}" for name, value in stated(self).items())


ANY = Limits()


def cost_of(file: str | os.PathLike[str], macs: int, limits: Limits, slack: float = 1.0) -> Cost:
    """Of a file as it lies there; its latency in a fresh process, only where that is limited.

    What else runs on the machine can only make it slower: where the median is too high, it is measured anew, and the
    least of up to three counts.
    """
    size, latency = os.path.getsize(file), None
    if limits.latency is not None:
        latency = measure_latency(file).p50
        for _ in range(MEASUREMENTS - 1):
            if latency <= limits.latency * slack:
                break
            latency = min(latency, measure_latency(file).p50)
    return Cost(latency, size, macs)


def stated(limits: Limits) -> dict[str, float]:
    """The limits that there are, by name."""
    return {name: value for name, value in dataclasses.asdict(limits).items() if value is not None}


def limits_from(latency: str | None = None, size: str | None = None, macs: str | None = None) -> Limits:
    """From texts such as "5ms", "4MB" and "50M"; UsageError for one that is no such limit."""
    return Limits(
        latency=None if latency is None else _read("--max-latency", latency, _SECONDS, "5ms or 0.5s"),
        size=None if size is None else int(_read("--max-size", size, _BYTES, "4MB or 500KB", least=1)),
        macs=None if macs is None else int(_read("--max-macs", macs, _COUNTS, "50M or 1.2G", least=1)),
    )


def amount(name: str, value: float) -> str:
    """One cost as a person reads it: 1.23 ms, 2 s, 4.00 MB, 50.10M multiply-accumulates."""
    if name == "latency":
        return f"{value:.3g} s" if value >= 1 else f"{value * 1e3:.3g} ms"
    unit = max((unit for unit in _COUNTS if _COUNTS[unit] <= max(1, value)), key=_COUNTS.__getitem__)
    digits = f"{value / _COUNTS[unit]:.2f}" if unit else f"{value:.0f}"
    return f"{digits} {unit}B" if name == "size" else f"{digits}{unit} multiply-accumulates"


def _read(flag: str, text: str, units: Mapping[str, float], examples: str, least: float = 1e-9) -> float:
    found = _NUMBER.fullmatch(text.strip())
    unit = "?" if found is None else found[2] if found[2] in units else found[2].upper()  # ms is no MS, but kb is KB
    if found is None or unit not in units:
        raise UsageError(flag, text, "it is no such limit", f"Use e.g. {examples}")
    value = float(found[1]) * units[unit]
    if value < least:
        raise UsageError(flag, text, "nothing is that small", f"Use e.g. {examples}")
    return value
