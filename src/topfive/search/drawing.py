"""An architecture as a drawing: boxes from left to right, and lines along which maps flow; one SVG file.

A box stands in the layer after the last of those that it reads from (longest path).  Where a line passes a layer, a
place of its own is kept free for it, and the order within the layers is that of Sugiyama et al. 1981: each box as near
as can be to the middle of those that it is joined to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

ROW, PADDING, GAP = 18.0, 6.0, 14.0  # heights in pixels: of a row of text, around them all, between boxes
LETTER, ACROSS, BETWEEN = 6.7, 11.0, 54.0  # widths: of a letter, beside the text, between layers
LANE = 6.0  # height that is kept free for a line that passes
SWEEPS = 8
STYLE = """
:root{color-scheme:light dark;--ink:#1f1e1b;--quiet:#68655d;--box:#f4f1ea;--blue:#1f5f96}
@media (prefers-color-scheme:dark){:root{--ink:#e6e3dc;--quiet:#a09b90;--box:#24231f;--blue:#82b4e0}}
text{font:11.5px ui-monospace,Menlo,Consolas,"Liberation Mono","DejaVu Sans Mono",monospace;fill:var(--ink)}
text.end{font-style:italic;fill:var(--quiet)}
.box{fill:var(--box);stroke:var(--quiet)}
.end.box{fill:none;stroke:none}
.line{fill:none;stroke:var(--blue);stroke-width:1.4;opacity:.85}
.rule{stroke:var(--quiet);opacity:.35}
""".strip()


_LAST = 'class="end" text-anchor="end"'


@dataclass(frozen=True)
class Box:
    """Rows of text; an `end` is where maps come in or go out."""

    rows: tuple[str, ...]
    end: bool = False


@dataclass(frozen=True)
class Line:
    """From one box, by its place, to another after it; `row` is the row it enters, None the middle of the box."""

    source: int
    target: int
    row: int | None = None


@dataclass(frozen=True)
class Diagram:
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


@dataclass
class _Place:
    """Where a box, or the bend of a line that passes a layer, comes to stand; `above` is its upper edge."""

    box: Box | None
    height: float
    width: float = 0.0
    above: float = 0.0
    left: float = 0.0
    before: list[tuple[_Place, float]] = field(default_factory=list)  # and how far below its middle they are joined
    after: list[tuple[_Place, float]] = field(default_factory=list)

    @property
    def middle(self) -> float:
        return self.above + self.height / 2

    @property
    def right(self) -> float:
        return self.left + self.width


def svg(diagram: Diagram, title: str) -> str:
    """The file, in colours for light and for dark surroundings; equal diagrams give equal files."""
    layers, routes = _layered(diagram)
    for sweep in range(SWEEPS):
        forwards = sweep % 2 == 0
        for layer in layers if forwards else layers[::-1]:
            _arrange(layer, forwards)
    top = min(place.above for layer in layers for place in layer)
    left = GAP
    for layer in layers:
        width = max(place.width for place in layer)
        for place in layer:
            place.above += GAP - top
            place.left, place.width = left, width
        left += width + BETWEEN
    wide = left - BETWEEN + GAP
    high = max(place.above + place.height for layer in layers for place in layer) + GAP
    parts = [f'<path class="line" d="{_path(route)}"/>' for route in routes]
    parts += [_drawn(place) for layer in layers for place in layer if place.box is not None]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high:.0f}" width="{wide:.0f}" '
        f'height="{high:.0f}" role="img"><title>{escape(title)}</title><style>{STYLE}</style>{"".join(parts)}</svg>\n'
    )


def _layered(diagram: Diagram) -> tuple[list[list[_Place]], list[list[tuple[_Place, float]]]]:
    """The layers from left to right, and of each line the places it goes through, with where it is joined to them."""
    depth = [0] * len(diagram.boxes)
    for line in sorted(diagram.lines, key=lambda line: line.target):
        depth[line.target] = max(depth[line.target], depth[line.source] + 1)
    layers: list[list[_Place]] = [[] for _ in range(max(depth) + 1)]
    places = [_Place(box, len(box.rows) * ROW + 2 * PADDING, _width(box)) for box in diagram.boxes]
    for place, layer in zip(places, depth, strict=True):
        layers[layer].append(place)
    routes = []
    for line in diagram.lines:
        route = [(places[line.source], 0.0)]
        for layer in range(depth[line.source] + 1, depth[line.target]):
            bend = _Place(None, LANE)
            layers[layer].append(bend)
            route.append((bend, 0.0))
        target = places[line.target]
        rows = len(diagram.boxes[line.target].rows)
        route.append((target, 0.0 if line.row is None else (line.row - (rows - 1) / 2) * ROW))
        for (one, _), (other, below) in pairwise(route):
            one.after.append((other, below))
            other.before.append((one, -below))
        routes.append(route)
    return layers, routes


def _arrange(layer: list[_Place], forwards: bool) -> None:
    """Each place near the middle of its neighbours on one side, in the order of these middles, none over another."""
    wanted = []
    for place in layer:
        joined = place.before if forwards else place.after
        middles = [other.middle + below for other, below in joined] or [place.middle]
        wanted.append(sum(middles) / len(middles))
    order = sorted(range(len(layer)), key=lambda index: (wanted[index], index))
    below = float("-inf")
    for index in order:
        place = layer[index]
        place.above = max(wanted[index] - place.height / 2, below)
        below = place.above + place.height + GAP
    off = sum(layer[index].middle - wanted[index] for index in order) / len(order)
    for place in layer:
        place.above -= off
    layer[:] = [layer[index] for index in order]


def _width(box: Box) -> float:
    return max(map(len, box.rows)) * LETTER + 2 * ACROSS


def _path(route: Sequence[tuple[_Place, float]]) -> str:
    """Curves that leave and enter level, and pass other layers level."""
    source, _ = route[0]
    x, y = source.right, source.middle
    path = f"M{x:.1f},{y:.1f}"
    for place, below in route[1:]:
        to_x, to_y = place.left, place.middle + below
        bend = (x + to_x) / 2
        path += f"C{bend:.1f},{y:.1f} {bend:.1f},{to_y:.1f} {to_x:.1f},{to_y:.1f}"
        x, y = place.right, to_y
        if place.box is None:
            path += f"H{x:.1f}"
    return path


def _drawn(place: _Place) -> str:
    assert place.box is not None
    kind = "end box" if place.box.end else "box"
    parts = [
        f'<rect class="{kind}" x="{place.left:.1f}" y="{place.above:.1f}" width="{place.width:.1f}" '
        f'height="{place.height:.1f}" rx="5"/>'
    ]
    for row, text in enumerate(place.box.rows):
        y = place.above + PADDING + row * ROW
        if row:
            parts.append(f'<path class="rule" d="M{place.left:.1f},{y:.1f}h{place.width:.1f}"/>')
        x, style = place.left + place.width / 2, 'text-anchor="middle"'
        if place.box.end:  # beside the line that leaves or enters it
            x, style = (place.left + 5, 'class="end"') if place.before else (place.right - 5, _LAST)
        parts.append(f'<text {style} x="{x:.1f}" y="{y + 13:.1f}">{escape(text)}</text>')
    return "".join(parts)
