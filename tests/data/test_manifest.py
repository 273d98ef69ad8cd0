from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faults.datasets import good, picture, write
from topfive.data.findings import find
from topfive.data.manifest import changes, digests, read_manifest, write_manifest
from topfive.data.survey import survey
from topfive.errors import DataError
from topfive.images import decode

NAMES = st.binary(min_size=1, max_size=30).filter(lambda name: b"\0" not in name).map(os.fsdecode)


def silent(what: str):  # type: ignore[no-untyped-def]
    return lambda done, total: None


@given(st.dictionaries(NAMES, st.binary(min_size=32, max_size=32), max_size=5))
def test_what_is_written_reads_back(tmp_path_factory: pytest.TempPathFactory, entries: dict[str, bytes]) -> None:
    path = tmp_path_factory.mktemp("manifest") / "sums"
    write_manifest(path, entries)
    assert read_manifest(path) == entries


@pytest.mark.parametrize(
    "line", [b"", b"no sum", b"0" * 63 + b"  a", b"0" * 64 + b" a", b"0" * 64 + b"  ", b"\xff" * 70]
)
def test_what_is_no_manifest_is_refused_with_its_line(line: bytes, tmp_path: Path) -> None:
    (tmp_path / "sums").write_bytes(b"0" * 64 + b"  a.png\n" + line + b"\n")
    with pytest.raises(DataError, match="line 2"):
        read_manifest(tmp_path / "sums")


def test_sha256sum_agrees(tmp_path: Path) -> None:
    root = good(tmp_path / "data", count=3)
    write(root / "cat" / "back\\slash\n.png", picture(99))
    write_manifest(tmp_path / "sums", digests(survey(str(root), silent, None)))
    checked = subprocess.run(["sha256sum", "-c", "--quiet", tmp_path / "sums"], cwd=root, capture_output=True)
    assert checked.returncode == 0, checked.stderr
    (root / "cat" / "back\\slash\n.png").write_bytes(b"other")
    checked = subprocess.run(["sha256sum", "-c", "--quiet", tmp_path / "sums"], cwd=root, capture_output=True)
    assert checked.returncode == 1


def test_a_flipped_bit_that_no_decoder_sees_is_found(tmp_path: Path) -> None:
    root = good(tmp_path / "data", count=4)
    path = write(root / "cat" / "x.jpg", picture(600, "JPEG", 64))
    write_manifest(tmp_path / "sums", digests(survey(str(root), silent, None)))
    content = bytearray(path.read_bytes())
    content[content.index(b"\xff\xda") + 100] ^= 4
    path.write_bytes(content)
    decode(path)  # it does decode
    (root / "dog" / "000.png").unlink()
    write(root / "dog" / "new.png", picture(601))
    detector = changes(read_manifest(tmp_path / "sums"))
    found = {(each.kind, each.path) for each in find(survey(str(root), silent, None), [detector])}
    assert found == {("changed", "cat/x.jpg"), ("missing", "dog/000.png"), ("unlisted", "dog/new.png")}


def test_a_missing_manifest_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        read_manifest(tmp_path / "nowhere")
