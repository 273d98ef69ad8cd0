"""The first line of a journal: what is searched and how, as the search was begun."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from topfive.errors import RefusedError, UsageError, shown

FORMAT = 1
JOURNAL = "journal.jsonl"
MAXIMUM_BYTES = 1 << 20
MAXIMUM_DIFFERENCES = 5  # that the one line of an error lists


def read_head(folder: Path) -> dict[str, Any]:
    """What the search in `folder` was begun with."""
    path = folder / JOURNAL
    try:
        with open(path, "rb") as file:
            line = file.readline(MAXIMUM_BYTES)
    except OSError as error:
        why = "there is no search" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
        raise UsageError("search", folder, why, "Name the folder of a search that was begun") from None
    return parse(line, path)


def check(found: Mapping[str, Any], wanted: Mapping[str, Any], path: Path) -> None:
    """UsageError, with the differences, where a search was not begun as it is wanted now."""
    unlike = list(differences(found, json.loads(json.dumps(wanted))))
    if unlike:
        more = f" and {len(unlike) - MAXIMUM_DIFFERENCES} more" if len(unlike) > MAXIMUM_DIFFERENCES else ""
        raise UsageError(
            "search", path, f"it was begun otherwise: {'; '.join(unlike[:MAXIMUM_DIFFERENCES])}{more}",
            "Resume it with what it was begun with, or start anew with another --out",
        )  # fmt: skip


def differences(found: Any, wanted: Any, place: str = "") -> Iterator[str]:
    """Where two heads differ, each place in a few words."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for name in {**found, **wanted}:
            yield from differences(found.get(name), wanted.get(name), f"{place}.{name}" if place else name)
    elif found != wanted:
        yield f"{place} {shown(json.dumps(found))} then, {shown(json.dumps(wanted))} now"


def parse(line: bytes, path: Path) -> dict[str, Any]:
    """RefusedError where `line` is no head, or a newer version's."""
    try:
        head = json.loads(line)
    except (ValueError, RecursionError):
        head = None
    if not isinstance(head, dict) or not isinstance(head.get("format"), int):
        raise RefusedError("journal", path, "its first line is not the head of a search", "Use another --out")
    if head["format"] > FORMAT:
        why = f"format {head['format']}, and this version reads up to {FORMAT}"
        raise RefusedError("journal", path, why, "Use the version of topfive that wrote it, or a newer one")
    found: dict[str, Any] = head
    return found
