"""Networks of found cells: the name of one says all that makes it, so that whatever takes a name takes these.

    pnas:n1-f16-s28-c1:separable_3x3@0+max_3x3@1,identity@2+separable_5x5@1
    nasnet:n2-f32-s32-c3:3x3@0++max_5x5@1:average_3x3@0+1x1@1

N cells a stage, F filters in the first, images of `s` pixels a side and `c` channels, then the nodes of PNASNet's one
cell (arXiv:1712.00559), all of which make its output, or of NASNet's normal and its reduction cell (arXiv:1707.07012),
whose output is what no other node takes.  Small images are met as the papers meet CIFAR's: by a 3x3 of three times F
that keeps their size, without reductions before the first stage and without dropout.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from topfive.errors import UsageError, nearest
from topfive.nn.cell import OPERATIONS
from topfive.nn.genotype import Genotype, Node, Wiring, nodes_from, nodes_text, unused
from topfive.preprocess import LARGEST_SIDE, Preprocess

SMALL_SIDE = 64  # pixels; images up to this are small
LEAST_FILTERS = 4
LEAST_SIDE = 4
_SIZE = re.compile(r"n([1-9][0-9]?)-f([1-9][0-9]{0,3})-s([1-9][0-9]{0,3})-c([13])", re.ASCII)


def _all(nodes: tuple[Node, ...]) -> tuple[int, ...]:
    return tuple(range(2, 2 + len(nodes)))


@dataclass(frozen=True)
class Family:
    """How many cells a network has, and what the output of one joins."""

    wirings: int
    output: Callable[[tuple[Node, ...]], tuple[int, ...]]


FAMILIES = {"nasnet": Family(2, unused), "pnas": Family(1, _all)}


@dataclass(frozen=True)
class Size:
    """N and F of the papers, and the images that the network is for: pixels a side, 1 or 3 channels."""

    cells: int
    filters: int
    side: int
    channels: int

    def __str__(self) -> str:
        return f"n{self.cells}-f{self.filters}-s{self.side}-c{self.channels}"

    @property
    def small(self) -> bool:
        return self.side <= SMALL_SIDE

    @property
    def preprocess(self) -> Preprocess:
        """As the papers scale pixels: to -1 to 1."""
        middle = (0.5,) * self.channels
        crop = 1.0 if self.small else 0.875
        return Preprocess(size=self.side, crop=crop, interpolation="bicubic", mean=middle, std=middle)


@dataclass(frozen=True)
class Found:
    """A network of found cells: a key of `FAMILIES`, its size, and the nodes of its cells."""

    family: str
    size: Size
    nodes: tuple[tuple[Node, ...], ...]

    @property
    def name(self) -> str:
        return ":".join([self.family, str(self.size), *map(nodes_text, self.nodes)])

    @property
    def genotype(self) -> Genotype:
        wirings = [Wiring(nodes, FAMILIES[self.family].output(nodes)) for nodes in self.nodes]
        return Genotype(normal=wirings[0], reduce=wirings[-1])


def read(name: str) -> Found:
    """The network that `name` says.  UsageError for a text that is no such name."""
    kind, *parts = name.split(":")
    if kind not in FAMILIES or len(parts) != 1 + FAMILIES[kind].wirings:
        why = "a found network is FAMILY:SIZE:CELL, with two cells for nasnet and one for pnas"
        raise UsageError("unknown model", name, why, "" if kind in FAMILIES else nearest(kind, FAMILIES))
    size = _SIZE.fullmatch(parts[0])
    if size is None:
        raise UsageError("unknown model", name, "its size is written as n1-f16-s28-c1: cells, filters, side, channels")
    found = Found(kind, Size(*map(int, size.groups())), tuple(map(nodes_from, parts[1:])))
    if found.size.filters < LEAST_FILTERS or not LEAST_SIDE <= found.size.side <= LARGEST_SIDE:
        why = f"it needs at least {LEAST_FILTERS} filters, and {LEAST_SIDE} to {LARGEST_SIDE} pixels"
        raise UsageError("unknown model", name, why)
    for wiring in (found.genotype.normal, found.genotype.reduce):
        for edge in (edge for node in wiring.nodes for edge in node.edges):
            if edge.operation not in OPERATIONS:
                raise UsageError("unknown operation", edge.operation, nearest(edge.operation, OPERATIONS))
    if found.name != name:
        raise UsageError("unknown model", name, "numbers have no leading zeros", f"It is {found.name}")
    return found
