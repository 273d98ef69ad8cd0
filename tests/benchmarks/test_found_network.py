"""The page of the found network, from lines that were made up."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CELL = "pnas:n1-f16-s28-c1:identity@0+separable_5x5@0"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module("found_network_page")
    monkeypatch.setattr(module, "DOCS", tmp_path)
    (tmp_path / "search").mkdir()
    return module


def search(what: str) -> dict[str, Any]:
    looks = [{"trial": 3, "reward": 0.88}, {"trial": 5, "reward": 0.89}]
    costs = {"macs": 1_000_000, "wall_seconds": 3600.0}
    return {
        "what": f"search: {what}",
        "model": CELL,
        "trials": 20,
        "failed": 1,
        "reward": 0.87,
        "second_look": looks,
        **costs,
    }


def training(what: str, seed: int, top1: float) -> dict[str, Any]:
    line = {"what": what, "seed": seed, "model": CELL, "top1": top1, "n": 10_000, "epochs": 4, "macs": 1_020_000}
    costs = {"params": 90_000, "latency_p50": 0.0004, "wall_seconds": 300.0 + seed, "processor_seconds": 600.0}
    return {**line, **costs, "processor": "a processor", "versions": {"torch": "2"}}


def test_the_page_tells_means_and_who_wins(page: ModuleType, tmp_path: Path) -> None:
    bases = {"found": 0.92, "random": 0.93, "resnet": 0.91}
    lines = [search("found"), search("random")]
    lines += [training(what, seed, base + 0.001 * seed) for what, base in bases.items() for seed in range(3)]
    orders = {"truth": (0.91, 0.92, 0.93, 0.90, 0.80), "trial": (0.87, 0.88, 0.86, 0.85, 0.84)}
    orders |= {"wide": (0.87, 0.88, 0.89), "wide-muon": (0.89, 0.88, 0.87)}
    trainings = [
        {"kind": kind, "model": f"{number}", "accuracy": accuracy, "again": number < 3, "processor_seconds": 9.0}
        for kind, order in orders.items()
        for number, accuracy in enumerate(order)
    ]
    page.write(lines, trainings)
    text = (tmp_path / "found.md").read_text(encoding="utf-8")
    assert (
        "| ResNet, scaled | 90.0K | 1.02M | 1.02 | 0.9110 | 0.10 | 0.9100, 0.9110, 0.9120 | 301 | 600 | 400 \u00b5s |"
        in text
    )
    # Three seeds with a deviation of 0.10 points: 0.10 x sqrt(2 / 3).
    assert "1.00 points below best of as many random ones (standard error 0.08)" in text
    assert "1.00 points above ResNet, scaled (standard error 0.08)" in text
    assert "| the chosen one's second look | 0.8900 | 0.8900 |" in text
    assert "| looked at again | 3 | 0.9200 | 1.00 | 0.9100 | 0.9300 |" in text
    assert "| random, from good to bad | 2 | 0.8500 | 7.07 | 0.8000 | 0.9000 |" in text
    # Of five the ranks of three are turned round by one: 1 - 6 (1 + 1 + 4) / (5 x 24), and 1 - 6 x 6 / (3 x 8).
    assert "trainings: 0.70 over all,\n-0.50 over those" in text
    assert "would choose is 1.00 points below" in text
    assert "over the 3 networks" in text
    for row in ("512 steps | -0.50 | 1.00 | 9 |", "filters | 1.00 | 0.00 | 9 |", "the end | -1.00 | 2.00 | 9 |"):
        assert row in text
    drawn = ElementTree.fromstring((tmp_path / "search" / "found_cell.svg").read_text(encoding="utf-8"))
    assert "Cell, found by the search" in "".join(drawn.itertext())


def test_without_runs_it_says_how_to_make_them(page: ModuleType) -> None:
    with pytest.raises(SystemExit, match=r"python benchmarks/found_network\.py"):
        page.write([search("found"), search("random")], [])
