"""The pictures it was wrong about, the surest first, each beside where the network looked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from topfive.evaluate import Evaluation
from topfive.report.contents import Contents, Mistake, Pixels
from topfive.report.picture import data_uri, is_small
from topfive.report.section import Section

MAXIMUM = 60  # pictures; more make a page that nobody scrolls through


@dataclass(frozen=True)
class Embedded:
    """`uri` is "" where there is no picture; `crisp` ones are scaled up without blurring."""

    uri: str
    crisp: bool


@dataclass(frozen=True)
class Shown:
    """`heat` is None where the network has no map."""

    mistake: Mistake
    alt: str
    picture: Embedded
    heat: Embedded | None


def section(contents: Contents) -> Section | None:
    result = contents.evaluation
    if not isinstance(result, Evaluation):
        return None
    ordered = sorted(contents.mistakes, key=lambda mistake: -mistake.probability)[:MAXIMUM]
    examples = [shown(mistake) for mistake in ordered]
    return Section(
        "mistakes",
        "Mistakes",
        "mistakes.html",
        {
            "shown": examples,
            "heated": any(one.heat for one in examples),
            "wrong": int(result.confusion.sum() - np.trace(result.confusion)),
            "n": result.n,
        },
    )


def shown(mistake: Mistake) -> Shown:
    alt = f"{mistake.truth}, taken for {mistake.guess}"
    heat = None if mistake.heat is None else _embedded(mistake.heat)
    return Shown(mistake, alt, _embedded(mistake.pixels), heat)


def _embedded(pixels: Pixels | None) -> Embedded:
    if pixels is None:
        return Embedded("", False)
    picture = np.ascontiguousarray(pixels.transpose(1, 2, 0))
    return Embedded(data_uri(picture), is_small(picture))
