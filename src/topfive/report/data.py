"""What it learnt from and was measured on: images of each part and class, and the files left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topfive.report.chart import Chart, Series, draw
from topfive.report.contents import Contents
from topfive.report.section import Section

MAXIMUM_LISTED = 20  # classes up to which every one is listed; of more, only the rarest
RAREST = 8
MAXIMUM_SKIPPED = 200  # rows; the reasons of all are counted


@dataclass(frozen=True)
class Part:
    """One part of the data; the last three are images a class, of all classes."""

    name: str
    images: int
    classes: int
    fewest: int
    median: float
    most: int


@dataclass(frozen=True)
class Row:
    """A class's images in each part; `bar` is the first of these in percent of the largest class."""

    name: str
    counts: tuple[int, ...]
    bar: float


def section(contents: Contents) -> Section | None:
    files = list(dict.fromkeys((*contents.skipped, *contents.evaluation.skipped)))  # may be met again when measuring
    balance = {name: counts for name, counts in contents.balance.items() if counts.sum()}
    view: dict[str, Any] = {
        "parts": [part(name, counts, contents.counts.get(name)) for name, counts in balance.items()],
        "rows": rows(contents.evaluation.classes, balance) if balance else [],
        "total": len(contents.evaluation.classes),
        "chart": None,
        "files": files[:MAXIMUM_SKIPPED],
        "skipped": len(files),
        "reasons": Counter(file.reason for file in files).most_common(10),
    }
    if balance and len(contents.evaluation.classes) > MAXIMUM_LISTED:
        view["chart"] = sizes(balance)
    return Section("data", "Data", "data.html", view)


def part(name: str, counts: NDArray[np.int64], images: int | None = None) -> Part:
    """From the images of each class; where one has several or none, not the sum of these, but `images`."""
    fewest, most = int(counts.min()), int(counts.max())
    images = int(counts.sum()) if images is None else images
    return Part(name, images, int(np.count_nonzero(counts)), fewest, float(np.median(counts)), most)


def rows(classes: tuple[str, ...], balance: dict[str, NDArray[np.int64]]) -> list[Row]:
    """All classes in their order, or of many the rarest in the first part, the rarest first."""
    first = next(iter(balance.values()))
    order = range(len(classes)) if len(classes) <= MAXIMUM_LISTED else np.argsort(first, kind="stable")[:RAREST]
    largest = max(int(first.max()), 1)
    return [
        Row(
            classes[index],
            tuple(int(counts[index]) for counts in balance.values()),
            round(100 * int(first[index]) / largest, 1),
        )
        for index in order
    ]


def sizes(balance: dict[str, NDArray[np.int64]]) -> Chart | None:
    """Images of each class of the first part, the largest class first."""
    name, counts = next(iter(balance.items()))
    ordered = np.sort(counts)[::-1].tolist()
    points = [(float(rank), float(count)) for rank, count in enumerate(ordered, start=1)]
    return draw("Images a class", [Series(name, "val", points)], x_label="classes, the largest first")
