"""What a finished run came to, in one small file beside its page: `result.json`, which `topfive compare` reads."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import pydantic
from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from topfive.evaluate.speed import Speed

RESULT = "result.json"

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="ignore", allow_inf_nan=False))
class Result:
    """Measured on the `n` images of `split` with the shipped file.  `seconds` is the time that training took.

    METRICS are its figures that runs are compared by, with their headings; the first has an interval.
    """

    METRICS: ClassVar[Mapping[str, str]] = {
        "top1": "Top-1",
        "top5": "Top-5",
        "macro_f1": "Macro-F1",
        "nll": "Loss",
        "ece": "ECE",
    }

    format: Literal[1] = 1
    model: str
    split: str
    n: Annotated[int, Field(ge=1)]
    top1: Fraction
    top5: Fraction
    macro_f1: Fraction
    nll: Annotated[float, Field(ge=0)]
    ece: Fraction
    temperature: Annotated[float, Field(gt=0)]
    best_epoch: Count
    seconds: Annotated[float, Field(ge=0)]
    params: Count
    macs: Count
    file_bytes: Count
    speed: Speed

    @property
    def figure(self) -> float:
        """The first of METRICS."""
        return self.top1


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="ignore", allow_inf_nan=False))
class LabelResult:
    """`Result` where images have several labels; the F1 are at the thresholds of the shipped file."""

    METRICS: ClassVar[Mapping[str, str]] = {
        "mean_average_precision": "mAP",
        "micro_f1": "Micro-F1",
        "macro_f1": "Macro-F1",
    }

    format: Literal[1] = 1
    model: str
    split: str
    n: Annotated[int, Field(ge=1)]
    mean_average_precision: Fraction
    micro_f1: Fraction
    macro_f1: Fraction
    best_epoch: Count
    seconds: Annotated[float, Field(ge=0)]
    params: Count
    macs: Count
    file_bytes: Count
    speed: Speed

    @property
    def figure(self) -> float:
        """The first of METRICS."""
        return self.mean_average_precision


_ADAPTER, _LABELS = TypeAdapter(Result), TypeAdapter(LabelResult)


def to_json(result: Result | LabelResult) -> bytes:
    fields = TypeAdapter(type(result)).dump_python(result, mode="json")
    return (json.dumps(fields, indent=1, allow_nan=False) + "\n").encode()


def from_json(content: bytes) -> Result | LabelResult:
    """ValueError, in one line, where it is not what `to_json` writes."""
    with contextlib.suppress(pydantic.ValidationError):
        return _LABELS.validate_json(content)
    try:
        return _ADAPTER.validate_json(content)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from None
