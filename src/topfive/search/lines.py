"""The lines of a journal after its head: what each kind holds, and how it is read."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from topfive.search.trial import Count, Failure, Measurement

_FORBID = ConfigDict(extra="forbid")
_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, config=_FORBID)
class Proposed:
    """The proposals of one round, in order."""

    round: Count
    proposals: tuple[tuple[Count, ...], ...]
    at: _Seconds


@dataclass(frozen=True, config=_FORBID)
class Measured:
    """A trial that came to its end."""

    trial: Count
    key: str
    model: str
    measured: Measurement
    at: _Seconds


@dataclass(frozen=True, config=_FORBID)
class Failed:
    """A trial that did not."""

    trial: Count
    key: str
    model: str
    failed: Failure
    at: _Seconds


@dataclass(frozen=True, config=_FORBID)
class Passed:
    """The time alone."""

    at: _Seconds


Line = Proposed | Measured | Failed | Passed

_KINDS: dict[str, TypeAdapter[Line]] = {
    "proposals": TypeAdapter(Proposed),
    "measured": TypeAdapter(Measured),
    "failed": TypeAdapter(Failed),
    "at": TypeAdapter(Passed),
}


def parse(text: bytes) -> Line:
    """ValueError, in few words, where `text` is no line of a journal."""
    try:
        entry = json.loads(text)
    except RecursionError:
        raise ValueError("too deep") from None
    kind = next((kind for name, kind in _KINDS.items() if isinstance(entry, dict) and name in entry), None)
    if kind is None:
        raise ValueError("neither a round nor a trial")
    try:
        return kind.validate_python(entry)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
