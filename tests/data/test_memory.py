from __future__ import annotations

import time
from pathlib import Path

import pytest

from topfive.data.memory import KEPT_DAYS, Memory

OLD = (5, 1_000_000_000, 7)


def test_an_answer_is_kept_for_its_path_kind_and_stamp(tmp_path: Path) -> None:
    with Memory("a", tmp_path / "m") as memory:
        memory.store("x\udcff", OLD, b"\0answer")
        memory.store("y", OLD, b"")
    with Memory("a", tmp_path / "m") as memory:
        assert memory.recall("x\udcff", OLD) == b"\0answer"
        assert memory.recall("y", OLD) == b""
        assert memory.recall("z", OLD) is None
        for place in range(3):
            other = tuple(value + (index == place) for index, value in enumerate(OLD))
            assert memory.recall("x\udcff", other) is None  # type: ignore[arg-type]
    with Memory("b", tmp_path / "m") as memory:
        assert memory.recall("x\udcff", OLD) is None


def test_what_changed_just_now_is_not_kept(tmp_path: Path) -> None:
    now = (5, time.time_ns(), 7)
    with Memory("a", tmp_path / "m") as memory:
        memory.store("x", now, b"answer")
        assert memory.recall("x", now) is None


def at_day(monkeypatch: pytest.MonkeyPatch, day: int) -> None:
    monkeypatch.setattr("topfive.data.memory.time.time", lambda: (20_000 + day) * 86_400.0)


def test_what_nobody_asks_for_is_forgotten_after_a_season(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_day(monkeypatch, 0)
    with Memory("a", tmp_path / "m") as memory:
        memory.store("used", OLD, b"1")
        memory.store("unused", OLD, b"2")
    at_day(monkeypatch, KEPT_DAYS - 1)
    with Memory("a", tmp_path / "m") as memory:
        assert memory.recall("used", OLD) == b"1"
    at_day(monkeypatch, KEPT_DAYS + 1)
    with Memory("a", tmp_path / "m"):
        pass
    with Memory("a", tmp_path / "m") as memory:
        assert memory.recall("used", OLD) == b"1"
        assert memory.recall("unused", OLD) is None


def test_without_pruning_it_would_still_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Memory, "_prune", lambda self: None)
    with pytest.raises(AssertionError):
        test_what_nobody_asks_for_is_forgotten_after_a_season(tmp_path, monkeypatch)
