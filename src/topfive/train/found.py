"""An architecture that a search found, as the file that `topfive train --model FILE` reads."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from topfive import artifact
from topfive.errors import RefusedError, UsageError
from topfive.models import spec

SUFFIX = ".json"
MAXIMUM_BYTES = 1 << 20  # ours have some hundred


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="ignore"))
class Found:
    """`model` is the name that `create_model` knows; the rest says where it comes from, and nothing reads it back.

    `choices` and `answers` are its place in the space, in numbers and in words; `measured` is what the search knew.
    """

    format: Literal[1] = 1
    model: Annotated[str, Field(min_length=1)]
    space: str = ""
    choices: tuple[int, ...] = ()
    answers: dict[str, str] = Field(default_factory=dict)
    measured: dict[str, Any] = Field(default_factory=dict)


_ADAPTER = TypeAdapter(Found)


def write_found(path: str | os.PathLike[str], found: Found) -> None:
    """Whole or not at all; ResourceError if it cannot be."""
    artifact.write(path, (json.dumps(asdict(found), indent=1) + "\n").encode())


def read_found(path: str | os.PathLike[str]) -> Found:
    """RefusedError where it is nothing that `write_found` writes, or names a network that is none."""
    try:
        with open(path, "rb") as file:
            content = file.read(MAXIMUM_BYTES + 1)
    except FileNotFoundError:
        raise UsageError("--model", path, "there is no such file", "Give a network or a genotype.json") from None
    except (OSError, ValueError) as error:
        raise RefusedError("architecture", path, getattr(error, "strerror", None) or str(error)) from None
    todo = "Give a genotype.json that topfive search wrote"
    if len(content) > MAXIMUM_BYTES:
        raise RefusedError("architecture", path, f"it has more than {MAXIMUM_BYTES:,} bytes", todo)
    try:
        found = _ADAPTER.validate_json(content)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise RefusedError("architecture", path, f"{where}: {first['msg']}" if where else first["msg"], todo) from None
    try:
        spec(found.model)
    except UsageError as error:
        raise RefusedError("architecture", path, str(error)) from None
    return found


def with_found(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a recipe, with the network's name where they name a file that holds it."""
    model = settings.get("model")
    if not isinstance(model, str) or Path(model).suffix.lower() != SUFFIX:
        return dict(settings)
    return {**settings, "model": read_found(model).model}
