from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faults.datasets import good, picture
from topfive.data import Splits, open_data
from topfive.data import picture as picture_of
from topfive.data.braces import MAXIMUM_NAMES, expand
from topfive.data.shards import ShardDataset
from topfive.errors import DataError, UsageError

Entry = tuple[str | tarfile.TarInfo, bytes]
OLD = 1_000_000_000  # seconds: a file that has not changed for long


def write_shard(path: Path, entries: Iterable[Entry], form: int = tarfile.PAX_FORMAT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=form) as archive:
        for name, content in entries:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    os.utime(path, (OLD, OLD))
    return path


def samples(start: int, count: int = 20) -> list[Entry]:
    """Pictures of two classes, by number."""
    entries: list[Entry] = []
    for number in range(start, start + count):
        entries += [(f"{number:06}.png", picture(number)), (f"{number:06}.cls", str(number % 2).encode())]
    return entries


def three(root: Path, part: str = "train") -> str:
    for number in range(3):
        write_shard(root / f"{part}-{number:06}.tar", samples(100 * number))
    return str(root / f"{part}-{{000000..000002}}.tar")


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def tree(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def said_of(splits: Splits) -> dict[str, str]:
    return {each.path: each.reason for each in splits.skipped}


def test_shards_hold_the_same_images_as_a_folder(tmp_path: Path) -> None:
    folder, entries = good(tmp_path / "folder"), []
    for path in sorted(folder.rglob("*.png")):
        key = f"{path.parent.name}/{path.stem}"
        entries += [
            (f"{key}.png", path.read_bytes()),
            (f"{key}.json", json.dumps({"label": path.parent.name}).encode()),
        ]
    for number in range(3):
        write_shard(tmp_path / "shards" / f"{number}.tar", entries[number * 28 : (number + 1) * 28])
    files, shards = open_data(folder), open_data(tmp_path / "shards")
    assert isinstance(shards.train, ShardDataset)
    assert shards.classes == files.classes == ("cat", "dog")
    assert (shards.skipped, shards.notes) == ((), ())
    assert [len(part) for _, part in shards.parts()] == [len(part) for _, part in files.parts()]
    found = [
        {
            (part.name(index)[-11:], int(part[index][1]), part[index][0].tobytes())
            for _, part in splits.parts()
            for index in range(len(part))
        }
        for splits in (files, shards)
    ]
    assert found[0] == found[1]
    assert len(found[0]) == 40
    pixels, seen = shards.train[3][0], picture_of(shards.train, 3, 8)
    assert not isinstance(seen, np.ndarray)
    assert (seen.pixels.transpose(2, 0, 1) == pixels).all()
    assert pixels.flags.writeable


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_foreign_names_are_read_in_every_format(form: int, tmp_path: Path) -> None:
    longest = 90 if form == tarfile.USTAR_FORMAT else 400
    names = [f"{'long-' * (longest // 5)}{'é' if form != tarfile.USTAR_FORMAT else 'e'}{number}" for number in range(6)]
    entries: list[Entry] = []
    for number, name in enumerate(names):
        entries += [(f"./deep/{name}.PNG", picture(number)), (f"./deep/{name}.cls", b" %d\n" % (number % 2))]
    splits = open_data(write_shard(tmp_path / "a.tar", entries, form), val_fraction=0, test_fraction=0)
    assert [splits.train.name(index) for index in range(6)] == [f"a.tar/deep/{name}.PNG" for name in names]


def test_parts_are_told_by_the_names_of_the_shards(tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    three(flat)
    three(flat, "val")
    by_folder = open_data(flat)
    assert [len(part) for _, part in by_folder.parts()] == [54, 60, 6]
    assert all(by_folder.val.name(index).startswith("val-") for index in range(60))
    by_pattern = open_data(str(flat / "{train,val}-{000000..000002}.tar"))
    assert by_pattern.fingerprint == by_folder.fingerprint
    assert [len(part) for _, part in open_data(three(flat)).parts()] == [48, 6, 6]
    for number in range(2):
        write_shard(tmp_path / "deep" / ("train", "validation")[number] / "0.tar", samples(number * 50))
    assert [len(part) for _, part in open_data(tmp_path / "deep").parts()] == [18, 20, 2]
    write_shard(flat / "more.tar", samples(900))
    with pytest.raises(DataError, match=r"others not: more\.tar"):
        open_data(flat)


def test_numbers_count_the_lines_of_the_class_list(tmp_path: Path) -> None:
    pattern = three(tmp_path)
    assert open_data(pattern).classes == ("0", "1")
    (tmp_path / "classes.txt").write_text("zebra\nape\n", encoding="utf-8")
    named = open_data(pattern)
    assert named.classes == ("zebra", "ape")
    assert {int(named.train.name(index)[-5]) % 2 == label for index, label in enumerate(named.train.labels)} == {True}
    (tmp_path / "classes.txt").write_text("zebra\nape\nbee\n", encoding="utf-8")
    with pytest.raises(DataError, match="without a usable image to train on: bee"):
        open_data(pattern)
    assert open_data(pattern, allow_empty=True).classes == ("zebra", "ape", "bee")


@pytest.mark.parametrize(
    ("lines", "says"),
    [("zebra\n", "classes.txt has 1 lines"), ("a\na\n", "'a' stands twice"), ("a\n\nb\n", "line 2 is empty")],
)
def test_a_class_list_that_does_not_fit_is_an_error(lines: str, says: str, tmp_path: Path) -> None:
    pattern = three(tmp_path)
    (tmp_path / "classes.txt").write_text(lines, encoding="utf-8")
    with pytest.raises(DataError, match=says):
        open_data(pattern)


@pytest.mark.parametrize(
    ("entries", "where", "says"),
    [
        ([("bad.png", picture(1))], "bad.png", "no label"),
        ([("bad.png", picture(1)), ("bad.cls", b"x")], "bad.png", "its .cls holds no number"),
        ([("bad.png", picture(1)), ("bad.cls", b"1" * 99)], "bad.png", "its label is 99 bytes long"),
        ([("bad.png", picture(1)), ("bad.json", b"[" * 99_999)], "bad.png", "its .json cannot be read"),
        ([("bad.png", picture(1)), ("bad.json", b'{"label": true}')], "bad.png", "its .json has no label"),
        ([("bad.png", picture(1)), ("bad.json", b'{"label": "\\ud800"}')], "bad.png", "its .json has no label"),
        ([("bad.cls", b"1")], "bad", "no image"),
        ([("bad.png", b""), ("bad.cls", b"1")], "bad.png", "empty file"),
        ([("bad.jpg", b"<html>oops"), ("bad.cls", b"1")], "bad.jpg", "not an image: HTML"),
        ([("bad.png", picture(1)[:-40]), ("bad.cls", b"1")], "bad.png", "truncated"),
        ([("bad.png", picture(1)), ("bad.jpg", picture(2)), ("bad.cls", b"1")], "bad.jpg", "the second one"),
        ([(special("bad.png", tarfile.SYMTYPE, "/etc/passwd"), b""), ("bad.cls", b"1")], "bad.png", "a link"),
        ([(special("bad.png", tarfile.LNKTYPE, "000000.png"), b""), ("bad.cls", b"1")], "bad.png", "a hard link"),
        ([(special("bad.png", tarfile.CHRTYPE), b""), ("bad.cls", b"1")], "bad.png", "a device"),
        ([(special("bad.png", tarfile.FIFOTYPE), b""), ("bad.cls", b"1")], "bad.png", "a FIFO"),
        ([("bad.png", picture(1)), (special("bad.cls", tarfile.SYMTYPE, "x"), b"")], "bad.png", "its label is not a"),
    ],
)
def test_a_bad_sample_is_named_and_left_out(entries: list[Entry], where: str, says: str, tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "a.tar", samples(0, 30) + entries + samples(30, 30))
    before = tree(tmp_path)
    splits = open_data(shard)
    ((path, reason),) = said_of(splits).items()
    assert path == f"a.tar/{where}"
    assert says in reason
    assert sum(len(part) for _, part in splits.parts()) == (61 if "second" in says else 60)
    assert tree(tmp_path) == before, "something was written beside the shards"


def test_junk_is_no_sample(tmp_path: Path) -> None:
    junk: list[Entry] = [("._000001.png", b"x"), (".DS_Store", b""), ("dir/.x.jpg", b""), ("000002.txt", b"caption")]
    shard = write_shard(tmp_path / "a.tar", [*samples(0), *junk, (special("dir", tarfile.DIRTYPE), b"")])
    assert open_data(shard).skipped == ()


def cut(shard: bytes) -> bytes:
    return shard[: shard.index(b"000019.png") + 512 + 100]


def cut_between(shard: bytes) -> bytes:
    return shard[: shard.index(b"000019.png")]


def flipped(shard: bytes) -> bytes:
    place = shard.index(b"000007.png")
    return shard[:place] + b"x" + shard[place + 1 :]


def resized(size: bytes) -> Callable[[bytes], bytes]:
    """The shard with another size in the header of one image, its sum made right."""

    def change(shard: bytes) -> bytes:
        place = shard.index(b"000007.png")
        header = bytearray(shard[place : place + 512])
        header[124:136], header[148:156] = size, b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        return shard[:place] + bytes(header) + shard[place + 512 :]

    return change


def test_a_shard_that_was_cut_gives_what_is_whole(tmp_path: Path) -> None:
    path = write_shard(tmp_path / "a.tar", samples(0))
    whole = path.read_bytes()
    for change, skipped in ((cut, {"a.tar/000019.png": "truncated: the shard ends within it"}), (cut_between, {})):
        path.write_bytes(change(whole))
        assert len(path.read_bytes()) < len(whole)
        splits = open_data(path, max_bad=0.06)
        assert said_of(splits) == skipped
        assert [note for note in splits.notes if "perhaps cut short: a.tar" in note]
        assert sum(len(part) for _, part in splits.parts()) == 19
    path.write_bytes(cut(whole))
    with pytest.raises(DataError, match="more than 1%"):
        open_data(path, max_bad=0.01)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (flipped, "damaged at byte .* does not add up"),
        (resized(b"\xff" * 12), "damaged at byte .* a size that is none"),
        (resized(b"-0000000001\0"), "damaged at byte .* a size that is none"),
        (resized(b"00000000000\0"), "damaged at byte"),
        (lambda shard: b"", "empty file"),
        (lambda shard: b"\x1f\x8b" + shard, "compressed .gzip."),
        (lambda shard: b"PK" + shard, "not a tar file"),
        (lambda shard: shard[:100], "not a tar file"),
    ],
)
def test_a_damaged_shard_is_an_error(change: Callable[[bytes], bytes], says: str, tmp_path: Path) -> None:
    path = write_shard(tmp_path / "a.tar", samples(0))
    assert open_data(path).skipped == ()
    before = path.read_bytes()
    path.write_bytes(change(before))
    assert path.read_bytes() != before
    with pytest.raises(DataError, match=says):
        open_data(path)


