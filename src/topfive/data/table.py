"""CSV files that list images: `path,label[,split]`, read with line numbers in every complaint, and written.

What is written reads back the same, whatever the names: paths that are not plain text (undecodable bytes, control
characters) become `file:` with percent-encoded bytes, as in a URL; paths that a spreadsheet would take for a formula
get a leading `./`; labels that it would take for one, or that would read as missing, get a leading apostrophe.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

import numpy as np

from topfive.data.dataset import Splits
from topfive.data.listing import SPLIT_NAMES, UNASSIGNED, Files, Listing, judge_classes, judge_parts
from topfive.data.names import Names
from topfive.data.split import NAMES, TRAIN
from topfive.errors import DataError, ResourceError, nearest, shown

SHOWN_PROBLEMS = 20
LONGEST_PATH, LONGEST_LABEL = 4096, 1000  # characters; the first is Linux's own limit
ESCAPED = "file:"
_TOUCHY_LABEL = re.compile(r"'*(?:[=+\-@\t\r\n].*|nan|\s*)", re.IGNORECASE | re.DOTALL)
_TOUCHY_PATH = re.compile(r"[=+\-@' ]|file:", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def list_table(file: str, base: str | None = None, follow_links: bool = False) -> Listing:
    """The images of a CSV file; relative paths start at `base`, by default the folder of the file."""
    root = os.path.abspath(base if base is not None else os.path.dirname(os.path.abspath(file)))
    table = _Table(file, root, follow_links)
    table.read()
    by_part: dict[int, set[str]] = {}
    for label, part in table.rows.values():
        by_part.setdefault(part, set()).add(label)
    train = by_part.get(TRAIN, set()) | by_part.get(UNASSIGNED, set())
    if table.rows and not train:
        raise DataError("CSV file", file, "no row has the split train", "Add some, or leave the column out")
    others = {NAMES[part]: labels for part, labels in by_part.items() if part not in (TRAIN, UNASSIGNED)}
    judge_parts(file, train, others, allow_missing=True)
    classes = tuple(sorted(train))
    notes = judge_classes(file, classes)
    index = {label: number for number, label in enumerate(classes)}
    labels = np.array([index[label] for label, _ in table.rows.values()], np.int64)
    parts = np.array([part for _, part in table.rows.values()], np.int8)
    return Listing(Files(root), classes, Names(table.rows), labels, parts, notes=notes)


class _Table:
    """One reading of a CSV file: rows by path, and every complaint with its line."""

    def __init__(self, file: str, root: str, follow_links: bool):
        self.file, self.root, self.follow_links = file, root, follow_links
        self.rows: dict[str, tuple[str, int]] = {}
        self._lines: dict[str, int] = {}
        self._real = os.path.realpath(root)
        self._inside: dict[str, bool] = {}

    def read(self) -> None:
        problems = []
        for line, problem in self._problems():
            problems.append(f"line {line}: {problem}")
        if problems:
            more = f"; and {len(problems) - SHOWN_PROBLEMS} more" if len(problems) > SHOWN_PROBLEMS else ""
            why = "; ".join(problems[:SHOWN_PROBLEMS]) + more
            raise DataError("CSV file", self.file, why, "Correct these lines")

    def _problems(self) -> Iterator[tuple[int, str]]:
        line = 1
        try:
            with open(self.file, encoding="utf-8-sig", newline="") as stream:
                reader = csv.reader(stream, strict=True)
                columns: list[str] = []
                for cells in reader:
                    if not cells:
                        pass
                    elif not columns:
                        columns = [cell.strip().lower() for cell in cells]
                        yield from ((line, problem) for problem in _judge_header(columns, cells))
                    else:
                        problem = self._take(dict(zip(columns, cells, strict=False)), len(cells) - len(columns), line)
                        if problem:
                            yield line, problem
                    if columns and not {"path", "label"} <= set(columns):
                        return
                    line = reader.line_num + 1
                if not columns:
                    yield 1, "it is empty; the first line must be path,label or path,label,split"
        except UnicodeDecodeError:
            yield line, "it is not UTF-8 from here on"
        except csv.Error as error:
            yield line, shown(str(error))
        except OSError as error:
            raise DataError("cannot read", self.file, error.strerror or str(error)) from None

    def _take(self, row: dict[str, str], surplus: int, line: int) -> str:
        """Keep one row, or say what is wrong with it."""
        if surplus:
            return (
                f"{abs(surplus)} fields {'too many' if surplus > 0 else 'missing'} (quote a field that holds a comma)"
            )
        if len(row["path"]) > LONGEST_PATH or len(row["label"]) > LONGEST_LABEL:
            return f"a field of {max(len(row['path']), len(row['label']))} characters"
        path = read_path(row["path"])
        problem = self._judge_path(path)
        if problem:
            return problem
        if row["label"].strip().lower() in ("", "nan"):
            return "no label"
        label = read_label(row["label"])
        part = UNASSIGNED
        if "split" in row:
            split = row["split"].strip().lower()
            if split not in SPLIT_NAMES:
                hint = nearest(split, SPLIT_NAMES)
                return f"split {shown(row['split'][:50])!r} is not train, val or test {hint}".rstrip()
            part = SPLIT_NAMES[split]
        before = self.rows.setdefault(path, (label, part))
        first = self._lines.setdefault(path, line)
        if first != line:
            return f"{shown(path)} repeats line {first}" + ("" if before == (label, part) else " and contradicts it")
        return ""

    def _judge_path(self, path: str) -> str:
        if path in ("", "."):
            return "no path"
        if "\0" in path:
            return "a NUL in the path"
        full = os.path.join(self.root, path)
        if not self.follow_links and (os.path.isabs(path) or path.split("/")[0] == ".."):
            return f"{shown(path)} is outside {shown(self.root)} (allowed with --follow-links)"
        if not os.path.lexists(full):
            return f"{shown(path)} does not exist"
        if not self.follow_links and not self._is_inside(full):
            return f"{shown(path)} leads out of {shown(self.root)} by a link (allowed with --follow-links)"
        return ""

    def _is_inside(self, full: str) -> bool:
        folder = os.path.dirname(full)
        if folder not in self._inside:
            self._inside[folder] = self._below_root(os.path.realpath(folder))
        return self._inside[folder] and (not os.path.islink(full) or self._below_root(os.path.realpath(full)))

    def _below_root(self, real: str) -> bool:
        return real == self._real or real.startswith(os.path.join(self._real, ""))


def _judge_header(columns: list[str], cells: list[str]) -> Iterator[str]:
    for wanted in ("path", "label"):
        if wanted not in columns:
            hint = nearest(wanted, columns)
            if len(cells) == 1 and re.search("[;\t]", cells[0]):
                hint = "the fields must be separated by commas"
            yield f"no column {wanted!r} among {shown(','.join(cells))!r} {hint}".rstrip()
    for name in ("path", "label", "split"):
        if columns.count(name) > 1:
            yield f"column {name!r} stands twice"


def read_path(cell: str) -> str:
    """The path that a cell means, in os.fsdecode's form and without `.` and doubled slashes."""
    path = os.fsdecode(unquote_to_bytes(cell[len(ESCAPED) :])) if cell.startswith(ESCAPED) else cell
    return os.path.normpath(path) if path else ""


