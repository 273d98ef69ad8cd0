"""The network of all cells: what one architecture of it computes, and which cell is left of it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from topfive.nn.cell import SAME, Cell, Maps
from topfive.nn.found import Found, Size
from topfive.nn.genotype import Edge, Node, Wiring
from topfive.search.shared.supernet import UNSCALED, Mixture, SuperCell, Supernet, edges_of

SIZE = Size(1, 4, 8, 1)
OPERATIONS = ("separable_3x3", "3x3")
NODES = (Node(Edge("separable_3x3", 0), Edge("3x3", 1)), Node(Edge("3x3", 0), Edge("separable_3x3", 2)))


def chosen(blocks: int, nodes: tuple[Node, ...]) -> torch.Tensor:
    """The architecture [edges, operations + 1] that is `nodes` and nothing else."""
    rows = torch.full((len(edges_of(blocks)), len(OPERATIONS) + 1), -math.inf)
    rows[:, -1] = 0
    for row, (block, source) in enumerate(edges_of(blocks)):
        for edge in nodes[block].edges:
            if edge.source == source:
                rows[row, -1] = -math.inf
                rows[row, OPERATIONS.index(edge.operation)] = 0
    return rows


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("previous", [None, Maps(5, 1), Maps(6, 2)])
def test_with_one_operation_an_edge_it_is_that_cell(stride: int, previous: Maps | None) -> None:
    current = Maps(7, 2)
    every = SuperCell(OPERATIONS, 2, previous, current, 4, stride, SAME).eval()
    one = Cell(Wiring(NODES, (2, 3)), previous, current, 4, stride).eval()
    one.squeeze.load_state_dict(every.squeeze.state_dict())
    one.adjust.load_state_dict(every.adjust.state_dict())
    for row, (block, source) in enumerate(edges_of(2)):
        for edge, ours in zip(NODES[block].edges, (one.nodes[block].left, one.nodes[block].right), strict=True):
            if edge.source == source:
                theirs = every.edges[row].operations[OPERATIONS.index(edge.operation)]
                ours.load_state_dict(theirs.state_dict())
    now = torch.randn(2, 7, 8, 8)
    before = (
        now
        if previous is None
        else torch.randn(2, previous.channels, 16 // previous.reduction, 16 // previous.reduction)
    )
    weights = chosen(2, NODES).softmax(1)
    assert every.maps == one.maps
    torch.testing.assert_close(every(before, now, weights), one(before, now))


def test_what_is_left_is_the_strongest_of_the_two_strongest_sources() -> None:
    network = Supernet(OPERATIONS, 2, SIZE, 3)
    with torch.no_grad():
        network.architecture.copy_(chosen(2, NODES).nan_to_num(neginf=-9))
    assert Found("pnas", SIZE, (network.derived(),)).name == Found("pnas", SIZE, (NODES,)).name
    with torch.no_grad():  # nothing at all is strong everywhere: what stands behind it is kept all the same
        network.architecture[:, -1] = 5
        network.architecture[2] = torch.tensor([0.0, 9.0, 0.0])  # of the second block on state 0
        network.architecture[3] = torch.tensor([8.0, 0.0, 0.0])  # on state 1
        network.architecture[4] = torch.tensor([0.0, 3.0, 5.0])  # on state 2
    assert Node(Edge("3x3", 0), Edge("separable_3x3", 1)) in network.derived()


def test_the_architecture_learns_and_is_no_parameter() -> None:
    network = Supernet(("max_3x3", "identity"), 2, SIZE, 3)
    network(torch.randn(4, 1, 8, 8)).square().sum().backward()
    assert network.architecture.grad is not None
    assert network.architecture.grad.abs().sum() > 0
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert all(parameter is not network.architecture for parameter in network.parameters())


@torch.no_grad()
def test_what_has_no_scale_of_its_own_is_normalised() -> None:
    mixture = Mixture(("max_3x3", "separable_3x3"), 4, 4, 1, UNSCALED)
    norms = [sum(isinstance(part, nn.BatchNorm2d) for part in each.modules()) for each in mixture.operations]
    assert norms == [1, 2]
    assert not list(mixture.operations[0].parameters())
    x = 100 * torch.randn(16, 4, 8, 8) + 50
    assert mixture(x, torch.tensor([1.0, 0.0, 0.0])).std() == pytest.approx(1, rel=0.05)
    assert mixture(x, torch.tensor([0.0, 0.0, 1.0])).abs().max() == 0
