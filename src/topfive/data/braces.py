"""Brace patterns, many files in one word as shells and WebDataset write them: train-{000000..000146}.tar, {a,b}.tar."""

from __future__ import annotations

import itertools
import re

from topfive.errors import UsageError

MAXIMUM_NAMES = 100_000
MAXIMUM_BRACES = 50  # in one pattern; a person writes two or three
_RANGE = re.compile(r"([0-9]{1,18})\.\.([0-9]{1,18})")


def expand(pattern: str) -> list[str]:
    """What the pattern stands for, in its order; braces that hold neither a range nor a comma stand for themselves.

    A range counts up or down, to the width of its ends where one of them begins with 0.  UsageError past
    MAXIMUM_NAMES names.
    """
    if pattern.count("{") > MAXIMUM_BRACES:
        raise UsageError("pattern", pattern, f"more than {MAXIMUM_BRACES} braces", "Name a folder instead")
    return _expand(pattern, pattern)


def _expand(part: str, pattern: str) -> list[str]:
    opening = part.find("{")
    while opening >= 0:
        closing, commas = _matching(part, opening)
        options = _options(part, opening, closing, commas, pattern) if closing > 0 else []
        if options:
            rest = _expand(part[closing + 1 :], pattern)
            _judge_count(len(options) * len(rest), pattern)
            return [part[:opening] + option + end for option in options for end in rest]
        opening = part.find("{", opening + 1)
    return [part]


def _options(part: str, opening: int, closing: int, commas: list[int], pattern: str) -> list[str]:
    """What the braces may be replaced by; none where they stand for themselves."""
    if commas:
        borders = [opening, *commas, closing]
        pieces = [part[start + 1 : end] for start, end in itertools.pairwise(borders)]
        return [option for piece in pieces for option in _expand(piece, pattern)]
    found = _RANGE.fullmatch(part[opening + 1 : closing])
    if found is None:
        return []
    first, last = int(found[1]), int(found[2])
    _judge_count(abs(last - first) + 1, pattern)
    padded = any(len(end) > 1 and end[0] == "0" for end in found.groups())
    width = max(len(found[1]), len(found[2])) if padded else 0
    step = 1 if last >= first else -1
    return [f"{number:0{width}}" for number in range(first, last + step, step)]


def _matching(part: str, opening: int) -> tuple[int, list[int]]:
    """Where the brace is closed (-1: nowhere), and where the commas between, but within no other brace, are."""
    depth, commas = 0, list[int]()
    for place in range(opening, len(part)):
        depth += {"{": 1, "}": -1}.get(part[place], 0)
        if depth == 0:
            return place, commas
        if part[place] == "," and depth == 1:
            commas.append(place)
    return -1, []


def _judge_count(count: int, pattern: str) -> None:
    if count > MAXIMUM_NAMES:
        raise UsageError(
            "pattern", pattern, f"it stands for more than {MAXIMUM_NAMES:,} names", "Name a folder instead"
        )
