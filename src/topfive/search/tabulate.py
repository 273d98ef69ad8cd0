"""A table of a whole space: every cell trained once, some of them again, so that strategies can be compared in no time.

The table is its own checkpoint: what stands in it is not trained again.  Cells come by level and in a random order, so
that a table of which only a part is done is a sample; those that are trained with more seeds are the first of the last
level.  Many processes may fill one table, each its own part of the rows.
"""

from __future__ import annotations

import contextlib
import csv
import fcntl
import io
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from topfive import artifact
from topfive.errors import DivergedError, RefusedError, ResourceError, UsageError
from topfive.models import spec
from topfive.recipe import Recipe
from topfive.search.protocols import Evaluator
from topfive.search.space import SearchSpace
from topfive.search.spaces.cells import distinct
from topfive.search.table import Row, header, rows_from
from topfive.search.trial import Measurement
from topfive.train.randomness import seed_of

TRAINING, VALIDATION = 10_240, 10_000  # images, all of them from training
# 80 steps.  AdamW, because a sum of poolings that nothing normalises has any scale, and SGD with momentum left some
# cells at chance (14% and 58% by two seeds) that reach 81% so.
RECIPE = Recipe(model="", epochs=2, batch_size=256, opt="adamw", lr=0.01, weight_decay=0.01, warmup_epochs=0.3)
MOST = 1_000_000  # choices of a space that is walked through
REPEATED, SEEDS = 50, 3  # so many cells are trained with so many seeds, the rest with one
Watch = Callable[[Row, int, int], None]  # a row, and how many of how many rows the table has


@dataclass(frozen=True)
class Cell:
    """A row to be: which network, and for the how many-th time."""

    key: str
    model: str
    seed: int


def check_size(space: SearchSpace) -> None:
    """UsageError for a space that is too large to be walked through."""
    if space.size > MOST:
        why = f"it has {space.size:.2g} choices, and a table holds every cell of at most {MOST:,}"
        raise UsageError("space", space.name, why, "Use --space pnas-two")


def cells_of(space: SearchSpace, repeated: int = REPEATED, seeds: int = SEEDS) -> list[Cell]:
    """Every row of the table, in the order in which they are made."""
    rows = []
    for level in range(len(space.levels)):
        found = list(distinct(space, level))
        order = np.random.default_rng(seed_of(0, "table", level)).permutation(len(found))
        for place, index in enumerate(order):
            again = level == len(space.levels) - 1 and place < repeated
            key, model = space.key(found[index]), space.model(found[index])
            rows += [Cell(key, model, seed) for seed in range(seeds if again else 1)]
    return rows


def tabulate(
    cells: Sequence[Cell], evaluate: Evaluator, epochs: int, out: Path, part: tuple[int, int], watch: Watch
) -> None:
    """Train what is missing of a part, (1, 2) being the first of two, and append each row when it is there."""
    number, parts = part
    done = {(row.cell, row.seed) for row in _opened(out, epochs)}
    for cell in cells[number - 1 :: parts]:
        if (cell.key, cell.seed) not in done:
            row = Row(cell.key, cell.model, cell.seed, _measured(cell, evaluate, epochs))
            watch(row, _append(out, row), len(cells))


def _measured(cell: Cell, evaluate: Evaluator, epochs: int) -> Measurement:
    """What evaluation gives; a training that leaves the finite numbers has learnt nothing."""
    begun = time.process_time()
    try:
        return evaluate(cell.model, seed_of(cell.seed, f"cell {cell.key}"))
    except DivergedError:
        facts = spec(cell.model).facts
        return Measurement(0.0, facts.params, facts.macs, time.process_time() - begun, (0.0,) * epochs)


def check_settings(out: Path, settings: Mapping[str, Any]) -> None:
    """Write down beside the table how it is made; UsageError where it was begun otherwise."""
    path = settings_file(out)
    text = json.dumps(settings, indent=1) + "\n"
    if not path.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        artifact.write(path, text.encode())
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        items = dict(kept.items())
    except (OSError, ValueError, AttributeError) as error:
        raise RefusedError("settings of a table", path, f"cannot be read ({error})") from None
    asked = json.loads(text)
    changed = [key for key in {**items, **asked} if items.get(key) != asked.get(key)]
    if changed:
        listed = ", ".join(f"{key} was {items.get(key)}, is {asked.get(key)}" for key in changed)
        raise UsageError("table", out, f"it was begun otherwise: {listed}", "Make it as it was begun, or another --out")


def settings_file(out: Path) -> Path:
    return out.with_suffix(".json")


def _opened(out: Path, epochs: int) -> tuple[Row, ...]:
    """The rows so far; a table that is not there is begun."""
    with _locked(out) as file:
        text = _whole_lines(file)
        if not text:
            text = _line(header(epochs))
            _write(file, text)
    return rows_from(text, out)


def _append(out: Path, row: Row) -> int:
    """How many rows the table has, this one the last."""
    with _locked(out) as file:
        before = _whole_lines(file)
        _write(file, _line(row.fields()))
    return before.count("\n")


@contextlib.contextmanager
def _locked(out: Path) -> Iterator[IO[bytes]]:
    """The file, ours alone until the context ends or the process does."""
    try:
        with open(out, "a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
    except OSError as error:
        raise ResourceError("cannot write table", out, error.strerror or str(error)) from None


def _whole_lines(file: IO[bytes]) -> str:
    """What stands in the file; a last line that is cut off, as a kill leaves it, is taken away."""
    file.seek(0)
    content = file.read()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        file.truncate(whole)
    return content[:whole].decode("utf-8", "replace")


def _write(file: IO[bytes], text: str) -> None:
    file.write(text.encode())
    file.flush()
    os.fsync(file.fileno())


def _line(values: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue()
