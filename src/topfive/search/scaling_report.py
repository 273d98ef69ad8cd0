"""What came of scaling a network: its rows, their chart, and the page."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from topfive import artifact
from topfive.report.chart import Chart, Series, draw
from topfive.report.page import document
from topfive.report.section import Section
from topfive.report.wording import amount, duration, percent
from topfive.search.scale import DIMENSIONS, CompoundScaling, Factors, Member
from topfive.search.trial import Measurement, Trial

METHODS = ("compound", *DIMENSIONS)
TIMES = "\N{MULTIPLICATION SIGN}"
HEADINGS = (
    "Network", "Doublings", "Depth", "Width", "Side", "Parameters", "MACs", "of the base's", "Accuracy", "Trained in"
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One network: what was asked of it, its factors after rounding, its measurement or why there is none."""

    member: Member
    factors: Factors
    side: int
    model: str
    macs: int
    measured: Measurement | None
    reason: str

    def as_json(self) -> dict[str, Any]:
        found = None if self.measured is None else self.measured
        return {
            "method": self.member.method,
            "phi": self.member.phi,
            "depth": self.factors.depth,
            "width": self.factors.width,
            "side": self.side,
            "model": self.model,
            "macs": self.macs,
            "params": found and found.params,
            "accuracy": found and found.accuracy,
            "seconds": found and round(found.seconds, 2),
            **({"failed": self.reason} if self.reason else {}),
        }


@dataclass(frozen=True)
class Outcome:
    """All rows; `best` are alpha, beta and gamma, None where no network of the grid could be trained."""

    base: str
    rows: tuple[Row, ...]
    best: Factors | None

    @property
    def seconds(self) -> float:
        """Processor time of all trainings."""
        return sum({row.model: row.measured.seconds for row in self.rows if row.measured}.values())

    def of(self, method: str) -> list[Row]:
        """The rows of a method, by phi; the base is every method's first."""
        return [row for row in self.rows if row.member.method in ("base", method)]

    def as_json(self) -> dict[str, Any]:
        return {
            "base": self.base,
            **(dict.fromkeys(("alpha", "beta", "gamma")) if self.best is None else _greek(self.best)),
            "processor_seconds": round(self.seconds, 1),
            "rows": [row.as_json() for row in self.rows],
        }


def outcome(strategy: CompoundScaling, history: Sequence[Trial]) -> Outcome:
    """What `strategy` has come to; trial i is its member i."""
    rows = []
    for member, trial in zip(strategy.members(history), history, strict=False):
        rounded = strategy.scaled.rounded(member.factors)
        measured = trial.outcome if isinstance(trial.outcome, Measurement) else None
        rows.append(
            Row(
                member=member,
                factors=rounded,
                side=round(rounded.resolution * strategy.scaled.side),
                model=trial.model,
                macs=strategy.scaled.macs(member.factors),
                measured=measured,
                reason="" if isinstance(trial.outcome, Measurement) else trial.outcome.reason,
            )
        )
    return Outcome(strategy.scaled.base, tuple(rows), strategy.best(history))


def chart(found: Outcome) -> Chart | None:
    """Accuracy by doublings of the base's multiply-accumulates, a line a method; None where nothing was measured."""
    base = found.rows[0].macs
    series = [
        Series(
            method,
            f"run-{place}",
            [(math.log2(row.macs / base), row.measured.accuracy) for row in found.of(method) if row.measured],
        )
        for place, method in enumerate(METHODS, 1)
    ]
    return draw("Accuracy", series, fractions=True, x_label="doublings of the multiply-accumulates", whole=False)


def cells(row: Row, base: Row) -> list[str]:
    """A row as a person reads it, in the order of HEADINGS."""
    found = row.measured
    return [
        row.member.method,
        str(row.member.phi),
        f"{row.factors.depth:g}",
        f"{row.factors.width:g}",
        str(row.side),
        amount(found.params) if found else "",
        amount(row.macs),
        f"{row.macs / base.macs:.2f}",
        percent(found.accuracy) if found else row.reason,
        duration(found.seconds) if found else "",
    ]


def write_page(path: str | os.PathLike[str], found: Outcome, told: Sequence[str]) -> None:
    """Write the page to `path`, whole or not at all; `told` are sentences about data and training."""
    family = [row for row in found.rows if row.member.method != "grid"]
    tried = sorted(
        (row for row in found.rows if row.member.method == "grid"),
        key=lambda row: -row.measured.accuracy if row.measured else 1.0,
    )
    sections = [
        _section("family", "Compound against one dimension alone", found, family, chart(found)),
        _section("grid", "The grid at one doubling", found, tried, None),
    ]
    page = document(f"{found.base}, scaled", sections, "scaling_about.html", {"told": [*told, told_best(found)]})
    artifact.write(path, page.encode("utf-8"))


def told_best(found: Outcome) -> str:
    """The factors of one doubling in a sentence."""
    if found.best is None:
        return "No network of the grid could be trained."
    best = found.best
    return (
        f"Best for one doubling: depth {best.depth:g}, width {best.width:g}, resolution {best.resolution:g}; "
        f"depth {TIMES} width\N{SUPERSCRIPT TWO} {TIMES} resolution\N{SUPERSCRIPT TWO} = {best.cost:.2f}."
    )


def _section(key: str, title: str, found: Outcome, rows: Sequence[Row], drawn: Chart | None) -> Section:
    view = {
        "headings": HEADINGS,
        "rows": [cells(row, found.rows[0]) for row in rows],
        "charts": [drawn] if drawn else [],
    }
    return Section(key, title, "scaling.html", view)


def _greek(factors: Factors) -> dict[str, float]:
    return dict(zip(("alpha", "beta", "gamma"), asdict(factors).values(), strict=True))
