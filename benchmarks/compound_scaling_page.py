"""The tables and the drawing of compound scaling, from the lines of its runs: docs/scaling.md and .svg."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from means import apart, spread

from topfive.report.chart import Series, draw
from topfive.report.page import chart_file
from topfive.report.wording import amount
from topfive.search.scale import UNLIKE

DOCS = Path(__file__).parents[1] / "docs"
METHODS = ("compound", "depth", "width", "resolution")

PAGE = """\
<!-- Written by `python benchmarks/compound_scaling.py --page`; do not edit. -->

# Scaling a network

`topfive scale DATA --base NETWORK` finds how depth, width and resolution of a network grow best together, by the method
of Tan and Le 2019, [arXiv:1905.11946](https://arxiv.org/abs/1905.11946), sec. 3.3: a grid of networks of twice the
multiply-accumulates is trained, and the best factors are raised to further powers. Here it is asked whether that beats
the growth of one dimension alone, as their figure 8 has it.

The base is ResNet-20 with six of its nine blocks, three quarters of its width and 16 pixels a side
(`{base}`, {base_macs} multiply-accumulates),
which learns {images:,} training images of Fashion-MNIST for {epochs} epochs in {base_seconds:.0f} seconds of one core.
Accuracy is that on {n:,} other training images; every network has the same recipe, and none was tuned for.

![Accuracy by cost, a line a way of scaling](scaling.svg)

| scaled | times the base | depth | width | side | parameters | MACs | of the base's | accuracy, mean | spread \
| seeds | seconds |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
{rows}

Spread is the standard deviation over seeds, in points; seconds are of one core. Depth comes in whole blocks, width in
whole channels and resolution in whole pixels, so that costs are equal but for the column "of the base's". The pictures
have 28 pixels a side: beyond that, resolution only enlarges them.

{verdict}

## The grid

depth x width^2 x resolution^2 within 0.1 of 2, in steps of 0.1; what rounding takes more than {unlike:.0%} from twice \
the base's multiply-accumulates is left out. Mean of {grid_seeds} seeds that are not those above.

| depth | width | resolution | parameters | MACs | of the base's | accuracy |
|--:|--:|--:|--:|--:|--:|--:|
{grid}

Measured by `python benchmarks/compound_scaling.py`, the lines are in `benchmarks/compound_scaling.jsonl`; one thread of
{processor}, torch {torch}.
"""


def write(lines: Sequence[dict[str, Any]], epochs: int, validation: int) -> None:
    """Page and drawing."""
    base = [line for line in lines if line["method"] == "base"]
    if not base:
        raise SystemExit("no run is there yet: python benchmarks/compound_scaling.py")
    macs = base[0]["macs"]
    groups = {
        (method, scale): found
        for scale in (2, 4, 8)
        for method in METHODS
        if (found := [line for line in lines if (line["method"], line["scale"]) == (method, scale)])
    }
    rows = [_row("base", base, macs), *(_row(method, found, macs) for (method, _), found in groups.items())]
    grid: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        if line["method"] == "grid":
            grid.setdefault(line["model"], []).append(line)
    page = PAGE.format(
        base=base[0]["model"],
        base_macs=amount(macs),
        base_seconds=statistics.median(line["processor_seconds"] for line in base),
        images=base[0]["images"],
        epochs=epochs,
        n=validation,
        rows="\n".join(rows),
        grid="\n".join(_grid_row(found, macs) for found in sorted(grid.values(), key=_mean, reverse=True)),
        unlike=UNLIKE,
        grid_seeds=min(map(len, grid.values()), default=0),
        verdict=verdict(groups),
        processor=base[0]["processor"],
        torch=base[0]["versions"]["torch"],
    )
    (DOCS / "scaling.md").write_text(page, encoding="utf-8")
    (DOCS / "scaling.svg").write_bytes(drawing(base, groups, macs))


def verdict(groups: dict[tuple[str, int], list[dict[str, Any]]]) -> str:
    """What came out, at each cost, with the standard error of the difference of two means."""
    parts = []
    for scale in (2, 4, 8):
        at = {method: groups[method, scale] for method in METHODS if (method, scale) in groups}
        if "compound" not in at or len(at) < 2:
            continue
        rival = max((method for method in at if method != "compound"), key=lambda method: _mean(at[method]))
        parts.append(f"at {scale} times\n{apart(_accuracies(at['compound']), _accuracies(at[rival]), rival)}")
    return "Compound against the best of the single dimensions: " + "; ".join(parts) + "." if parts else ""


def drawing(base: Sequence[dict[str, Any]], groups: dict[tuple[str, int], list[dict[str, Any]]], macs: int) -> bytes:
    """Means over the seeds, a line a method."""
    series = []
    for place, method in enumerate(METHODS, 1):
        points = [(0.0, _mean(base))]
        points += [
            (math.log2(statistics.mean(line["macs"] for line in found) / macs), _mean(found))
            for (other, _), found in groups.items()
            if other == method
        ]
        series.append(Series(method, f"run-{place}", points))
    chart = draw(
        "Accuracy", series, fractions=True, x_label="doublings of the base's multiply-accumulates", whole=False
    )
    assert chart is not None
    return chart_file(chart)


def _accuracies(lines: Sequence[dict[str, Any]]) -> list[float]:
    return [line["accuracy"] for line in lines]


def _mean(lines: Sequence[dict[str, Any]]) -> float:
    return statistics.mean(_accuracies(lines))


def _row(method: str, lines: Sequence[dict[str, Any]], macs: int) -> str:
    one = lines[0]
    points = f"{100 * spread(_accuracies(lines)):.2f}" if len(lines) > 1 else ""
    cells = [
        method,
        str(one["scale"]),
        *_factors(one),
        *_costs(one, macs),
        f"{_mean(lines):.4f}",
        points,
        str(len(lines)),
        f"{statistics.median(line['processor_seconds'] for line in lines):.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _grid_row(lines: Sequence[dict[str, Any]], macs: int) -> str:
    one = lines[0]
    factors = (f"{one[name]:.2g}" for name in ("depth", "width", "resolution"))
    return f"| {' | '.join([*factors, *_costs(one, macs), f'{_mean(lines):.4f}'])} |"


def _factors(line: dict[str, Any]) -> list[str]:
    side = line["model"].split(":")[1].rpartition("-s")[2]
    return [f"{line['depth']:.2f}", f"{line['width']:.2f}", side]


def _costs(line: dict[str, Any], macs: int) -> list[str]:
    return [amount(line["params"]), amount(line["macs"]), f"{line['macs'] / macs:.2f}"]
