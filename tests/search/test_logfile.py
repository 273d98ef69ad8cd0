"""A file that only grows: whole lines, from many processes, whatever dies."""

from __future__ import annotations

import errno
import os
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive.errors import ResourceError
from topfive.search import logfile
from topfive.search.logfile import Claims, LogFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log"


def append(path, *entries):
    file = LogFile(path)
    with file.alone():
        file.lines()
        for entry in entries:
            file.append(entry)
    file.close()
    return file


def test_lines_are_given_once_whoever_wrote_them(path):
    append(path, {"a": 1})
    reader = LogFile(path)
    assert reader.lines() == [b'{"a": 1}']
    append(path, {"b": "two\nlines"}, {"c": None})
    assert reader.lines() == [b'{"b": "two\\nlines"}', b'{"c": null}']
    assert reader.lines() == []
    reader.close()


def test_a_line_without_its_end_is_not_there_yet(path):
    append(path, {"a": 1})
    with open(path, "ab") as other:
        other.write(b'{"b": ')
    reader = LogFile(path)
    assert reader.lines() == [b'{"a": 1}']
    with open(path, "ab") as other:
        other.write(b"2}\n")
    assert reader.lines() == [b'{"b": 2}']
    reader.close()


@given(cut=st.integers(min_value=0, max_value=60))
def test_a_torn_line_is_cut_off_counted_and_never_glued_to_the_next(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("torn") / "log"
    append(path, {"first": 1}, {"second": "x" * 40})
    os.truncate(path, cut)
    whole = path.read_bytes().count(b"\n")
    torn = not (cut == 0 or path.read_bytes().endswith(b"\n"))
    assert append(path, {"third": 3}).torn == torn
    before = [b'{"first": 1}', b'{"second": "' + b"x" * 40 + b'"}']
    assert path.read_bytes().splitlines() == [*before[:whole], b'{"third": 3}']


def test_a_full_disk_is_an_error_of_one_line(path, monkeypatch):
    def full(file, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    append(path, {"a": 1})
    monkeypatch.setattr(logfile, "os", SimpleNamespace(**{**vars(os), "write": full}))
    with pytest.raises(ResourceError, match="No space left on device"):
        append(path, {"b": 2})
    monkeypatch.undo()
    assert append(path, {"c": 3}).torn == 0
    assert path.read_bytes() == b'{"a": 1}\n{"c": 3}\n'


def test_a_folder_that_is_none_is_an_error_of_one_line(tmp_path):
    with pytest.raises(ResourceError, match="No such file"):
        LogFile(tmp_path / "none" / "log")


def test_a_claim_is_of_one_process_and_ends_with_it(tmp_path):
    path, reading = tmp_path / "claims", os.pipe()
    child = os.fork()
    if child == 0:  # holds 3 until it is told to end
        os.close(reading[1])
        taken = Claims(path).take(3)
        (tmp_path / "taken").write_text(str(taken))
        os.read(reading[0], 1)
        os._exit(0)
    while not (tmp_path / "taken").exists() or not (tmp_path / "taken").read_text():
        pass
    claims = Claims(path)
    assert (tmp_path / "taken").read_text() == "True"
    assert not claims.take(3)
    assert claims.take(2)
    assert claims.take(4)
    os.close(reading[1])
    os.close(reading[0])
    os.waitpid(child, 0)
    assert claims.take(3)
    claims.close()