@pytest.mark.parametrize("name", ["../out.png", "a/../../out.png", "/tmp/out.png", "..", "é\0b.png"])
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_a_name_that_leads_out_is_an_attack(name: str, kind: bytes, tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "in" / "a.tar", [*samples(0), (special(name, kind, "../x"), b"")])
    before = tree(tmp_path)
    with pytest.raises(DataError, match="do harm") as caught:
        open_data(shard)
    assert caught.value.exit_code == 3
    assert tree(tmp_path) == before


def test_endless_shards_have_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shard = write_shard(tmp_path / "a.tar", samples(0))
    monkeypatch.setattr("topfive.data.shard.MAXIMUM_MEMBERS", 39)
    with pytest.raises(DataError, match="more than 39 files"):
        open_data(shard)


@given(st.binary(max_size=2000), st.integers(0, 20_000))
def test_no_bytes_do_more_than_be_refused(tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int) -> None:
    path = tmp_path_factory.mktemp("noise") / "a.tar"
    content = write_shard(path, samples(0, 6)).read_bytes()
    path.write_bytes(content[:place] + noise + content[place + len(noise) :])
    try:
        splits = open_data(path, max_bad=1)
    except DataError:
        return
    assert all(part[index][0].ndim == 3 for _, part in splits.parts() for index in range(len(part)))


