from __future__ import annotations

import json
from pathlib import Path

import pytest

from topfive.cli import run
from topfive.data.named import NAMED


def test_list_gives_one_line_a_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "list", "--json", "--data-root", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["name"] for row in rows] == list(NAMED)
    assert err == ""
    assert rows[0] == {"name": "digits", "present": True, "path": None, "classes": 10, "licence": "CC BY 4.0"}
    assert [row["classes"] for row in rows] == [10, 10, 10, 10, 100, 1000]
    assert not rows[1]["present"]


def test_list_for_people_says_how_to_get_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "train-images-idx3-ubyte").write_bytes(b"")
    assert run(["data", "list", "--data-root", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert f"classes  {tmp_path / 'mnist'}" in out
    assert "topfive data get cifar10" in out


@pytest.mark.parametrize(("name", "says"), [("digts", "Did you mean 'digits'?"), ("digits", "nothing to fetch")])
def test_get_refuses_in_one_line(name: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "get", name]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert err.count("\n") == 1


def test_get_gives_the_folder_of_what_is_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cifar-10-batches-bin").mkdir()
    (tmp_path / "cifar-10-batches-bin" / "data_batch_1.bin").write_bytes(b"")
    assert run(["data", "get", "cifar10", "--json", "--data-root", str(tmp_path)]) == 0
    path = str(tmp_path / "cifar-10-batches-bin")
    assert json.loads(capsys.readouterr().out) == {"name": "cifar10", "path": path}
