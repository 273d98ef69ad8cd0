from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

from faults.datasets import FAULTS, Fault, good, good_parts, good_table, picture, write
from topfive.data import FileDataset, Splits, open_data, write_split
from topfive.errors import DataError, TopfiveError, UsageError, shown


def names(splits: Splits) -> dict[str, list[str]]:
    return {part: [dataset.name(index) for index in range(len(dataset))] for part, dataset in splits.parts()}


def all_names(splits: Splits) -> list[str]:
    return [name for listed in names(splits).values() for name in listed]


def tree(root: Path) -> str:
    digest = hashlib.sha256()
    for folder, folders, files in sorted(os.walk(root)):
        for name in sorted(folders + files):
            path = os.path.join(folder, name)
            status = os.lstat(path)
            digest.update(os.fsencode(path) + f"{status.st_size} {status.st_mtime_ns} {status.st_mode}".encode())
    return digest.hexdigest()


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_every_fault_is_named_and_has_its_code(fault: Fault, tmp_path: Path) -> None:
    source = fault.make(tmp_path)
    before = tree(tmp_path)
    if fault.code:
        with pytest.raises(TopfiveError) as caught:
            open_data(source)
        assert caught.value.exit_code == fault.code
        said = str(caught.value)
        assert "\n" not in said
    else:
        splits = open_data(source)
        assert {len(splits.train) >= 8, len(splits.val) >= 2, len(splits.test) >= 2} == {True}
        said = " ".join([*(f"{skipped.path}: {skipped.reason}" for skipped in splits.skipped), *splits.notes])
        assert not {skipped.path for skipped in splits.skipped} & set(all_names(splits))
    for words in fault.says:
        assert words in said
    assert tree(tmp_path) == before, "something was written into the data folder"


def test_a_sound_folder_has_nothing_to_say(tmp_path: Path) -> None:
    splits = open_data(good(tmp_path))
    assert (splits.skipped, splits.notes) == ((), ())
    assert splits.classes == ("cat", "dog")
    assert [len(dataset) for _, dataset in splits.parts()] == [32, 4, 4]
    assert splits.mirror


def test_pixels_and_labels_are_those_of_the_files(tmp_path: Path) -> None:
    splits = open_data(good(tmp_path))
    for index in range(len(splits.train)):
        name = splits.train.name(index)
        pixels, label = splits.train[index]
        number = 1000 * label + int(Path(name).stem)
        expected = np.random.default_rng(number).integers(0, 256, (12, 12, 3), dtype=np.uint8)
        assert (pixels == expected.transpose(2, 0, 1)).all()
        assert splits.classes[label] == name.split("/")[0]
        assert pixels.flags.c_contiguous
        assert pixels.flags.writeable


def test_given_parts_are_kept_whatever_the_seed(tmp_path: Path) -> None:
    found = [names(open_data(good_parts(tmp_path), seed=seed)) for seed in (0, 1)]
    assert found[0] == found[1]
    for part, listed in found[0].items():
        assert len(listed) == 8
        assert all(name.startswith(f"{part}/") for name in listed)


@pytest.mark.parametrize("called", ["valid", "validation"])
def test_validation_has_three_names(called: str, tmp_path: Path) -> None:
    (good_parts(tmp_path) / "val").rename(tmp_path / called)
    assert all(name.startswith(called) for name in names(open_data(tmp_path))["val"])


def test_a_missing_part_comes_out_of_train(tmp_path: Path) -> None:
    shutil.rmtree(good_parts(tmp_path) / "val")
    found = names(open_data(tmp_path, val_fraction=0.25))
    assert [len(found[part]) for part in ("train", "val", "test")] == [6, 2, 8]
    assert all(name.startswith("train/") for name in found["val"])


def test_fraction_zero_leaves_the_part_empty(tmp_path: Path) -> None:
    splits = open_data(good(tmp_path), val_fraction=0, test_fraction=0)
    assert [len(dataset) for _, dataset in splits.parts()] == [40, 0, 0]
    assert splits.val.classes == splits.classes


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    assert open_data(good(tmp_path, ("bus", "test", "train"))).classes == ("bus", "test", "train")


