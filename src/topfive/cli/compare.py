"""`topfive compare`: finished runs side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer import Argument, Option

from topfive.errors import shown
from topfive.report.compared import printed, write_comparison
from topfive.report.comparison import Comparison
from topfive.report.comparison import compare as lay_side_by_side
from topfive.report.wording import amount, chance, duration, percent, points, setting, size, verdict


def compare(
    runs: Annotated[list[Path], Argument(help="Two or more folders that topfive train wrote.")],
    out: Annotated[Path | None, Option(help="Write a page, e.g. compare.html, that needs nothing beside it.")] = None,
    as_json: Annotated[bool, Option("--json", help="One JSON line on stdout.")] = False,
    seed: Annotated[int, Option(min=0, help="Decides the resamples of the paired bootstrap.")] = 0,
) -> None:
    """Lay finished runs side by side: their figures, recipes, size and speed, and which differ by more than chance."""
    comparison = lay_side_by_side(runs, seed)
    if out is not None:
        write_comparison(out, comparison)
    if as_json:
        print(json.dumps(_as_json(comparison)))
    else:
        _print(comparison, Console(highlight=False))
        if out is not None:
            Console(stderr=True, highlight=False, soft_wrap=True).print(Text(f"written: {shown(out)}"))


def _as_json(comparison: Comparison) -> dict[str, Any]:
    return {
        "runs": [
            {
                "name": name,
                "run": str(run.folder),
                "model": run.result.model,
                "split": run.result.split,
                "n": run.result.n,
                **{metric: getattr(run.result, metric) for metric in comparison.metrics},
                "params": run.result.params,
                "macs": run.result.macs,
                "file_bytes": run.result.file_bytes,
                "latency_p50": run.result.speed.latency_p50,
                "throughput": run.result.speed.throughput,
                "threads": run.result.speed.threads,
                "seconds": run.result.seconds,
            }
            for name, run in comparison.runs.items()
        ],
        "pairs": [
            {"first": pair.first, "second": pair.second, "why_not": pair.why}
            if pair.paired is None
            else {
                "first": pair.first,
                "second": pair.second,
                "n": pair.paired.n,
                "difference": pair.paired.difference,
                "interval": [pair.paired.interval.low, pair.paired.interval.high],
                "only_first": pair.paired.only_first,
                "only_second": pair.paired.only_second,
                "p": pair.paired.p,
            }
            for pair in comparison.pairs
        ],
        "seeds": [{"runs": group.runs, "mean": group.mean, "spread": group.spread} for group in comparison.seeds],
        "differences": comparison.differences,
    }


def _print(comparison: Comparison, console: Console) -> None:
    parts = [_scores(comparison), _costs(comparison), _pairs(comparison)]
    if comparison.seeds:
        parts.append(_seeds(comparison))
    if comparison.differences:
        parts.append(_settings(comparison))
    for table in parts:
        console.print(table)
        console.print()
    if not comparison.differences:
        console.print("The same recipe, seed and data.")


def _scores(comparison: Comparison) -> Table:
    first, *others = comparison.metrics.values()
    table = _table("Run", f">{first}", ">95% interval", *(f">{heading}" for heading in others))
    for name, run in comparison.runs.items():
        interval = comparison.intervals[name]
        figure, *rest = (printed(metric, getattr(run.result, metric)) for metric in comparison.metrics)
        _row(table, name, figure, f"{percent(interval.low)} to {percent(interval.high)}", *rest)
    return table


def _costs(comparison: Comparison) -> Table:
    table = _table("Run", "Network", ">Params", ">MACs", ">File", ">Latency", ">Images/s", ">Trained in")
    for name, run in comparison.runs.items():
        result = run.result
        counts = amount(result.params), amount(result.macs), size(result.file_bytes)
        speed = duration(result.speed.latency_p50), f"{result.speed.throughput:,.0f}"
        _row(table, name, result.model, *counts, *speed, duration(result.seconds))
    return table


def _seeds(comparison: Comparison) -> Table:
    metrics = [metric for metric in comparison.metrics if metric not in ("top5", "ece")]  # for want of room
    table = _table("Seeds together", ">n", *(f">{comparison.metrics[metric]}" for metric in metrics))
    for group in comparison.seeds:
        cells = (f"{printed(m, group.mean[m])} \N{PLUS-MINUS SIGN} {printed(m, group.spread[m])}" for m in metrics)
        _row(table, ", ".join(group.runs), str(len(group.runs)), *cells)
    return table


def _pairs(comparison: Comparison) -> Table:
    table = _table("Run", "against", ">Points", ">95% interval", ">Right alone", ">p", "Better?")
    for pair in comparison.pairs:
        found = pair.paired
        if found is None:
            _row(table, pair.first, pair.second, "", "", "", "", f"not comparable: {pair.why}")
            continue
        interval = f"{points(found.interval.low)} to {points(found.interval.high)}"
        alone = f"{found.only_first:,} : {found.only_second:,}"
        cells = (points(found.difference), interval, alone, chance(found.p), verdict(found))
        _row(table, pair.first, pair.second, *cells)
    return table


def _settings(comparison: Comparison) -> Table:
    table = _table("Recipe", *comparison.runs)
    for key, values in comparison.differences.items():
        _row(table, key, *map(setting, values))
    return table


def _table(*headings: str) -> Table:
    """Those that begin with ">" are set to the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        right = heading.startswith(">")
        name = Text(shown(heading.removeprefix(">")))
        table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=right)
    return table


def _row(table: Table, *cells: str) -> None:
    table.add_row(*(Text(shown(cell)) for cell in cells))
