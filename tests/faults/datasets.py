"""Every fault of a data set that can be met, each made on demand: what is wrong, which exit code, what must be said."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Fault:
    """`make(folder)` builds the data set below an empty folder and gives what to open; `code` 0: it is survived.

    A survived fault is named in `Splits.skipped` or `Splits.notes`, a fatal one in the error, with the words of `says`.
    """

    make: Callable[[Path], Path]
    code: int
    says: tuple[str, ...]


def picture(number: int, form: str = "PNG", side: int = 12) -> bytes:
    """A small encoded picture, another one for every number."""
    pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def good(root: Path, classes: tuple[str, ...] = ("cat", "dog"), count: int = 20, start: int = 0) -> Path:
    """A sound folder of classes, `count` PNG files in each."""
    for label, name in enumerate(classes):
        for index in range(count):
            write(root / name / f"{index:03}.png", picture(start + 1000 * label + index))
    return root


def good_parts(root: Path) -> Path:
    for number, part in enumerate(("train", "val", "test")):
        good(root / part, count=4, start=10_000 * number)
    return root


def good_table(root: Path, rows: tuple[str, ...] = (), header: str = "path,label") -> Path:
    """A sound folder with a CSV file that lists it, and `rows` after that; only they are said to be wrong."""
    good(root)
    lines = [header, *(f"{name}/{index:03}.png,{name}" for name in ("cat", "dog") for index in range(20)), *rows]
    return write(root / "labels.csv", "\n".join(lines).encode())


def bad_file(name: str, content: bytes) -> Callable[[Path], Path]:
    def make(root: Path) -> Path:
        write(good(root) / "cat" / name, content)
        return root

    return make


def link(name: str, target: Callable[[Path], Path]) -> Callable[[Path], Path]:
    def make(root: Path) -> Path:
        data = good(root / "data")
        (data / name).symlink_to(target(root))
        return data

    return make


def outside(root: Path) -> Path:
    return write(root / "elsewhere" / "private.png", picture(77))


def fifo(root: Path) -> Path:
    os.mkfifo(good(root) / "cat" / "pipe.jpg")
    return root


def bound_socket(root: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(good(root) / "cat" / "s.jpg"))  # a socket's path must be short
    return root


def loop(root: Path) -> Path:
    (good(root) / "cat" / "again").symlink_to(root / "cat")
    return root


def link_cycle(root: Path) -> Path:
    good(root)
    (root / "cat" / "a.jpg").symlink_to(root / "cat" / "b.jpg")
    (root / "cat" / "b.jpg").symlink_to(root / "cat" / "a.jpg")
    return root


def rubble(root: Path) -> Path:
    good(root)
    for index in range(8):
        write(root / "dog" / f"bad{index}.jpg", b"<html>not found</html>")
    return root


def one_class(root: Path) -> Path:
    return good(root, ("cat",))


def empty_class(root: Path) -> Path:
    (good(root) / "bird").mkdir()
    return root


def no_images(root: Path) -> Path:
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
    return root


def side_by_side(root: Path) -> Path:
    return write(root / "0.png", picture(0)).parent


def parts_differ(root: Path) -> Path:
    good_parts(root)
    (root / "val" / "dog").rename(root / "val" / "doge")
    return root


def only_test(root: Path) -> Path:
    return good(root / "test").parent


def two_validations(root: Path) -> Path:
    return good(good_parts(root) / "valid").parent


def numbered(root: Path) -> Path:
    for number in range(1, 1001):
        (root / str(number)).mkdir(parents=True)
    return root


def across_parts(root: Path) -> Path:
    write(good_parts(root) / "test" / "cat" / "copy.png", (root / "train" / "cat" / "000.png").read_bytes())
    return root


def two_labels(root: Path) -> Path:
    write(good(root) / "dog" / "copy.png", (root / "cat" / "000.png").read_bytes())
    return root


def junk(root: Path) -> Path:
    good(root)
    for name in (".DS_Store", "._000.jpg", "Thumbs.db", ".hidden.png", "desktop.ini"):
        write(root / "cat" / name, b"\0\5\x16\7junk")
    write(root / ".git" / "x.png", b"junk")
    write(root / "__MACOSX" / "cat" / "x.png", b"junk")
    write(root / "dog" / "notes.txt", b"sharp")
    return root


def undecodable_name(root: Path) -> Path:
    good(root)
    with open(os.fsencode(root / "cat") + b"/\xff.png", "wb") as file:
        file.write(picture(500))
    return root


def undecodable_class(root: Path) -> Path:
    good(root)
    os.rename(root / "cat", os.fsencode(root) + b"/c\xe4t")
    return root


def table(*rows: str, header: str = "path,label") -> Callable[[Path], Path]:
    return lambda root: good_table(root, rows, header)


def raw_table(content: bytes) -> Callable[[Path], Path]:
    return lambda root: write(good(root) / "labels.csv", content)


def table_link(root: Path) -> Path:
    private = outside(root)
    file = good_table(root / "data", ("cat/link.png,cat",))
    (root / "data" / "cat" / "link.png").symlink_to(private)
    return file


JPEG = picture(600, "JPEG", 64)
FAULTS: dict[str, Fault] = {
    "truncated": Fault(bad_file("x.jpg", JPEG[: len(JPEG) // 2]), 0, ("cat/x.jpg", "truncated")),
    "last two bytes": Fault(bad_file("x.jpg", JPEG[:-2]), 0, ("cat/x.jpg", "truncated")),
    "empty file": Fault(bad_file("x.jpg", b""), 0, ("cat/x.jpg", "empty")),
    "html": Fault(bad_file("x.jpg", b"<!DOCTYPE html><html>"), 0, ("cat/x.jpg", "HTML")),
    "escape in name": Fault(bad_file("-\n\x1b[31m\u202e.png", b""), 0, ("\n",)),
    "fifo": Fault(fifo, 0, ("cat/pipe.jpg", "regular")),
    "socket": Fault(bound_socket, 0, ("cat/s.jpg", "regular")),
    "link out": Fault(link("cat/out.png", outside), 0, ("cat/out.png", "out of the data set")),
    "folder out": Fault(link("bird", lambda root: outside(root).parent), 3, ("bird", "--follow-links")),
    "deep folder out": Fault(link("cat/more", lambda root: outside(root).parent), 3, ("more", "--follow-links")),
    "broken link": Fault(link("cat/gone.png", lambda root: root / "gone"), 0, ("cat/gone.png", "nowhere")),
    "loop": Fault(loop, 0, ("1 links", "already read")),
    "link cycle": Fault(link_cycle, 0, ("cat/a.jpg", "nowhere")),
    "rubble": Fault(rubble, 3, ("8 of 48", "dog/bad0.jpg", "HTML", "--max-bad")),
    "one class": Fault(one_class, 3, ("only one class", "cat")),
    "empty class": Fault(empty_class, 3, ("bird", "--allow-empty")),
    "no images": Fault(no_images, 3, ("no image",)),
    "empty folder": Fault(lambda root: root, 3, ("no image",)),
    "side by side": Fault(side_by_side, 3, ("folder of their own",)),
    "parts differ": Fault(parts_differ, 3, ("only in val: doge", "not in val: dog")),
    "only test": Fault(only_test, 3, ("no train",)),
    "two validations": Fault(two_validations, 3, ("val", "valid")),
    "numbered": Fault(numbered, 3, ("1 to 1000", "synset")),
    "across parts": Fault(across_parts, 0, ("1 images of test are also in train", "test/cat/copy.png")),
    "two labels": Fault(two_labels, 0, ("two classes", "dog/copy.png")),
    "junk": Fault(junk, 0, (".txt 1",)),
    "undecodable name": Fault(undecodable_name, 0, ()),
    "undecodable class": Fault(undecodable_class, 3, ("c\\udce4t", "UTF-8")),
    "missing": Fault(lambda root: root / "nowhere", 3, ("no such data set",)),
    "archive": Fault(lambda root: write(root / "photos.zip", b"PK"), 3, ("Unpack",)),
    "no table": Fault(lambda root: write(root / "photos.txt", b"x"), 3, ("neither",)),
    "no column": Fault(table(header="path,lable"), 3, ("line 1", "'label'", "lable")),
    "semicolons": Fault(raw_table(b"path;label\ncat/000.png;cat\n"), 3, ("line 1", "commas")),
    "column twice": Fault(raw_table(b"path,label,path\n"), 3, ("line 1", "twice")),
    "empty table": Fault(raw_table(b""), 3, ("line 1", "empty")),
    "header only": Fault(raw_table(b"path,label\n"), 3, ("no image",)),
    "no label": Fault(table("cat/000.png,"), 3, ("line 42", "no label")),
    "nan": Fault(table("dog/000.png,NaN"), 3, ("line 42", "no label")),
    "repeated": Fault(table("cat/000.png,cat"), 3, ("line 42", "repeats line 2")),
    "contradiction": Fault(table("./cat//000.png,dog"), 3, ("line 42", "contradicts")),
    "unknown file": Fault(table("cat/999.png,cat"), 3, ("line 42", "cat/999.png does not exist")),
    "formula": Fault(table("=cmd|' /C calc'!A0,cat"), 3, ("line 42", "does not exist")),
    "long field": Fault(table(f"cat/{'x' * 1_000_000},cat"), 3, ("line 42", "field")),
    "long path": Fault(table(f"{'x/' * 5_000}x.png,cat"), 3, ("line 42", "characters")),
    "nul": Fault(table("cat/\0.png,cat"), 3, ("line 42",)),
    "too many": Fault(table("cat/000.png,cat,train,what"), 3, ("line 42", "2 fields too many")),
    "too few": Fault(table("cat/000.png"), 3, ("line 42", "1 fields missing")),
    "open quote": Fault(table('"cat/000.png,cat'), 3, ("line 42",)),
    "not utf-8": Fault(raw_table(b"path,label\ncat/000.png,caf\xe9\n"), 3, ("UTF-8",)),
    "utf-16": Fault(raw_table("path,label\n".encode("utf-16")), 3, ("UTF-8",)),
    "absolute": Fault(table("/etc/passwd,cat"), 3, ("line 42", "outside")),
    "dots": Fault(table("cat/../../x.png,cat"), 3, ("line 42", "outside")),
    "table link": Fault(table_link, 3, ("line 42", "by a link")),
    "unknown split": Fault(raw_table(b"path,label,split\ncat/000.png,cat,tran\n"), 3, ("line 2", "'train'")),
    "no split": Fault(raw_table(b"path,label,split\ncat/000.png,cat,\n"), 3, ("line 2", "split")),
    "never train": Fault(raw_table(b"path,label,split\ncat/000.png,cat,val\n"), 3, ("split train",)),
    "unseen label": Fault(
        raw_table(b"path,label,split\ncat/000.png,cat,train\ndog/000.png,dog,train\ncat/001.png,bird,test\n"),
        3,
        ("only in test: bird",),
    ),
}
