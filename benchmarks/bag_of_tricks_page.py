"""The table and the drawing of the tricks, from the lines of their runs: docs/bag_of_tricks.md and .svg."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Protocol

from topfive.report.chart import decimals_of, ticks

DOCS = Path(__file__).parents[1] / "docs"
INK, MUTED, BLUE = "#222222", "#666666", "#1467c2"
WIDTH, LEFT, RIGHT, TOP, ROW = 760, 190, 736, 64, 30  # of the drawing; LEFT and RIGHT are where the axis is

PAGE = """\
<!-- Written by `python benchmarks/bag_of_tricks.py --plot`; do not edit. -->

# A bag of tricks, one by one

The tricks of He et al. 2018, [arXiv:1812.01187](https://arxiv.org/abs/1812.01187), tables 4 and 6, each added to all
above it, on {images:,} training images of Fashion-MNIST: `{model}`, {epochs} epochs, one core. Accuracy is that of the
shipped file on the {n:,} test images. Nothing was tuned for this; runs as short as these say what the tricks do in a
short run, not what they do in the paper's 120 epochs on ImageNet.

![Test accuracy with each trick added, a dot a seed](bag_of_tricks.svg)

| trick | what changes | top-1, mean | spread over seeds | runs | gain, on the row it builds on | on the baseline | \
processor seconds |
|---|---|--:|--:|--:|--:|--:|--:|
{rows}

Distillation stands aside: the rows below it build on label smoothing. Spread is the standard deviation. {noise}
{teacher}
{why}
Measured by `python benchmarks/bag_of_tricks.py`, the lines are in `benchmarks/bag_of_tricks.jsonl`; one thread of
{processor}, torch {torch}.
"""


class Trick(Protocol):
    """A row of the ablation."""

    @property
    def name(self) -> str: ...
    @property
    def told(self) -> str: ...
    @property
    def changes(self) -> Mapping[str, Any]: ...
    @property
    def aside(self) -> bool: ...


def write(lines: Sequence[dict[str, Any]], tricks: Sequence[Trick]) -> None:
    """Page and drawing; rows without a run are left out."""
    values = {trick.name: [line["top1"] for line in lines if line["row"] == trick.name] for trick in tricks}
    measured = [trick for trick in tricks if values[trick.name]]
    if not measured:
        raise SystemExit("no run is there yet: python benchmarks/bag_of_tricks.py")
    (DOCS / "bag_of_tricks.md").write_text(page(lines, measured, values), encoding="utf-8")
    names = [trick.name for trick in measured]
    (DOCS / "bag_of_tricks.svg").write_text(drawing(names, values, lines[0]["images"]), encoding="utf-8")


def page(lines: Sequence[dict[str, Any]], tricks: Sequence[Trick], values: Mapping[str, Sequence[float]]) -> str:
    means = {trick.name: statistics.mean(values[trick.name]) for trick in tricks}
    base = means.get("baseline")
    rows, above = [], None
    for trick in tricks:
        spent = [line["processor_seconds"] for line in lines if line["row"] == trick.name]
        cells = [
            trick.name if trick.name == "baseline" else f"+ {trick.name}",
            trick.told,
            f"{means[trick.name]:.4f}",
            f"{statistics.stdev(values[trick.name]):.4f}" if len(values[trick.name]) > 1 else "",
            str(len(values[trick.name])),
            "" if above is None else f"{100 * (means[trick.name] - above):+.2f}",
            "" if base is None or trick.name == "baseline" else f"{100 * (means[trick.name] - base):+.2f}",
            f"{statistics.median(spent):.0f}",
        ]
        rows.append(f"| {' | '.join(cells)} |")
        above = above if trick.aside else means[trick.name]
    some = next(line for line in lines if line["row"] != "teacher")
    taught = [line for line in lines if line["row"] == "teacher"]
    spreads = [statistics.variance(each) for each in values.values() if len(each) > 1]
    return PAGE.format(
        images=some["images"],
        model=some["recipe"]["model"],
        epochs=some["recipe"]["epochs"],
        n=some["n"],
        rows="\n".join(rows),
        noise=noise(spreads, len(values[tricks[0].name])),
        teacher=f"The teacher, `{taught[0]['recipe']['model']}`, reaches {taught[0]['top1']:.4f}.\n" if taught else "",
        why=why(lines),
        processor=some["processor"],
        torch=some["versions"]["torch"],
    )


def why(lines: Sequence[dict[str, Any]]) -> str:
    """What the training losses, which of these rows are of one kind, say of the tricks that cost something."""
    kept = ("baseline", "linear scaling", "zero gamma", "cosine")
    losses = {row: [line["train_loss"][-1] for line in lines if line["row"] == row] for row in kept}
    if not all(losses.values()):
        return ""
    told = ", ".join(f"{statistics.mean(found):.2f} ({row})" for row, found in losses.items())
    return (
        "Four times the batch is a quarter of the steps, about 150 in all, and with so few none of these networks has\n"
        f"learnt its own training images: the training loss of the last epoch is {told}.\n"
        "What slows the beginning, or makes images and answers harder, is an investment that so short a run does not\n"
        "get back; the cosine gives back most of it, where the steps let the rate fall tenfold after a quarter of the\n"
        "run.\n"
    )


def noise(variances: Sequence[float], runs: int) -> str:
    """From which difference of two rows on it is unlikely to be chance."""
    if not variances:
        return ""
    deviation = statistics.mean(variances) ** 0.5
    least = 2 * deviation * (2 / runs) ** 0.5
    said = f"Over all rows it is {100 * deviation:.2f} points"
    return f"{said}; differences below {100 * least:.1f} may be chance."


def drawing(names: Sequence[str], values: Mapping[str, Sequence[float]], images: int) -> str:
    """A row a trick: hollow dots for the seeds, a filled one at their mean, a bar of one deviation either way."""
    every = [value for name in names for value in values[name]]
    marks = ticks(min(every), max(every))
    bottom = TOP + ROW * len(names)
    decimals = decimals_of(marks, percent=True)

    def at(value: float) -> float:
        return LEFT + (value - marks[0]) / (marks[-1] - marks[0]) * (RIGHT - LEFT)

    title = "Test accuracy on Fashion-MNIST, tricks added from top to bottom"
    note = f"{images:,} training images; hollow: a seed, filled: their mean, bar: one standard deviation either way"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 40}" width="{WIDTH}" '
        f'height="{bottom + 40}" role="img" font-family="Helvetica,Arial,sans-serif" font-size="13" fill="{INK}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{bottom + 40}" fill="#fff"/>',
        f'<text x="16" y="26" font-size="16" font-weight="bold">{escape(title)}</text>',
        f'<text x="16" y="45" font-size="12" fill="{MUTED}">{escape(note)}</text>',
    ]
    for mark in marks:
        parts.append(f'<path d="M{at(mark):.1f},{TOP}V{bottom}" stroke="{INK}" stroke-opacity="0.12"/>')
        parts.append(
            f'<text x="{at(mark):.1f}" y="{bottom + 20}" font-size="12" text-anchor="middle" fill="{MUTED}">'
            f"{mark:.{decimals}%}</text>"
        )
    for index, name in enumerate(names):
        y = TOP + ROW * (index + 0.5)
        mean = statistics.mean(values[name])
        said = name if name == "baseline" else f"+ {name}"
        parts.append(f'<text x="{LEFT - 14}" y="{y + 4.5:g}" text-anchor="end">{escape(said)}</text>')
        if len(values[name]) > 1:
            deviation = statistics.stdev(values[name])
            low, high = (max(marks[0], mean - deviation), min(marks[-1], mean + deviation))
            parts.append(
                f'<path d="M{at(low):.1f},{y:g}H{at(high):.1f}" stroke="{BLUE}" stroke-width="5" stroke-opacity="0.3"/>'
            )
        parts += [
            f'<circle cx="{at(value):.1f}" cy="{y:g}" r="3.5" fill="#fff" stroke="{BLUE}" stroke-width="1.2"/>'
            for value in values[name]
        ]
        parts.append(
            f'<circle cx="{at(mean):.1f}" cy="{y:g}" r="5" fill="{BLUE}"><title>{escape(name)}: {mean:.2%}</title>'
            "</circle>"
        )
    return "\n".join([*parts, "</svg>", ""])
