from __future__ import annotations

import errno
import os

import pytest
import torch

from topfive.errors import RefusedError, ResourceError
from topfive.train import checkpoint as checkpoints
from topfive.train.checkpoint import KEEP, Checkpoint, load_newest, save


def example(step: int) -> Checkpoint:
    return Checkpoint(step, {"model/w": torch.full((3,), float(step))}, {"loss_sum": 0.1 + 0.2, "note": float("nan")})


def test_what_is_saved_comes_back_to_the_bit(tmp_path):
    save(tmp_path, example(7))
    found, passed_over = load_newest(tmp_path)
    assert (found.step, passed_over) == (7, [])
    assert found.state["loss_sum"] == 0.1 + 0.2
    assert torch.equal(found.tensors["model/w"], torch.full((3,), 7.0))


def test_the_newest_few_stay_in_the_order_of_their_steps(tmp_path):
    for step in (9, 10, 100, 11, 1000):
        save(tmp_path, example(step))
    assert sorted(int(path.name.split("-")[1]) for path in tmp_path.iterdir())[-1] == 1000
    assert len(list(tmp_path.iterdir())) == KEEP
    assert load_newest(tmp_path)[0].step == 1000


def test_nothing_there_is_nothing_to_resume(tmp_path):
    assert load_newest(tmp_path / "absent") == (None, [])


@pytest.mark.parametrize("damage", ["bit", "half", "empty"])
def test_a_damaged_one_is_passed_over_and_named(tmp_path, damage):
    save(tmp_path, example(1))
    newest = save_path(tmp_path, 2)
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes({"bit": bytes(content), "half": newest.read_bytes()[: len(content) // 2], "empty": b""}[damage])
    found, passed_over = load_newest(tmp_path)
    assert found.step == 1
    assert newest.name in passed_over[0]


def test_all_damaged_is_refused(tmp_path):
    save_path(tmp_path, 2).write_bytes(b"x")
    with pytest.raises(RefusedError, match="none of them"):
        load_newest(tmp_path)


def test_another_format_is_refused_with_both_versions(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "FORMAT", 99)
    save(tmp_path, example(1))
    monkeypatch.undo()
    with pytest.raises(RefusedError, match="format 99, this topfive reads format 1"):
        load_newest(tmp_path)


def test_file_reaches_the_disk_before_its_name_and_the_name_before_success(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append("folder" if is_folder(fd) else "file"), fsync(fd))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("rename"), replace(a, b))[1])
    save(tmp_path, example(1))
    assert calls == ["file", "rename", "folder"]


class FullDisk:
    """os.fsync that fails as on a full disk for the first `times` calls."""

    def __init__(self, times: int):
        self.times, self.fired, self.real = times, 0, os.fsync

    def __call__(self, descriptor: int) -> None:
        if self.fired < self.times:
            self.fired += 1
            raise OSError(errno.ENOSPC, "No space left on device")
        self.real(descriptor)


def test_full_disk_makes_room_once(tmp_path, monkeypatch):
    for step in (1, 2, 3):
        save(tmp_path, example(step))
    full = FullDisk(1)
    monkeypatch.setattr(os, "fsync", full)
    save(tmp_path, example(4))
    assert full.fired == 1
    assert [int(path.name.split("-")[1]) for path in sorted(tmp_path.iterdir())] == [3, 4]


def test_full_disk_twice_keeps_the_last_good_one_and_says_how_much(tmp_path, monkeypatch):
    for step in (1, 2, 3):
        save(tmp_path, example(step))
    full = FullDisk(2)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceError, match=r"need \d+\.\d MB, have"):
        save(tmp_path, example(4))
    assert full.fired == 2
    assert load_newest(tmp_path)[0].step == 3
    assert not list(tmp_path.glob(".tmp-*")), "no half-written file is left"


def save_path(folder, step):
    save(folder, example(step))
    return next(folder.glob(f"step-{step:08d}-*"))


def is_folder(descriptor: int) -> bool:
    import stat

    return stat.S_ISDIR(os.fstat(descriptor).st_mode)
