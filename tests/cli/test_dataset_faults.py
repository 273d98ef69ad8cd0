"""One table of all that a data set of strangers may hold, A1 to A27: what each command makes of it, and its code.

`check` and `train` open the data set in which the fault lies, `predict` gets its files themselves.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

import topfive.train
from faults import pictures
from faults.datasets import FAULTS, good, picture, table, write
from topfive.cli import run

ANSWERS, REFUSES = "predictions", "error"


@dataclass(frozen=True)
class Row:
    """`make(folder)` gives what to open; `finds` are the kinds of findings that `check` must make, and no other.

    `check`, `strict` and `train` are exit codes, `strict` that of `check --strict`; `train` is with `--strict` too.
    `predict`: what it says of every file of the fault; "" where that is not the question.
    """

    make: Callable[[Path], Path]
    finds: set[str]
    check: int
    strict: int
    train: int
    predict: str = ""


def files_of(fault: str, chosen: Callable[[str], bool] = lambda name: True) -> Callable[[Path], Path]:
    """A sound folder, with all files of one kind of fault (tests/faults/pictures.py) in a class."""

    def make(folder: Path) -> Path:
        root = good(folder / "data")
        (folder / "all").mkdir()
        for path, expected in pictures.write(folder / "all").items():
            name = os.path.basename(path)
            if expected.fault == fault and chosen(name) and os.path.lexists(path):
                os.rename(path, root / "cat" / f"x {name}")
        return root

    return make


def named(fault: str) -> Callable[[Path], Path]:
    return FAULTS[fault].make


def few_exif(name: str) -> bool:
    return name in ("exif 6.jpg", "exif 99.jpg", "exif garbage.jpg")


def wide(name: str) -> bool:
    return name.startswith("20000")


def unreadable_folder(folder: Path) -> Path:
    """For the superuser nothing is unreadable, so the FIFO and the socket stand for it."""
    return files_of("A20", lambda name: name != "folder.png")(folder)


def tar(*members: tuple[str, bytes, bytes]) -> Callable[[Path], Path]:
    """Name, type and target of each member."""

    def make(folder: Path) -> Path:
        with tarfile.open(folder / "photos.tar", "w") as file:
            for number in range(40):
                for suffix, content in (("png", picture(number)), ("cls", b"%d" % (number % 2))):
                    entry = tarfile.TarInfo(f"{number}.{suffix}")
                    entry.size = len(content)
                    file.addfile(entry, io.BytesIO(content))
            for name, kind, target in members:
                entry = tarfile.TarInfo(name)
                entry.type, entry.linkname = kind, target.decode()
                file.addfile(entry)
        return folder / "photos.tar"

    return make


def archive(name: str) -> Callable[[Path], Path]:
    return lambda folder: write(folder / name, b"PK\x03\x04" + bytes(64))


OUT = (tarfile.REGTYPE, b"")
TABLE: dict[str, Row] = {
    "A1 truncated": Row(files_of("A1"), {"unreadable"}, 0, 7, 7, REFUSES),
    "A2 empty": Row(files_of("A2"), {"unreadable"}, 0, 7, 7, REFUSES),
    "A3 wrong extension": Row(files_of("A3"), {"wrong-extension"}, 0, 0, 0, ANSWERS),
    "A4 no image": Row(files_of("A4"), {"unreadable"}, 0, 7, 7, REFUSES),
    "A5 header only": Row(files_of("A5"), {"unreadable"}, 0, 7, 7, REFUSES),
    "A6 bit flip": Row(files_of("A6"), set(), 0, 0, 0, ANSWERS),  # with a manifest: below
    "A7 CMYK": Row(files_of("A7"), {"near-duplicate"}, 0, 0, 0, ANSWERS),
    "A8 16 bits and float": Row(
        files_of("A8", lambda name: "mid" not in name), {"grey", "near-duplicate"}, 0, 0, 0, ANSWERS
    ),
    "A9 transparent": Row(files_of("A9"), {"grey"}, 0, 0, 0, ANSWERS),
    "A10 few bits": Row(files_of("A10"), {"grey", "near-duplicate"}, 0, 0, 0, ANSWERS),
    "A11 animated": Row(files_of("A11"), {"animated", "near-duplicate"}, 0, 0, 0, ANSWERS),
    "A12 bomb": Row(files_of("A12"), {"unreadable"}, 0, 7, 7, REFUSES),
    "A13 144 megapixels": Row(files_of("A13"), {"unreadable"}, 0, 7, 7, REFUSES),
    "A14 claims more than it has": Row(files_of("A14"), {"unreadable"}, 0, 7, 7, REFUSES),
    "A15 EXIF": Row(files_of("A15", few_exif), {"exif", "near-duplicate"}, 0, 0, 0, ANSWERS),
    "A16 thin": Row(files_of("A16", wide), {"thin"}, 0, 7, 0, ANSWERS),
    "A17 name not UTF-8": Row(files_of("A17", lambda name: name.startswith("\udcff")), set(), 0, 0, 0, ANSWERS),
    "A18 hostile name": Row(files_of("A18"), {"duplicate"}, 0, 7, 0, ANSWERS),
    "A19 loop": Row(named("loop"), set(), 0, 0, 0),
    "A19 cycle": Row(named("link cycle"), {"unreadable"}, 0, 7, 7),
    "A19 link out": Row(named("link out"), {"unreadable"}, 0, 7, 7),
    "A19 folder out": Row(named("folder out"), set(), 3, 3, 3),
    "A20 no regular file": Row(unreadable_folder, {"unreadable"}, 0, 7, 7, REFUSES),
    "A21 gone": Row(named("broken link"), {"unreadable"}, 0, 7, 7),
    "A22 one class": Row(named("one class"), set(), 3, 3, 3),
    "A22 empty class": Row(named("empty class"), {"imbalance"}, 3, 3, 3),
    "A22 no images": Row(named("no images"), {"imbalance"}, 3, 3, 3),
    "A23 classes differ": Row(named("parts differ"), set(), 3, 3, 3),
    "A24 the same in two parts": Row(named("across parts"), {"leak", "imbalance"}, 0, 7, 7),
    "A25 missing column": Row(named("no column"), set(), 3, 3, 3),
    "A25 conflicting label": Row(named("contradiction"), set(), 3, 3, 3),
    "A25 duplicate row": Row(named("repeated"), set(), 3, 3, 3),
    "A25 unknown file": Row(named("unknown file"), set(), 3, 3, 3),
    "A25 NaN": Row(named("nan"), set(), 3, 3, 3),
    "A25 a field of a million": Row(named("long field"), set(), 3, 3, 3),
    "A25 formula": Row(named("formula"), set(), 3, 3, 3),
    "A25 a sound table": Row(table(), set(), 0, 0, 0),
    "A26 junk": Row(named("junk"), set(), 0, 0, 0),
    "A27 zip": Row(archive("42.zip"), set(), 3, 3, 3),
    "A27 tar.gz": Row(archive("photos.tar.gz"), set(), 3, 3, 3),
    "A27 a sound tar": Row(tar(), set(), 0, 0, 0),
    "A27 symbolic link": Row(tar(("x.png", tarfile.SYMTYPE, b"/etc/passwd")), {"unreadable"}, 0, 7, 7),
    "A27 hard link": Row(tar(("x.png", tarfile.LNKTYPE, b"../../etc/passwd")), {"unreadable"}, 0, 7, 7),
    "A27 device": Row(tar(("x.png", tarfile.CHRTYPE, b"")), {"unreadable"}, 0, 7, 7),
    "A27 ../": Row(tar(("../../evil.png", *OUT)), set(), 3, 3, 3),
    "A27 absolute": Row(tar(("/tmp/evil.png", *OUT)), set(), 3, 3, 3),
}


def lines(text: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in text.splitlines()]


def tree(folder: Path) -> list[tuple[str, int, int]]:
    paths = [os.path.join(at, name) for at, folders, files in os.walk(folder) for name in folders + files]
    return sorted((path, os.lstat(path).st_size, os.lstat(path).st_mtime_ns) for path in paths)


def extra(source: Path) -> list[str]:
    """The files of the fault."""
    return (
        sorted(str(path) for path in (source / "cat").iterdir() if path.name.startswith("x "))
        if source.is_dir()
        else []
    )


def test_the_table_has_every_fault() -> None:
    assert {row.split()[0] for row in TABLE} == {f"A{number}" for number in range(1, 28)}


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_check_finds_it_and_has_its_code(row: Row, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = row.make(tmp_path)
    before = tree(tmp_path)
    out = tmp_path.parent / f"{tmp_path.name}-out"
    command = ["data", "check", str(source), "--quick", "--max-bad", "0.5", "--json", "--out", str(out)]
    assert run(command) == row.check
    printed, err = capsys.readouterr()
    assert err.count("\n") == (row.check != 0), err
    assert {line["kind"] for line in lines(printed)} == row.finds
    if row.finds in ({"unreadable"}, {"wrong-extension"}) and extra(source):
        assert {os.path.join(source, line["path"]) for line in lines(printed)} == set(extra(source))
    assert run([*command, "--strict"]) == row.strict
    assert tree(tmp_path) == before, "something was written beside or into the data"


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_train_survives_or_refuses_it(
    row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = []

    def stand_in(recipe, splits, run, *rest):  # type: ignore[no-untyped-def]
        opened.append(splits)
        contract = {"run": ""}
        return SimpleNamespace(
            split="test", evaluation=SimpleNamespace(), contract=lambda: contract, text=lambda: "", kept=None
        )

    monkeypatch.setattr(topfive.train, "fit", stand_in)
    source = row.make(tmp_path)
    command = ["train", str(source), "--model", "lenet5", "--max-bad", "0.5", "--strict", "--json"]
    assert run([*command, "--threads", "1", "--out", str(tmp_path.parent / f"{tmp_path.name}-run")]) == row.train
    if row.train == 3:
        assert not opened
        return
    (splits,) = opened
    skipped = {each.path for each in splits.skipped}
    assert bool(skipped or splits.leaked) == (row.train == 7)
    listed = {dataset.name(index) for _, dataset in splits.parts() for index in range(len(dataset))}
    assert not skipped & listed


@pytest.mark.parametrize(
    "row", [row for row in TABLE.values() if row.predict], ids=[r for r in TABLE if TABLE[r].predict]
)
def test_predict_answers_or_says_why_not(row: Row, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = extra(row.make(tmp_path))
    assert files
    code = run(["predict", *files, "--json", "--strict", "--threads", "1", "--top", "1"])
    assert code == (7 if row.predict == REFUSES else 0)
    answers = lines(capsys.readouterr().out)
    assert [answer["path"] for answer in answers] == files
    assert {key for answer in answers for key in answer} == {"path", row.predict}


def test_a_flipped_bit_is_found_with_a_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A6: no decoder sees it."""
    root, sums = good(tmp_path / "data"), tmp_path / "sums"
    path = write(root / "cat" / "x.jpg", picture(600, "JPEG", 64))
    command = ["data", "check", str(root), "--quick", "--out", str(tmp_path / "out"), "--json", "--strict"]
    assert run([*command, "--hash", str(sums)]) == 0
    content = bytearray(path.read_bytes())
    content[content.index(b"\xff\xda") + 100] ^= 4
    path.write_bytes(content)
    assert run(command) == 0
    assert run([*command, "--hash", str(sums)]) == 7
    assert [line["kind"] for line in lines(capsys.readouterr().out)] == ["changed"]


def test_nothing_leaves_an_archive(tmp_path: Path) -> None:
    """A27: the attack is in the file, and neither written out nor opened as data."""
    (folder := tmp_path / "deep").mkdir()
    source = TABLE["A27 ../"].make(folder)
    with tarfile.open(source) as file:
        assert "../../evil.png" in file.getnames()
    assert run(["data", "check", str(source), "--quick", "--out", str(tmp_path / "out")]) == 3
    assert not list(tmp_path.parent.glob("evil.png")) + list(tmp_path.rglob("evil.png"))
