"""CSV files whose images have several labels: what a cell means, its faults, and the way back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from topfive.data import ArrayDataset, open_data, write_split
from topfive.data.dataset import class_counts, classes_shown
from topfive.data.split import NAMES
from topfive.data.table import labels_cell, list_table, read_label, split_labels
from topfive.errors import DataError

NAMES_OF_CLASSES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12).filter(
    lambda name: name == name.strip() and name
)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def pictures(folder: Path, cells: list[str], header: str = "path,labels", encoding: str = "utf-8") -> Path:
    """A CSV file with one small picture a cell, no two the same."""
    folder.mkdir(exist_ok=True)
    rows = []
    for number, cell in enumerate(cells):
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(folder / f"{number:03d}.png")
        rows.append(f"{number:03d}.png,{cell}\n")
    file = folder / "table.csv"
    file.write_text(header + "\n" + "".join(rows), encoding=encoding, newline="")
    return file


@given(st.lists(NAMES_OF_CLASSES, max_size=5))
@example(["a;b", "\\", "\\;", "=1", "nan", "'"])
@example([])
def test_labels_read_back_and_are_no_formula(names: list[str]) -> None:
    cell = labels_cell(names)
    assert [read_label(part) for part in split_labels(cell)] == names
    assert not cell.startswith(FORMULA)


@given(st.text(max_size=30))
def test_any_cell_is_read(cell: str) -> None:
    parts = split_labels(cell)
    assert all(part == part.strip() for part in parts)
    assert ";" not in "".join(parts) or "\\;" in cell


def test_a_cell_names_any_number_of_classes(tmp_path: Path) -> None:
    found = list_table(str(pictures(tmp_path, ["cat;dog", "", "dog", " dog ; 'nan ", "   "])))
    assert found.classes == ("cat", "dog", "nan")
    assert found.labels.dtype == np.uint8
    assert found.labels.tolist() == [[1, 1, 0], [0, 0, 0], [0, 1, 0], [0, 1, 1], [0, 0, 0]]
    assert class_counts(found.labels, 3).tolist() == [1, 3, 1]
    assert classes_shown(found.labels, 3) == [1, 2]


def test_marks_of_other_systems_change_nothing(tmp_path: Path) -> None:
    plain = open_data(pictures(tmp_path, ["cat;dog", "dog", "", "cat"] * 5))
    text = (tmp_path / "table.csv").read_text().replace("\n", "\r\n")
    (tmp_path / "table.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert open_data(tmp_path / "table.csv").fingerprint == plain.fingerprint
    assert plain.several


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["cat", "cat;;dog"], "line 3: no label in a place of 'cat;;dog'"),
        (["cat", "cat;"], "line 3: no label in a place of 'cat;'"),
        (["NaN", "cat"], "line 2: no label in a place of 'NaN'"),
        (["cat", "dog;cat;dog"], "line 3: 'dog;cat;dog' names a class twice"),
        (["cat", "dog,cat"], "line 3: 1 fields too many"),
        (["cat", "c" * 1001 + ";dog"], "line 3: a field of 1005 characters"),
    ],
)
def test_faults_are_told_with_their_lines(tmp_path: Path, cells: list[str], said: str) -> None:
    with pytest.raises(DataError) as caught:
        open_data(pictures(tmp_path, cells))
    assert caught.value.exit_code == 3
    assert said in str(caught.value)


def test_label_and_labels_contradict(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="one class an image, or several"):
        open_data(pictures(tmp_path, ["cat,dog"], header="path,label,labels"))


def test_the_same_row_in_another_order_is_a_repetition_and_no_contradiction(tmp_path: Path) -> None:
    file = pictures(tmp_path, ["cat;dog"])
    file.write_text(file.read_text() + "000.png,dog;cat\n")
    with pytest.raises(DataError) as caught:
        open_data(file)
    assert "repeats line 2" in str(caught.value)
    assert "contradicts" not in str(caught.value)


def test_one_label_everywhere_is_remarked_on(tmp_path: Path) -> None:
    assert any("call the column label" in note for note in open_data(pictures(tmp_path, ["cat", "dog"] * 9)).notes)
    assert not open_data(pictures(tmp_path / "other", ["cat", "dog", ""] * 9)).notes


def test_a_label_more_is_another_data_set(tmp_path: Path) -> None:
    cells = ["cat;dog", "cat", "dog", ""] * 6
    before = open_data(pictures(tmp_path, cells)).fingerprint
    assert open_data(pictures(tmp_path, cells)).fingerprint == before
    assert open_data(pictures(tmp_path, [*cells[:-1], "dog"])).fingerprint != before


def test_one_of_several_and_the_only_one_are_two_data_sets(tmp_path: Path) -> None:
    cells = ["cat", "dog"] * 9
    several = open_data(pictures(tmp_path, cells)).fingerprint
    assert open_data(pictures(tmp_path, cells, header="path,label")).fingerprint != several


def test_a_split_that_was_written_opens_again(tmp_path: Path) -> None:
    splits = open_data(pictures(tmp_path, ["cat;a\\;b", "cat", "a\\;b", ""] * 10), seed=3)
    assert splits.classes == ("a;b", "cat")
    assert [len(part) for _, part in splits.parts()] == [32, 4, 4]
    write_split(tmp_path / "split.csv", splits)
    again = open_data(tmp_path / "split.csv")
    assert again.fingerprint == splits.fingerprint
    for name in NAMES:
        one, other = getattr(splits, name), getattr(again, name)
        assert np.array_equal(one.labels, other.labels)
        assert all(np.array_equal(one[i][1], other[i][1]) for i in range(len(one)))


def test_a_class_without_an_image_to_train_on_is_told(tmp_path: Path) -> None:
    file = pictures(tmp_path, ["cat,train", "dog,train", "cat;bird,test"], header="path,labels,split")
    with pytest.raises(DataError, match="only in test: bird"):
        open_data(file)


@pytest.mark.parametrize("labels", [np.zeros((4, 3), np.uint8), np.zeros((4, 2), np.int64), np.zeros(3, np.int64)])
def test_labels_of_another_form_are_no_data_set(labels: np.ndarray) -> None:
    with pytest.raises(AssertionError):
        ArrayDataset(np.zeros((4, 1, 8, 8), np.uint8), labels, ("cat", "dog"), "any")
