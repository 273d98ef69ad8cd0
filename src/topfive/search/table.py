"""The evaluator that answers from a table: what `topfive search tabulate` measured, looked up instead of trained.

A table is a CSV file, a row a network and seed: `cell` the key of the structure, `model` its name, `val_1` to `val_n`
the top-1 fraction on held-out images after each epoch, `params`, `macs`, `seconds` of processor time, and `seed`, which
counts the trainings of a network from 0.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from topfive.errors import DataError, RefusedError
from topfive.search.trial import Measurement

FIRST, LAST = ("cell", "model"), ("params", "macs", "seconds", "seed")
_CELL = re.compile("[0-9a-f]{16}", re.ASCII)
_NUMBER = re.compile("[0-9]{1,9}", re.ASCII)
_MEASUREMENT = TypeAdapter(Measurement)


@dataclass(frozen=True)
class Row:
    """One training of one network."""

    cell: str
    model: str
    seed: int
    measurement: Measurement

    def fields(self) -> list[str]:
        found = self.measurement
        curve = [f"{accuracy:.4f}" for accuracy in found.curve]
        return [
            self.cell,
            self.model,
            *curve,
            str(found.params),
            str(found.macs),
            f"{found.seconds:.2f}",
            str(self.seed),
        ]


def header(epochs: int) -> list[str]:
    return [*FIRST, *(f"val_{epoch}" for epoch in range(1, epochs + 1)), *LAST]


def read_rows(path: Path) -> tuple[Row, ...]:
    """All rows of a table.  DataError where there is none, RefusedError where it is damaged."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError("table", path, error.strerror or str(error), "Make one: topfive search tabulate") from None
    except UnicodeDecodeError:
        raise RefusedError("table", path, "it is not text") from None
    return rows_from(text, path)


def rows_from(text: str, path: Path) -> tuple[Row, ...]:
    """The rows in `text`; what is wrong is said of its line in `path`."""
    if not text.endswith("\n"):
        raise RefusedError("table", path, "its last line is cut off", "Make it whole: topfive search tabulate goes on")
    try:
        names, *lines = csv.reader(text.splitlines(), strict=True)
    except csv.Error as error:
        raise RefusedError("table", path, f"it is no CSV ({error})") from None
    epochs = len(names) - len(FIRST) - len(LAST)
    if epochs < 1 or names != header(epochs):
        raise RefusedError("table", path, f"its columns are {', '.join(names)[:100]}, not {', '.join(header(1))}")
    rows = tuple(_row(line, names, f"{path}:{number}") for number, line in enumerate(lines, 2))
    _check_together(rows, path)
    return rows


def _row(line: list[str], names: Sequence[str], where: str) -> Row:
    if len(line) != len(names):
        raise RefusedError("table", where, f"{len(line)} values for {len(names)} columns")
    values = dict(zip(names, line, strict=True))
    curve = [value for name, value in values.items() if name.startswith("val_")]
    if not _CELL.fullmatch(values["cell"]) or not values["model"] or not _NUMBER.fullmatch(values["seed"]):
        raise RefusedError("table", where, "cell is 16 hexadecimal digits, model a name and seed a number")
    numbers = {name: values[name] for name in ("params", "macs", "seconds")}
    try:
        measurement = _MEASUREMENT.validate_python({"accuracy": curve[-1], "curve": curve, **numbers})
    except ValidationError as error:
        first = error.errors()[0]
        raise RefusedError("table", where, f"{first['loc'][0]}: {first['msg']}, not {first['input']!r}") from None
    return Row(values["cell"], values["model"], int(values["seed"]), measurement)


def _check_together(rows: Iterable[Row], path: Path) -> None:
    """A network is trained once a seed, and cells and models are one to one."""
    seen: set[tuple[str, int]] = set()
    models: dict[str, str] = {}
    cells: dict[str, str] = {}
    for row in rows:
        if (row.cell, row.seed) in seen:
            raise RefusedError("table", path, f"cell {row.cell} stands there twice with seed {row.seed}")
        if models.setdefault(row.cell, row.model) != row.model or cells.setdefault(row.model, row.cell) != row.cell:
            raise RefusedError("table", path, f"cell {row.cell} has two models, or its model another cell")
        seen.add((row.cell, row.seed))


@dataclass(frozen=True)
class Table:
    """Answers by the name of a network, whatever the seed."""

    answers: Mapping[str, Measurement] = field(repr=False)

    def __call__(self, model: str, seed: int) -> Measurement:
        if model not in self.answers:
            raise DataError("table", None, f"{model} is not in it", "Choose the space that it was made of")
        return self.answers[model]


def table_from(rows: Iterable[Row]) -> Table:
    """Every network's first training, of the least seed, answers for it: the others tell how far chance goes."""
    ordered = sorted(rows, key=lambda row: row.seed, reverse=True)
    return Table({row.model: row.measurement for row in ordered})
