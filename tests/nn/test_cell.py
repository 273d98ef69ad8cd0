"""A cell from its data: shapes, the first cell, poolings by their formula, and what is refused."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from topfive.errors import UsageError
from topfive.nn.cell import OPERATIONS, SAME, Cell, FactorizedReduction, Maps, Pair
from topfive.nn.genotype import Edge, Genotype, Node, Wiring
from topfive.nn.pool import average_over_zeros, max_over_zeros, same_average, same_max

EDGES = Node(Edge("separable_3x3", 0), Edge("identity", 1))


def random_wiring(seed: int) -> Wiring:
    draw = torch.Generator().manual_seed(seed)

    def pick(count: int) -> int:
        return int(torch.randint(count, (), generator=draw))

    names = sorted(OPERATIONS)

    def edge(states: int) -> Edge:
        return Edge(names[pick(len(names))], pick(states))

    nodes = tuple(Node(edge(2 + index), edge(2 + index)) for index in range(1 + pick(4)))
    return Wiring(nodes, tuple(range(2, 2 + len(nodes))))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("size", "stride"), [(8, 1), (8, 2), (9, 1), (9, 2)])
def test_any_cell_makes_the_maps_that_it_says(seed: int, size: int, stride: int) -> None:
    wiring = random_wiring(seed)
    for previous, side in ((None, size), (Maps(5, 4), size), (Maps(5, 2), 2 * size), (Maps(5, 2), 2 * size - 1)):
        cell = Cell(wiring, previous, Maps(7, 4), 6, stride).eval()
        current = torch.randn(2, 7, size, size)
        left = current if previous is None else torch.randn(2, 5, side, side)
        assert cell.maps == Maps(6 * len(wiring.nodes), 4 * stride)
        assert cell(left, current).shape == (2, cell.maps.channels, -(-size // stride), -(-size // stride))


def test_the_first_cell_sees_its_maps_as_they_are() -> None:
    first = Cell(Wiring((EDGES,), (2,)), None, Maps(7, 2), 6, 2)
    assert isinstance(first.adjust, nn.Identity)
    assert first.nodes[0].left.first.depthwise.in_channels == 7
    later = Cell(Wiring((EDGES,), (2,)), Maps(7, 2), Maps(7, 2), 6, 2)
    assert later.nodes[0].left.first.depthwise.in_channels == 6


def windows(size: int, stride: int) -> list[range]:
    """Of a 3x3 under SAME: output i is over input i * stride - before to that + 2, as far as there is any."""
    out = -(-size // stride)
    before = max((out - 1) * stride + 3 - size, 0) // 2
    return [range(max(0, i * stride - before), min(size, i * stride - before + 3)) for i in range(out)]


@pytest.mark.parametrize("stride", [1, 2])
@given(height=st.integers(1, 9), width=st.integers(1, 9))
def test_pools_are_over_what_is_there(stride: int, height: int, width: int) -> None:
    x = torch.randn(1, 2, height, width) - 5  # a padding of zeros would be the largest
    largest, mean = same_max(3, stride)(x), same_average(3, stride)(x)
    rows, columns = windows(height, stride), windows(width, stride)
    assert largest.shape == mean.shape == (1, 2, len(rows), len(columns))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            patch = x[:, :, row.start : row.stop, column.start : column.stop]
            assert torch.equal(largest[:, :, i, j], patch.amax((2, 3)))
            torch.testing.assert_close(mean[:, :, i, j], patch.mean((2, 3)))


@given(height=st.integers(1, 9), width=st.integers(1, 9))
def test_pools_over_zeros_are_over_a_frame_where_they_stride(height: int, width: int) -> None:
    x = torch.randn(1, 2, height, width) - 5
    framed = torch.zeros(1, 2, height + 2, width + 2)
    framed[:, :, 1:-1, 1:-1] = x
    largest, mean = max_over_zeros(3, 2)(x), average_over_zeros(3, 2)(x)
    for i in range(-(-height // 2)):
        for j in range(-(-width // 2)):
            top, left = 2 * i + 1 - height % 2, 2 * j + 1 - width % 2  # of nine places, some beyond the frame
            patch = framed[:, :, top : top + 3, left : left + 3]
            assert torch.equal(largest[:, :, i, j], patch.amax((2, 3)))
            torch.testing.assert_close(mean[:, :, i, j], patch.sum((2, 3)) / 9)
    assert torch.equal(max_over_zeros(3, 1)(x), same_max(3, 1)(x))
    assert torch.equal(average_over_zeros(3, 1)(x), same_average(3, 1)(x))


def test_a_factorized_reduction_sees_two_of_four_pixels() -> None:
    """Those in even rows and columns, and those in odd ones; an odd width goes 3 + 4."""
    reduction = FactorizedReduction(1, 7, SAME).eval()
    assert [path.out_channels for path in reduction.paths] == [3, 4]
    for path in reduction.paths:
        nn.init.ones_(path.weight)
    x = torch.arange(1.0, 17).view(1, 1, 4, 4)
    scale = (1 + 1e-3) ** -0.5  # of a fresh normalisation
    torch.testing.assert_close(reduction(x)[0, 0] / scale, torch.tensor([[1.0, 3.0], [9.0, 11.0]]))
    torch.testing.assert_close(reduction(x)[0, 6] / scale, torch.tensor([[6.0, 8.0], [14.0, 16.0]]))


def test_drop_path_spares_the_identity() -> None:
    pair = Pair(EDGES, lambda edge: nn.Identity() if edge.operation == "identity" else nn.Sequential())
    pair.drop.rate = 1 - 1e-9
    a, b = torch.ones(4, 1, 2, 2), 2 * torch.ones(4, 1, 2, 2)
    assert torch.equal(pair.train()([a, b]), b)
    assert torch.equal(pair.eval()([a, b]), a + b)


def test_a_cell_is_data() -> None:
    wiring = Wiring((EDGES,), (2,))
    assert Genotype(wiring, wiring) == Genotype(Wiring((EDGES,), (2,)), wiring)
    assert len({wiring, Wiring((EDGES,), (2,)), Wiring((EDGES,), (0, 2))}) == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: Wiring((Node(Edge("identity", 2), Edge("identity", 0)),), (2,)),
        lambda: Wiring((Node(Edge("identity", -1), Edge("identity", 0)),), (2,)),
        lambda: Wiring((EDGES,), (3,)),
        lambda: Wiring((EDGES,), ()),
        lambda: Cell(Wiring((Node(Edge("separable_9x9", 0), Edge("identity", 0)),), (2,)), None, Maps(4, 1), 4, 1),
    ],
)
def test_an_impossible_cell_is_refused(make: object) -> None:
    with pytest.raises(UsageError):
        make()  # type: ignore[operator]


def test_the_nearest_operation_is_named() -> None:
    wiring = Wiring((Node(Edge("separable_5x6", 0), Edge("identity", 0)),), (2,))
    with pytest.raises(UsageError, match="separable_5x5"):
        Cell(wiring, None, Maps(4, 1), 4, 1)
