from __future__ import annotations

import gzip
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topfive.data.idx import read_idx
from topfive.errors import DataError

ARRAY = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_plain_and_packed_files_read_the_same(pack: object, tmp_path: Path) -> None:
    assert callable(pack)
    (tmp_path / "x").write_bytes(pack(idx(ARRAY)))
    found = read_idx(tmp_path / "x", 3)
    assert (found == ARRAY).all()
    assert found.flags.writeable  # torch warns of arrays that are not


@pytest.mark.parametrize(
    ("content", "why"),
    [
        # Named, because the processes of a parallel run must collect the same names and a gzip header holds a clock.
        pytest.param(b"", "does not begin", id="empty"),
        pytest.param(b"<html>", "does not begin", id="html"),
        pytest.param(b"\0\0\x0d\3" + bytes(12), "type 0x0d", id="floats"),
        pytest.param(b"\0\0\x08\1" + bytes(12), "in 1 dimensions", id="one-dimension"),
        pytest.param(b"\0\0\x08\3\0\0", "inside its header", id="cut-header"),
        pytest.param(idx(ARRAY)[:-1], "59 follow", id="one-byte-short"),
        pytest.param(idx(ARRAY) + b"\0", "more follow", id="one-byte-more"),
        pytest.param(b"\0\0\x08\3" + b"\xff" * 12, "claims", id="claims"),
        pytest.param(gzip.compress(idx(ARRAY))[:-9], "gzip", id="cut-gzip"),
        pytest.param(b"\x1f\x8b\x08", "gzip", id="gzip-header"),
    ],
)
def test_damage_is_named(content: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError, match=why) as caught:
        read_idx(tmp_path / "x", 3)
    assert str(tmp_path / "x") in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_idx(tmp_path / "x", 3)


@settings(max_examples=500, deadline=None)
@given(
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 95), st.integers(0, 255)), max_size=4),
    st.integers(0, 95),
    st.binary(max_size=4),
)
def test_any_mutation_is_read_or_refused(
    packed: bool, edits: list[tuple[int, int]], length: int, surplus: bytes
) -> None:
    content = bytearray(gzip.compress(idx(ARRAY)) if packed else idx(ARRAY))
    for position, value in edits:
        content[position % len(content)] = value
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(content[: length or None]) + surplus)
        file.flush()
        try:
            assert read_idx(file.name, 3).dtype == np.uint8
        except DataError as error:
            refused = str(error)
            assert file.name in refused