def test_images_in_nested_folders_belong_to_the_class(tmp_path: Path) -> None:
    write(good(tmp_path) / "cat" / "2024" / "may" / "x.PNG", picture(9999))
    assert "cat/2024/may/x.PNG" in all_names(open_data(tmp_path))


def test_links_out_are_followed_when_allowed(tmp_path: Path) -> None:
    source = FAULTS["folder out"].make(tmp_path)
    for number in range(2):
        write(tmp_path / "elsewhere" / f"{number}.png", picture(80 + number))
    assert open_data(source, follow_links=True).classes == ("bird", "cat", "dog")
    source = FAULTS["table link"].make(tmp_path / "table")
    assert "cat/link.png" in all_names(open_data(source, follow_links=True))


def test_an_empty_class_stays_when_allowed(tmp_path: Path) -> None:
    assert open_data(FAULTS["empty class"].make(tmp_path), allow_empty=True).classes == ("bird", "cat", "dog")


def test_max_bad_is_the_border(tmp_path: Path) -> None:
    source = FAULTS["rubble"].make(tmp_path)
    assert len(open_data(source, max_bad=8 / 48).skipped) == 8
    with pytest.raises(DataError):
        open_data(source, max_bad=7.9 / 48)


def test_a_file_may_vanish_between_scan_and_check(tmp_path: Path) -> None:
    good(tmp_path)

    def progress(done: int, total: int) -> None:
        if done == 1:  # the last chunk is read after the first is reported
            (tmp_path / "dog" / "599.png").unlink(missing_ok=True)

    for index in range(20, 600):
        os.link(tmp_path / "dog" / "000.png", tmp_path / "dog" / f"{index:03}.png")
    splits = open_data(tmp_path, progress=progress)
    assert [(each.path, each.reason) for each in splits.skipped] == [("dog/599.png", "it is gone")]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
def test_what_cannot_be_read_is_named() -> None:
    superuser = os.geteuid() == 0  # for whom nothing is unreadable
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to other users
        root = good(Path(folder))
        root.chmod(0o755)
        (root / "cat" / "000.png").chmod(0)
        (root / "dog" / "more").mkdir(mode=0)
        if superuser:
            os.seteuid(65534)
        try:
            splits = open_data(root, max_bad=0.1)
        finally:
            if superuser:
                os.seteuid(0)
            (root / "dog" / "more").chmod(0o700)
    reasons = {each.path: each.reason for each in splits.skipped}
    assert reasons == {"cat/000.png": "permission denied", "dog/more": "the folder cannot be read: Permission denied"}


def test_duplicates_of_a_class_never_straddle_a_split_made_here(tmp_path: Path) -> None:
    good(tmp_path)
    for index in range(20):
        write(tmp_path / "cat" / f"copy{index}.png", (tmp_path / "cat" / f"{index % 7:03}.png").read_bytes())
    for seed in range(5):
        assert not [note for note in open_data(tmp_path, seed=seed).notes if "byte for byte" in note]


def test_fingerprint_sees_content_name_label_and_part(tmp_path: Path) -> None:
    def fingerprint(change: str) -> str:
        root = good_parts(tmp_path / change.replace("/", "-"))
        if change == "content":
            write(root / "train" / "cat" / "000.png", picture(424242))
        elif change == "name":
            (root / "train" / "cat" / "000.png").rename(root / "train" / "cat" / "zero.png")
        elif change == "label":
            (root / "train" / "cat" / "000.png").rename(root / "train" / "dog" / "004.png")
        elif change == "part":
            (root / "train" / "cat" / "000.png").rename(root / "val" / "cat" / "004.png")
        elif change == "class":
            for part in ("train", "val", "test"):
                (root / part / "cat").rename(root / part / "caт")
        return open_data(root).fingerprint

    found = [fingerprint(change) for change in ("nothing", "content", "name", "label", "part", "class")]
    assert len(set(found)) == len(found)
    assert fingerprint("nothing/again") == found[0]


