"""The page of a search: what it found, whether that is better than a hand-made network, and how it was found."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from topfive import artifact
from topfive.report import compared
from topfive.report.chart import Chart
from topfive.report.comparison import Comparison
from topfive.report.headline import Figure
from topfive.report.page import document
from topfive.report.section import Section
from topfive.report.wording import amount, chance, duration, percent, points
from topfive.search.search import reasons
from topfive.search.trial import Measurement, Trial

OPEN = 20  # rows that are seen at once
MOST = 500


@dataclass(frozen=True, eq=False)
class Contents:
    """A search as its page tells it.

    `again` are its best trials as the second look measured them, if there was one; `drawings` are SVG files by what
    they show; `comparison` is None where nothing was trained after it, else of the winner and its rival, in this order.
    """

    title: str
    data: str
    space: str
    strategy: str
    winner: Trial
    trials: Sequence[Trial]
    again: Sequence[Trial]
    drawings: Mapping[str, str] = field(repr=False)
    charts: Sequence[Chart]
    comparison: Comparison | None
    genotype: str
    settings: Mapping[str, object]
    environment: Mapping[str, object]

    @property
    def model(self) -> str:
        return self.winner.model


@dataclass(frozen=True)
class Drawing:
    title: str
    uri: str


def write_page(path: str | os.PathLike[str], contents: Contents) -> None:
    """Whole or not at all; ResourceError if it cannot be."""
    artifact.write(path, render(contents).encode())


def render(contents: Contents) -> str:
    sections = [section for build in SECTIONS if (section := build(contents)) is not None]
    return document(contents.title, sections, "searched_about.html", contents)


def result(contents: Contents) -> Section | None:
    comparison = contents.comparison
    if comparison is None:
        return None
    figures = []
    for label, (name, run) in zip(("Found", "Hand-made"), comparison.runs.items(), strict=True):
        interval = comparison.intervals[name]
        told = f"95% interval {percent(interval.low)} to {percent(interval.high)}"
        figures.append(Figure(f"{label}, top-1", percent(run.result.figure), told))
        costs = f"{amount(run.result.macs)} multiply-accumulates, {duration(run.result.speed.latency_p50)} an image"
        figures.append(Figure(f"{label}, parameters", amount(run.result.params), costs))
    view = {"figures": figures, "verdict": verdict(comparison)}
    return Section("result", "Result", "searched_result.html", view)


def verdict(comparison: Comparison) -> str:
    """Which of the two is better, by how much, and whether chance explains it."""
    winner, rival = (run.result for run in comparison.runs.values())
    found = comparison.pairs[0].paired
    assert found is not None, "both saw the same images"
    interval = f"95% interval {points(found.interval.low)} to {points(found.interval.high)}, p {chance(found.p)}"
    ahead = "The found network" if found.difference > 0 else "The hand-made network"
    sure = found.p < 0.05
    if found.difference == 0:
        said = "Both answer equally many rightly"
    elif sure:
        said = f"{ahead} is better by {points(abs(found.difference)).lstrip('+')} points"
    else:
        said = f"{ahead} is ahead by {points(abs(found.difference)).lstrip('+')} points, which chance explains as well"
    costs = f"{amount(winner.macs)} multiply-accumulates against {amount(rival.macs)} of {rival.model}"
    once = "One training each: another seed may change it."
    return f"{said} ({interval}; {found.n:,} {winner.split} images; {costs}, the same recipe). {once}"


def scores(contents: Contents) -> Section | None:
    return None if contents.comparison is None else compared.costs(contents.comparison)


def network(contents: Contents) -> Section:
    winner = contents.winner.outcome
    assert isinstance(winner, Measurement)
    training = "its second training, at its whole size" if contents.again else "its short training"
    told = f"Trial {contents.winner.number} reached {percent(winner.accuracy)} in {training}."
    drawings = [Drawing(title, _uri(drawing)) for title, drawing in contents.drawings.items()]
    view = {"drawings": drawings, "told": told, "file": contents.genotype}
    return Section("network", "The network found", "searched_network.html", view)


def history(contents: Contents) -> Section | None:
    note = (
        "Rewards are those of short trainings on few images: they rank networks and are far from what full ones reach."
    )
    view = {"charts": contents.charts, "note": note}
    return Section("history", "How the search went", "searched_history.html", view) if contents.charts else None


def trials(contents: Contents) -> Section:
    new = [trial for trial in contents.trials if trial.copy_of is None]
    best = sorted((t for t in new if t.reward is not None), key=lambda trial: (-(trial.reward or 0.0), trial.number))
    timed = any(isinstance(trial.outcome, Measurement) and trial.outcome.latency for trial in best)
    headings = [
        "Trial",
        "Round",
        "Reward",
        "Accuracy",
        "Parameters",
        "MACs",
        *(["Latency"] if timed else []),
        "Network",
    ]
    rows = [_row(trial, timed) for trial in best[:MOST]]
    copies = len(contents.trials) - len(new)
    counted = f"{len(new):,} networks, {len(best):,} of them measured, the best first"
    counted += f"; {copies:,} proposed again and answered from the journal." if copies else "."
    view = {
        "counted": counted,
        "headings": headings,
        "open": rows[:OPEN],
        "folded": rows[OPEN:],
        "reasons": reasons(contents.trials).most_common(10),
    }
    return Section("trials", "Trials", "searched_trials.html", view)


def second_look(contents: Contents) -> Section | None:
    """Both measurements of the best, side by side."""
    first = {trial.number: trial for trial in contents.trials}
    ordered = sorted(contents.again, key=lambda look: (-(look.reward or -1.0), look.number))
    rows = [
        [str(trial.number), *(_reached(look) for look in (first[trial.number], trial)), trial.model]
        for trial in ordered
    ]
    note = (
        f"The best of many short trainings is partly the luckiest: the {len(rows)} best were trained at their whole "
        "size, longer and from other random weights, and the best of these was taken."
    )
    headings = ["Trial", "First look", "Second look", "Network"]
    view = {"counted": note, "headings": headings, "open": rows, "folded": (), "reasons": ()}
    return Section("second-look", "Second look", "searched_trials.html", view) if rows else None


def made(contents: Contents) -> Section:
    tables = [("Search", contents.settings), ("Environment", contents.environment)]
    filled = [(name, list(values.items())) for name, values in tables if values]
    return Section("settings", "How it was searched", "made.html", {"tables": filled})


SECTIONS: tuple[Callable[[Contents], Section | None], ...] = (
    result,
    network,
    history,
    scores,
    second_look,
    trials,
    made,
)


def _reached(trial: Trial) -> str:
    return percent(trial.outcome.accuracy) if isinstance(trial.outcome, Measurement) else trial.outcome.reason


def _row(trial: Trial, timed: bool) -> list[Any]:
    measured = trial.outcome
    assert isinstance(measured, Measurement)
    row = [str(trial.number), str(trial.round + 1), f"{trial.reward:.4f}", percent(measured.accuracy)]
    row += [amount(measured.params), amount(measured.macs)]
    row += [duration(measured.latency / 1e3) if measured.latency else ""] if timed else []
    return [*row, trial.model]


def _uri(drawing: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(drawing.encode()).decode('ascii')}"
