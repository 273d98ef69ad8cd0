"""The interpreter that makes a network's cell from a `Wiring`.

Every convolution comes after its ReLU and before its normalisation.  In the very first cell of a network both inputs
are the same maps, and state 0 is those maps as they are: not squeezed, so that its operations see other widths.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from topfive.errors import UsageError, nearest
from topfive.nn.conv import ConvNorm, Kernel, same
from topfive.nn.genotype import Combine, Edge, Node, Wiring
from topfive.nn.pool import same_average, same_max
from topfive.nn.stochastic_depth import StochasticDepth


class Pool(Protocol):
    """Makes a pooling; how it pads is its own affair."""

    def __call__(self, kernel: int, stride: int) -> nn.Module: ...


@dataclass(frozen=True)
class Parts:
    """What the operations of a cell are built from: chosen once for a network."""

    layer: ConvNorm
    max_pool: Pool
    average_pool: Pool


norm = partial(nn.BatchNorm2d, eps=1e-3)
SAME = Parts(ConvNorm(nn.ReLU, norm, same), same_max, same_average)


def activated(layer: nn.Sequential) -> nn.Sequential:
    """ReLU, then the layer."""
    return nn.Sequential(OrderedDict(activation=nn.ReLU(), **dict(layer.named_children())))


def squeeze(in_channels: int, out_channels: int, stride: int, parts: Parts) -> nn.Sequential:
    """ReLU, 1x1, normalisation."""
    return activated(parts.layer.linear(in_channels, out_channels, 1, stride))


class FactorizedReduction(nn.Module):
    """Halves H and W without losing three of four pixels: one 1x1 on the even ones, one on those a step further."""

    def __init__(self, in_channels: int, out_channels: int, parts: Parts):
        super().__init__()
        half = out_channels // 2
        self.paths = nn.ModuleList(
            parts.layer.convolution(in_channels, width, 1, 1, 1) for width in (half, out_channels - half)
        )
        self.joined = parts.layer.norm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(x)
        shifted = F.pad(x, [-1, 1, -1, 1])
        halves = (path(maps[:, :, ::2, ::2]) for path, maps in zip(self.paths, (x, shifted), strict=True))
        return cast(Tensor, self.joined(torch.cat(list(halves), 1)))


class Operation(Protocol):
    """Makes what stands on an edge."""

    def __call__(self, in_channels: int, out_channels: int, stride: int, parts: Parts) -> nn.Module: ...


def separable(kernel: int) -> Operation:
    """Twice ReLU, depthwise, 1x1, normalisation; the first time with the stride."""

    def once(in_channels: int, out_channels: int, stride: int, parts: Parts) -> nn.Sequential:
        convolution = parts.layer.convolution
        return nn.Sequential(
            OrderedDict(
                activation=nn.ReLU(),
                depthwise=convolution(in_channels, in_channels, kernel, stride, in_channels),
                pointwise=convolution(in_channels, out_channels, 1, 1, 1),
                norm=parts.layer.norm(out_channels),
            )
        )

    def make(in_channels: int, out_channels: int, stride: int, parts: Parts) -> nn.Module:
        first = once(in_channels, out_channels, stride, parts)
        return nn.Sequential(OrderedDict(first=first, second=once(out_channels, out_channels, 1, parts)))

    return make


def convolved(*kernels: Kernel) -> Operation:
    """For each kernel ReLU, convolution, normalisation; the first time with the stride."""

    def make(in_channels: int, out_channels: int, stride: int, parts: Parts) -> nn.Module:
        first, *others = kernels
        layers = [activated(parts.layer.linear(in_channels, out_channels, first, stride))]
        layers += [activated(parts.layer.linear(out_channels, out_channels, kernel)) for kernel in others]
        return nn.Sequential(*layers)

    return make


def dilated(in_channels: int, out_channels: int, stride: int, parts: Parts) -> nn.Module:
    """ReLU, 3x3 over every other pixel of 5x5, normalisation; padded alike on all sides."""
    convolution = nn.Conv2d(in_channels, out_channels, 3, stride, padding=2, dilation=2, bias=False)
    return nn.Sequential(OrderedDict(activation=nn.ReLU(), conv=convolution, norm=parts.layer.norm(out_channels)))


def pooled(choose: Callable[[Parts], Pool], kernel: int = 3) -> Operation:
    """Pooling, and where the width changes a 1x1 with normalisation."""

    def make(in_channels: int, out_channels: int, stride: int, parts: Parts) -> nn.Module:
        pool = nn.Sequential(OrderedDict(pool=choose(parts)(kernel, stride)))
        if in_channels != out_channels:
            for name, part in parts.layer.linear(in_channels, out_channels).named_children():
                pool.add_module(name, part)
        return pool

    return make


def identity(in_channels: int, out_channels: int, stride: int, parts: Parts) -> nn.Module:
    """Nothing; where the shape changes, ReLU, 1x1 and normalisation."""
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return squeeze(in_channels, out_channels, stride, parts)


OPERATIONS: dict[str, Operation] = {
    "identity": identity,
    "separable_3x3": separable(3),
    "separable_5x5": separable(5),
    "separable_7x7": separable(7),
    "max_3x3": pooled(lambda parts: parts.max_pool),
    "max_5x5": pooled(lambda parts: parts.max_pool, 5),
    "max_7x7": pooled(lambda parts: parts.max_pool, 7),
    "average_3x3": pooled(lambda parts: parts.average_pool),
    "dilated_3x3": dilated,
    "1x1": convolved(1),
    "3x3": convolved(3),
    "1x3_3x1": convolved((1, 3), (3, 1)),
    "1x7_7x1": convolved((1, 7), (7, 1)),
}
COMBINATIONS: dict[Combine, Callable[[Tensor, Tensor], Tensor]] = {
    "add": torch.add,
    "concatenate": lambda left, right: torch.cat((left, right), 1),
}


@dataclass(frozen=True)
class Maps:
    """The shape of some feature maps: their channels, and how many pixels of the image make one of theirs."""

    channels: int
    reduction: int


class Pair(nn.Module):
    """A node: left(state) and right(state), combined; each left out at random in training unless it is the identity."""

    def __init__(self, node: Node, make: Callable[[Edge], nn.Module]):
        super().__init__()
        self.sources = (node.left.source, node.right.source)
        self.combine = COMBINATIONS[node.combine]
        self.left, self.right = make(node.left), make(node.right)
        self.drop = StochasticDepth()

    def forward(self, states: list[Tensor]) -> Tensor:
        left, right = (
            operation(states[source]) if isinstance(operation, nn.Identity) else self.drop(operation(states[source]))
            for operation, source in zip((self.left, self.right), self.sources, strict=True)
        )
        return self.combine(left, right)


def inputs(previous: Maps | None, current: Maps, filters: int, parts: Parts) -> tuple[nn.Module, nn.Module, int]:
    """What makes state 1, what makes state 0, and the channels of state 0; those of state 1 are `filters`."""
    squeezed = squeeze(current.channels, filters, 1, parts)
    if previous is None:
        return squeezed, nn.Identity(), current.channels
    if previous.reduction != current.reduction:
        return squeezed, FactorizedReduction(previous.channels, filters, parts), filters
    return squeezed, identity(previous.channels, filters, 1, parts), filters


class Cell(nn.Module):
    """`filters` channels from every operation; those on the two inputs have `stride`.

    `previous` are the maps of state 0, at most twice as large as `current`, those of state 1; None where there are
    none yet.  `maps` says what comes out.
    """

    def __init__(
        self, wiring: Wiring, previous: Maps | None, current: Maps, filters: int, stride: int, parts: Parts = SAME
    ):
        super().__init__()
        self.squeeze, self.adjust, first_channels = inputs(previous, current, filters, parts)
        widths = [first_channels, filters]  # of the states

        def make(edge: Edge) -> nn.Module:
            if edge.operation not in OPERATIONS:
                raise UsageError("unknown operation", edge.operation, nearest(edge.operation, OPERATIONS))
            channels = widths[edge.source]
            return OPERATIONS[edge.operation](channels, filters, stride if edge.source < 2 else 1, parts)

        self.nodes = nn.ModuleList()
        for node in wiring.nodes:
            self.nodes.append(Pair(node, make))
            widths.append(filters if node.combine == "add" else 2 * filters)
        self.output = wiring.output
        self.maps = Maps(sum(widths[state] for state in wiring.output), current.reduction * stride)

    def forward(self, previous: Tensor, current: Tensor) -> Tensor:
        states = [self.adjust(previous), self.squeeze(current)]
        for node in self.nodes:
            states.append(node(states))
        return torch.cat([states[state] for state in self.output], 1)
