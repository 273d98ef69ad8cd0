"""DARTS' network of all cells at once: every pair of states has every operation, weighed by an architecture that is
learnt (Liu et al. 2018, arXiv:1806.09055, sec. 2.2).  Activations are [N, C, H, W].
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial, reduce

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from topfive.models import nasnet, pnasnet
from topfive.nn.cell import OPERATIONS, SAME, Maps, Parts, inputs
from topfive.nn.classifier import Classifier
from topfive.nn.found import Size
from topfive.nn.genotype import Edge, Node
from topfive.search.spaces.cells import canonical

INPUTS = 2  # states that a cell begins with
# No scale is learnt while operations are weighed: it would undo the weights.
UNSCALED = replace(SAME, layer=replace(SAME.layer, norm=partial(nn.BatchNorm2d, eps=1e-3, affine=False)))


def normalised(operation: nn.Module, filters: int, parts: Parts) -> nn.Module:
    """What a pooling or the identity hands on has any scale, and weights compare only what has the same."""
    if any(isinstance(part, nn.BatchNorm2d) for part in operation.modules()):
        return operation
    return nn.Sequential(operation, parts.layer.norm(filters))


class Mixture(nn.Module):
    """All operations on one state, weighed; the last weight is that of nothing at all."""

    def __init__(self, operations: tuple[str, ...], in_channels: int, filters: int, stride: int, parts: Parts):
        super().__init__()
        made = (OPERATIONS[name](in_channels, filters, stride, parts) for name in operations)
        self.operations = nn.ModuleList(normalised(operation, filters, parts) for operation in made)

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        return total(weight * operation(x) for operation, weight in zip(self.operations, weights[:-1], strict=True))


def total(maps: Iterable[Tensor]) -> Tensor:
    return reduce(torch.add, maps)


class SuperCell(nn.Module):
    """`blocks` nodes, each the sum of what every earlier state gives; all of them are the output.

    As `Cell`, but for the nodes.
    """

    def __init__(
        self,
        operations: tuple[str, ...],
        blocks: int,
        previous: Maps | None,
        current: Maps,
        filters: int,
        stride: int,
        parts: Parts = UNSCALED,
    ):
        super().__init__()
        self.squeeze, self.adjust, first_channels = inputs(previous, current, filters, parts)
        self.blocks = blocks
        self.edges = nn.ModuleList()
        for _, source in edges_of(blocks):
            channels = first_channels if source == 0 else filters
            self.edges.append(Mixture(operations, channels, filters, stride if source < INPUTS else 1, parts))
        self.maps = Maps(filters * blocks, current.reduction * stride)

    def forward(self, previous: Tensor, current: Tensor, weights: Tensor) -> Tensor:
        """`weights` [edges, operations + 1]."""
        states = [self.adjust(previous), self.squeeze(current)]
        edges = iter(zip(self.edges, weights, strict=True))
        for _ in range(self.blocks):
            taken = [(state, *next(edges)) for state in states]
            states.append(total(edge(state, weight) for state, edge, weight in taken))
        return torch.cat(states[INPUTS:], 1)


def edges_of(blocks: int) -> list[tuple[int, int]]:
    """Every node with every state before it, in the order of the architecture's rows."""
    return [(node, source) for node in range(blocks) for source in range(INPUTS + node)]


class Supernet(Classifier):
    """As a network of `pnas` for small images, but with a `SuperCell` for each cell.

    `architecture` [edges, operations + 1] is what softmax makes the weights of; it is no parameter, so that what moves
    the weights does not move it.
    """

    def __init__(self, operations: tuple[str, ...], blocks: int, size: Size, num_classes: int):
        super().__init__(num_classes, size.channels)
        self.choices, self.blocks = operations, blocks
        self.architecture = torch.zeros(len(edges_of(blocks)), len(operations) + 1, requires_grad=True)
        self.stem = nasnet.keeping(size.channels, 3 * size.filters, SAME)
        self.cells = nn.ModuleList()
        maps = [Maps(3 * size.filters, 1)]
        for step in pnasnet.stages(pnasnet.PNASNET_5, size.cells, size.filters):
            previous = maps[-2] if len(maps) > 1 else None
            cell = SuperCell(operations, blocks, previous, maps[-1], step.filters, step.stride)
            self.cells.append(cell)
            maps.append(cell.maps)
        self.head = nn.Linear(maps[-1].channels, num_classes)

    @property
    def weights(self) -> Tensor:
        """[edges, operations + 1]; each row sums to 1."""
        return F.softmax(self.architecture, 1)

    def features(self, images: Tensor) -> Tensor:
        maps = [self.stem(images)]
        weights = self.weights
        for cell in self.cells:
            maps.append(cell(maps[-min(2, len(maps))], maps[-1], weights))
        return F.relu(maps[-1])

    def derived(self) -> tuple[Node, ...]:
        """The cell that is left where every node keeps the strongest operation of its two strongest sources (sec. 2.4).

        Nothing at all is no operation: it only takes from the strength of the others.
        """
        strengths, places = self.weights.detach()[:, :-1].max(1)
        found: list[list[tuple[float, Edge]]] = [[] for _ in range(self.blocks)]
        for (node, source), strength, place in zip(
            edges_of(self.blocks), strengths.tolist(), places.tolist(), strict=True
        ):
            found[node].append((strength, Edge(self.choices[place], source)))
        strongest = (sorted(edges, key=lambda pair: pair[0])[-2:] for edges in found)
        return canonical(tuple(Node(first, second) for (_, first), (_, second) in strongest))
