"""What an ONNX file says about its graph, read without the onnx package, and refused where it could do harm.

Field numbers are those of onnx.proto (the published ModelProto, GraphProto, NodeProto, TensorProto ...).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from topfive.artifact.wire import LENGTH_DELIMITED, VARINT, Field, WireError, fields, signed, varints

DOMAINS = ("", "ai.onnx")  # the operators every runtime has; a custom one would need foreign code
MAXIMUM_FIELDS = (
    500_000  # of all messages but tensors' data: a few seconds of reading at most; NASNet-A Large has 60,000
)
MAXIMUM_DEPTH = 16
MAXIMUM_RANK = 8
FLOAT = 1
# TensorProto.DataType -> bits an element; the absent ones (strings, complex) have no place in these networks.
_BITS = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 16: 16, 21: 4, 22: 4}
_MODEL_OPSET, _MODEL_GRAPH, _MODEL_METADATA, _MODEL_TRAINING, _MODEL_FUNCTIONS = 8, 7, 14, 20, 25


class GraphError(ValueError):
    """The graph is readable but not one that topfive runs."""


@dataclass(frozen=True)
class Tensor:
    """An input or output: a dimension is an int, or None where the file leaves it open."""

    name: str
    type: int
    shape: tuple[int | None, ...]


@dataclass
class Graph:
    """The parts of a ModelProto that decide whether and how it is run."""

    opset: int = 0
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    contents: list[memoryview] = field(default_factory=list, repr=False)  # every top-level field but the metadata
    initialisers: dict[str, tuple[int, tuple[int, ...], memoryview]] = field(default_factory=dict, repr=False)


def parse(model: bytes | memoryview) -> Graph:
    """Read and check a ModelProto; WireError where it is not protobuf, GraphError where it is not to be run."""
    reader = _Reader()
    reader.model(memoryview(model))
    return reader.graph


def arrays(graph: Graph) -> dict[str, NDArray[np.float32]]:
    """The float32 initialisers by name, as views on the file's bytes."""
    return {
        name: np.frombuffer(raw, dtype="<f4").reshape(shape)
        for name, (kind, shape, raw) in graph.initialisers.items()
        if kind == FLOAT and len(raw) == 4 * math.prod(shape)
    }


