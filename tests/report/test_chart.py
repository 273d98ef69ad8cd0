"""Axes whose ticks are round, cover the data and are told apart by their labels; lines that stay in the drawing."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from topfive.report.chart import (
    BOTTOM,
    LEFT,
    MAXIMUM_POINTS,
    RIGHT,
    TOP,
    Series,
    decimals_of,
    draw,
    log_ticks,
    thinned,
    ticks,
)
from topfive.report.page import chart_file

amounts = st.floats(-1e6, 1e6, allow_nan=False)


def coordinates(path: str) -> list[tuple[float, float]]:
    assert re.fullmatch(r"M[-\d.e+]+,[-\d.e+]+(L[-\d.e+]+,[-\d.e+]+)*", path)
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in path[1:].split("L"))]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.72, 0.93, [0.7, 0.75, 0.8, 0.85, 0.9, 0.95]),
        (1, 20, [0, 5, 10, 15, 20]),
        (0, 2.3, [0, 0.5, 1, 1.5, 2, 2.5]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


@given(amounts, amounts)
def test_ticks_cover_the_values_and_are_few(one: float, other: float) -> None:
    low, high = sorted((one, other))
    found = ticks(low, high)
    slack = 1e-6 * max(abs(low), abs(high), 1e-300)
    assert found[0] <= low + slack
    assert found[-1] >= high - slack
    assert 2 <= len(found) <= 9
    assert found == sorted(set(found))


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_whole_ticks_are_whole(low: int, spread: int) -> None:
    assert all(value == int(value) for value in ticks(low, low + spread, whole=True))


@given(st.floats(1e-9, 1e9), st.floats(30, 1e12))
def test_log_ticks_cover_the_values_and_are_few(low: float, ratio: float) -> None:
    found = log_ticks(low, low * ratio)
    assert 2 <= len(found) <= 20
    assert found == sorted(set(found))
    assert found[0] <= low * 1.0001


@given(amounts, st.floats(1e-4, 1e5))
def test_labels_of_ticks_differ(low: float, spread: float) -> None:
    values = ticks(low, low + spread)
    labels = [f"{value:.{decimals_of(values)}f}" for value in values]
    assert len(set(labels)) == len(labels)


@example([(1, 1.0), (1, 5e-324)], False)
@given(st.lists(st.tuples(st.integers(1, 500), st.floats()), min_size=1, max_size=30), st.booleans())
def test_everything_drawn_lies_in_the_drawing(points: list[tuple[int, float]], fractions: bool) -> None:
    points = [(x, y % 1 if fractions and math.isfinite(y) else y) for x, y in points]
    points = [(x, y) for x, y in points if not abs(y) > 1e100 or math.isinf(y)]
    chart = draw("Loss", [Series("all", "val", points)], fractions=fractions)
    if not any(math.isfinite(y) for _, y in points):
        assert chart is None
        return
    assert chart is not None
    for x, y in coordinates(chart.lines[0].path):
        assert LEFT - 0.1 <= x <= RIGHT + 0.1
        assert TOP - 0.1 <= y <= BOTTOM + 0.1
    assert all(LEFT - 0.1 <= tick.at <= RIGHT + 0.1 for tick in chart.x_ticks)
    assert all(TOP - 0.1 <= tick.at <= BOTTOM + 0.1 for tick in chart.y_ticks)


def test_a_point_is_drawn_at_its_value() -> None:
    chart = draw("Loss", [Series("training", "train", [(1, 0.0), (5, 0.5), (9, 1.0)])], mark=5)
    assert chart is not None
    middle = ((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2)
    assert coordinates(chart.lines[0].path) == [(LEFT, BOTTOM), middle, (RIGHT, TOP)]
    assert chart.mark == middle[0]
    assert [tick.text for tick in chart.y_ticks] == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    assert (chart.y_ticks[0].at, chart.y_ticks[-1].at) == (BOTTOM, TOP)


def test_fractions_are_labelled_in_percent_and_end_at_one() -> None:
    chart = draw("Accuracy", [Series("validation", "val", [(1, 0.91), (2, 1.0)])], fractions=True)
    assert chart is not None
    assert [tick.text for tick in chart.y_ticks] == ["90%", "92%", "94%", "96%", "98%", "100%"]


def test_a_wide_range_is_logarithmic_unless_it_holds_zero() -> None:
    wide = draw("Loss", [Series("training", "train", [(1, 100.0), (2, 1.0), (3, 0.01)])])
    assert wide is not None
    assert wide.logarithmic
    heights = [y for _, y in coordinates(wide.lines[0].path)]
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], abs=0.2)
    zero = draw("Loss", [Series("training", "train", [(1, 100.0), (2, 0.0)])])
    assert zero is not None
    assert not zero.logarithmic


def test_one_epoch_is_a_dot_in_the_middle() -> None:
    chart = draw("Loss", [Series("training", "train", [(1, 2.3)])])
    assert chart is not None
    assert chart.lines[0].dots[0][0] == (LEFT + RIGHT) / 2
    assert [tick.text for tick in chart.x_ticks] == ["1"]


@given(st.integers(1, 5000))
def test_thinning_keeps_the_ends_and_the_order(count: int) -> None:
    points = [(float(index), 0.0) for index in range(count)]
    kept = thinned(points)
    assert len(kept) == min(count, MAXIMUM_POINTS)
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert kept == sorted(set(kept))


def test_points_that_are_not_joined_are_all_dots_and_no_line() -> None:
    points = [(float(x), x / 40) for x in range(40)]
    chart = draw("Accuracy", [Series("a trial", "each", points, joined=False)], fractions=True)
    assert chart is not None
    assert chart.lines[0].path == ""
    assert len(chart.lines[0].dots) == 40


def test_an_axis_of_fractions_of_a_unit_has_ticks_between_the_whole_ones() -> None:
    chart = draw("Accuracy", [Series("a trial", "each", [(0.5, 0.1), (1.5, 0.2)])], fractions=True, whole=False)
    assert chart is not None
    assert [tick.text for tick in chart.x_ticks] == ["0.6", "0.8", "1.0", "1.2", "1.4"]


def test_a_chart_by_itself_is_an_svg_file_with_its_legend() -> None:
    lines = [Series("best <so far>", "run-1", [(1, 0.1), (2, 0.2)]), Series("all", "each", [(1, 0.1)], joined=False)]
    chart = draw("Reward & more", lines, fractions=True, x_label="trial")
    assert chart is not None
    drawing = ElementTree.fromstring(chart_file(chart))
    texts = [text.text for text in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Reward & more", "best <so far>", "all", "trial", "1"} <= set(texts)
    assert drawing.find("{http://www.w3.org/2000/svg}style") is not None
    assert chart_file(chart) == chart_file(chart)


def test_a_legend_that_is_too_long_for_a_row_goes_on_below() -> None:
    names = [f"a label of some length {number}" for number in range(4)]
    chart = draw("Reward", [Series(name, "run-1", [(1, 0.1), (2, 0.2)]) for name in names])
    assert chart is not None
    drawing = ElementTree.fromstring(chart_file(chart))
    keys = [group for group in drawing.iter("{http://www.w3.org/2000/svg}g") if "transform" in group.attrib]
    places = [tuple(map(float, group.attrib["transform"][len("translate(") : -1].split())) for group in keys[:4]]
    assert len(set(places)) == 4
    assert len({y for _, y in places}) > 1
    assert all(x < chart.width for x, _ in places)
    top = float(drawing.attrib["viewBox"].split()[1])
    assert all(top < y < 0 for _, y in places)
