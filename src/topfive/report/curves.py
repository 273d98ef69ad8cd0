"""How the run learnt: loss and accuracy by epoch, as drawings and as numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from topfive.report.chart import Point, Series, draw
from topfive.report.contents import Contents
from topfive.report.section import Section

MAXIMUM_ROWS = 100
_COLUMNS = (  # key, heading, how it is printed
    ("epoch", "Epoch", ",.0f"),
    ("lr", "Learning rate", ".4g"),
    ("train_loss", "Training loss", ".4f"),
    ("val_nll", "Validation loss", ".4f"),
    ("val_top1", "Validation accuracy", ".2%"),
    ("val_map", "Validation mAP", ".2%"),
    ("seconds", "Seconds", ",.1f"),
)


def section(contents: Contents) -> Section | None:
    epochs = [entry for entry in contents.curve if _number(entry, "epoch") is not None]
    train = Series("training", "train", points(epochs, "train_loss"))
    validation = Series("validation", "val", points(epochs, "val_nll"))
    accuracy = Series("validation", "val", points(epochs, "val_top1"))
    best = contents.best_epoch
    precision = Series("validation", "val", points(epochs, "val_map"))
    charts = [
        draw("Loss", [train, validation], mark=best),
        draw("Accuracy", [accuracy], mark=best, fractions=True),
        draw("Mean average precision", [precision], mark=best, fractions=True),
    ]
    if not any(charts):
        return None
    columns = [column for column in _COLUMNS if any(_number(entry, column[0]) is not None for entry in epochs)]
    kept = _kept(epochs, best)
    return Section(
        "learning",
        "Learning",
        "curves.html",
        {
            "charts": [chart for chart in charts if chart],
            "headings": [heading for _, heading, _ in columns],
            "rows": [(entry["epoch"] == best, [_cell(entry, key, form) for key, _, form in columns]) for entry in kept],
            "all": len(kept) == len(epochs),
            "total": len(epochs),
            "marked": best if any(chart and chart.mark is not None for chart in charts) else None,
            "validated": bool(validation.points),
        },
    )


def _kept(epochs: list[Mapping[str, Any]], best: int | None) -> list[Mapping[str, Any]]:
    """All, or where these are many: evenly some, the last, and the best."""
    stride = -(-len(epochs) // MAXIMUM_ROWS)
    last = len(epochs) - 1
    return [
        entry
        for index, entry in enumerate(epochs)
        if index % stride == 0 or index == last or (best is not None and entry["epoch"] == best)
    ]


def points(epochs: Sequence[Mapping[str, Any]], key: str) -> list[Point]:
    """Of each epoch that has a number under `key`, both."""
    pairs = ((_number(entry, "epoch"), _number(entry, key)) for entry in epochs)
    return [(x, y) for x, y in pairs if x is not None and y is not None]


def _number(entry: Mapping[str, Any], key: str) -> float | None:
    value = entry.get(key)
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _cell(entry: Mapping[str, Any], key: str, form: str) -> str:
    number = _number(entry, key)
    return "\N{EN DASH}" if number is None else format(number, form)
