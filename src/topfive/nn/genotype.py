"""A cell as data, as architecture search writes it: Zoph et al. 2017, arXiv:1707.07012, sec. 3.

Inside a cell the states are numbered: 0 is the output of the cell before the previous one, 1 that of the previous one,
and node i makes state 2 + i.

The text of a node is `separable_3x3@0+max_3x3@1`: two operations, each on a state, and the sum of both; `++` joins
their channels instead.  The nodes of a cell stand in order between commas.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from topfive.errors import UsageError, shown

Combine = Literal["add", "concatenate"]
MOST_NODES = 20
_SIGNS: dict[Combine, str] = {"add": "+", "concatenate": "++"}
_EDGE = r"([a-z0-9_]{1,40})@([0-9]{1,2})"
_NODE = re.compile(rf"{_EDGE}(\+\+?){_EDGE}", re.ASCII)


@dataclass(frozen=True)
class Edge:
    """An operation, by its name, on one state."""

    operation: str
    source: int


@dataclass(frozen=True)
class Node:
    """Two edges, added or with their channels joined: a new state."""

    left: Edge
    right: Edge
    combine: Combine = "add"

    @property
    def edges(self) -> tuple[Edge, Edge]:
        return self.left, self.right

    def __str__(self) -> str:
        sign = _SIGNS[self.combine]
        return sign.join(f"{edge.operation}@{edge.source}" for edge in self.edges)


@dataclass(frozen=True)
class Wiring:
    """A cell: its nodes, each on earlier states alone, and the states that its output joins."""

    nodes: tuple[Node, ...]
    output: tuple[int, ...]

    def __post_init__(self) -> None:
        for state, node in enumerate(self.nodes, 2):
            for edge in node.edges:
                if not 0 <= edge.source < state:
                    raise UsageError("cell", None, f"state {state} is made from {edge.source}, which is not before it")
        if not self.output or not all(0 <= state < 2 + len(self.nodes) for state in self.output):
            raise UsageError(
                "cell", None, f"its output joins {self.output}, and it has states 0 to {1 + len(self.nodes)}"
            )

    @property
    def width(self) -> int:
        """The channels of the output in filters, where the two inputs have as many as a node that adds."""
        joined = {state for state, node in enumerate(self.nodes, 2) if node.combine == "concatenate"}
        return sum(2 if state in joined else 1 for state in self.output)


@dataclass(frozen=True)
class Genotype:
    """The two cells of a network: one that keeps the size of the maps, one that halves it."""

    normal: Wiring
    reduce: Wiring


def nodes_text(nodes: Iterable[Node]) -> str:
    return ",".join(map(str, nodes))


def nodes_from(text: str) -> tuple[Node, ...]:
    """The nodes that `nodes_text` wrote.  UsageError for any other text."""
    nodes: list[Node] = []
    signs = {sign: combine for combine, sign in _SIGNS.items()}
    for part in text.split(",", MOST_NODES):
        read = _NODE.fullmatch(part)
        if read is None or len(nodes) == MOST_NODES:
            why = "a node is OPERATION@STATE+OPERATION@STATE, such as separable_3x3@0+max_3x3@1"
            raise UsageError("cell", text, f"{why}, not {shown(part)!r}; at most {MOST_NODES} stand between commas")
        left, first, sign, right, second = read.groups()
        nodes.append(Node(Edge(left, int(first)), Edge(right, int(second)), signs[sign]))
    return tuple(nodes)


def unused(nodes: tuple[Node, ...]) -> tuple[int, ...]:
    """The states made by `nodes` that none of them takes."""
    taken = {edge.source for node in nodes for edge in node.edges}
    return tuple(state for state in range(2, 2 + len(nodes)) if state not in taken)
