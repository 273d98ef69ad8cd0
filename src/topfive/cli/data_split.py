"""`topfive data split`: which picture trains and which one judges, written down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer import Argument, Option

from topfive.cli.data_check import built_in, steps, title
from topfive.data import Splits, clean, write_split
from topfive.data.files import Choices
from topfive.data.parted import write_folders
from topfive.data.survey import survey
from topfive.errors import UsageError, shown


def split(
    source: Annotated[str, Argument(metavar="DATA", help="A folder, a CSV file or shards.")],
    out: Annotated[Path, Option(help="A .csv file, or a new folder for part/<class>/<picture>.")],
    group: Annotated[
        Literal["exact", "near"],
        Option(help="What stays in one part: equal files, or all that shows the same picture."),
    ] = "exact",
    seed: Annotated[int, Option(help="Decides which images are held out.")] = 0,
    val_fraction: Annotated[float, Option(help="Share of images held out for val.")] = 0.1,
    test_fraction: Annotated[float, Option(help="Share of images held out for test.")] = 0.1,
    copy: Annotated[bool, Option("--copy", help="Copy the pictures into the folder instead of linking them.")] = False,
    data_root: Annotated[Path | None, Option(help="Where a CSV file's paths start.")] = None,
    max_bad: Annotated[float, Option(help="Share of bad files from which the data are unusable (exit 3).")] = 0.05,
    follow_links: Annotated[bool, Option(help="Follow links that lead out of the folder.")] = False,
    threads: Annotated[int | None, Option(min=1, help="Threads of the engine. Default: one a core.")] = None,
    as_json: Annotated[bool, Option("--json", help="One JSON line a class on stdout.")] = False,
) -> None:
    """Split a data set by seed, each class in proportion, and write the split down.

    Parts that the data give are kept; only what is missing is taken out of train.
    """
    choices = Choices(seed, val_fraction, test_fraction, max_bad, follow_links=follow_links)
    is_table = out.suffix.lower() == ".csv"
    if copy and is_table:
        raise UsageError("--copy", None, "a .csv file holds no pictures", "Give a folder as --out")
    with steps() as begin:
        embed = built_in(threads) if group == "near" else None
        found = survey(source, begin, embed, compare=group == "near", data_root=data_root, follow_links=follow_links)
    splits = clean.split(title(source), found, choices, near=group == "near")
    if is_table:
        write_split(out, splits)
    else:
        write_folders(out, splits, copy=copy)
    _report(splits, as_json)


def _report(splits: Splits, as_json: bool) -> None:
    counts = {name: np.bincount(part.labels, minlength=len(splits.classes)) for name, part in splits.parts()}
    if as_json:
        for label, name in enumerate(splits.classes):
            print(json.dumps({"class": name, **{part: int(count[label]) for part, count in counts.items()}}))
        return
    table = Table("class", *counts, box=None, header_style="dim", pad_edge=False)
    for label, name in enumerate(splits.classes):
        table.add_row(Text(shown(name)), *(f"{count[label]:,}" for count in counts.values()))
    table.add_row(Text("all", style="bold"), *(f"{count.sum():,}" for count in counts.values()))
    Console(highlight=False).print(table)
    if splits.skipped:
        first = splits.skipped[0]
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            Text(f"{len(splits.skipped):,} files are left out, the first is {shown(first.path)}: {shown(first.reason)}")
        )
