"""The table and the drawings of a found network beside others of its cost: docs/found.md, from the lines of runs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from topfive.report.wording import amount, duration
from topfive.search.diagrams import diagrams
from topfive.search.drawing import svg

DOCS = Path(__file__).parents[1] / "docs"
NAMES = {
    "found": "found by the search",
    "random": "best of as many random ones",
    "resnet": "ResNet, scaled",
    "mobilenet": "MobileNetV2, scaled",
}

PAGE = """\
<!-- Written by `python benchmarks/found_network.py --page`; do not edit. -->

# A found network beside others of its cost

What does `topfive search fashion-mnist --time 60m`, with no other flag, find on two cores in an hour, and is it better
than a network that people have drawn, made as large? The search trained {trials} networks of the space of PNASNet for
seconds each and looked at the best of them a second time, four times as long. Beside its choice stand that of as many
random networks, chosen in the same way, and ResNet (as for CIFAR) and MobileNetV2, scaled in width, depth and
resolution until they have as many multiply-accumulates as the found one.

All four are trained by one recipe, that of the search's end, for {epochs} epochs of 55,000 training images, once \
a seed.
Accuracy is that of the shipped file on the {n:,} test images, which took no part in any choice.

| network | parameters | MACs | of the found one's | accuracy, mean | spread | by seed | seconds | processor seconds \
| an image |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|
{rows}

Spread is the standard deviation over seeds, in points; seconds are those of a whole training on two cores, and an image
is answered by the shipped file on one thread in the time of the last column; all of these are medians.

{verdict}

## What was found

| | search | as many random ones |
|---|--:|--:|
| networks trained | {trials} | {random_trials} |
| failed | {failed} | {random_failed} |
| best short trial, held-out images | {reward:.4f} | {random_reward:.4f} |
| the chosen one's second look | {look:.4f} | {random_look:.4f} |
| seconds, two cores | {seconds:,.0f} | {random_seconds:,.0f} |

{drawings}

The names, which `topfive train --model` takes:

{models}

Measured by `python benchmarks/found_network.py`, the lines are in `benchmarks/found_network.jsonl`; two cores of
{processor}, torch {torch}.
"""


def write(lines: Sequence[dict[str, Any]]) -> None:
    """The page, and a drawing of each cell that was found."""
    by_name = {name: found for name in NAMES if (found := [line for line in lines if line["what"] == name])}
    searches = {line["what"].removeprefix("search: "): line for line in lines if line["what"].startswith("search: ")}
    if len(searches) < 2 or "found" not in by_name:
        raise SystemExit("no run is there yet: python benchmarks/found_network.py")
    found, random = searches["found"], searches["random"]
    one = by_name["found"][0]
    page = PAGE.format(
        trials=found["trials"],
        random_trials=random["trials"],
        failed=found["failed"],
        random_failed=random["failed"],
        reward=found["reward"],
        random_reward=random["reward"],
        look=_second_look(found),
        random_look=_second_look(random),
        seconds=found["wall_seconds"],
        random_seconds=random["wall_seconds"],
        epochs=one["epochs"],
        n=one["n"],
        rows="\n".join(_row(name, rows, found["macs"]) for name, rows in by_name.items()),
        verdict=verdict(by_name),
        drawings="\n\n".join(f"![{NAMES[name]}](search/{name}_cell.svg)" for name in ("found", "random")),
        models="\n".join(f"- {NAMES[name]}: `{rows[0]['model']}`" for name, rows in by_name.items()),
        processor=one["processor"],
        torch=one["versions"]["torch"],
    )
    (DOCS / "found.md").write_text(page, encoding="utf-8")
    for name in ("found", "random"):
        for title, diagram in diagrams(searches[name]["model"]).items():
            path = DOCS / "search" / f"{name}_{title.replace(' ', '_')}.svg"
            path.write_text(svg(diagram, f"{title.capitalize()}, {NAMES[name]}"), encoding="utf-8")


def verdict(by_name: dict[str, list[dict[str, Any]]]) -> str:
    """The found one against each other, with the standard error of the difference of two means."""
    found = by_name["found"]
    parts = []
    for name in (other for other in by_name if other != "found"):
        gap = 100 * (_mean(found) - _mean(by_name[name]))
        error = 100 * math.hypot(_error(found), _error(by_name[name]))
        side = "above" if gap >= 0 else "below"
        parts.append(f"{abs(gap):.2f} points {side} {NAMES[name]} (standard error {error:.2f})")
    return "The found network's mean is\n" + ",\n".join(parts) + "."


def _second_look(search: dict[str, Any]) -> float:
    return max(look["reward"] for look in search["second_look"])


def _mean(lines: Sequence[dict[str, Any]]) -> float:
    return statistics.mean(line["top1"] for line in lines)


def _error(lines: Sequence[dict[str, Any]]) -> float:
    return _spread(lines) / math.sqrt(len(lines))


def _spread(lines: Sequence[dict[str, Any]]) -> float:
    return statistics.stdev(line["top1"] for line in lines) if len(lines) > 1 else math.nan


def _row(name: str, lines: Sequence[dict[str, Any]], macs: int) -> str:
    one = lines[0]
    cells = [
        NAMES[name],
        amount(one["params"]),
        amount(one["macs"]),
        f"{one['macs'] / macs:.2f}",
        f"{_mean(lines):.4f}",
        f"{100 * _spread(lines):.2f}" if len(lines) > 1 else "",
        ", ".join(f"{line['top1']:.4f}" for line in sorted(lines, key=lambda line: line["seed"])),
        f"{statistics.median(line['wall_seconds'] for line in lines):.0f}",
        f"{statistics.median(line['processor_seconds'] for line in lines):.0f}",
        duration(statistics.median(line["latency_p50"] for line in lines)),
    ]
    return f"| {' | '.join(cells)} |"
