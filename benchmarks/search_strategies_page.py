"""What the runs of search_strategies.py show: docs/search.md, its drawing, and docs/search/strategies.json."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, Protocol

import numpy as np

DOCS = Path(__file__).parents[1] / "docs"
NAMES = {
    "random": "random",
    "reinforce": "REINFORCE",
    "ppo": "PPO",
    "evolution": "evolution",
    "pnas": "PNAS",
}
PAPERS_RATIO = 5.0
# Liu et al., table 1, as remembered: the paper was not at hand.  At b: on the cells fitted to, on those of b + 1.
PAPERS_CORRELATIONS = {
    "MLP": ((0.975, 0.164), (0.786, 0.532), (0.634, 0.504), (0.645, 0.468)),
    "RNN": ((0.972, 0.164), (0.906, 0.418), (0.801, 0.465), (0.579, 0.424)),
}
RESAMPLES = 10_000

PAGE = """\
<!-- Written by `python benchmarks/search_strategies.py {name}.csv --page`; do not edit. -->

# Strategies of search, compared on a table

How many networks has each strategy to train until the mean of the best five it has found is within half a point, or a
tenth, of the best five there are? All {size:,} distinct cells of the space `{space}` were trained once on {data},
so that a search of thousands of trainings is a matter of looking them up, and each strategy is run {seeds} times.

![Points below the best five of the table against networks evaluated, a line a strategy](search/strategies.svg)

| strategy | to 0.5 point: mean | 95% interval | median | not reached | to 0.1 point: mean | 95% interval | median \
| not reached | runs |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|
{rows}

Networks are counted once each, PNAS's at every size. A run that never gets there counts as all {size:,} cells, and
under "not reached". Intervals are of the mean, by {resamples:,} bootstrap samples of the seeds.

{found}

## REINFORCE against PNAS

{ratio}

## The surrogate

Spearman's rank correlation of an ensemble of five, fitted to random cells with b blocks: on these cells, and on all
cells with b + 1. Mean of {fits} fits. The paper fits to up to 256 cells; its figures (table 1) are recalled from
memory.

| surrogate | b | cells fitted to | on them | on b + 1 | the paper, on them | on b + 1 |
|---|--:|--:|--:|--:|--:|--:|
{correlations}

## How it was done

Every run is the loop of `topfive search` with the table for an evaluator, in rounds of 20. Whatever the strategies
leave open was chosen on made-up tables, never on this one:

{settings}