def test_the_second_opening_reads_no_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = FAULTS["truncated"].make(tmp_path)
    for path in root.rglob("*.*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    first = open_data(root)
    monkeypatch.setattr("topfive.data.check.read_file", lambda path, limit: pytest.fail(f"{path} was read"))
    second = open_data(root)
    assert (second.fingerprint, second.skipped) == (first.fingerprint, first.skipped)
    os.utime(root / "cat" / "000.png", (1_000_000_001, 1_000_000_001))
    with pytest.raises(pytest.fail.Exception, match=r"000\.png was read"):
        open_data(root)


def test_a_file_changed_just_now_is_not_remembered(tmp_path: Path) -> None:
    path = good(tmp_path) / "cat" / "000.png"
    first = open_data(tmp_path)
    status = path.stat()
    path.write_bytes(picture(31337))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size, "the change must be invisible from outside"
    assert open_data(tmp_path).fingerprint != first.fingerprint


def test_a_damaged_or_forbidden_cache_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprint = open_data(good(tmp_path / "data")).fingerprint
    cache = Path(os.environ["XDG_CACHE_HOME"], "topfive", "images.sqlite")
    assert cache.exists()
    cache.write_bytes(b"this is no database, but long enough to look at" * 100)
    assert open_data(tmp_path / "data").fingerprint == fingerprint
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    assert open_data(tmp_path / "data").fingerprint == fingerprint


def test_progress_counts_every_file(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    open_data(good(tmp_path), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 40) for done in range(1, 41)]


@pytest.mark.parametrize(
    "setting",
    [{"val_fraction": -0.1}, {"test_fraction": 1.5}, {"val_fraction": 0.5, "test_fraction": 0.5}, {"max_bad": 2}],
)
def test_settings_outside_their_range_are_refused(setting: dict[str, float], tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        open_data(good(tmp_path), **setting)  # type: ignore[arg-type]


def test_a_misspelt_name_gives_the_nearest() -> None:
    with pytest.raises(DataError, match="Did you mean 'fashion-mnist'"):
        open_data("fashon-mnist")


def test_a_table_is_read_as_spreadsheets_write_it(tmp_path: Path) -> None:
    plain = open_data(good_table(tmp_path))
    content = (tmp_path / "labels.csv").read_bytes()
    quoted = b"\r\n".join(b'"%s","%s"' % tuple(line.split(b",")) for line in content.splitlines())
    (tmp_path / "labels.csv").write_bytes(b"\xef\xbb\xbf" + quoted + b"\r\n\r\n")
    spreadsheet = open_data(tmp_path / "labels.csv")
    assert spreadsheet.fingerprint == plain.fingerprint
    assert names(spreadsheet) == names(plain)


def test_only_the_first_twenty_problems_are_shown(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        open_data(good_table(tmp_path, tuple(f"cat/{index}.png,cat" for index in range(30, 60))))
    assert str(caught.value).count("does not exist") == 20
    assert "and 10 more" in str(caught.value)


def test_blanks_around_a_label_are_pointed_out(tmp_path: Path) -> None:
    good(tmp_path)
    rows = [f"{name}/{index:03}.png,{' ' * (index % 2)}{name}" for name in ("cat", "dog") for index in range(20)]
    write(tmp_path / "labels.csv", "\n".join(["path,label", *rows]).encode())
    assert [note for note in open_data(tmp_path / "labels.csv").notes if "' cat', 'cat'" in note]


@pytest.mark.parametrize("make", [good, good_parts, FAULTS["undecodable name"].make, FAULTS["escape in name"].make])
def test_a_written_split_opens_as_the_same(make: object, tmp_path: Path) -> None:
    assert callable(make)
    splits = open_data(make(tmp_path / "data"))
    write_split(tmp_path / "split.csv", splits)
    again = open_data(tmp_path / "split.csv", data_root=tmp_path / "data", seed=99)
    assert names(again) == names(splits)
    assert again.fingerprint == splits.fingerprint
    assert {file.name for file in tmp_path.iterdir()} == {"data", "split.csv"}


def test_file_dataset_survives_pickling_and_names_its_files(tmp_path: Path) -> None:
    import pickle

    dataset = open_data(good(tmp_path), short_side=8).train
    assert isinstance(dataset, FileDataset)
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy.paths == dataset.paths
    assert (copy[3][0] == dataset[3][0]).all()
    assert copy.path(3) == str(tmp_path / dataset.name(3))
    assert shown(copy.path(3))
    assert copy.short_side == 8
