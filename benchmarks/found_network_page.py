"""The table and the drawings of a found network beside others of its cost: docs/found.md, from the lines of runs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from means import apart, spread
from proxies import compared

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
{alike}
Measured by `python benchmarks/found_network.py`, the lines are in `benchmarks/found_network.jsonl`; two cores of
{processor}, torch {torch}.
"""

ALIKE = """
## How alike the best are

Would a better choice among the best have found more? The networks that either search looked at again, and others of the
random search from good to bad, were trained once more at their whole size, by the recipe of the end, for three epochs
of 30,000 training images, and judged on 10,000 other training images.

| networks | how many | accuracy, mean | spread | lowest | highest |
|---|--:|--:|--:|--:|--:|
{groups}

Over the seeds of one network accuracy spreads by {seeds:.2f} points (the mean of the spreads in the first table): as
far as networks differ by no more than that, chance chooses among them.

How a trial of the search orders them, by Spearman's correlation with those long trainings: {order:.2f} over all,
{order_again:.2f} over those looked at again, and the one that it would choose is {below:.2f} points below the best.
It stands here beside two other short trainings, over the {count} networks that all three trained; a correlation of so
few is uncertain by some {uncertain:.2f}.

| short training | order | its choice is below the best, points | processor seconds |
|---|--:|--:|--:|
{orders}

Measured by `python benchmarks/proxies.py`, the lines are in `benchmarks/proxies.jsonl`; a long training takes
{long:.0f} processor seconds.
"""
SHORT = {
    "trial": "a trial: eight filters, 16 pixels, AdamW, 512 steps",
    "wide": "with all of its filters",
    "wide-muon": "with all of its filters, by the recipe of the end",
}


def write(lines: Sequence[dict[str, Any]], trainings: Sequence[dict[str, Any]]) -> None:
    """The page, and a drawing of each cell that was found; `trainings` are lines of benchmarks/proxies.py."""
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
        alike=alike(trainings, by_name) if trainings else "",
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
    found = _accuracies(by_name["found"])
    parts = [apart(found, _accuracies(by_name[name]), NAMES[name]) for name in by_name if name != "found"]
    return "The found network's mean is\n" + ",\n".join(parts) + "."


def alike(trainings: Sequence[dict[str, Any]], by_name: dict[str, list[dict[str, Any]]]) -> str:
    """How far apart the best are, beside those that are not, and how a short training orders them."""
    truth = [line for line in trainings if line["kind"] == "truth"]
    groups = []
    for name, again in (("looked at again", True), ("random, from good to bad", False)):
        found = [line["accuracy"] for line in truth if line["again"] == again]
        if len(found) > 1:
            mean, points = statistics.mean(found), 100 * spread(found)
            cells = [name, str(len(found)), f"{mean:.4f}", f"{points:.2f}", f"{min(found):.4f}", f"{max(found):.4f}"]
            groups.append(f"| {' | '.join(cells)} |")
    whole = compared(trainings, lambda line: True)["trial"]
    again = compared(trainings, lambda line: line["again"])["trial"]
    common = set.intersection(*({line["model"] for line in trainings if line["kind"] == kind} for kind in SHORT))
    orders = []
    for kind, told in compared(trainings, lambda line: line["model"] in common).items():
        orders.append(f"| {SHORT[kind]} | {told.order:.2f} | {told.below:.2f} | {told.seconds:.0f} |")
    return ALIKE.format(
        groups="\n".join(groups),
        order=whole.order,
        order_again=again.order,
        below=whole.below,
        count=len(common),
        uncertain=(len(common) - 1) ** -0.5,
        orders="\n".join(orders),
        seeds=100 * statistics.mean(spread(_accuracies(lines)) for lines in by_name.values()),
        long=statistics.median(line["processor_seconds"] for line in truth),
    )


def _second_look(search: dict[str, Any]) -> float:
    return max(look["reward"] for look in search["second_look"])


def _accuracies(lines: Sequence[dict[str, Any]]) -> list[float]:
    return [line["top1"] for line in lines]


def _row(name: str, lines: Sequence[dict[str, Any]], macs: int) -> str:
    one = lines[0]
    cells = [
        NAMES[name],
        amount(one["params"]),
        amount(one["macs"]),
        f"{one['macs'] / macs:.2f}",
        f"{statistics.mean(_accuracies(lines)):.4f}",
        f"{100 * spread(_accuracies(lines)):.2f}" if len(lines) > 1 else "",
        ", ".join(f"{line['top1']:.4f}" for line in sorted(lines, key=lambda line: line["seed"])),
        f"{statistics.median(line['wall_seconds'] for line in lines):.0f}",
        f"{statistics.median(line['processor_seconds'] for line in lines):.0f}",
        duration(statistics.median(line["latency_p50"] for line in lines)),
    ]
    return f"| {' | '.join(cells)} |"
