"""The pictures it was wrong about, the surest first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from topfive.report.contents import Contents, Mistake
from topfive.report.picture import data_uri, is_small
from topfive.report.section import Section

MAXIMUM = 60  # pictures; more make a page that nobody scrolls through


@dataclass(frozen=True)
class Shown:
    """`uri` is "" where there is no picture; `crisp` ones are scaled up without blurring."""

    mistake: Mistake
    uri: str
    crisp: bool


def section(contents: Contents) -> Section:
    result = contents.evaluation
    ordered = sorted(contents.mistakes, key=lambda mistake: -mistake.probability)[:MAXIMUM]
    return Section(
        "mistakes",
        "Mistakes",
        "mistakes.html",
        {
            "shown": [_shown(mistake) for mistake in ordered],
            "wrong": int(result.confusion.sum() - np.trace(result.confusion)),
            "n": result.n,
        },
    )


def _shown(mistake: Mistake) -> Shown:
    if mistake.pixels is None:
        return Shown(mistake, "", False)
    pixels = np.ascontiguousarray(mistake.pixels.transpose(1, 2, 0))
    return Shown(mistake, data_uri(pixels), is_small(pixels))
