from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from faults.datasets import FAULTS, good, good_parts, picture, write
from topfive.data import clean, open_data, write_split
from topfive.data.files import Choices
from topfive.data.findings import Finding, find
from topfive.data.likeness import Alike
from topfive.data.parted import write_folders
from topfive.data.survey import Survey, survey
from topfive.errors import DataError, ResourceError, UsageError


def looked_at(root: Path) -> Survey:
    return survey(str(root), lambda what: lambda done, total: None, None)


def names(splits) -> dict[str, list[str]]:  # type: ignore[no-untyped-def]
    return {part: [dataset.name(index) for index in range(len(dataset))] for part, dataset in splits.parts()}


def test_without_findings_it_is_the_split_of_open_data(tmp_path: Path) -> None:
    splits = clean.split("data", looked_at(good(tmp_path)), Choices(seed=3))
    assert names(splits) == names(open_data(tmp_path, seed=3))


def test_alike_pictures_stay_in_one_part_whatever_the_seed(tmp_path: Path) -> None:
    found = looked_at(good(tmp_path))
    chain = tuple(Alike(index, index + 1, 1.0, False) for index in range(0, 8))
    together = {found.paths[index] for index in range(9)}
    scattered = 0
    for seed in range(6):
        parts = names(clean.split("data", replace(found, alike=chain), Choices(seed=seed)))
        assert sum(bool(together & set(part)) for part in parts.values()) == 1
        without = names(clean.split("data", replace(found, alike=chain), Choices(seed=seed), near=False))
        scattered += sum(bool(together & set(part)) for part in without.values()) > 1
    assert scattered, "else the chain proves nothing"


def test_what_is_dropped_of_each_kind() -> None:
    def finding(kind: str) -> Finding:
        return Finding(kind, "a", "cat", "", "note", "b")

    assert clean.dropped([finding("duplicate")]) == {"a"}
    assert clean.dropped([finding("leak")]) == {"a"}
    assert clean.dropped([finding("label-conflict")]) == {"a", "b"}
    assert clean.dropped([finding("near-duplicate"), finding("grey"), finding("exif")]) == set()


def test_the_clean_list_opens_and_nothing_is_found_in_it(tmp_path: Path) -> None:
    root = FAULTS["truncated"].make(tmp_path / "data")
    content = picture(5, side=40)
    for path in ("cat/x.png", "cat/y.png"):
        write(root / path, content)
    for path in ("cat/v.png", "dog/w.png"):
        write(root / path, picture(6, side=40))
    found = looked_at(root)
    splits = clean.split("data", found, Choices(), clean.dropped(find(found)))
    write_split(tmp_path / "clean.csv", splits)
    again = open_data(tmp_path / "clean.csv", data_root=root)
    assert again.skipped == ()
    assert names(again) == names(splits)
    listed = {name for part in names(again).values() for name in part}
    assert len(listed & {"cat/x.png", "cat/y.png"}) == 1
    assert not listed & {"cat/v.png", "dog/w.png", "cat/x.jpg"}
    assert find(survey(str(tmp_path / "clean.csv"), lambda what: lambda done, total: None, None, data_root=root)) == ()


@pytest.mark.parametrize("fault", ["rubble", "one class", "no images"])
def test_unusable_data_are_refused_as_by_training(fault: str, tmp_path: Path) -> None:
    found = looked_at(FAULTS[fault].make(tmp_path))
    with pytest.raises(DataError) as caught:
        clean.split("data", found, Choices())
    assert all(words in str(caught.value) for words in FAULTS[fault].says)


@pytest.mark.parametrize("copy", [True, False])
def test_folders_open_as_the_same_split(copy: bool, tmp_path: Path) -> None:
    splits = open_data(good_parts(tmp_path / "data"))
    write_folders(tmp_path / "out", splits, copy=copy)
    again = open_data(tmp_path / "out", follow_links=True)
    assert [len(part) for _, part in again.parts()] == [len(part) for _, part in splits.parts()]
    assert {path.is_symlink() for path in (tmp_path / "out").rglob("*.png")} == {not copy}
    assert (again.train[0][0] == splits.train[0][0]).all()


def test_folders_are_never_written_over(tmp_path: Path) -> None:
    splits = open_data(good(tmp_path / "data"))
    write(tmp_path / "out" / "x", b"mine")
    with pytest.raises(UsageError, match="not empty"):
        write_folders(tmp_path / "out", splits)
    with pytest.raises(ResourceError):
        write_folders(tmp_path / "out" / "x" / "deep", splits)


@pytest.mark.parametrize("label", ["..", "a/b"])
def test_a_class_that_is_no_folder_name_is_refused(label: str, tmp_path: Path) -> None:
    good(tmp_path / "data")
    rows = "".join(f"cat/{index:03}.png,{label}\ndog/{index:03}.png,dog\n" for index in range(20))
    write(tmp_path / "data" / "labels.csv", f"path,label\n{rows}".encode())
    with pytest.raises(UsageError, match="folder"):
        write_folders(tmp_path / "out", open_data(tmp_path / "data" / "labels.csv"))
    assert not (tmp_path / "out").exists()
