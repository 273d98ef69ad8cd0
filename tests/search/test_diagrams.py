"""What is drawn of a network is what its name says."""

from __future__ import annotations

import pytest

from topfive.models.mnasnet import A1_NAME
from topfive.search.diagrams import diagrams
from topfive.search.drawing import Diagram, Line

CELL = "separable_3x3@0+1x7_7x1@1,identity@2++max_3x3@1"


def rows(diagram: Diagram) -> list[tuple[str, ...]]:
    return [box.rows for box in diagram.boxes if not box.end]


def times(text: str) -> str:
    return text.replace("x", "\N{MULTIPLICATION SIGN}")


def test_a_cell_has_a_box_a_node():
    (cell,) = diagrams("pnas:n1-f16-s28-c1:separable_3x3@0+1x7_7x1@1,identity@2+max_3x3@1").values()
    assert rows(cell) == [(times("separable 3x3"), times("1x7 7x1")), ("identity", "max 3\N{MULTIPLICATION SIGN}3")]
    assert cell.lines == (Line(0, 2, 0), Line(1, 2, 1), Line(2, 3, 0), Line(1, 3, 1), Line(2, 4), Line(3, 4))


def test_a_network_of_two_cells_has_two_drawings():
    found = diagrams(f"nasnet:n1-f16-s28-c1:{CELL}:{CELL.replace('identity', '1x1')}")
    assert list(found) == ["normal cell", "reduction cell"]
    assert rows(found["normal cell"])[1] == ("identity", "max 3\N{MULTIPLICATION SIGN}3", "joined")


def test_a_chain_has_a_line_for_all_that_a_layer_sees():
    (chain,) = diagrams("chain:s32-c3:3x3x36,5x1x48s2@1,7x7x24@1.2,1x1x8").values()
    assert rows(chain)[1] == (times("5x1"), "48 filters", "stride 2")
    assert set(chain.lines) == {Line(0, 1), Line(1, 2), Line(1, 3), Line(2, 3), Line(0, 4), Line(3, 5), Line(4, 5)}


def test_a_row_of_blocks_is_a_row():
    (network,) = diagrams(A1_NAME).values()
    assert len(rows(network)) == 9
    told = (times("3x3").replace("3", "5"), "squeezed", "skip: identity", "3 layers", "40 wide", "stride 2")
    assert rows(network)[3] == (f"mb3 {told[0]}", *told[1:])
    assert [(line.source, line.target) for line in network.lines] == [(n, n + 1) for n in range(10)]


@pytest.mark.parametrize("name", ["resnet20_cifar", "lenet5"])
def test_a_network_of_a_paper_is_not_drawn(name):
    assert diagrams(name) == {}
