"""The drawing of an architecture: every box and every line, none over another, in one file that needs nothing else."""

from __future__ import annotations

import re
from collections import Counter
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive.models.pnasnet import CELL
from topfive.nn.genotype import Edge, Node, Wiring
from topfive.search.diagrams import cell
from topfive.search.drawing import Box, Diagram, Line, svg

SPACE = "{http://www.w3.org/2000/svg}"
OPERATIONS = ("identity", "separable_3x3", "max_3x3")


@st.composite
def wirings(draw):
    nodes = []
    for state in range(2, 2 + draw(st.integers(1, 6))):
        edges = [Edge(draw(st.sampled_from(OPERATIONS)), draw(st.integers(0, state - 1))) for _ in range(2)]
        nodes.append(Node(*edges))
    return Wiring(tuple(nodes), draw(st.lists(st.integers(0, len(nodes) + 1), min_size=1, unique=True).map(tuple)))


def boxes(drawing):
    for rect in drawing.iter(f"{SPACE}rect"):
        x, y, width, height = (float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
        yield x, y, x + width, y + height


def touches(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@given(wirings())
def test_a_cell_is_drawn_whole_and_legibly(wiring):
    drawing = ElementTree.fromstring(svg(cell(wiring), "a cell"))
    rows = Counter(text.text for text in drawing.iter(f"{SPACE}text"))
    assert rows.total() == 2 * len(wiring.nodes) + 3
    for operation in OPERATIONS:
        edges = [edge for node in wiring.nodes for edge in (node.left, node.right) if edge.operation == operation]
        assert rows[operation.replace("_", " ").replace("3x3", "3\N{MULTIPLICATION SIGN}3")] == len(edges)
    lines = [path.attrib["d"] for path in drawing.iter(f"{SPACE}path") if path.attrib["class"] == "line"]
    assert len(lines) == 2 * len(wiring.nodes) + len(wiring.output)
    found = list(boxes(drawing))
    assert not any(touches(one, other) for place, one in enumerate(found) for other in found[:place])
    _, _, width, height = map(float, drawing.attrib["viewBox"].split())
    assert all(min(box) >= 0 and box[2] <= width and box[3] <= height for box in found)
    for line in lines:
        numbers = [float(number) for number in re.findall(r"[\d.]+", line)]
        assert any(numbers[0] == pytest.approx(box[2], abs=0.2) for box in found)
        assert any(numbers[-2] == pytest.approx(box[0], abs=0.2) for box in found)


def test_no_line_runs_through_a_box():
    """Between layers lines are free to bend; where they pass a layer they keep to a lane of their own."""
    diagram = Diagram(
        tuple(Box((f"box {number}",)) for number in range(4)),
        (Line(0, 1), Line(1, 2), Line(2, 3), Line(0, 3), Line(0, 2), Line(1, 3)),
    )
    drawing = ElementTree.fromstring(svg(diagram, "skips"))
    found = list(boxes(drawing))
    lanes = 0
    for path in drawing.iter(f"{SPACE}path"):
        for x, y, to_x in re.findall(r"([\d.]+),([\d.]+)H([\d.]+)", path.attrib["d"]):
            lanes += 1
            lane = float(x), float(y), float(to_x), float(y) + 0.1
            assert not any(touches(lane, box) for box in found)
    assert lanes == 4


def test_equal_cells_give_equal_files_that_need_nothing_beside_them():
    drawn = svg(cell(CELL), 'best <of> "all" &c')
    assert drawn == svg(cell(CELL), 'best <of> "all" &c')
    assert ElementTree.fromstring(drawn).find(f"{SPACE}title").text == 'best <of> "all" &c'
    assert re.findall(r"https?://\S+?(?=\")", drawn) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"url\(|@import|<script|<image|href", drawn)
