"""Finished runs side by side: which differ by more than chance, where their recipes differ, seeds taken together."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topfive.errors import UsageError
from topfive.evaluate.paired import Paired, paired
from topfive.report.finished import FinishedRun, read_run

METRICS = ("top1", "top5", "macro_f1", "nll", "ece")


@dataclass(frozen=True)
class Pair:
    """Two runs: how their accuracies differ on the same images, or `why` that cannot be said."""

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
    """`differences` are the settings of the recipe, and the data, that are not alike: of each one value a run."""

    runs: Mapping[str, FinishedRun]
    pairs: tuple[Pair, ...]
    seeds: tuple[Seeds, ...]
    differences: Mapping[str, tuple[Any, ...]]


def compare(folders: Sequence[Path], seed: int = 0) -> Comparison:
    """UsageError where there are not two different runs; RefusedError where one is unfinished or damaged.

    `seed` decides the resamples of the paired bootstrap.
    """
    distinct = {folder.resolve(): folder for folder in folders}
    if len(distinct) < max(2, len(folders)):
        why = "two runs or more are needed" if len(folders) < 2 else "each run may be named once"
        raise UsageError("compare", None, why, "Name the folders that topfive train wrote")
    runs = {name: read_run(folder) for name, folder in _named(folders).items()}
    return Comparison(
        runs=runs,
        pairs=tuple(_pair(one, other, runs, seed) for one, other in itertools.combinations(runs, 2)),
        seeds=_seeds(runs),
        differences=_differences(list(runs.values())),
    )


def _named(folders: Sequence[Path]) -> dict[str, Path]:
    """By their last parts, as many as tell them apart."""
    for parts in range(1, max(len(folder.resolve().parts) for folder in folders) + 1):
        names = ["/".join(folder.resolve().parts[-parts:]) for folder in folders]
        if len(set(names)) == len(names):
            break
    return dict(zip(names, folders, strict=True))


def _pair(one: str, other: str, runs: Mapping[str, FinishedRun], seed: int) -> Pair:
    first, second = runs[one], runs[other]
    images, found = _in_order(first), _in_order(second)
    if images[0] != found[0]:
        common = len(set(images[0]) & set(found[0]))
        why = (
            f"measured on other images: {first.result.n:,} of {first.result.split} and "
            f"{second.result.n:,} of {second.result.split}, {common:,} in common"
        )
        return Pair(one, other, None, why)
    return Pair(one, other, paired(images[1], found[1], seed))


def _in_order(run: FinishedRun) -> tuple[list[tuple[str, str]], NDArray[np.bool_]]:
    """The images by name and label, and whether each was answered rightly."""
    images = run.answers.images
    order = sorted(range(len(images)), key=images.__getitem__)
    return [images[index] for index in order], run.answers.correct[order]


def _seeds(runs: Mapping[str, FinishedRun]) -> tuple[Seeds, ...]:
    alike: dict[str, list[str]] = {}
    for name, run in runs.items():
        rest = {key: value for key, value in run.recipe.items() if key != "seed" and _said(value) is not None}
        alike.setdefault(json.dumps([rest, run.fingerprint], sort_keys=True, default=str), []).append(name)
    groups = []
    for names in alike.values():
        if len(names) > 1:
            values = {metric: [float(getattr(runs[name].result, metric)) for name in names] for metric in METRICS}
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
