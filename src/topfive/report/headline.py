"""The figures that a reader looks for first, each with what it means."""

from __future__ import annotations

from dataclasses import dataclass

from topfive.evaluate import Evaluation
from topfive.report.contents import Contents
from topfive.report.section import Section
from topfive.report.wording import count, percent

_WHERE = {
    "test": "images that played no part in training",
    "val": "images that also chose the best epoch, so expect a little less on new ones",
    "train": "the very images it learnt from, so expect much less on new ones",
}


@dataclass(frozen=True)
class Figure:
    label: str
    value: str
    note: str


def section(contents: Contents) -> Section | None:
    result = contents.evaluation
    if not isinstance(result, Evaluation):
        return None
    low, high = result.top1_interval.low, result.top1_interval.high
    measured = [score for score in result.per_class if score.support]
    figures = [Figure("Top-1 accuracy", percent(result.top1), f"95% interval {percent(low)} to {percent(high)}")]
    if len(result.classes) > 5:
        low, high = result.top5_interval.low, result.top5_interval.high
        figures.append(
            Figure("Top-5 accuracy", percent(result.top5), f"95% interval {percent(low)} to {percent(high)}")
        )
    commonest = max(score.support for score in measured) / result.n
    balanced = sum(score.recall for score in measured) / len(measured)
    figures += [
        Figure("Macro-F1", percent(result.macro_f1), "mean F1 of the classes, each counting alike"),
        Figure("Balanced accuracy", percent(balanced), "mean recall of the classes"),
        Figure(
            "Log-likelihood loss", f"{result.nll:z.4f}", "mean of \N{MINUS SIGN}log p(truth), in nats; 0 is perfect"
        ),
        Figure("Calibration error", percent(result.ece), "how far its confidence is from its accuracy, on average"),
    ]
    return Section(
        "result",
        "Result",
        "headline.html",
        {
            "figures": figures,
            "measured": f"{count(result.n)} {contents.split} images",
            "where": where(contents),
            "baseline": f"Always answering with the commonest class would score {percent(commonest)}.",
            "notes": contents.notes,
        },
    )


def where(contents: Contents) -> str:
    """What the images that were measured on are to the network."""
    return _WHERE.get(contents.split, "the images of this part")