def path_cell(path: str) -> str:
    """The cell that reads back as `path`, is UTF-8, has no control character and is no formula."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return ESCAPED + quote_from_bytes(os.fsencode(path))
    if _CONTROL.search(path):
        return ESCAPED + quote_from_bytes(os.fsencode(path))
    return f"./{path}" if _TOUCHY_PATH.match(path) else path


def read_label(cell: str) -> str:
    """The label that a cell means."""
    return cell[1:] if cell.startswith("'") and _TOUCHY_LABEL.fullmatch(cell[1:]) else cell


def label_cell(label: str) -> str:
    """The cell that reads back as `label` and is no formula."""
    return f"'{label}" if _TOUCHY_LABEL.fullmatch(label) else label


def write_split(path: str | os.PathLike[str], splits: Splits) -> None:
    """Write which image is in which part as `path,label,split`, whole or not at all.

    Paths are relative to the data set's root: `open_data(path, data_root=root)` opens the same split again.
    """
    target = Path(path)
    part = target.with_name(f"{target.name}.tmp-{os.getpid()}")
    try:
        with open(part, "w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n")
            writer.writerow(("path", "label", "split"))
            for name, dataset in splits.parts():
                for index, label in enumerate(dataset.labels):
                    writer.writerow((path_cell(dataset.name(index)), label_cell(dataset.classes[label]), name))
        os.replace(part, target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ResourceError("cannot write", target, error.strerror or str(error)) from None
