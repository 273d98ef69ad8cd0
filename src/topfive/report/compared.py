"""The page of a comparison: the sections of `Comparison`, drawn as those of a run are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from topfive import artifact
from topfive.evaluate.redrawn import DRAWS
from topfive.report.answers import LabelAnswers
from topfive.report.chart import Series, draw
from topfive.report.comparison import Comparison
from topfive.report.curves import points
from topfive.report.page import document
from topfive.report.section import Section
from topfive.report.wording import amount, duration, percent, size

CURVES = (
    ("Training loss", "train_loss"),
    ("Validation loss", "val_nll"),
    ("Accuracy", "val_top1"),
    ("Mean average precision", "val_map"),
)
FRACTIONS = ("val_top1", "val_map")
STYLES = 8  # lines that the style tells apart; more begin again


@dataclass(frozen=True)
class Scored:
    """A run's row; `low`, `at` and `high` are its first figure and the interval in percent of the drawing's width."""

    name: str
    style: str
    metrics: tuple[str, ...]
    interval: str
    low: float
    at: float
    high: float


def write_comparison(path: str | os.PathLike[str], comparison: Comparison) -> None:
    """Write the page to `path`, whole or not at all; ResourceError if it cannot be."""
    artifact.write(path, render_comparison(comparison).encode("utf-8"))


def render_comparison(comparison: Comparison) -> str:
    sections = [section for build in SECTIONS if (section := build(comparison)) is not None]
    title = f"{len(comparison.runs)} runs compared"
    return document(title, sections, "compared.html", {"runs": list(_styled(comparison))})


def printed(metric: str, value: float) -> str:
    return f"{value:.4f}" if metric == "nll" else percent(value)


def _styled(comparison: Comparison) -> Iterator[tuple[str, str]]:
    return ((name, f"run-{index % STYLES + 1}") for index, name in enumerate(comparison.runs))


def scores(comparison: Comparison) -> Section:
    results = {name: run.result for name, run in comparison.runs.items()}
    intervals = comparison.intervals
    least, most = min(i.low for i in intervals.values()), max(i.high for i in intervals.values())

    def across(value: float) -> float:
        return round(100 * (value - least) / (most - least), 2) if most > least else 50.0

    rows = [
        Scored(
            name=name,
            style=style,
            metrics=tuple(printed(metric, getattr(results[name], metric)) for metric in comparison.metrics),
            interval=f"{percent(intervals[name].low)} to {percent(intervals[name].high)}",
            low=across(intervals[name].low),
            at=across(results[name].figure),
            high=across(intervals[name].high),
        )
        for name, style in _styled(comparison)
    ]
    measured = sorted({f"{result.n:,} {result.split} images" for result in results.values()})
    view = {"rows": rows, "headings": list(comparison.metrics.values()), "on": measured}
    return Section("result", "Result", "compared_scores.html", view)


def seeds(comparison: Comparison) -> Section | None:
    if not comparison.seeds:
        return None
    rows = [
        (group.runs, [(printed(m, group.mean[m]), printed(m, group.spread[m])) for m in comparison.metrics])
        for group in comparison.seeds
    ]
    view = {"rows": rows, "headings": list(comparison.metrics.values())}
    return Section("seeds", "Seeds together", "compared_seeds.html", view)


def significance(comparison: Comparison) -> Section:
    several = any(isinstance(run.answers, LabelAnswers) for run in comparison.runs.values())
    view = {"pairs": comparison.pairs, "several": several, "draws": DRAWS}
    return Section("significance", "More than chance?", "compared_pairs.html", view)


def curves(comparison: Comparison) -> Section | None:
    charts = []
    for title, key in CURVES:
        series = [Series(name, style, points(comparison.runs[name].curve, key)) for name, style in _styled(comparison)]
        charts.append(draw(title, series, fractions=key in FRACTIONS))
    drawn = [chart for chart in charts if chart]
    return Section("learning", "Learning", "compared_curves.html", {"charts": drawn}) if drawn else None


def settings(comparison: Comparison) -> Section:
    view = {"runs": list(comparison.runs), "rows": list(comparison.differences.items())}
    return Section("recipe", "What differs in the recipes", "compared_settings.html", view)


def costs(comparison: Comparison) -> Section:
    rows = []
    for name, run in comparison.runs.items():
        result = run.result
        counts = amount(result.params), amount(result.macs), size(result.file_bytes)
        speed = duration(result.speed.latency_p50), f"{result.speed.throughput:,.0f}", str(result.speed.threads)
        rows.append((name, result.model, (*counts, *speed, duration(result.seconds))))
    machines = {str(run.environment.get("processor", "")) for run in comparison.runs.values()}
    return Section("costs", "Size and speed", "compared_costs.html", {"rows": rows, "machines": sorted(machines)})


SECTIONS: tuple[Callable[[Comparison], Section | None], ...] = (scores, significance, seeds, curves, settings, costs)
