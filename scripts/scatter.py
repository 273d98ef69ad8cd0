"""Points on two logarithmic axes as an SVG, each with a label that overlaps nothing."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from years import INK, MUTED, colour, legend

WIDTH, HEIGHT = 1400, 1080
LEFT, RIGHT, TOP, BOTTOM = 62, 1372, 74, 1024  # the axes
FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
SIZE = 10.5
ADVANCE = 0.602 * SIZE  # of one character, in any of these fonts
LINE = 12.0  # the height of a label
RADIUS = 4.2
PERCENTS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 35, 40, 50, 60, 80)
GAPS = (3.0, 9.0, 18.0, 28.0, 40.0, 54.0, 70.0, 90.0)  # from a point to its label
SHUFFLES = 8  # orders in which the labels choose, beside the obvious ones
PASSES = 40  # at most, over all labels; each looks for a better place among the others

Box = tuple[float, float, float, float]  # left, top, right, bottom
Place = tuple[float, float]


@dataclass(frozen=True)
class Point:
    """`joined` names the line that the point may lie on; a hollow point is measured in another way."""

    label: str
    x: float
    y: float
    year: int
    joined: str
    hollow: bool


@dataclass(frozen=True)
class Axis:
    """Logarithmic, from `low` at `start` to `high` at `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        part = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + part * (self.end - self.start)


def scatter(points: Sequence[Point], *, title: str, note: str, x_title: str, y_title: str) -> str:
    """The drawing; x counts multiply-accumulates, y is a fraction shown as percent."""
    across = Axis(min(point.x for point in points) / 1.25, max(point.x for point in points) * 1.25, LEFT, RIGHT)
    up = Axis(min(point.y for point in points) / 1.05, max(point.y for point in points) * 1.04, BOTTOM, TOP)
    places = [(round(across.at(point.x), 1), round(up.at(point.y), 1)) for point in points]
    chains = _chains(points)
    lines = [(places[a], places[b]) for chain in chains for a, b in pairwise(chain)]
    boxes = _labels([point.label for point in points], places, lines)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" font-family="{FONT}" font-size="{SIZE}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<g font-family="Helvetica,Arial,sans-serif" fill="{INK}">',
        f'<text x="{LEFT}" y="30" font-size="18" font-weight="bold">{escape(title)}</text>',
        f'<text x="{LEFT}" y="52" font-size="12.5" fill="{MUTED}">{escape(note)}</text>',
        *_ticks(across, up),
        f'<text x="{(LEFT + RIGHT) / 2:g}" y="{BOTTOM + 42}" font-size="13" text-anchor="middle">'
        f"{escape(x_title)}</text>",
        f'<text x="0" y="0" font-size="13" text-anchor="middle" '
        f'transform="translate(20 {(TOP + BOTTOM) / 2:g}) rotate(-90)">{escape(y_title)}</text>',
        "</g>",
        *legend(sorted({point.year for point in points}), RIGHT, 30),
    ]
    for chain in chains:
        path = "M" + "L".join(f"{places[index][0]:.1f},{places[index][1]:.1f}" for index in chain)
        stroke = colour(points[chain[0]].year)
        parts.append(f'<path d="{path}" fill="none" stroke="{stroke}" stroke-width="1.2" stroke-opacity="0.35"/>')
    for point, place, box in zip(points, places, boxes, strict=True):
        parts += _leader(place, box, colour(point.year))
    for point, (x, y) in zip(points, places, strict=True):
        stroke = colour(point.year)
        fill = "#fff" if point.hollow else stroke
        said = f"{point.label} ({point.year}): {100 * point.y:.4g}%, {point.x / 1e6:,.0f} million MACs"
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}" fill="{fill}" stroke="{stroke}" stroke-width="1.6">'
            f"<title>{escape(said)}</title></circle>"
        )
    parts.append('<g paint-order="stroke" stroke="#fff" stroke-width="2.6" stroke-linejoin="round">')
    for point, box in zip(points, boxes, strict=True):
        said = escape(point.label)
        parts.append(f'<text x="{box[0]:.1f}" y="{box[3] - 3:.1f}" fill="{colour(point.year)}">{said}</text>')
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _ticks(across: Axis, up: Axis) -> list[str]:
    parts = []
    powers = range(math.floor(math.log10(across.low)), math.ceil(math.log10(across.high)) + 1)
    for value in (factor * 10.0**power for power in powers for factor in range(1, 10)):
        if not across.low <= value <= across.high:
            continue
        first = int(f"{value:e}"[0])
        strength = 0.16 if first == 1 else 0.06
        x = across.at(value)
        parts.append(f'<path d="M{x:.1f},{TOP}V{BOTTOM}" stroke="{INK}" stroke-opacity="{strength}"/>')
        if first in (1, 2, 5):
            text = f"{value / 1e9:g}G" if value >= 1e9 else f"{value / 1e6:g}M"
            parts.append(f'<text x="{x:.1f}" y="{BOTTOM + 18}" font-size="12" text-anchor="middle">{text}</text>')
    for percent in PERCENTS:
        if up.low <= percent / 100 <= up.high:
            y = up.at(percent / 100)
            parts.append(f'<path d="M{LEFT},{y:.1f}H{RIGHT}" stroke="{INK}" stroke-opacity="0.1"/>')
            parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" font-size="12" text-anchor="end">{percent}%</text>')
    return parts


def _chains(points: Sequence[Point]) -> list[list[int]]:
    """Of each line the points whose y is below that of every cheaper one, in order of x."""
    chains: dict[str, list[int]] = {}
    for index in sorted(range(len(points)), key=lambda index: (points[index].x, points[index].y)):
        chain = chains.setdefault(points[index].joined, [])
        if not chain or points[index].y < points[chain[-1]].y:
            chain.append(index)
    return [chain for chain in chains.values() if len(chain) > 1]


def _labels(texts: Sequence[str], places: Sequence[Place], lines: Sequence[tuple[Place, Place]]) -> list[Box]:
    """A box for each label: near its point, over no other label or point, and seldom over a line."""
    candidates = [_candidates(place, len(text) * ADVANCE) for text, place in zip(texts, places, strict=True)]
    fixed = [
        sorted((_fixed_cost(box, index, places, lines), box) for box in boxes) for index, boxes in enumerate(candidates)
    ]
    crowd = [sum(math.dist(place, other) < 60 for other in places) for place in places]
    keys = [crowd, *([sign * place[axis] for place in places] for axis in (0, 1) for sign in (1, -1))]
    orders = [sorted(range(len(places)), key=lambda index: (-key[index], index)) for key in keys]
    orders += [random.Random(seed).sample(range(len(places)), len(places)) for seed in range(SHUFFLES)]
    return min((_settled(fixed, places, order) for order in orders), key=lambda outcome: outcome[0])[1]


def _settled(
    fixed: Sequence[Sequence[tuple[float, Box]]], places: Sequence[Place], order: Sequence[int]
) -> tuple[float, list[Box]]:
    """Cost and boxes once no label, asked in this order, finds a better place among the others."""
    near = [
        [other for other, place in enumerate(places) if other != index and _may_meet(place, places[index])]
        for index in range(len(places))
    ]
    chosen: dict[int, Box] = {}
    cost: dict[int, float] = {}
    for _ in range(PASSES):
        before = dict(chosen)
        for index in order:
            there = [(other, chosen[other]) for other in near[index] if other in chosen]
            others = [(box, (places[other], _edge(places[other], box))) for other, box in there]
            cost[index], chosen[index] = _cheapest(fixed[index], places[index], others)
        if chosen == before:
            break
    return math.fsum(cost.values()), [chosen[index] for index in range(len(places))]


def _may_meet(place: Place, other: Place) -> bool:
    """Are two points so near that their labels or hairs could touch?"""
    return abs(place[0] - other[0]) < 2 * (GAPS[-1] + 22 * ADVANCE) and abs(place[1] - other[1]) < 2 * (GAPS[-1] + LINE)


def _cheapest(
    candidates: Sequence[tuple[float, Box]], place: Place, others: Sequence[tuple[Box, tuple[Place, Place]]]
) -> tuple[float, Box]:
    least, best = math.inf, candidates[0][1]
    for cost, box in candidates:  # the cheapest first, and company never makes one cheaper
        if cost >= least:
            break
        total = cost + _cost_among(box, place, others)
        if total < least:
            least, best = total, box
    return least, best


def _candidates(place: Place, width: float) -> list[Box]:
    """Beside, above and below the point, the nearest first, and then on wider and wider rings around it."""
    x, y = place
    boxes = []
    for gap in GAPS:
        reach = RADIUS + gap
        for turn in range(16):
            angle = turn * math.pi / 8
            across, down = reach * math.cos(angle), reach * math.sin(angle)
            middle_x = x + across + width / 2 * (1 if across > 1 else -1 if across < -1 else 0)
            middle_y = y + down + LINE / 2 * (0.9 * math.sin(angle))
            left, top = round(middle_x - width / 2, 1), round(middle_y - LINE / 2, 1)
            boxes.append((left, top, left + width, top + LINE))
    return [
        box for box in boxes if box[0] > LEFT + 2 and box[2] < RIGHT - 2 and box[1] > TOP + 2 and box[3] < BOTTOM - 2
    ]


def _fixed_cost(box: Box, index: int, places: Sequence[Place], lines: Sequence[tuple[Place, Place]]) -> float:
    place = places[index]
    edge = _edge(place, box)
    away = math.dist(place, edge)
    cost = away + (away / 20) ** 2 + abs((box[1] + box[3]) / 2 - place[1]) / 4  # best beside it
    for other, (x, y) in enumerate(places):
        if box[0] - RADIUS - 1 < x < box[2] + RADIUS + 1 and box[1] - RADIUS - 1 < y < box[3] + RADIUS + 1:
            cost += 400
        if other == index:
            continue
        if _distance((x, y), place, edge) < RADIUS + 2:
            cost += 300
        if math.dist((x, y), _edge((x, y), box)) < 2.2 * RADIUS:
            cost += 40  # it would seem to be the other point's
    for start, end in lines:
        if _cuts(box, start, end):
            cost += 9
    return round(cost, 6)  # so that a tie is one on every machine


def _cost_among(box: Box, place: Place, others: Sequence[tuple[Box, tuple[Place, Place]]]) -> float:
    edge = _edge(place, box)
    cost = 0.0
    for other, (start, end) in others:
        wide = min(box[2], other[2]) - max(box[0], other[0]) + 4
        high = min(box[3], other[3]) - max(box[1], other[1]) + 1
        if wide > 0 and high > 0:
            cost += 500 + wide * high
        if _cuts(box, start, end) or _cuts(other, place, edge):
            cost += 120
        if _cross(place, edge, start, end):
            cost += 80
    return round(cost, 6)


def _edge(place: Place, box: Box) -> Place:
    """The point of the box that is nearest to `place`."""
    return min(max(place[0], box[0]), box[2]), min(max(place[1], box[1] + 2), box[3] - 2)


def _leader(place: Place, box: Box, stroke: str) -> list[str]:
    """A hair from the point to a label that is not beside it."""
    edge = _edge(place, box)
    length = math.dist(place, edge)
    if length < RADIUS + 7:
        return []
    x, y = (place[axis] + (edge[axis] - place[axis]) * (length - 1.5) / length for axis in (0, 1))
    path = f"M{place[0]:.1f},{place[1]:.1f}L{x:.1f},{y:.1f}"
    return [f'<path d="{path}" stroke="{stroke}" stroke-width="0.7" stroke-opacity="0.6"/>']


def _distance(point: Place, start: Place, end: Place) -> float:
    """From a point to a stretch of line."""
    length = math.dist(start, end)
    if length == 0:
        return math.dist(point, start)
    along = (point[0] - start[0]) * (end[0] - start[0]) + (point[1] - start[1]) * (end[1] - start[1])
    part = min(1.0, max(0.0, along / length**2))
    return math.dist(point, (start[0] + part * (end[0] - start[0]), start[1] + part * (end[1] - start[1])))


def _cuts(box: Box, start: Place, end: Place) -> bool:
    """Does the stretch of line pass through the box?"""
    if max(start[0], end[0]) < box[0] or min(start[0], end[0]) > box[2]:
        return False
    if max(start[1], end[1]) < box[1] or min(start[1], end[1]) > box[3]:
        return False
    if any(box[0] <= x <= box[2] and box[1] <= y <= box[3] for x, y in (start, end)):
        return True
    diagonals = (((box[0], box[1]), (box[2], box[3])), ((box[0], box[3]), (box[2], box[1])))
    return any(_cross(start, end, *diagonal) for diagonal in diagonals)


def _cross(a: Place, b: Place, c: Place, d: Place) -> bool:
    def side(p: Place, q: Place, r: Place) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
