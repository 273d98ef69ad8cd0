"""Spaces of cells: their sizes, and which choices are one architecture."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from topfive.errors import UsageError
from topfive.models import create_model, spec
from topfive.nn.cell import Cell
from topfive.nn.found import Found, Size, read
from topfive.nn.genotype import Edge, Node
from topfive.search.spaces import SPACES, space_named
from topfive.search.spaces.cells import PNAS_OPERATIONS, canonical, distinct, pnas

SIZE = Size(1, 4, 8, 1)
OPERATIONS = ("separable_3x3", "max_3x3", "identity")


@st.composite
def cells(draw: st.DrawFn, combine: tuple[str, ...] = ("add",)) -> tuple[Node, ...]:
    def edge(states: int) -> Edge:
        return Edge(draw(st.sampled_from(OPERATIONS)), draw(st.integers(0, states - 1)))

    count = draw(st.integers(1, 4))
    return tuple(Node(edge(state), edge(state), draw(st.sampled_from(combine))) for state in range(2, 2 + count))  # type: ignore[arg-type]


def reordered(nodes: tuple[Node, ...], order: tuple[int, ...], swapped: list[bool]) -> tuple[Node, ...] | None:
    """The same cell with node order[i] in place i, edges swapped where asked; None where a source would come late."""
    numbers = {0: 0, 1: 1} | {2 + old: 2 + new for new, old in enumerate(order)}
    moved = []
    for old in order:
        left, right = (Edge(edge.operation, numbers[edge.source]) for edge in nodes[old].edges)
        if max(left.source, right.source) >= 2 + len(moved):
            return None
        moved.append(Node(*((right, left) if swapped[old] else (left, right)), nodes[old].combine))
    return tuple(moved)


@given(cells(("add", "concatenate")), st.data())
def test_a_cell_told_otherwise_is_the_same_cell(nodes: tuple[Node, ...], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(nodes))))
    other = reordered(nodes, tuple(order), data.draw(st.lists(st.booleans(), min_size=4, max_size=4)))
    if other is not None:
        assert canonical(other) == canonical(nodes)
    assert canonical(canonical(nodes)) == canonical(nodes)


@given(cells(("add", "concatenate")), cells(("add", "concatenate")))
def test_cells_are_the_same_only_where_one_can_be_told_as_the_other(
    first: tuple[Node, ...], second: tuple[Node, ...]
) -> None:
    def unordered(nodes: tuple[Node, ...]) -> list[object]:
        return [(node.combine, sorted((e.source, e.operation) for e in node.edges)) for node in nodes]

    tellings = [reordered(first, order, [False] * 4) for order in permutations(range(len(first)))]
    alike = any(telling is not None and unordered(telling) == unordered(second) for telling in tellings)
    assert (canonical(first) == canonical(second)) == alike


def twin(cell: Cell, order: tuple[int, ...], swapped: list[bool], other: Cell) -> None:
    """Give `other` the weights of `cell`, whose nodes it has in another order and with edges swapped."""
    other.squeeze.load_state_dict(cell.squeeze.state_dict())
    other.adjust.load_state_dict(cell.adjust.state_dict())
    for new, old in enumerate(order):
        ours, theirs = other.nodes[new], cell.nodes[old]
        left, right = (theirs.right, theirs.left) if swapped[old] else (theirs.left, theirs.right)
        ours.left.load_state_dict(left.state_dict())
        ours.right.load_state_dict(right.state_dict())


@settings(max_examples=8)
@given(cells(), st.data())
def test_the_same_cell_computes_the_same(nodes: tuple[Node, ...], data: st.DataObject) -> None:
    """Equal weights give equal maps, node by node: the output is the nodes in their order."""
    order = tuple(data.draw(st.permutations(range(len(nodes)))))
    swapped = data.draw(st.lists(st.booleans(), min_size=4, max_size=4))
    other = reordered(nodes, order, swapped)
    if other is None:
        order, swapped = tuple(range(len(nodes))), [True] * 4
        other = reordered(nodes, order, swapped)
    assert other is not None
    names = [Found("pnas", SIZE, (each,)).name for each in (nodes, other)]
    facts = [spec(name).facts for name in names]
    assert facts[0] == facts[1]
    ours, theirs = (create_model(name).eval().cells[1] for name in names)
    twin(ours, order, swapped, theirs)
    previous, current = torch.randn(2, 12, 8, 8), torch.randn(2, 4 * len(nodes), 8, 8)
    maps = ours(previous, current).split(8, 1)  # the second stage has twice the filters
    torch.testing.assert_close(theirs(previous, current), torch.cat([maps[old] for old in order], 1))


@pytest.mark.parametrize(
    ("operations", "blocks", "counts"),
    [
        (PNAS_OPERATIONS, 1, [136]),  # "256 possibilities ... 136 unique" (Liu et al., sec. 3.1)
        (("separable_3x3", "max_3x3"), 3, [10, 165, 3840]),
        (PNAS_OPERATIONS[:4], 2, [36, 2178]),
    ],
)
def test_how_many_cells_differ(operations: tuple[str, ...], blocks: int, counts: list[int]) -> None:
    space = pnas("counted", operations, blocks, SIZE)
    assert [sum(1 for _ in distinct(space, level)) for level in range(blocks)] == counts


def test_the_papers_spaces_are_as_large_as_the_papers_say() -> None:
    """PNASNet: 256 cells of one block, 5.6e14 of five, choices counted (sec. 3.1 and 4.1)."""
    space = space_named("pnas")
    assert space.size_at(0) == 256
    assert space.size == pytest.approx(5.6e14, rel=0.01)
    assert space_named("nasnet").size == (np.prod(np.arange(2.0, 7)) ** 2 * 13**10 * 2**5) ** 2


@pytest.mark.parametrize("name", [name for name in SPACES if name.startswith(("nasnet", "pnas"))])
def test_every_choice_is_a_network(name: str) -> None:
    space = space_named(name, 12, 1)
    rng = np.random.default_rng(0)
    for level in range(len(space.levels)):
        choices = space.sample(rng, level)
        network = read(space.model(choices))
        assert (network.size.side, network.size.channels) == (12, 1)
        again = {space.structure(choices), ":".join(network.name.split(":")[2:])}
        assert len(again) == 1
        assert len(space.read(choices)) == len(choices)
        if "small" in name or "two" in name:
            assert create_model(network.name, 3).eval()(torch.zeros(1, 1, 12, 12)).shape == (1, 3)


def test_an_unknown_space_gives_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'pnas-small'"):
        space_named("pnas-smal")