class _Reader:
    """Walks the messages; the fields are counted, so that a file of a million empty nodes is refused, not walked."""

    def __init__(self) -> None:
        self.graph = Graph()
        self.left = MAXIMUM_FIELDS

    def fields(self, message: memoryview) -> Iterator[Field]:
        for item in fields(message):
            self.left -= 1
            if self.left < 0:
                raise GraphError(f"more than {MAXIMUM_FIELDS:,} fields")
            yield item

    def parts(self, message: memoryview) -> Iterator[tuple[int, memoryview]]:
        """Tag and bytes of the length-delimited fields: strings and messages."""
        return ((item.tag, item.payload) for item in self.fields(message) if item.wire == LENGTH_DELIMITED)

    def model(self, message: memoryview) -> None:
        bodies = []
        for item in self.fields(message):
            is_part = item.wire == LENGTH_DELIMITED
            if is_part and item.tag == _MODEL_METADATA:
                strings = {tag: _text(payload) for tag, payload in self.parts(item.payload)}
                self.graph.metadata[strings.get(1, "")] = strings.get(2, "")
                continue
            self.graph.contents.append(item.encoded)
            if is_part and item.tag == _MODEL_GRAPH:
                bodies.append(item.payload)
            elif is_part and item.tag == _MODEL_OPSET:
                self.opset(item.payload)
            elif item.tag in (_MODEL_TRAINING, _MODEL_FUNCTIONS):
                raise GraphError("it defines functions or training steps of its own")
        if len(bodies) != 1:
            raise GraphError("no graph in it" if not bodies else "more than one graph in it")
        self.body(bodies[0], depth=0)
        self.graph.inputs = [tensor for tensor in self.graph.inputs if tensor.name not in self.graph.initialisers]

    def opset(self, message: memoryview) -> None:
        domain, version = "", 0
        for item in self.fields(message):
            if item.tag == 1 and item.wire == LENGTH_DELIMITED:
                domain = _text(item.payload)
            elif item.tag == 2 and item.wire == VARINT:
                version = item.number
        _check_domain(domain)
        self.graph.opset = max(self.graph.opset, version)

    def body(self, message: memoryview, depth: int) -> None:
        """A GraphProto; only the outermost one (depth 0) says what the model takes, gives and holds."""
        if depth > MAXIMUM_DEPTH:
            raise GraphError(f"graphs nested more than {MAXIMUM_DEPTH} deep")
        for tag, payload in self.parts(message):
            if tag == 1:
                self.node(payload, depth)
            elif tag == 5:
                name, tensor = self.tensor(payload)
                if depth == 0:
                    self.graph.initialisers[name] = tensor
            elif tag == 11 and depth == 0:
                self.graph.inputs.append(self.value(payload))
            elif tag == 12 and depth == 0:
                self.graph.outputs.append(self.value(payload))
            elif tag == 15:
                raise GraphError("a sparse tensor")

    def node(self, message: memoryview, depth: int) -> None:
        for tag, payload in self.parts(message):
            if tag == 7:
                _check_domain(_text(payload))
            elif tag == 5:
                self.attribute(payload, depth)

    def attribute(self, message: memoryview, depth: int) -> None:
        for tag, payload in self.parts(message):
            if tag in (5, 10):
                self.tensor(payload)
            elif tag in (6, 11):
                self.body(payload, depth + 1)
            elif tag in (22, 23):
                raise GraphError("a sparse tensor")

    def tensor(self, message: memoryview) -> tuple[str, tuple[int, tuple[int, ...], memoryview]]:
        """Name, and type, shape and raw data of a TensorProto that keeps its data in this file."""
        name, kind, raw = "", 0, memoryview(b"")
        shape: list[int] = []
        for item in self.fields(message):
            if item.tag == 1:
                shape.extend(_dimensions(item))
            elif item.tag == 2 and item.wire == VARINT:
                kind = item.number
            elif item.tag == 8 and item.wire == LENGTH_DELIMITED:
                name = _text(item.payload)
            elif item.tag == 9 and item.wire == LENGTH_DELIMITED:
                raw = item.payload
            elif item.tag == 13 or (item.tag == 14 and item.number != 0):
                raise GraphError("a tensor keeps its data in another file")
        if kind not in _BITS:
            raise GraphError(f"tensor {name!r} is of type {kind}, which no classifier needs")
        if len(shape) > MAXIMUM_RANK or any(size < 0 for size in shape):
            raise GraphError(f"tensor {name!r} has an impossible shape")
        if math.prod(shape) * _BITS[kind] > 8 * 8 * len(message):  # typed fields: an int64 in one byte at best
            raise GraphError(f"tensor {name!r} claims more numbers than the file has bytes for")
        return name, (kind, tuple(shape), raw)

    def value(self, message: memoryview) -> Tensor:
        """A ValueInfoProto: name, and of a dense tensor its type and shape."""
        name, kind = "", 0
        shape: list[int | None] = []
        for tag, payload in self.parts(message):
            if tag == 1:
                name = _text(payload)
            if tag != 2:
                continue
            for dense in (inner for type_tag, inner in self.parts(payload) if type_tag == 1):
                for item in self.fields(dense):
                    if item.tag == 1 and item.wire == VARINT:
                        kind = item.number
                    elif item.tag == 2 and item.wire == LENGTH_DELIMITED:
                        shape = [self.dimension(inner) for dim_tag, inner in self.parts(item.payload) if dim_tag == 1]
        return Tensor(name, kind, tuple(shape))

    def dimension(self, message: memoryview) -> int | None:
        numbers = [signed(item.number) for item in self.fields(message) if item.tag == 1 and item.wire == VARINT]
        return numbers[-1] if numbers else None


def _dimensions(item: Field) -> list[int]:
    if item.wire == VARINT:
        return [signed(item.number)]
    if len(item.payload) > 10 * MAXIMUM_RANK:
        raise GraphError("a tensor has an impossible shape")
    return [signed(size) for size in varints(item.payload)]


def _check_domain(domain: str) -> None:
    if domain not in DOMAINS:
        raise GraphError(f"operators of the foreign domain {domain!r}")


def _text(payload: memoryview) -> str:
    try:
        return str(payload, "utf-8")
    except UnicodeDecodeError as error:
        raise WireError("a name is not UTF-8") from error
