"""Compound scaling: the grid, what follows from its best, and networks of equal cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive.errors import UsageError
from topfive.models import spec
from topfive.models.efficientnet import read
from topfive.search.ends import Ends
from topfive.search.executors import in_process
from topfive.search.journal import MemoryJournal, journal_in
from topfive.search.objective import Accuracy
from topfive.search.plan import Plan
from topfive.search.protocols import Evaluator, Journal
from topfive.search.scale import DIMENSIONS, UNLIKE, CompoundScaling, Dimension, Factors, Scaled, grid
from topfive.search.scaling_report import METHODS, cells, chart, outcome, write_page
from topfive.search.search import search
from topfive.search.trial import Measurement, Trial

BASE = "scaled:d0.67-w0.5-s16:resnet20_cifar"
STRATEGY = CompoundScaling(Scaled(BASE, 2), step=0.1, tolerance=0.05)
WANTED = Factors(depth=1.4, width=1.2, resolution=1.0)


def likes_wanted(model: str, seed: int) -> Measurement:
    """The nearer to WANTED, the better."""
    found, facts = read(model), spec(model).facts
    distance = abs(found.depth - WANTED.depth) + abs(found.width - WANTED.width)
    distance += abs(found.side - round(16 * WANTED.resolution)) / 16
    return Measurement(1 / (1 + distance), facts.params, facts.macs, 1.0)


def fails(model: str, seed: int) -> Measurement:
    facts = spec(model).facts
    if read(model)[:3] == (1, 1, 16):
        return Measurement(0.5, facts.params, facts.macs, 1.0)
    raise RuntimeError("no")


def ran(evaluate: Evaluator, journal: Journal | None = None) -> list[Trial]:
    plan = Plan(STRATEGY.scaled.space, STRATEGY, evaluate, Accuracy())
    return search(plan, in_process, journal or MemoryJournal(), Ends())


@given(st.sampled_from([0.05, 0.1, 0.2]), st.floats(0.01, 0.5))
def test_the_grid_costs_about_twice(step: float, tolerance: float) -> None:
    for factors in grid(step, tolerance):
        assert abs(factors.depth * factors.width**2 * factors.resolution**2 - 2) <= tolerance + 1e-6
        assert min(factors.depth, factors.width, factors.resolution) >= 1
    alone = 2 / step
    assert Factors(depth=2.0) in grid(step, tolerance) or round(alone) != pytest.approx(alone)


def test_the_papers_factors_are_in_a_grid() -> None:
    """Sec. 3.3: 1.2, 1.1, 1.15 for EfficientNet, whose cost is 1.92."""
    near = [f for f in grid(0.05, 0.1) if np.allclose((f.depth, f.width, f.resolution), (1.2, 1.1, 1.15))]
    assert len(near) == 1
    assert near[0].cost == pytest.approx(1.92, abs=0.005)


def test_networks_far_from_twice_the_cost_are_left_out() -> None:
    """Depth comes in whole blocks, so that rounding would let some win by being larger."""
    all_of_it = grid(STRATEGY.step, STRATEGY.tolerance)
    base = spec(BASE).facts.macs
    ratios = {factors: spec(STRATEGY.scaled.name(factors)).facts.macs / base for factors in all_of_it}
    kept = STRATEGY.candidates()
    assert kept == [factors for factors in all_of_it if abs(ratios[factors] / 2 - 1) <= UNLIKE]
    assert len(kept) >= 2


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_one_dimension_alone_comes_as_near_as_it_can(dimension: Dimension) -> None:
    scaled, macs = STRATEGY.scaled, round(2.7 * STRATEGY.scaled.macs(Factors()))
    found = scaled.alone(dimension, macs)
    assert {name: factor for name, factor in vars(found).items() if factor != 1}.keys() <= {dimension}
    step = 1 / 16 if dimension == "resolution" else 0.01
    for other in (getattr(found, dimension) + step, getattr(found, dimension) - step):
        neighbour = scaled.macs(Factors(**{dimension: max(1, other)}))
        assert abs(scaled.macs(found) - macs) <= abs(neighbour - macs)


def test_the_family_follows_from_the_best_of_the_grid() -> None:
    history = ran(likes_wanted)
    found = outcome(STRATEGY, history)
    assert found.best == WANTED
    assert [row.member.method for row in found.rows] == [
        "base",
        *["grid"] * len(STRATEGY.candidates()),
        *METHODS,
        *METHODS,
    ]
    base, last = found.rows[0].macs, found.rows[-4:]
    assert last[0].member.factors == WANTED.doubled(2)
    for row in last[1:]:
        assert row.macs / base == pytest.approx(last[0].macs / base, rel=0.12)
    assert all(row.macs == spec(row.model).facts.macs for row in found.rows)


def test_a_killed_search_goes_on_to_the_same_end(tmp_path: Path) -> None:
    whole = ran(likes_wanted)
    calls: list[str] = []

    def dies_at(count: int) -> Evaluator:
        def evaluate(model: str, seed: int) -> Measurement:
            if len(calls) == count:
                raise KeyboardInterrupt
            calls.append(model)
            return likes_wanted(model, seed)

        return evaluate

    trials: list[Trial] = []
    for count in (3, 8, 100):
        plan = Plan(STRATEGY.scaled.space, STRATEGY, dies_at(count), Accuracy())
        head = {**plan.head, "evaluator": "toy"}
        try:
            with journal_in(tmp_path / "run", head) as journal:
                trials = search(plan, in_process, journal, Ends())
        except KeyboardInterrupt:
            continue
    assert trials == whole
    assert len(calls) == len(set(calls)) == sum(trial.copy_of is None for trial in whole)


def test_where_the_grid_fails_there_is_no_family(tmp_path: Path) -> None:
    found = outcome(STRATEGY, ran(fails))
    assert found.best is None
    assert len(found.rows) == 1 + len(STRATEGY.candidates())
    assert {row.as_json()["failed"] for row in found.rows[1:]} == {"RuntimeError: no"}
    write_page(tmp_path / "page.html", found, [])
    assert "No network of the grid could be trained" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_nothing_near_twice_the_cost_is_said() -> None:
    with pytest.raises(UsageError, match="--tolerance"):
        CompoundScaling(Scaled(BASE, 1), step=0.37, tolerance=0.001).candidates()


def test_chart_and_page_show_every_method(tmp_path: Path) -> None:
    found = outcome(STRATEGY, ran(likes_wanted))
    drawn = chart(found)
    assert drawn is not None
    assert [line.label for line in drawn.lines] == ["compound", "depth", "width", "resolution"]
    write_page(tmp_path / "page.html", found, ["Told."])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    for row in found.rows:
        assert all(cell in page for cell in cells(row, found.rows[0]))
    assert "Told." in page
