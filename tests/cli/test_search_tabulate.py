"""`topfive search tabulate`: what it refuses before any cell is trained, and a table as a whole."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import topfive.search.tabulate as tabulate_module
from topfive.cli import run
from topfive.nn.found import Size
from topfive.search.spaces import SPACES, Named
from topfive.search.spaces.cells import pnas
from topfive.search.table import read_rows


@pytest.mark.parametrize("part", ["0/2", "3/2", "1", "1/", "a/b", "1/2/3", "-1/2", ""])
def test_a_part_that_is_none(part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "tabulate", "digits", "--out", str(tmp_path / "t.csv"), f"--part={part}"]) == 2
    assert "--part" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "code", "told"),
    [
        (["--space", "pnas-tw"], 2, "did you mean 'pnas-two'"),
        (["--space", "pnas"], 2, "5.6e+14 choices"),
        ([], 3, "20,240 images are wanted, it has 1,077"),
    ],
)
def test_what_cannot_be_tabulated(
    flags: list[str], code: int, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["search", "tabulate", "digits", "--out", str(tmp_path / "t.csv"), *flags]) == code
    error = capsys.readouterr().err
    assert told in error
    assert len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_table_is_made_and_gone_on_with_only_as_it_was_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = Named(lambda side, channels: pnas("tiny", ("max_3x3",), 1, Size(1, 4, side, channels)), 8, 1)
    monkeypatch.setitem(SPACES, "tiny", tiny)
    monkeypatch.setattr(tabulate_module, "TRAINING", 300)
    monkeypatch.setattr(tabulate_module, "VALIDATION", 100)
    out = tmp_path / "tiny.csv"
    command = ["search", "tabulate", "digits", "--space", "tiny", "--out", str(out)]
    assert run([*command, "--part", "2/2"]) == 0
    assert run(command) == 0
    rows = read_rows(out)
    cells = {"max_3x3@0+max_3x3@0", "max_3x3@0+max_3x3@1", "max_3x3@1+max_3x3@1"}
    assert {row.model.rpartition(":")[2] for row in rows} == cells
    assert {len(row.measurement.curve) for row in rows} == {2}
    settings = json.loads(out.with_suffix(".json").read_text())
    assert (settings["space"], settings["training"], settings["validation"]) == ("tiny", 300, 100)
    lines = capsys.readouterr().err.splitlines()
    assert "of 9" in lines[0]
    monkeypatch.setattr(tabulate_module, "RECIPE", replace(tabulate_module.RECIPE, epochs=3))
    assert run(command) == 2
    assert "recipe was" in capsys.readouterr().err
    assert read_rows(out) == rows
