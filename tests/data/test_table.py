from __future__ import annotations

import csv
import os
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from faults.datasets import good
from topfive.data import FileDataset, Splits, open_data, write_split
from topfive.data.table import label_cell, list_table, path_cell, read_label, read_path

FORMULA = ("=", "+", "-", "@", "\t", "\r")
TOUCHY = st.text("=+-@'\"\t\r\n,; \\./fileNAn:%0|\u202e\x1b\x7f\x85é\U0001f431\udcff", max_size=20)


def encodable(label: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in label)


def file_name(raw: bytes) -> str:
    """Some name that a file may have, undecodable bytes as surrogates."""
    name = raw.translate(None, b"\0/")[:200]
    return os.fsdecode(name) if name not in (b"", b".", b"..") else "x"


ODD_LABELS = st.sampled_from(["nan", "NaN", "'nan", "", "=cmd|' /C calc'!A0"])
LABELS = TOUCHY.filter(encodable) | st.text(max_size=20) | ODD_LABELS
FILE_NAMES = (st.binary(max_size=20) | (TOUCHY | st.text(max_size=20)).map(os.fsencode)).map(file_name)


@settings(deadline=None)
@given(st.lists(FILE_NAMES, min_size=1, max_size=3).map("/".join))
def test_a_path_reads_back_and_is_plain_text(path: str) -> None:
    cell = path_cell(path)
    assert read_path(cell) == path
    cell.encode()
    assert not cell.startswith((*FORMULA, " "))
    assert not any(ord(character) < 32 for character in cell)


@settings(deadline=None)
@given(LABELS)
def test_a_label_reads_back_and_is_no_formula(label: str) -> None:
    cell = label_cell(label)
    assert read_label(cell) == label
    assert not cell.startswith(FORMULA)
    assert cell.strip().lower() not in ("", "nan")


@settings(max_examples=60, deadline=None)
@given(st.lists(FILE_NAMES, min_size=4, max_size=12, unique=True), LABELS.filter(lambda label: label != "plain"))
@example(["a", "b", "c", "file:a"], "=1+1")
@example(["=x.png", "'=x.png", "file:%3Dx.png", "\udcff\n\x1b[0m.png"], "'=1")
def test_any_names_and_labels_make_the_whole_journey(names: list[str], label: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            Path(folder, name).write_bytes(b"")
        labels = np.array([index % 2 for index in range(len(names))], np.int64)
        classes = ("plain", label)
        parts = [FileDataset(folder, tuple(names[start::3]), labels[start::3], classes) for start in range(3)]
        file = Path(folder, "=.csv") if "=.csv" not in names else Path(folder, "other.csv")
        write_split(file, Splits("any", *parts, fingerprint=""))
        assert file.read_bytes().decode().startswith('"path","label","split"\n')
        with open(file, encoding="utf-8", newline="") as stream:
            assert all(len(row) == 3 for row in csv.reader(stream, strict=True))
        rows = {name: (place % 2, place % 3) for place, name in enumerate(names)}
        found = list_table(str(file))
        got = {
            path: (classes.index(found.classes[number]), part)
            for path, number, part in zip(found.paths, found.labels, found.parts, strict=True)
        }
        assert got == rows


def test_splits_of_named_sets_can_be_written(tmp_path: Path) -> None:
    write_split(tmp_path / "digits.csv", open_data("digits"))
    with open(tmp_path / "digits.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 1797
    assert rows[1077 + 360] == {"path": "digits/test/0", "label": rows[1077 + 360]["label"], "split": "test"}


def test_a_table_may_stand_elsewhere_when_the_root_is_given(tmp_path: Path) -> None:
    good(tmp_path / "data")
    (tmp_path / "labels.csv").write_text("Path, LABEL ,comment\ncat/000.png,cat,x\ndog/000.png,dog,\n")
    found = list_table(str(tmp_path / "labels.csv"), str(tmp_path / "data"))
    assert (list(found.paths), found.classes) == (["cat/000.png", "dog/000.png"], ("cat", "dog"))
