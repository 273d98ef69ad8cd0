"""Every class by itself, the worst first."""

from __future__ import annotations

from dataclasses import dataclass

from topfive.evaluate import Evaluation
from topfive.report.contents import Contents
from topfive.report.section import Section
from topfive.report.wording import percent

OPEN = 30  # rows that are seen at once
_NONE = "\N{EN DASH}"


@dataclass(frozen=True)
class Row:
    """A figure that is a fraction of nothing is a dash; `bar` is F1 in percent, for the drawing."""

    name: str
    support: int
    precision: str
    recall: str
    f1: str
    bar: float


def section(contents: Contents) -> Section | None:
    result = contents.evaluation
    if not isinstance(result, Evaluation):
        return None
    rows = worst_first(result)
    return Section(
        "classes",
        "Classes",
        "per_class.html",
        {"open": rows[:OPEN], "folded": rows[OPEN:], "absent": sum(row.support == 0 for row in rows)},
    )


def worst_first(result: Evaluation) -> list[Row]:
    """By F1; classes without an image come last, for nothing is known of them."""
    claimed = result.confusion.sum(axis=0).tolist()
    pairs = sorted(
        zip(result.per_class, claimed, strict=True), key=lambda pair: (pair[0].support == 0, pair[0].f1, pair[0].recall)
    )
    return [
        Row(
            score.name,
            score.support,
            percent(score.precision) if claims else _NONE,
            percent(score.recall) if score.support else _NONE,
            percent(score.f1) if score.support else _NONE,
            round(100 * score.f1, 1) if score.support else 0.0,
        )
        for score, claims in pairs
    ]
