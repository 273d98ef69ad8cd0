"""Spaces of cells: NASNet's pair (Zoph et al. 2017, arXiv:1707.07012, sec. 3) and PNASNet's one cell, which grows block
by block (Liu et al. 2017, arXiv:1712.00559, sec. 3.1).

A block is a node of the cell: two inputs among the states before it, an operation on each, and how both are combined.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from topfive.nn.found import Found, Size
from topfive.nn.genotype import Combine, Edge, Node, nodes_text
from topfive.search.space import Choices, Decision, SearchSpace

NASNET_OPERATIONS = (
    *("identity", "1x3_3x1", "1x7_7x1", "dilated_3x3", "average_3x3", "max_3x3", "max_5x5", "max_7x7"),
    *("1x1", "3x3", "separable_3x3", "separable_5x5", "separable_7x7"),
)
PNAS_OPERATIONS = (
    *("separable_3x3", "separable_5x5", "separable_7x7", "1x7_7x1"),
    *("identity", "average_3x3", "max_3x3", "dilated_3x3"),
)
COMBINATIONS: tuple[Combine, ...] = ("add", "concatenate")


def pnas(name: str, operations: Sequence[str], blocks: int, size: Size) -> SearchSpace:
    """One cell of 1 to `blocks` blocks that add; a level a number of blocks."""
    decisions = tuple(_decisions(operations, blocks, ("add",), ""))
    return SearchSpace(
        name=name,
        decisions=decisions,
        model=lambda choices: Found("pnas", size, (canonical(_nodes(choices, decisions)),)).name,
        structure=lambda choices: nodes_text(canonical(_nodes(choices, decisions))),
        levels=tuple(4 * count for count in range(1, blocks + 1)),
        settings=_settings(operations, blocks, size),
    )


def nasnet(name: str, operations: Sequence[str], blocks: int, size: Size) -> SearchSpace:
    """A normal and a reduction cell of `blocks` blocks each, the decisions on the normal one first."""
    cells = [tuple(_decisions(operations, blocks, COMBINATIONS, f"{cell} ")) for cell in ("normal", "reduction")]
    half = len(cells[0])

    def found(choices: Choices) -> Found:
        parts = zip((choices[:half], choices[half:]), cells, strict=True)
        return Found("nasnet", size, tuple(canonical(_nodes(part, cell)) for part, cell in parts))

    return SearchSpace(
        name=name,
        decisions=cells[0] + cells[1],
        model=lambda choices: found(choices).name,
        structure=lambda choices: ":".join(map(nodes_text, found(choices).nodes)),
        levels=(2 * half,),
        settings=_settings(operations, blocks, size),
    )


def distinct(space: SearchSpace, level: int) -> Iterator[Choices]:
    """The first choices of each structure at `level`: only for a space that is small enough to be walked through."""
    seen = set()
    answers = (range(len(decision.answers)) for decision in space.decisions[: space.levels[level]])
    for choices in itertools.product(*answers):
        structure = space.structure(choices)
        if structure not in seen:
            seen.add(structure)
            yield choices


def canonical(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The least of all cells that differ only in the order of nodes and in which edge of a node is called left.

    What two edges make does not depend on their order, but for the order of channels, which the next weights follow.
    """
    orders = _orders(nodes, {0: 0, 1: 1})
    return min(orders, key=lambda order: [(node.combine, _keys(node)) for node in order])


def _orders(nodes: tuple[Node, ...], numbers: dict[int, int]) -> Iterator[tuple[Node, ...]]:
    """The rest of the cell in every order that has sources first; `numbers` are the new ones of the states placed."""
    if len(numbers) == len(nodes) + 2:
        yield ()
    for state, node in enumerate(nodes, 2):
        if state not in numbers and all(edge.source in numbers for edge in node.edges):
            left, right = sorted((Edge(edge.operation, numbers[edge.source]) for edge in node.edges), key=_key)
            renumbered = Node(left, right, node.combine)
            for rest in _orders(nodes, {**numbers, state: len(numbers)}):
                yield renumbered, *rest


def _key(edge: Edge) -> tuple[int, str]:
    return edge.source, edge.operation


def _keys(node: Node) -> list[tuple[int, str]]:
    return [_key(edge) for edge in node.edges]


def _decisions(
    operations: Sequence[str], blocks: int, combinations: Sequence[Combine], cell: str
) -> Iterator[Decision]:
    for block in range(1, blocks + 1):
        states = tuple(map(str, range(block + 1)))
        for side in ("left", "right"):
            yield Decision(f"{cell}block {block} {side} input", states)
            yield Decision(f"{cell}block {block} {side} operation", tuple(operations))
        if len(combinations) > 1:
            yield Decision(f"{cell}block {block} combine", tuple(combinations))


def _nodes(choices: Choices, decisions: tuple[Decision, ...]) -> tuple[Node, ...]:
    """The answers block by block; a block of PNAS has four, one of NASNet five."""
    answers = [decision.answers[choice] for decision, choice in zip(decisions, choices, strict=False)]
    places = 5 if decisions[-1].answers == COMBINATIONS else 4
    nodes = []
    for start in range(0, len(answers), places):
        first, left, second, right, *combine = answers[start : start + places]
        joined = "concatenate" in combine
        nodes.append(Node(Edge(left, int(first)), Edge(right, int(second)), COMBINATIONS[joined]))
    return tuple(nodes)


def _settings(operations: Sequence[str], blocks: int, size: Size) -> dict[str, object]:
    return {"operations": list(operations), "blocks": blocks, "size": str(size)}
