"""The making of a table: the order of its rows, what a kill leaves, and many processes at once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import topfive.search.tabulate as tabulate_module
from topfive.errors import DivergedError, RefusedError, UsageError
from topfive.nn.found import Size
from topfive.search.space import SearchSpace
from topfive.search.spaces.cells import pnas
from topfive.search.table import read_rows
from topfive.search.tabulate import Cell, cells_of, check_settings, settings_file, tabulate
from topfive.search.trial import Measurement

TAKEN = Measurement(0.75, 10, 200, 0.5, (0.5, 0.75))


def space() -> SearchSpace:
    return pnas("tiny", ("max_3x3", "identity"), 2, Size(1, 4, 8, 1))


def quick(model: str, seed: int) -> Measurement:
    return TAKEN


def fill(out: Path, cells: list[Cell], part: tuple[int, int] = (1, 1), evaluate: object = quick) -> list[str]:
    """The table, and the cells that were trained for it."""
    trained: list[str] = []
    tabulate(cells, evaluate, 2, out, part, lambda row, done, total: trained.append(row.cell))  # type: ignore[arg-type]
    return trained


def test_the_simple_cells_come_first_and_the_first_of_the_last_level_again() -> None:
    cells = cells_of(space(), repeated=3, seeds=2)
    assert len({cell.key for cell in cells}) == 10 + 165
    blocks = [cell.model.count(",") + 1 for cell in cells]
    assert blocks == sorted(blocks)
    assert blocks.count(1) == 10
    assert [cell.seed for cell in cells] == [0] * 10 + [0, 1] * 3 + [0] * 162
    assert cells == cells_of(space(), repeated=3, seeds=2)
    assert cells[10:] != sorted(cells[10:], key=lambda cell: cell.model)


def test_a_table_goes_on_where_it_stands(tmp_path: Path) -> None:
    out, cells = tmp_path / "t.csv", cells_of(space(), repeated=2)

    def killed(model: str, seed: int) -> Measurement:
        if model == cells[5].model:
            raise KeyboardInterrupt
        return TAKEN

    with pytest.raises(KeyboardInterrupt):
        fill(out, cells, evaluate=killed)
    assert len(read_rows(out)) == 5
    with open(out, "a") as file:
        file.write(out.read_text().splitlines()[-1][:30])  # a write that a kill cut short
    with pytest.raises(RefusedError, match="cut off"):
        read_rows(out)
    trained = fill(out, cells)
    assert len(trained) == len(cells) - 5
    rows = read_rows(out)
    assert [(row.cell, row.seed) for row in rows] == [(cell.key, cell.seed) for cell in cells]
    assert fill(out, cells) == []
    assert read_rows(out) == rows


def test_many_fill_one_table_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each opens the file for itself, so that threads are to its lock what processes are."""
    out, cells = tmp_path / "t.csv", cells_of(space(), repeated=2)[:30]
    start = threading.Barrier(3)
    line = tabulate_module._line

    def slow(values: list[str]) -> str:
        time.sleep(0.005)  # between reading and writing
        return line(values)

    monkeypatch.setattr(tabulate_module, "_line", slow)

    def work(number: int) -> list[str]:
        start.wait()
        return fill(out, cells, (number, 3))

    with ThreadPoolExecutor(3) as pool:
        trained = [cell for part in pool.map(work, (1, 2, 3)) for cell in part]
    wanted = Counter((cell.key, cell.seed) for cell in cells)
    assert Counter((row.cell, row.seed) for row in read_rows(out)) == wanted
    assert len(trained) == len(cells)


def test_a_cell_that_diverges_has_learnt_nothing(tmp_path: Path) -> None:
    def diverges(model: str, seed: int) -> Measurement:
        raise DivergedError("diverged", model)

    cells = cells_of(space())[:1]
    fill(tmp_path / "t.csv", cells, evaluate=diverges)
    (row,) = read_rows(tmp_path / "t.csv")
    assert (row.measurement.accuracy, row.measurement.curve) == (0.0, (0.0, 0.0))
    assert row.measurement.params > 0


def test_a_cell_has_a_seed_of_its_own_for_each_training(tmp_path: Path) -> None:
    seeds = []

    def noted(model: str, seed: int) -> Measurement:
        seeds.append(seed)
        return TAKEN

    fill(tmp_path / "t.csv", cells_of(space(), repeated=2)[8:20], evaluate=noted)
    assert len(set(seeds)) == 12


def test_a_table_is_gone_on_with_only_as_it_was_begun(tmp_path: Path) -> None:
    out = tmp_path / "tables" / "t.csv"
    check_settings(out, {"space": "pnas-two", "recipe": {"epochs": 2}})
    check_settings(out, {"space": "pnas-two", "recipe": {"epochs": 2}})
    with pytest.raises(UsageError, match=r"recipe was \{'epochs': 2\}, is \{'epochs': 3\}"):
        check_settings(out, {"space": "pnas-two", "recipe": {"epochs": 3}})
    with pytest.raises(UsageError, match="data was None, is x"):
        check_settings(out, {"space": "pnas-two", "recipe": {"epochs": 2}, "data": "x"})
    for damage in (b"{", b"[]", b"\xff", b"3"):
        settings_file(out).write_bytes(damage)
        with pytest.raises(RefusedError, match="cannot be read"):
            check_settings(out, {})
