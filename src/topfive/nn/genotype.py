"""A cell as data, as architecture search writes it: Zoph et al. 2017, arXiv:1707.07012, sec. 3.

Inside a cell the states are numbered: 0 is the output of the cell before the previous one, 1 that of the previous one,
and node i makes state 2 + i.
"""

from __future__ import annotations

from dataclasses import dataclass

from topfive.errors import UsageError


@dataclass(frozen=True)
class Edge:
    """An operation, by its name, on one state."""

    operation: str
    source: int


@dataclass(frozen=True)
class Node:
    """The sum of two edges: a new state."""

    left: Edge
    right: Edge


@dataclass(frozen=True)
class Wiring:
    """A cell: its nodes, each on earlier states alone, and the states that its output joins."""

    nodes: tuple[Node, ...]
    output: tuple[int, ...]

    def __post_init__(self) -> None:
        for state, node in enumerate(self.nodes, 2):
            for edge in (node.left, node.right):
                if not 0 <= edge.source < state:
                    raise UsageError("cell", None, f"state {state} is made from {edge.source}, which is not before it")
        if not self.output or not all(0 <= state < 2 + len(self.nodes) for state in self.output):
            raise UsageError(
                "cell", None, f"its output joins {self.output}, and it has states 0 to {1 + len(self.nodes)}"
            )


@dataclass(frozen=True)
class Genotype:
    """The two cells of a network: one that keeps the size of the maps, one that halves it."""

    normal: Wiring
    reduce: Wiring
