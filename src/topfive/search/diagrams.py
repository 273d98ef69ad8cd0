"""What a found network looks like, from its name: its cells, its chain of layers or its row of blocks."""

from __future__ import annotations

import re

from topfive.models import mnasnet, neural_architecture_search
from topfive.nn import found
from topfive.nn.genotype import Node, Wiring
from topfive.search.drawing import Box, Diagram, Line

_IMAGES, _CLASSES = Box(("images",), end=True), Box(("classifier",), end=True)


def diagrams(model: str) -> dict[str, Diagram]:
    """By what each shows: "cell", "normal cell", "network", ...; none of a network that no search made."""
    family = model.partition(":")[0]
    if ":" not in model:
        return {}
    if family in found.FAMILIES:
        genotype = found.read(model).genotype
        if genotype.normal == genotype.reduce:
            return {"cell": cell(genotype.normal)}
        return {"normal cell": cell(genotype.normal), "reduction cell": cell(genotype.reduce)}
    if family == "chain":
        return {"network": chain(neural_architecture_search.read(model))}
    if family == "mnasnet":
        return {"network": blocks(mnasnet.read(model))}
    return {}


def cell(wiring: Wiring) -> Diagram:
    """A box a node, with its two operations as rows: their sum goes out, or their channels joined."""
    boxes = [Box(("cell before last",), end=True), Box(("last cell",), end=True)]
    lines = []
    for node in wiring.nodes:
        lines += [Line(edge.source, len(boxes), row) for row, edge in enumerate(node.edges)]
        boxes.append(Box(_rows(node)))
    lines += [Line(state, len(boxes)) for state in wiring.output]
    return Diagram((*boxes, Box(("joined",), end=True)), tuple(lines))


def chain(network: neural_architecture_search.Network) -> Diagram:
    """A box a layer; a line from each layer that it sees."""
    boxes, lines = [_IMAGES], []
    for number, layer in enumerate(network.layers, 1):
        kernel = _times(f"{layer.height}x{layer.width}")
        boxes.append(Box((kernel, f"{layer.filters} filters", f"stride {layer.stride}")))
        lines += [Line(other, number) for other in layer.inputs or (0,)]
    lines += [Line(number, len(boxes)) for number in neural_architecture_search.unseen(network.layers)]
    return Diagram((*boxes, _CLASSES), tuple(lines))


def blocks(network: mnasnet.Network) -> Diagram:
    """A box a block, from the images to the classifier."""
    boxes = [_IMAGES, Box((_times("3x3"), f"{network.stem_channels} wide", f"stride {network.stem_stride}"))]
    for block in network.blocks:
        rows = (
            f"{block.operation} {_times(f'{block.kernel}x{block.kernel}')}",
            "squeezed" if block.squeezed else "not squeezed",
            f"skip: {block.skip}",
            f"{block.depth} {'layer' if block.depth == 1 else 'layers'}",
            f"{block.channels} wide",
            f"stride {block.stride}",
        )
        boxes.append(Box(rows))
    boxes += [Box((_times("1x1"), f"{network.last_channels} wide")), _CLASSES]
    return Diagram(tuple(boxes), tuple(Line(number, number + 1) for number in range(len(boxes) - 1)))


def _rows(node: Node) -> tuple[str, ...]:
    operations = tuple(_times(edge.operation.replace("_", " ")) for edge in node.edges)
    return operations if node.combine == "add" else (*operations, "joined")


def _times(text: str) -> str:
    """3x3 as a person writes it."""
    return re.sub(r"(?<=\d)x(?=\d)", "\N{MULTIPLICATION SIGN}", text)
