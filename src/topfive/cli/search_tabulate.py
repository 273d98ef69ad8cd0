"""`topfive search tabulate`: train every cell of a small space and write down how good each is."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Annotated

from rich.console import Console
from typer import Argument, Option

from topfive.errors import UsageError


def tabulate(
    data: Annotated[str, Argument(metavar="DATA", help="A folder, a CSV file or the name of a data set.")],
    out: Annotated[Path, Option(help="The .csv file; what stands in it is not trained again.")],
    space: Annotated[str, Option(help="The space of cells.")] = "pnas-two",
    part: Annotated[str, Option(help="Train part K of N alone, as in 1/2: one process a part.")] = "1/1",
    data_root: Annotated[Path | None, Option(help="Where named data sets lie.")] = None,
) -> None:
    """Train every distinct cell of a small space for the same short time, so that strategies can be compared on it.

    One row a cell and seed is appended to the table as it is measured.  `--evaluator table:FILE` answers from it.
    """
    number, parts = _part(part)
    from topfive.data import open_data
    from topfive.data.part import within_training
    from topfive.search.proxy import Proxy
    from topfive.search.spaces import space_named
    from topfive.search.table import Row
    from topfive.search.tabulate import RECIPE, TRAINING, VALIDATION, cells_of, check_settings, check_size
    from topfive.search.tabulate import tabulate as fill

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    check_size(space_named(space))  # what is wrong with a space is told before any image is read
    splits = within_training(open_data(data, data_root=data_root), TRAINING, VALIDATION)
    chosen = space_named(space, channels=len(splits.train[0][0]))
    recipe = dataclasses.asdict(RECIPE)
    settings = {
        "space": chosen.name,
        **chosen.settings,
        "data": splits.name,
        "fingerprint": splits.fingerprint,
        "training": len(splits.train),
        "validation": len(splits.val),
        "recipe": {key: value for key, value in recipe.items() if key not in ("model", "seed")},
    }
    check_settings(out, settings)

    def watch(row: Row, done: int, total: int) -> None:
        found = row.measurement
        console.print(f"{done:>6} of {total}  {found.accuracy:.4f}  {found.seconds:5.1f} s  {row.model}", markup=False)

    fill(cells_of(chosen), Proxy(splits, RECIPE), RECIPE.epochs, out, (number, parts), watch)


def _part(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text, re.ASCII)
    number, parts = map(int, found.groups()) if found else (0, 0)
    if not 1 <= number <= parts:
        raise UsageError("--part", text, "it is the part of a whole, as 1/2 or 2/2")
    return number, parts