`docs/search/strategies.json` has the figures at half a point. Measured by
`python benchmarks/search_strategies.py {name}.csv`, the lines are in `benchmarks/search_strategies.jsonl`;
one thread of {processor}, torch {torch}, {minutes:.0f} minutes of processor time for all runs.
"""


class Bench(Protocol):
    """The table that the runs were on."""

    @property
    def name(self) -> str: ...
    @property
    def data(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def goal(self) -> float: ...
    @property
    def accuracies(self) -> list[float]: ...
    @property
    def noise(self) -> float | None: ...
    @property
    def space(self) -> Any: ...


def write(lines: Sequence[dict[str, Any]], bench: Bench) -> None:
    """The page, the drawing and the figures; SystemExit where a strategy has no run."""
    missing = [name for name in NAMES if not _runs(lines, name)]
    if missing:
        raise SystemExit(f"no run yet of: {', '.join(missing)}")
    (DOCS / "search").mkdir(exist_ok=True)
    (DOCS / "search.md").write_text(page(lines, bench), encoding="utf-8")
    (DOCS / "search" / "strategies.svg").write_text(drawing(lines, bench.size), encoding="utf-8")
    told = {name: figures(_models(lines, name, "0.5"), bench.size) for name in NAMES}
    (DOCS / "search" / "strategies.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def summary(lines: Sequence[dict[str, Any]], size: int) -> str:
    told = []
    for name in NAMES:
        for points in ("0.5", "0.1"):
            if models := _models(lines, name, points):
                found = figures(models, size)
                told.append(f"{name:10} {points} point: " + ", ".join(f"{key} {found[key]:g}" for key in found))
    return "\n".join(told)


def figures(models: Sequence[int | None], size: int) -> dict[str, float | int]:
    """Models until it was reached, `size` where it never was; `low` and `high` bound 95% of bootstrapped means."""
    counts = np.array([size if each is None else each for each in models], np.float64)
    draws = np.random.default_rng(0).integers(len(counts), size=(RESAMPLES, len(counts)))
    low, high = np.percentile(counts[draws].mean(1), [2.5, 97.5])
    means = {"mean": counts.mean(), "median": np.median(counts), "low": low, "high": high}
    return {
        **{key: round(float(value), 1) for key, value in means.items()},
        "seeds": len(models),
        "censored": sum(each is None for each in models),
    }


def page(lines: Sequence[dict[str, Any]], bench: Bench) -> str:
    rows = []
    for name, told in NAMES.items():
        cells = [told]
        for points in ("0.5", "0.1"):
            found = figures(_models(lines, name, points), bench.size)
            interval = f"{found['low']:,.0f} to {found['high']:,.0f}"
            cells += [f"{found['mean']:,.0f}", interval, f"{found['median']:,.0f}", str(found["censored"])]
        rows.append(f"| {' | '.join([*cells, str(len(_runs(lines, name)))])} |")
    runs = [line for line in lines if line.get("strategy") in NAMES]
    return PAGE.format(
        name=f"benchmarks/tables/{bench.name}",
        size=bench.size,
        space=bench.space.name,
        data=bench.data,
        seeds=min(len(_runs(lines, name)) for name in NAMES),
        rows="\n".join(rows),
        resamples=RESAMPLES,
        found=_about(bench),
        ratio=_ratio(lines, bench),
        fits=len({line["seed"] for line in lines if "surrogate" in line}),
        correlations="\n".join(_correlations(lines)),
        settings="\n".join(f"- {told}: `{_runs(lines, name)[0]['settings']}`" for name, told in NAMES.items()),
        processor=runs[0]["processor"],
        torch=runs[0]["versions"]["torch"],
        minutes=sum(line["seconds"] for line in lines) / 60,
    )


def _about(bench: Bench) -> str:
    """How hard the table is to search."""
    near, nearest = (sum(each >= bench.goal - points for each in bench.accuracies) for points in (0.005, 0.001))
    told = (
        f"The best five have a mean of {bench.goal:.2%}; {near:,} cells of {bench.size:,} are within half a point of it"
        f" and {nearest:,} within a tenth; the median cell has {np.median(bench.accuracies):.2%}."
    )
    if bench.noise is None:
        return _wrapped(told)
    return _wrapped(
        f"{told} Trained again with another seed, a cell differs by {100 * bench.noise:.2f} points (standard"
        " deviation): where that is more than the distance asked for, the best of the table are also its luckiest, and"
        " no strategy can foresee luck."
    )


def _ratio(lines: Sequence[dict[str, Any]], bench: Bench) -> str:
    said = []
    for points in ("0.5", "0.1"):
        reinforce, pnas = (
            np.array([bench.size if each is None else each for each in _models(lines, name, points)], np.float64)
            for name in ("reinforce", "pnas")
        )
        rng = np.random.default_rng(0)
        means = [each[rng.integers(len(each), size=(RESAMPLES, len(each)))].mean(1) for each in (reinforce, pnas)]
        low, high = np.percentile(means[0] / means[1], [2.5, 97.5])
        said.append(f"{reinforce.mean() / pnas.mean():.1f} times (95% interval {low:.1f} to {high:.1f})")
    means_to_half = {name: figures(_models(lines, name, "0.5"), bench.size)["mean"] for name in NAMES}
    others = [
        f"{NAMES[name]} {means_to_half[name] / means_to_half['pnas']:.1f}" for name in ("random", "ppo", "evolution")
    ]
    near = sum(each >= bench.goal - 0.005 for each in bench.accuracies)
    ratios = (
        f"REINFORCE's networks to PNAS's: to half a point {said[0]}, to a tenth {said[1]}. In the paper it is up"
        f" to {PAPERS_RATIO:g} times (its abstract). The others to PNAS's, to half a point: {', '.join(others)} times."
    )
    why = (
        "A small space bounds this from both sides. PNAS pays a fixed price, all of the first level and a share of each"
        " one after it, before it sees its first network of full size. And what a poor searcher can lose is bounded:"
        f" here one cell in {bench.size / near:,.0f} is within half a point of the best, and all there are is"
        f" {bench.size:,}, where the paper's space has some 10^12 and its controller saw thousands before it had"
        " learnt much. The surrogate too has less to learn from: what the paper fits to 256 cells of a level is fitted"
        " to a few tens here."
    )
    return f"{_wrapped(ratios)}\n\n{_wrapped(why)}"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def _correlations(lines: Sequence[dict[str, Any]]) -> list[str]:
    rows = []
    for net, papers in PAPERS_CORRELATIONS.items():
        for level, (paper_fitted, paper_next) in enumerate(papers, start=1):
            found = [line for line in lines if line.get("surrogate") == net and line["level"] == level]
            cells = [str(found[0]["cells"]) if found else "-"]
            cells += [f"{np.mean([line[key] for line in found]):.2f}" if found else "-" for key in ("fitted", "next")]
            rows.append(f"| {net}-ensemble | {level} | {' | '.join(cells)} | {paper_fitted:.2f} | {paper_next:.2f} |")
    return rows


def _runs(lines: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [line for line in lines if line.get("strategy") == name]


def _models(lines: Sequence[dict[str, Any]], name: str, points: str) -> list[int | None]:
    return [line["models"][points] for line in _runs(lines, name)]


COLOURS = {"random": "#6b7280", "reinforce": "#b45309", "ppo": "#9d174d", "evolution": "#15803d", "pnas": "#1467c2"}
INK, MUTED, RULE = "#222222", "#666666", "#e2e2e2"
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 780, 430, 64, 640, 70, 370
X_TICKS, Y_TICKS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000), (3.0, 2.0, 1.0, 0.5, 0.2, 0.1)


def drawing(lines: Sequence[dict[str, Any]], size: int) -> str:
    """The median over the runs, of each strategy, of the networks until each distance; both axes logarithmic."""
    medians = {name: _medians(lines, name, size) for name in NAMES}
    every = [count for points in medians.values() for _, count in points]
    first, last = max(tick for tick in X_TICKS if tick <= min(every) or tick == X_TICKS[0]), max(size, *every)

    def x(count: float) -> float:
        return LEFT + math.log(max(count, first) / first) / math.log(last / first) * (RIGHT - LEFT)

    def y(points: float) -> float:
        return TOP + math.log(Y_TICKS[0] / points) / math.log(Y_TICKS[0] / Y_TICKS[-1]) * (BOTTOM - TOP)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 26, "How soon each strategy finds the best cells", size=16),
        _text(LEFT, 46, "percentage points that the best five found are below the best five there are", MUTED),
    ]
    for tick in Y_TICKS:
        parts.append(f'<path d="M{LEFT} {y(tick):.1f}H{RIGHT}" stroke="{RULE}"/>')
        parts.append(_text(LEFT - 8, y(tick) + 4, f"{tick:g}", MUTED, anchor="end"))
    for tick in X_TICKS:
        if first <= tick <= last:
            parts.append(f'<path d="M{x(tick):.1f} {BOTTOM}v5" stroke="{MUTED}"/>')
            parts.append(_text(x(tick), BOTTOM + 20, f"{tick:,}", MUTED, anchor="middle"))
    parts.append(_text((LEFT + RIGHT) / 2, BOTTOM + 42, f"networks evaluated, median (of {size:,})", MUTED, "middle"))
    for name, points in medians.items():
        path = "L".join(f"{x(count):.1f} {y(distance):.1f}" for distance, count in points)
        parts.append(f'<path d="M{path}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{x(count):.1f}" cy="{y(distance):.1f}" r="2.5" fill="{COLOURS[name]}"/>'
            for distance, count in points
        ]
    for place, name in enumerate(NAMES):
        at = TOP + 14 + 20 * place
        parts.append(f'<path d="M{RIGHT + 12} {at - 4}h18" stroke="{COLOURS[name]}" stroke-width="3"/>')
        parts.append(_text(RIGHT + 36, at, NAMES[name]))
    return "\n".join([*parts, "</svg>", ""])


def _medians(lines: Sequence[dict[str, Any]], name: str, size: int) -> list[tuple[float, float]]:
    """(points below the best, networks until then) as far as half of the runs come."""
    runs, found = _runs(lines, name), []
    for points in runs[0]["models"]:
        counts = [size if (count := run["models"][points]) is None else count for run in runs]
        if sum(run["models"][points] is not None for run in runs) > len(runs) / 2:
            found.append((float(points), float(np.median(counts))))
    return found


def _text(x: float, y: float, text: str, colour: str = INK, anchor: str = "start", size: int = 13) -> str:
    start = f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}" text-anchor="{anchor}">'
    return f"{start}{escape(text)}</text>"
