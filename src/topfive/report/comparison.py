"""Finished runs side by side: which differ by more than chance, where their recipes differ, seeds taken together."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from topfive.errors import UsageError
from topfive.evaluate.metrics import Interval
from topfive.evaluate.paired import Paired
from topfive.report.answers import Answers, LabelAnswers
from topfive.report.finished import FinishedRun, read_run


@dataclass(frozen=True)
class Pair:
    """Two runs: how their first figures differ on the same images, or `why` that cannot be said."""

    first: str
    second: str
    paired: Paired | None
    why: str = ""


@dataclass(frozen=True)
class Seeds:
    """Runs that differ in nothing but the seed: of each metric the mean and the standard deviation (n - 1)."""

    runs: tuple[str, ...]
    mean: Mapping[str, float]
    spread: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Comparison:
    """`metrics` are the figures of all runs, with their headings; of the first each run has the 95% interval.

    `differences` are the settings of the recipe, and the data, that are not alike: of each one value a run.
    """

    runs: Mapping[str, FinishedRun]
    metrics: Mapping[str, str]
    intervals: Mapping[str, Interval]
    pairs: tuple[Pair, ...]
    seeds: tuple[Seeds, ...]
    differences: Mapping[str, tuple[Any, ...]]


def compare(folders: Sequence[Path], seed: int = 0) -> Comparison:
    """UsageError where there are not two different runs of one kind; RefusedError where one is unfinished or damaged.

    `seed` decides the resamples of the bootstrap.
    """
    distinct = {folder.resolve(): folder for folder in folders}
    if len(distinct) < max(2, len(folders)):
        why = "two runs or more are needed" if len(folders) < 2 else "each run may be named once"
        raise UsageError("compare", None, why, "Name the folders that topfive train wrote")
    runs = {name: read_run(folder) for name, folder in _named(folders).items()}
    several = {isinstance(run.answers, LabelAnswers): name for name, run in runs.items()}
    if len(several) > 1:
        why = f"images have several labels in {several[True]}, and one class in {several[False]}"
        raise UsageError("compare", None, why, "Compare runs of one kind")
    answers = {name: run.answers.in_order() for name, run in runs.items()}
    pairs = itertools.combinations(runs, 2)
    metrics = next(iter(runs.values())).result.METRICS
    return Comparison(
        runs=runs,
        metrics=metrics,
        intervals={name: found.interval(seed) for name, found in answers.items()},
        pairs=tuple(_pair(one, other, runs, answers, seed) for one, other in pairs),
        seeds=_seeds(runs, metrics),
        differences=_differences(list(runs.values())),
    )


def _named(folders: Sequence[Path]) -> dict[str, Path]:
    """By their last parts, as many as tell them apart."""
    for parts in range(1, max(len(folder.resolve().parts) for folder in folders) + 1):
        names = ["/".join(folder.resolve().parts[-parts:]) for folder in folders]
        if len(set(names)) == len(names):
            break
    return dict(zip(names, folders, strict=True))


def _pair(one: str, other: str, runs: Mapping[str, FinishedRun], answers: Mapping[str, Answers], seed: int) -> Pair:
    first, second = answers[one], answers[other]
    if first.images != second.images:
        common = len(set(first.images) & set(second.images))
        measured = " and ".join(f"{runs[name].result.n:,} of {runs[name].result.split}" for name in (one, other))
        return Pair(one, other, None, f"measured on other images: {measured}, {common:,} in common")
    if first.classes != second.classes:
        return Pair(one, other, None, "asked for other classes")
    return Pair(one, other, first.against(second, seed))


def _seeds(runs: Mapping[str, FinishedRun], metrics: Iterable[str]) -> tuple[Seeds, ...]:
    alike: dict[str, list[str]] = {}
    for name, run in runs.items():
        rest = {key: value for key, value in run.recipe.items() if key != "seed" and _said(value) is not None}
        alike.setdefault(json.dumps([rest, run.fingerprint], sort_keys=True, default=str), []).append(name)
    groups = []
    for names in alike.values():
        if len(names) > 1:
            values = {metric: [float(getattr(runs[name].result, metric)) for name in names] for metric in metrics}
            mean = {metric: float(np.mean(found)) for metric, found in values.items()}
            spread = {metric: float(np.std(found, ddof=1)) for metric, found in values.items()}
            groups.append(Seeds(tuple(names), mean, spread))
    return tuple(groups)


def _differences(runs: Sequence[FinishedRun]) -> dict[str, tuple[Any, ...]]:
    keys = dict.fromkeys(key for run in runs for key in run.recipe)
    rows = {key: tuple(_said(run.recipe.get(key)) for run in runs) for key in keys}
    rows["data"] = tuple(run.data for run in runs)
    rows["data fingerprint"] = tuple(run.fingerprint[:12] for run in runs)
    return {key: values for key, values in rows.items() if any(value != values[0] for value in values)}


def _said(value: Any) -> Any:
    """None for what says nothing, as a setting does that an older run did not know yet."""
    return None if value in ([], "") else value
