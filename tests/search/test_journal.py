"""The journal gives back what it was told, and believes nothing else."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive.errors import RefusedError, UsageError
from topfive.search.head import FORMAT, JOURNAL, read_head
from topfive.search.journal import journal_in
from topfive.search.trial import Failure, Measurement, Result

HEAD = {"format": FORMAT, "space": {"name": "toy", "settings": {"blocks": 2, "operations": ["a", "b"]}}, "seed": 1}
MEASURED = Result(0, "k0", "m0", Measurement(0.1 + 0.2, 3, 4, 1.5, (0.1, 0.3), latency=2.5))
FAILED = Result(1, "k1", "m1", Failure("why \N{SNOWMAN}\n", attempts=3))
ROUND = ((0, 1), (1, 0), (1, 1))


@pytest.fixture
def filled(tmp_path):
    with journal_in(tmp_path, HEAD) as journal:
        journal.propose(0, ROUND, 0.5)
        journal.record(MEASURED, 2.0)
        journal.record(FAILED, 3.0)
        journal.tick(13.25)
    return tmp_path


def lines(folder):
    return (folder / JOURNAL).read_bytes().splitlines(keepends=True)


def test_all_is_given_back(filled):
    with journal_in(filled, HEAD) as journal:
        assert journal.rounds == [ROUND]
        assert journal.results == {0: MEASURED, 1: FAILED}
        assert journal.seconds == 13.25
        assert journal.notes == []
    assert read_head(filled) == HEAD


def test_only_the_third_may_be_claimed(filled):
    with journal_in(filled, HEAD) as journal:
        assert [journal.claim(trial) for trial in range(3)] == [False, False, True]


def test_what_is_known_is_not_written_twice(filled):
    before = lines(filled)
    with journal_in(filled, HEAD) as journal:
        journal.record(MEASURED, 20.0)
        journal.propose(0, ROUND, 20.0)
    assert lines(filled) == before


def test_a_round_may_not_change(filled):
    with journal_in(filled, HEAD) as journal:
        with pytest.raises(UsageError, match=r"round 0 now proposes \(1, 1\) where the journal has \(1, 0\)"):
            journal.propose(0, ((0, 1), (1, 1), (1, 1)), 20.0)
        with pytest.raises(UsageError, match="2 architectures where the journal has 3"):
            journal.propose(0, ROUND[:2], 20.0)


def test_another_writer_is_read(filled):
    with journal_in(filled, HEAD) as journal:
        with open(filled / JOURNAL, "ab") as other:
            line = {"trial": 2, "key": "k2", "model": "m2", "failed": {"reason": "r", "attempts": 1}, "at": 14.0}
            other.write(json.dumps(line).encode() + b"\n")
        journal.refresh()
        assert journal.results[2] == Result(2, "k2", "m2", Failure("r"))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"nothing\n", "Expecting value"),
        (b"[" * 100_000 + b"\n", "too deep"),
        (b"[]\n", "neither a round nor a trial"),
        (b'{"at": -1}\n', "greater than or equal to 0"),
        (b'{"at": NaN}\n', "at:"),
        (b'{"at": 1, "more": 2}\n', "more:"),
        (b'{"round": 2, "proposals": [[0]], "at": 1}\n', "round 2 after 1 rounds"),
        (b'{"round": 1, "proposals": [[-1]], "at": 1}\n', "proposals.0.0"),
        (b'{"trial": 0, "key": "k", "model": "m", "failed": {"reason": "r"}, "at": 1}\n', "trial 0 a second time"),
        (b'{"trial": 3, "key": "k", "model": "m", "failed": {"reason": "r"}, "at": 1}\n', "which no round proposes"),
        (b'{"trial": 2, "key": "k", "model": "m", "failed": {"reason": "r", "attempts": -1}, "at": 1}\n', "attempts"),
        (
            b'{"trial": 2, "key": "k", "model": "m", "at": 1, '
            b'"measured": {"accuracy": 1.5, "params": 1, "macs": 1, "seconds": 1}}\n',
            "measured.accuracy",
        ),
    ],
)
def test_a_damaged_line_is_named_and_refused(filled, line, why):
    with open(filled / JOURNAL, "ab") as file:
        file.write(line)
    with pytest.raises(RefusedError, match=f"line 6 is damaged .*{why}"), journal_in(filled, HEAD):
        pass


@given(place=st.integers(min_value=0, max_value=10_000), byte=st.integers(min_value=0, max_value=255))
def test_any_changed_byte_is_read_or_refused(tmp_path_factory, place, byte):
    folder = tmp_path_factory.mktemp("changed")
    with journal_in(folder, HEAD) as journal:
        journal.propose(0, ROUND, 0.5)
        journal.record(MEASURED, 2.0)
    content = bytearray((folder / JOURNAL).read_bytes())
    content[place % len(content)] = byte
    (folder / JOURNAL).write_bytes(content)
    with contextlib.suppress(UsageError, RefusedError), journal_in(folder, HEAD) as journal:
        assert set(journal.results) <= {0, 1, 2}


@pytest.mark.parametrize("first", [b"", b"\n", b"{}\n", b'{"format": "one"}\n', b"\xff\xfe\n", b"[" * 100_000 + b"\n"])
def test_a_head_that_is_none_is_refused(tmp_path, first):
    (tmp_path / JOURNAL).write_bytes(first)
    with pytest.raises(RefusedError, match="not the head of a search"):
        read_head(tmp_path)
    if first:
        with pytest.raises(RefusedError, match="not the head of a search"), journal_in(tmp_path, HEAD):
            pass


def test_where_no_search_is_none_is_resumed(tmp_path):
    with pytest.raises(UsageError, match="there is no search"):
        read_head(tmp_path)