def test_the_second_opening_reads_through_no_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = three(tmp_path)
    first = open_data(pattern)
    monkeypatch.setattr("topfive.data.shard.members", lambda path: pytest.fail(f"{path} was read"))
    monkeypatch.setattr("topfive.data.check._decoded", lambda images, index: pytest.fail(f"{index} was decoded"))
    second = open_data(pattern)
    assert second.fingerprint == first.fingerprint
    assert (second.train[5][0] == first.train[5][0]).all()
    os.utime(tmp_path / "train-000001.tar", (OLD + 1, OLD + 1))
    with pytest.raises(pytest.fail.Exception, match=r"000001\.tar was read"):
        open_data(pattern)


def test_a_shard_that_changes_under_a_run_is_named(tmp_path: Path) -> None:
    splits = open_data(three(tmp_path))
    for path in tmp_path.glob("*.tar"):
        os.utime(path, (OLD + 1, OLD + 1))
    with pytest.raises(DataError, match=r"train-00000.\.tar/0.* changed after it was listed"):
        splits.train[0]
    for path in tmp_path.glob("*.tar"):
        path.unlink()
    with pytest.raises(DataError, match="not to be had"):
        splits.train[0]


def test_labels_are_all_numbers_or_all_names(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.tar", samples(0))
    write_shard(tmp_path / "b.tar", [("x.png", picture(1)), ("x.json", b'{"label": "cat"}')])
    with pytest.raises(DataError, match=r"numbers in a\.tar and names in b\.tar"):
        open_data(tmp_path)


def test_missing_and_compressed_shards_are_named(tmp_path: Path) -> None:
    three(tmp_path)
    with pytest.raises(DataError, match=r"train-000003\.tar: 1 of 4 are missing"):
        open_data(str(tmp_path / "train-{000000..000003}.tar"))
    (tmp_path / "zipped").mkdir()
    (tmp_path / "zipped" / "a.tar.gz").write_bytes(b"\x1f\x8b\x08" + bytes(600))
    with pytest.raises(DataError, match="compressed"):
        open_data(tmp_path / "zipped")


@pytest.mark.parametrize("thoroughness", ["headers", "none"])
def test_a_lesser_check_opens_the_same_images(thoroughness: str, tmp_path: Path) -> None:
    pattern = three(tmp_path)
    fast = open_data(pattern, check=thoroughness, val_fraction=0, test_fraction=0)  # type: ignore[arg-type]
    slow = open_data(pattern, val_fraction=0, test_fraction=0)
    assert (fast.train[7][0] == slow.train[7][0]).all()
    assert [note for note in fast.notes if "stops the run" in note]
    assert fast.fingerprint != slow.fingerprint


def test_a_lesser_check_finds_less(tmp_path: Path) -> None:
    bad = {"html": b"<html>" + bytes(20), "cut": picture(1)[:-40], "empty": b""}
    for name, content in bad.items():
        path = good(tmp_path) / "cat" / f"{name}.png"
        path.write_bytes(content)
    found = {
        check: {path[4:-4] for path in said_of(open_data(tmp_path, check=check, max_bad=0.1))}  # type: ignore[arg-type]
        for check in ("none", "headers", "all")
    }
    assert found == {"none": {"empty"}, "headers": {"empty", "html"}, "all": {"empty", "html", "cut"}}
    with pytest.raises(UsageError, match="did you mean 'headers'"):
        open_data(tmp_path, check="header")  # type: ignore[arg-type]
    splits = open_data(tmp_path, check="headers", max_bad=0.1, val_fraction=0, test_fraction=0)
    index = next(index for index in range(len(splits.train)) if "cut" in splits.train.name(index))
    with pytest.raises(DataError, match=r"cut\.png: truncated"):
        splits.train[index]


LITERAL = st.text("ab-./019", min_size=0, max_size=4).map(lambda text: (text, [text]))


def numbers(first: int, last: int) -> tuple[str, list[str]]:
    step = 1 if last >= first else -1
    return f"{{{first:03}..{last:03}}}", [f"{number:03}" for number in range(first, last + step, step)]


def alternatives(inner: st.SearchStrategy[tuple[str, list[str]]]) -> st.SearchStrategy[tuple[str, list[str]]]:
    return st.lists(inner, min_size=2, max_size=3).map(
        lambda drawn: ("{" + ",".join(text for text, _ in drawn) + "}", [name for _, names in drawn for name in names])
    )


def sequences(inner: st.SearchStrategy[tuple[str, list[str]]]) -> st.SearchStrategy[tuple[str, list[str]]]:
    return st.tuples(inner, inner).map(
        lambda two: (two[0][0] + two[1][0], [a + b for a in two[0][1] for b in two[1][1]])
    )


NUMBERS = st.builds(numbers, st.integers(0, 30), st.integers(0, 30))


@given(st.recursive(LITERAL | NUMBERS, lambda inner: alternatives(inner) | sequences(inner), max_leaves=5))
def test_patterns_mean_what_they_were_made_of(made: tuple[str, list[str]]) -> None:
    pattern, names = made
    if len(names) <= MAXIMUM_NAMES:
        assert expand(pattern) == names


@given(st.text("{},.0129ab", max_size=40))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    try:
        names = expand(text)
    except UsageError:
        return
    assert 1 <= len(names) <= MAXIMUM_NAMES
    if "," not in text and ".." not in text:
        assert names == [text]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("train-{000008..000010}.tar", ["train-000008.tar", "train-000009.tar", "train-000010.tar"]),
        ("{8..10}", ["8", "9", "10"]),
        ("{2..0}", ["2", "1", "0"]),
        ("{a,b{1..2}}.tar", ["a.tar", "b1.tar", "b2.tar"]),
        ("{a}{b", ["{a}{b"]),
        ("{}{1..2}", ["{}1", "{}2"]),
        ("a,b", ["a,b"]),
    ],
)
def test_patterns_as_shells_read_them(pattern: str, names: list[str]) -> None:
    assert expand(pattern) == names


@pytest.mark.parametrize("pattern", ["{0..999999999999999999}", "{0..999}{0..999}", "{" * 60 + "a,b" + "}" * 60])
def test_patterns_without_bounds_are_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match="pattern"):
        expand(pattern)
