"""A finished run, read back from its folder; nothing in it is believed unseen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydantic
import yaml
from pydantic import TypeAdapter

from topfive.errors import RefusedError
from topfive.report.answers import ClassAnswers, LabelAnswers, read_labels, read_predictions
from topfive.report.predictions import PREDICTIONS
from topfive.report.result import RESULT, LabelResult, Result, from_json

CONFIG, METRICS = "config.yaml", "metrics.jsonl"
ROUNDING = 1e-9  # of a figure that is summed anew


@pydantic.dataclasses.dataclass(frozen=True)
class _Data:
    fingerprint: str
    source: str | None = None


@pydantic.dataclasses.dataclass(frozen=True)
class _Config:
    """What a comparison needs of it."""

    recipe: dict[str, Any]
    data: _Data
    environment: dict[str, Any]
    placement: dict[str, Any]


_CONFIG = TypeAdapter(_Config)


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """`fingerprint` is that of its data; `curve` has one entry an epoch."""

    folder: Path
    result: Result | LabelResult
    answers: ClassAnswers | LabelAnswers = field(repr=False)
    recipe: Mapping[str, Any]
    data: str
    fingerprint: str
    environment: Mapping[str, Any]
    curve: tuple[Mapping[str, Any], ...] = field(repr=False)


def read_run(folder: Path) -> FinishedRun:
    """RefusedError where it is no run, not a finished one, or damaged."""
    if not (folder / CONFIG).is_file():
        raise RefusedError("run", folder, "it holds no run", "Name a folder that topfive train wrote")
    if not (folder / RESULT).is_file():
        todo = f"Finish it with: topfive train --resume {folder}"
        raise RefusedError("run", folder, f"it is not finished: it has no {RESULT}", todo)
    try:
        config = _CONFIG.validate_python(yaml.safe_load(_text(folder / CONFIG)))
    except yaml.YAMLError:
        raise _damaged(folder / CONFIG, "not YAML") from None
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise _damaged(folder / CONFIG, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    try:
        result = from_json(_text(folder / RESULT).encode())
    except ValueError as error:
        raise _damaged(folder / RESULT, str(error)) from None
    return FinishedRun(
        folder=folder,
        result=result,
        answers=_answers(folder / PREDICTIONS, result),
        recipe=config.recipe,
        data=config.data.source or "",
        fingerprint=config.data.fingerprint,
        environment={**config.environment, **config.placement},
        curve=_curve(folder / METRICS),
    )


def _answers(path: Path, result: Result | LabelResult) -> ClassAnswers | LabelAnswers:
    read = read_labels if isinstance(result, LabelResult) else read_predictions
    try:
        answers = read(_text(path))
    except ValueError as error:
        raise _damaged(path, str(error)) from None
    if len(answers.images) != result.n or abs(answers.figure - result.figure) > ROUNDING:
        why = f"its {len(answers.images):,} answers have {answers.figure:.6f}"
        raise _damaged(path, f"{why}, where {RESULT} says {result.figure:.6f} of {result.n:,}")
    return answers


def _curve(path: Path) -> tuple[Mapping[str, Any], ...]:
    """The epochs; a log may be torn or gone, and nothing but a drawing is lost."""
    if not path.is_file():
        return ()
    entries = []
    for line in _text(path).splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return tuple(entries)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from None


def _damaged(path: Path, why: str) -> RefusedError:
    return RefusedError("run", path, why, "It is damaged: train it again")
