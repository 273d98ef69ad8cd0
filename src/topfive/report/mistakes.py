"""The pictures it was wrong about, the surest first, each beside where the network looked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from topfive.evaluate import Evaluation, LabelEvaluation
from topfive.report.contents import Contents, Mistake, Pixels, WrongLabel
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

    mistake: Mistake | WrongLabel
    alt: str
    picture: Embedded
    heat: Embedded | None


def section(contents: Contents) -> Section | None:
    result = contents.evaluation
    if not isinstance(result, Evaluation):
        return None
    mistakes = [one for one in contents.mistakes if isinstance(one, Mistake)]
    ordered = sorted(mistakes, key=lambda mistake: -mistake.probability)[:MAXIMUM]
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


def wrong_labels(contents: Contents) -> Section | None:
    """Where images have several labels: the classes claimed wrongly, the surest first, and those missed."""
    result = contents.evaluation
    if not isinstance(result, LabelEvaluation):
        return None
    found = [one for one in contents.mistakes if isinstance(one, WrongLabel)]
    claimed = result.probabilities >= [score.threshold for score in result.per_class]
    kinds = []
    for claim in (True, False):
        these = sorted((one for one in found if one.claimed == claim), key=lambda one: one.probability, reverse=claim)
        count = int(((claimed == claim) & (result.labels != claim)).sum())
        kinds.append((claim, count, [shown(one) for one in these[: MAXIMUM // 2]]))
    heated = any(one.heat for _, _, examples in kinds for one in examples)
    return Section("mistakes", "Mistakes", "wrong_labels.html", {"kinds": kinds, "heated": heated, "n": result.n})


def shown(mistake: Mistake | WrongLabel) -> Shown:
    if isinstance(mistake, Mistake):
        alt = f"{mistake.truth}, taken for {mistake.guess}"
    else:
        alt = f"said to show {mistake.label}" if mistake.claimed else f"{mistake.label} was not seen"
    heat = None if mistake.heat is None else _embedded(mistake.heat)
    return Shown(mistake, alt, _embedded(mistake.pixels), heat)


def _embedded(pixels: Pixels | None) -> Embedded:
    if pixels is None:
        return Embedded("", False)
    picture = np.ascontiguousarray(pixels.transpose(1, 2, 0))
    return Embedded(data_uri(picture), is_small(picture))
