"""Which layout the names of a state dict are of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from topfive.weights.families import LAYOUTS

OWN = "topfive"
_OWN_MARKS = ("stem.conv.weight", "stages.0.0.conv.weight", "trunk.conv1.weight", "trunk.c1.weight")


@dataclass(frozen=True)
class Match:
    """The layout that agrees best: its library, its name for each of our tensors, and how well it agrees.

    `share` is that of the common names in the smaller of both state dicts, from 0 to 1.
    """

    library: str
    names: Mapping[str, str]
    share: float


def recognise(ours: Collection[str], given: Mapping[Any, Any]) -> Match:
    """Compare the names that are `given`, at least one, with those that each layout has for `ours`."""
    candidates = [(OWN, {name: name for name in ours})]
    candidates += [(layout.library, names) for layout in LAYOUTS if (names := layout.names(ours)) is not None]
    library, names = max(candidates, key=lambda candidate: _agreement(set(candidate[1].values()), set(given)))
    common = set(names.values()) & set(given)
    return Match(library, names, len(common) / min(len(ours), len(given)))


def whose(given: Mapping[Any, Any]) -> str:
    """What the names look like, in words."""
    for layout in LAYOUTS:
        if all(mark in given for mark in layout.marks):
            return f"the names are those of {layout}"
    if any(mark in given for mark in _OWN_MARKS):
        return "the names are topfive's own, for another network"
    return "the names are of no layout that topfive knows"


def _agreement(expected: set[str], given: set[Any]) -> float:
    return len(expected & given) / len(expected | given)
