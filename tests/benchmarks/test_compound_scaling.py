"""What the comparison of scalings runs, and the page that it writes, from lines that were made up."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, ModuleType]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("compound_scaling"), importlib.import_module("compound_scaling_page")


@pytest.mark.slow
def test_every_run_costs_what_it_says(scripts: tuple[ModuleType, ModuleType]) -> None:
    runs, _ = scripts
    base = runs.STRATEGY.scaled.macs(runs.Factors())
    found = list(runs.family_runs(runs.STRATEGY.candidates()[-3], [7]))
    assert [(run.method, run.scale) for run in found] == [
        ("base", 1),
        *[(method, scale) for scale in (2, 4, 8) for method in ("compound", "depth", "width", "resolution")],
    ]
    for run in found:
        assert runs.STRATEGY.scaled.macs(run.factors) / base == pytest.approx(run.scale, rel=0.1), run


def test_the_page_tells_means_and_who_wins(
    scripts: tuple[ModuleType, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, page = scripts
    monkeypatch.setattr(page, "DOCS", tmp_path)
    methods = {"base": 0.0, "compound": 0.02, "depth": 0.01, "width": 0.015, "resolution": 0.005, "grid": 0.02}
    lines = [
        {
            "method": method,
            "scale": scale,
            "seed": seed,
            "model": f"scaled:d1.1-w1.2-s20:{method}",
            "images": 100,
            "depth": 1.1,
            "width": 1.2,
            "resolution": 1.25,
            "accuracy": 0.8 + better * scale + 0.001 * seed,
            "params": 1000 * scale,
            "macs": 10_000 * scale,
            "processor_seconds": 15.0 * scale,
            "processor": "a processor",
            "versions": {"torch": "2"},
        }
        for method, better in methods.items()
        for scale in ([1] if method == "base" else [2] if method == "grid" else [2, 4, 8])
        for seed in range(3)
    ]
    page.write(lines, 3, 50)
    text = (tmp_path / "scaling.md").read_text(encoding="utf-8")
    assert "| compound | 8 | 1.10 | 1.20 | 20 | 8.00K | 80.0K | 8.00 | 0.9610 | 0.10 | 3 | 120 |" in text
    # Three seeds with a deviation of 0.10 points: 0.10 x sqrt(2 / 3).
    assert "at 8 times\n4.00 points above width (standard error 0.08)" in text
    assert "in 15 seconds of one core" in text
    drawn = ElementTree.fromstring((tmp_path / "scaling.svg").read_text(encoding="utf-8"))
    assert len([node for node in drawn.iter() if "line run-" in node.get("class", "") and "H" not in node.get("d", "")])
