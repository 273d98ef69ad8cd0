"""Where images have several labels: the figures that are looked for first, and every class by itself."""

from __future__ import annotations

from dataclasses import dataclass

from topfive.evaluate import LabelEvaluation
from topfive.report.contents import Contents
from topfive.report.headline import Figure, where
from topfive.report.section import Section
from topfive.report.wording import count, percent

OPEN = 30  # rows that are seen at once
_NONE = "\N{EN DASH}"


@dataclass(frozen=True)
class Row:
    """A figure that is a fraction of nothing is a dash; `bar` is the average precision in percent, for the drawing."""

    name: str
    support: int
    average_precision: str
    threshold: str
    precision: str
    recall: str
    f1: str
    bar: float


def section(contents: Contents) -> Section | None:
    result = contents.evaluation
    if not isinstance(result, LabelEvaluation):
        return None
    shown = [score.support for score in result.per_class if score.support]
    figures = [
        Figure("mAP", percent(result.mean_average_precision), "mean of the classes' average precision"),
        Figure("Micro-F1", percent(result.micro_f1), "all labels of all images together"),
        Figure("Macro-F1", percent(result.macro_f1), "mean F1 of the classes, each counting alike"),
        Figure("Labels an image", f"{result.labels.sum() / result.n:.2f}", f"of {count(len(result.classes))} classes"),
    ]
    chance = percent(sum(shown) / (len(shown) * result.n))
    return Section(
        "result",
        "Result",
        "headline.html",
        {
            "figures": figures,
            "measured": f"{count(result.n)} {contents.split} images",
            "where": where(contents),
            "baseline": f"Guessing would have an mAP near {chance}.",
            "notes": contents.notes,
        },
    )


def classes(contents: Contents) -> Section | None:
    result = contents.evaluation
    if not isinstance(result, LabelEvaluation):
        return None
    rows = worst_first(result)
    absent = sum(row.support == 0 for row in rows)
    return Section("classes", "Classes", "several.html", {"open": rows[:OPEN], "folded": rows[OPEN:], "absent": absent})


def worst_first(result: LabelEvaluation) -> list[Row]:
    """By average precision; classes that no image shows come last, for nothing is known of them."""
    claimed = (result.probabilities >= [score.threshold for score in result.per_class]).sum(axis=0).tolist()
    pairs = sorted(
        zip(result.per_class, claimed, strict=True),
        key=lambda pair: (pair[0].support == 0, pair[0].average_precision if pair[0].support else 0.0),
    )
    return [
        Row(
            score.name,
            score.support,
            percent(score.average_precision) if score.support else _NONE,
            f"{score.threshold:.2f}",
            percent(score.precision) if claims else _NONE,
            percent(score.recall) if score.support else _NONE,
            percent(score.f1) if score.support else _NONE,
            round(100 * score.average_precision, 1) if score.support else 0.0,
        )
        for score, claims in pairs
    ]
