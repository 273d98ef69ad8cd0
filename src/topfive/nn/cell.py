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
from topfive.nn.conv import ConvNorm, same
from topfive.nn.genotype import Edge, Node, Wiring
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


def squeeze(in_channels: int, out_channels: int, stride: int, parts: Parts) -> nn.Sequential:
    """ReLU, 1x1, normalisation."""
    layer = parts.layer.linear(in_channels, out_channels, 1, stride)
    return nn.Sequential(OrderedDict(activation=nn.ReLU(), **dict(layer.named_children())))


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


def pooled(choose: Callable[[Parts], Pool]) -> Operation:
    """3x3 pooling, and where the width changes a 1x1 with normalisation."""

    def make(in_channels: int, out_channels: int, stride: int, parts: Parts) -> nn.Module:
        pool = nn.Sequential(OrderedDict(pool=choose(parts)(3, stride)))
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
    "average_3x3": pooled(lambda parts: parts.average_pool),
}


@dataclass(frozen=True)
class Maps:
    """The shape of some feature maps: their channels, and how many pixels of the image make one of theirs."""

    channels: int
    reduction: int


class Pair(nn.Module):
    """A node: left(state) + right(state), each left out at random in training (drop-path) unless it is the identity."""

    def __init__(self, node: Node, make: Callable[[Edge], nn.Module]):
        super().__init__()
        self.sources = (node.left.source, node.right.source)
        self.left, self.right = make(node.left), make(node.right)
        self.drop = StochasticDepth()

    def forward(self, states: list[Tensor]) -> Tensor:
        left, right = (
            operation(states[source]) if isinstance(operation, nn.Identity) else self.drop(operation(states[source]))
            for operation, source in zip((self.left, self.right), self.sources, strict=True)
        )
        return cast(Tensor, left + right)


class Cell(nn.Module):
    """`filters` channels in every state; the operations on the two inputs have `stride`.

    `previous` are the maps of state 0, at most twice as large as `current`, those of state 1; None where there are
    none yet.  `maps` says what comes out.
    """

    def __init__(
        self, wiring: Wiring, previous: Maps | None, current: Maps, filters: int, stride: int, parts: Parts = SAME
    ):
        super().__init__()
        self.squeeze = squeeze(current.channels, filters, 1, parts)
        first_channels = filters
        self.adjust: nn.Module
        if previous is None:
            first_channels, self.adjust = current.channels, nn.Identity()
        elif previous.reduction != current.reduction:
            self.adjust = FactorizedReduction(previous.channels, filters, parts)
        else:
            self.adjust = identity(previous.channels, filters, 1, parts)

        def make(edge: Edge) -> nn.Module:
            if edge.operation not in OPERATIONS:
                raise UsageError("unknown operation", edge.operation, nearest(edge.operation, OPERATIONS))
            channels = first_channels if edge.source == 0 else filters
            return OPERATIONS[edge.operation](channels, filters, stride if edge.source < 2 else 1, parts)

        self.nodes = nn.ModuleList(Pair(node, make) for node in wiring.nodes)
        self.output = wiring.output
        self.maps = Maps(filters * len(wiring.output), current.reduction * stride)

    def forward(self, previous: Tensor, current: Tensor) -> Tensor:
        states = [self.adjust(previous), self.squeeze(current)]
        for node in self.nodes:
            states.append(node(states))
        return torch.cat([states[state] for state in self.output], 1)
