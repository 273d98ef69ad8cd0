"""CSV files that list images: `path,label[,split]`, read with line numbers in every complaint, and written.

Where an image may show several classes or none, the column is `labels` and a cell `cat;dog`, empty for none; in a name,
`;` is written `\\;` and `\\` doubled, and blanks around it are not part of it.

What is written reads back the same, whatever the names: paths that are not plain text (undecodable bytes, control
characters) become `file:` with percent-encoded bytes, as in a URL; paths that a spreadsheet would take for a formula
get a leading `./`; labels that it would take for one, or that would read as missing, get a leading apostrophe.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

import numpy as np

from topfive.data.dataset import Labels, Splits, classes_shown
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
    for names, part in table.rows.values():
        by_part.setdefault(part, set()).update(names)
    train = by_part.get(TRAIN, set()) | by_part.get(UNASSIGNED, set())
    if table.rows and not train:
        raise DataError("CSV file", file, "no row has the split train", "Add some, or leave the column out")
    others = {NAMES[part]: labels for part, labels in by_part.items() if part not in (TRAIN, UNASSIGNED)}
    judge_parts(file, train, others, allow_missing=True)
    classes = tuple(sorted(train))
    notes = judge_classes(file, classes)
    index = {label: number for number, label in enumerate(classes)}
    if table.several:
        labels: Labels = np.zeros((len(table.rows), len(classes)), np.uint8)
        for row, (names, _) in zip(labels, table.rows.values(), strict=True):
            row[[index[name] for name in names]] = 1
        if (labels.sum(axis=1) == 1).all():
            notes.append("every image has one label: if one class excludes the others, call the column label")
    else:
        labels = np.array([index[name] for (name,), _ in table.rows.values()], np.int64)
    parts = np.array([part for _, part in table.rows.values()], np.int8)
    return Listing(Files(root), classes, Names(table.rows), labels, parts, notes=notes)


class _Table:
    """One reading of a CSV file: rows by path, and every complaint with its line."""

    def __init__(self, file: str, root: str, follow_links: bool):
        self.file, self.root, self.follow_links = file, root, follow_links
        self.rows: dict[str, tuple[tuple[str, ...], int]] = {}
        self.several = False
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
                        self.several = "labels" in columns
                        yield from ((line, problem) for problem in _judge_header(columns, cells))
                    else:
                        problem = self._take(dict(zip(columns, cells, strict=False)), len(cells) - len(columns), line)
                        if problem:
                            yield line, problem
                    if columns and not {"path", self._column} <= set(columns):
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

    @property
    def _column(self) -> str:
        return "labels" if self.several else "label"

    def _take(self, row: dict[str, str], surplus: int, line: int) -> str:
        """Keep one row, or say what is wrong with it."""
        if surplus:
            return (
                f"{abs(surplus)} fields {'too many' if surplus > 0 else 'missing'} (quote a field that holds a comma)"
            )
        cell = row[self._column]
        written = split_labels(cell) if self.several else [cell]
        if len(row["path"]) > LONGEST_PATH or max(map(len, written), default=0) > LONGEST_LABEL:
            return f"a field of {max(len(row['path']), len(cell))} characters"
        path = read_path(row["path"])
        problem = self._judge_path(path)
        if problem:
            return problem
        if any(name.strip().lower() in ("", "nan") for name in written):
            return "no label" + (f" in a place of {shown(cell)!r} (an empty cell means none)" if self.several else "")
        names = tuple(sorted(read_label(name) for name in written))
        if len(set(names)) < len(names):
            return f"{shown(cell)!r} names a class twice"
        part = UNASSIGNED
        if "split" in row:
            split = row["split"].strip().lower()
            if split not in SPLIT_NAMES:
                hint = nearest(split, SPLIT_NAMES)
                return f"split {shown(row['split'][:50])!r} is not train, val or test {hint}".rstrip()
            part = SPLIT_NAMES[split]
        before = self.rows.setdefault(path, (names, part))
        first = self._lines.setdefault(path, line)
        if first != line:
            return f"{shown(path)} repeats line {first}" + ("" if before == (names, part) else " and contradicts it")
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
        if wanted not in columns and not (wanted == "label" and "labels" in columns):
            hint = nearest(wanted, columns)
            if len(cells) == 1 and re.search("[;\t]", cells[0]):
                hint = "the fields must be separated by commas"
            yield f"no column {wanted!r} among {shown(','.join(cells))!r} {hint}".rstrip()
    for name in ("path", "label", "labels", "split"):
        if columns.count(name) > 1:
            yield f"column {name!r} stands twice"
    if {"label", "labels"} <= set(columns):
        yield "columns 'label' and 'labels': one class an image, or several?"


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


def split_labels(cell: str) -> list[str]:
    """What stands for each name in a cell of several labels, as `read_label` takes it."""
    if not cell.strip():
        return []
    names = [""]
    for token in re.findall(r"\\[\\;]|.", cell, re.DOTALL):
        if token == ";":
            names.append("")
        else:
            names[-1] += token[-1]
    return [name.strip() for name in names]


def labels_cell(labels: Sequence[str]) -> str:
    """The cell that reads back as these labels and is no formula."""
    return ";".join(re.sub(r"([\\;])", r"\\\1", label_cell(label)) for label in labels)


def write_split(path: str | os.PathLike[str], splits: Splits) -> None:
    """Write which image is in which part as `path,label,split`, or `path,labels,split`, whole or not at all.

    Paths are relative to the data set's root: `open_data(path, data_root=root)` opens the same split again.
    """
    target = Path(path)
    part = target.with_name(f"{target.name}.tmp-{os.getpid()}")
    try:
        with open(part, "w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n")
            writer.writerow(("path", "labels" if splits.several else "label", "split"))
            for name, dataset in splits.parts():
                for index in range(len(dataset)):
                    labels = [dataset.classes[label] for label in classes_shown(dataset.labels, index)]
                    cell = labels_cell(labels) if splits.several else label_cell(*labels)
                    writer.writerow((path_cell(dataset.name(index)), cell, name))
        os.replace(part, target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ResourceError("cannot write", target, error.strerror or str(error)) from None
