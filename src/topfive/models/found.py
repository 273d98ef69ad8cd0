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
from functools import lru_cache, partial

from topfive.errors import UsageError, nearest
from topfive.models import nasnet, pnasnet
from topfive.nn.cell import OPERATIONS
from topfive.nn.genotype import Genotype, Node, Wiring, nodes_from, nodes_text, unused
from topfive.nn.measure import count_facts
from topfive.preprocess import Preprocess
from topfive.spec import ModelSpec, Paper

SMALL_SIDE = 64  # pixels; images up to this are small
LEAST_FILTERS = 4
LEAST_SIDE = 4
_SIZE = re.compile(r"n([1-9][0-9]?)-f([1-9][0-9]{0,3})-s([1-9][0-9]{0,3})-c([13])", re.ASCII)


@dataclass(frozen=True)
class Family:
    """What the two papers make differently of nodes."""

    label: str
    paper: Paper
    wirings: int
    output: Callable[[tuple[Node, ...]], tuple[int, ...]]
    stages: Callable[[Genotype, int, int], list[nasnet.Step]]


def _all(nodes: tuple[Node, ...]) -> tuple[int, ...]:
    return tuple(range(2, 2 + len(nodes)))


FAMILIES = {
    "nasnet": Family("NASNet", nasnet.PAPER, 2, unused, nasnet.stages),
    "pnas": Family("PNASNet", pnasnet.PAPER, 1, _all, pnasnet.stages),
}


@dataclass(frozen=True)
class Size:
    """N and F of the papers, and the images that the network is for: pixels a side, 1 or 3 channels."""

    cells: int
    filters: int
    side: int
    channels: int

    def __str__(self) -> str:
        return f"n{self.cells}-f{self.filters}-s{self.side}-c{self.channels}"


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
        raise UsageError("unknown model", name, why, nearest(kind, FAMILIES))
    size = _SIZE.fullmatch(parts[0])
    if size is None:
        raise UsageError("unknown model", name, "its size is written as n1-f16-s28-c1: cells, filters, side, channels")
    found = Found(kind, Size(*map(int, size.groups())), tuple(map(nodes_from, parts[1:])))
    if found.size.filters < LEAST_FILTERS or found.size.side < LEAST_SIDE:
        why = f"it needs at least {LEAST_FILTERS} filters and {LEAST_SIDE} pixels"
        raise UsageError("unknown model", name, why)
    for wiring in (found.genotype.normal, found.genotype.reduce):
        for edge in (edge for node in wiring.nodes for edge in node.edges):
            if edge.operation not in OPERATIONS:
                raise UsageError("unknown operation", edge.operation, nearest(edge.operation, OPERATIONS))
    if found.name != name:
        raise UsageError("unknown model", name, "numbers have no leading zeros", f"It is {found.name}")
    return found


@lru_cache(maxsize=256)
def spec(name: str) -> ModelSpec:
    """The row of the network that `name` says, counted on the spot.  UsageError for a text that is no such name."""
    found = read(name)
    family, size, genotype = FAMILIES[found.family], found.size, found.genotype
    steps = family.stages(genotype, size.cells, size.filters)
    if size.side <= SMALL_SIDE:
        stem_channels, sides, classes = 3 * size.filters, None, 10
        build = partial(nasnet.NASNet, steps, stem_channels=stem_channels, stem=nasnet.keeping, dropout=0.0)
    else:
        steps = nasnet.stem_cells(genotype, size.filters) + steps
        sides, classes = nasnet.sides(steps, size.side), 1000
        build = partial(nasnet.NASNet, steps, stem_channels=32)
    return ModelSpec(
        name=name,
        family=family.label,
        paper=family.paper,
        build=build,
        preprocess=_preprocess(size),
        facts=count_facts(build, size.side, classes, size.channels),
        fact="",
        departs="found by search: no paper's network",
        sides=sides,
    )


def _preprocess(size: Size) -> Preprocess:
    middle = (0.5,) * size.channels
    crop = 1.0 if size.side <= SMALL_SIDE else 0.875
    return Preprocess(size=size.side, crop=crop, interpolation="bicubic", mean=middle, std=middle)
