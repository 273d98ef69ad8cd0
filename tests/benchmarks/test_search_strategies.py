"""The comparison of strategies, on a made-up table of a small space."""

from __future__ import annotations

import dataclasses
import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from topfive.nn.found import Size
from topfive.search.spaces.cells import distinct, pnas
from topfive.search.table import Row
from topfive.search.trial import Measurement, Trial

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("search_strategies")


@pytest.fixture(scope="module")
def space():
    return pnas("tiny", ("separable_3x3", "max_3x3"), 2, Size(1, 8, 8, 1))


@pytest.fixture(scope="module")
def rows(space):
    """Every cell's accuracy: more separable convolutions are better, and a little chance."""
    rng, made = np.random.default_rng(0), []
    for level in range(len(space.levels)):
        for choices in distinct(space, level):
            accuracy = 0.7 + 0.02 * space.model(choices).count("separable") + float(rng.normal(0, 0.004))
            curve = (accuracy - 0.1, accuracy)
            made.append(Row(space.key(choices), space.model(choices), 0, Measurement(accuracy, 9, 9, 1.0, curve)))
    return made


@pytest.fixture
def bench(script, space, rows):
    again = [dataclasses.replace(row, seed=1) for row in rows[:3]]
    return script.bench_of("tiny", script.remembering(space), [*rows, *again], "digits")


def test_a_table_with_a_cell_missing_is_refused_and_says_how_many_there_are(script, space, rows):
    with pytest.raises(SystemExit, match=rf"tiny: {len(rows) - 1} of {len(rows)} cells are there"):
        script.bench_of("tiny", space, rows[1:], "digits")


def test_the_table_of_the_repository_is_opened_with_its_own_settings(script, monkeypatch):
    """Whole or not yet: the space is found, and what it lacks is counted in its cells."""
    made = []
    monkeypatch.setattr(script, "bench_of", lambda *parts: made.append(parts))
    script.opened(BENCHMARKS / "tables" / "pnas-two.csv")
    ((name, space, rows, data),) = made
    assert (name, space.name, data) == ("pnas-two", "pnas-two", "fashion-mnist")
    models = {space.model(choices) for level in range(len(space.levels)) for choices in distinct(space, level)}
    assert len(models) == 4015
    assert {row.model for row in rows} <= models


def test_the_goal_is_the_mean_of_the_best_five(bench, rows):
    best = sorted((row.measurement.accuracy for row in rows), reverse=True)[:5]
    assert bench.goal == pytest.approx(np.mean(best))
    assert bench.size == len(rows)


def test_distinct_networks_are_counted_until_the_best_five_are_good_enough(script):
    rewards = [0.9, 0.1, 0.9, 0.9, None, 0.9, 0.9, 0.9]
    history = [Trial(place, 0, (), "", "", None, reward, None) for place, reward in enumerate(rewards)]
    history[2] = dataclasses.replace(history[2], copy_of=0)
    assert script.reached(history, 0.9) == 6  # 0, 1, 3, 5, 6 and 7; not the copy and not the failure
    assert script.reached(history, 0.91) is None
    assert script.reached(history[:5], 0.0) is None


def test_equal_values_share_a_rank(script):
    assert script.spearman(np.array([1.0, 2, 3, 4]), np.array([1.0, 8, 27, 64])) == pytest.approx(1)
    assert script.spearman(np.array([1.0, 2, 3, 4]), np.array([4.0, 3, 2, 1])) == pytest.approx(-1)
    assert script.spearman(np.array([1.0, 2, 2, 4]), np.array([1.0, 2, 3, 4])) == pytest.approx(0.9486833)


def test_runs_are_appended_skipped_when_there_and_become_a_page(script, bench, tmp_path, monkeypatch, capsys):
    results = tmp_path / "lines.jsonl"
    everything = [*script.STRATEGIES, "surrogate"]
    script.measure_all(bench, everything, 2, results)
    lines = script.finished(results)
    assert len(lines) == 2 * (5 + 2)  # five strategies, and two surrogates at the one level that has a next
    script.measure_all(bench, everything, 2, results)
    assert script.finished(results) == lines
    for line in lines:
        counts = [count for count in line.get("models", {}).values() if count is not None]
        assert counts == sorted(counts)
        assert all(5 <= count <= line["evaluated"] <= bench.size for count in counts)

    page = script.search_strategies_page
    monkeypatch.setattr(page, "DOCS", tmp_path)
    page.write(lines, bench)
    told = json.loads((tmp_path / "search" / "strategies.json").read_text())
    assert list(told) == ["random", "reinforce", "ppo", "evolution", "pnas"]
    for figures in told.values():
        assert set(figures) == {"mean", "median", "low", "high", "seeds", "censored"}
        assert 5 <= figures["low"] <= figures["mean"] <= figures["high"] <= bench.size
        assert (figures["seeds"], type(figures["censored"])) == (2, int)
    assert f"All {bench.size} distinct cells" in (tmp_path / "search.md").read_text().replace("\n", " ")


def test_a_run_that_never_gets_there_counts_as_the_whole_table(script):
    found = script.search_strategies_page.figures([10, None], 100)
    assert (found["mean"], found["median"], found["seeds"], found["censored"]) == (55, 55, 2, 1)


def test_a_page_without_runs_of_a_strategy_is_not_written(script, bench):
    with pytest.raises(SystemExit, match="no run yet of: random"):
        script.search_strategies_page.write([], bench)
