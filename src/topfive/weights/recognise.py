"""Which layout the names of a state dict are of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from topfive.weights.cadene import CADENE
from topfive.weights.families import LAYOUTS
from topfive.weights.keras_layouts import KERAS
from topfive.weights.layout import Layout

OWN = "topfive"
KNOWN = (*LAYOUTS, *CADENE, *KERAS)
_OWN_MARKS = ("stem.conv.weight", "stages.0.0.conv.weight", "trunk.conv1.weight", "trunk.c1.weight")


@dataclass(frozen=True)
class Match:
    """The layout that agrees best, None for our own, its name for each of our tensors, and how well it agrees.

    `share` is that of the common names in the smaller of both state dicts, from 0 to 1.
    """

    layout: Layout | None
    names: Mapping[str, str]
    share: float

    @property
    def library(self) -> str:
        return OWN if self.layout is None else self.layout.library


def recognise(ours: Collection[str], given: Mapping[Any, Any]) -> Match:
    """Compare the names that are `given`, at least one, with those that each layout has for `ours`."""
    candidates: list[tuple[Layout | None, Mapping[str, str]]] = [(None, {name: name for name in ours})]
    candidates += [(layout, names) for layout in KNOWN if (names := layout.names(ours)) is not None]
    best, theirs = max(candidates, key=lambda candidate: _agreement(set(candidate[1].values()), set(given)))
    common = set(theirs.values()) & set(given)
    return Match(best, theirs, len(common) / min(len(ours), len(given)))


def whose(given: Mapping[Any, Any]) -> str:
    """What the names look like, in words."""
    for layout in KNOWN:
        if all(mark in given for mark in layout.marks):
            return f"the names are those of {layout}"
    if any(mark in given for mark in _OWN_MARKS):
        return "the names are topfive's own, for another network"
    return "the names are of no layout that topfive knows"


def _agreement(expected: set[str], given: set[Any]) -> float:
    return len(expected & given) / len(expected | given)
