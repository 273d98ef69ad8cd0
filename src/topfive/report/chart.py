"""Line charts as numbers that a template draws: where the axes' ticks are, and the path of each line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

WIDTH, HEIGHT = 380, 240  # of the drawing in its own units, about one CSS pixel each on a telephone
LEFT, RIGHT, TOP, BOTTOM = 46, 370, 10, 206  # where the axes are
MAXIMUM_POINTS = 400  # more would not be seen
LOGARITHMIC_FROM = 30.0  # the ratio of the largest value to the least from which a linear axis would hide the small
TINY = 1e-300  # amounts below are as good as 0: their power of ten is no number any more

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """Points (x, y), to be `joined` or each by itself; `style` is the class that draws them."""

    label: str
    style: str
    points: Sequence[Point]
    joined: bool = True


@dataclass(frozen=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True)
class Line:
    """A series in the drawing's units: `path` as SVG writes it; `dots` are to be seen where no line is."""

    label: str
    style: str
    path: str
    dots: tuple[Point, ...]


@dataclass(frozen=True)
class Chart:
    """One drawing of WIDTH x HEIGHT; `mark` is the x of a vertical line, `x_label` says what x counts."""

    title: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]
    logarithmic: bool
    mark: float | None
    x_label: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = RIGHT
    top: int = TOP
    bottom: int = BOTTOM


@dataclass(frozen=True)
class _Axis:
    """Values from `low` to `high` laid from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return round(self.start + (value - low) / (high - low) * (self.end - self.start), 1)


def draw(
    title: str,
    series: Sequence[Series],
    *,
    mark: float | None = None,
    fractions: bool = False,
    x_label: str = "epoch",
    whole: bool = True,
) -> Chart | None:
    """A chart of `whole` x or others, and of y that are `fractions`, or amounts from 0; None where no y is a number."""
    kept = [replace(one, points=thinned(points)) for one in series if (points := _finite(one.points))]
    if not kept:
        return None
    xs = [x for one in kept for x, _ in one.points]
    ys = [y for one in kept for _, y in one.points]
    logarithmic = not fractions and min(ys) >= TINY and max(ys) / min(ys) >= LOGARITHMIC_FROM
    if logarithmic:
        values = log_ticks(min(ys), max(ys))
    elif fractions:
        values = [value for value in ticks(min(ys), max(ys)) if -1e-9 <= value <= 1 + 1e-9]
    else:
        values = ticks(min(0.0, *ys), max(ys))
    single = min(xs) == max(xs)
    across = _Axis(min(xs) - single, max(xs) + single, LEFT, RIGHT)
    up = _Axis(min(*values, *ys), max(*values, *ys), BOTTOM, TOP, logarithmic)
    decimals = decimals_of(values, percent=fractions)
    along = [min(xs)] if single else ticks(min(xs), max(xs), whole=whole)
    x_decimals = 0 if whole else decimals_of(along)
    return Chart(
        title=title,
        x_ticks=tuple(Tick(across.at(x), f"{x:,.{x_decimals}f}") for x in along if min(xs) <= x <= max(xs)),
        y_ticks=tuple(
            Tick(up.at(y), f"{y:.{decimals}%}" if fractions else f"{y:g}" if logarithmic else f"{y:.{decimals}f}")
            for y in values
        ),
        lines=tuple(_line(one, across, up) for one in kept),
        logarithmic=logarithmic,
        mark=across.at(mark) if mark is not None and min(xs) <= mark <= max(xs) else None,
        x_label=x_label,
    )


def ticks(low: float, high: float, *, whole: bool = False, about: int = 5) -> list[float]:
    """Round values, some `about` of them, of which the first is at most `low` and the last at least `high`."""
    if high - low <= max(abs(low), abs(high), 1e-3) * 1e-9:
        spread = max(abs(low) * 0.1, 1e-3)
        low, high = low - spread, high + spread
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= 0.8 * rough)
    if whole:
        step = max(1.0, step)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten around `low` and `high`, and 2 and 5 between them where these are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1, 2, 5) if last - first <= 2 else (1,)
    stride = max(1, (last - first) // 8)
    values = [factor * 10.0**power for power in range(first, last + 1, stride) for factor in factors]
    below = [value for value in values if value <= low][-1:]
    return below + [value for value in values if low < value < high] + [value for value in values if value >= high][:1]


def decimals_of(values: Sequence[float], *, percent: bool = False) -> int:
    """How many decimals tell the `values`, evenly spaced, apart."""
    if len(values) < 2:
        return 1
    step = (values[1] - values[0]) * (100 if percent else 1)
    return max(0, -math.floor(math.log10(step) + 1e-9))


def thinned(points: Sequence[Point]) -> list[Point]:
    """At most MAXIMUM_POINTS of them, evenly, with the first and the last."""
    if len(points) <= MAXIMUM_POINTS:
        return list(points)
    step = (len(points) - 1) / (MAXIMUM_POINTS - 1)
    return [points[round(index * step)] for index in range(MAXIMUM_POINTS)]


def _finite(points: Sequence[Point]) -> list[Point]:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]


def _line(series: Series, across: _Axis, up: _Axis) -> Line:
    drawn = [(across.at(x), up.at(y)) for x, y in series.points]
    if not series.joined:
        return Line(series.label, series.style, "", tuple(drawn))
    path = "M" + "L".join(f"{x:g},{y:g}" for x, y in drawn)
    return Line(series.label, series.style, path, tuple(drawn) if len(drawn) <= 12 else (drawn[-1],))
