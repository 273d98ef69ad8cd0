"""A small artifact made without torch, and every way to damage it or to put something else in its place."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from topfive.artifact import Card, Golden, Metadata, attach
from topfive.artifact import metadata as told
from topfive.artifact.wire import delimited, varint
from topfive.labels import Labels
from topfive.preprocess import Preprocess

PREPROCESS = Preprocess(size=8, crop=1.0, mean=(0.5,) * 3, std=(0.25,) * 3)
NAMES = ("red", "green", "blue")
WEIGHT = (6 * np.eye(3) + 0.5).astype(np.float32)
BIAS = np.array([0.25, -0.5, 0.125], np.float32)


def model(classes: int = 3, side: int = 8) -> onnx.ModelProto:
    """The mean of each channel, then a linear layer: a red image is "red"."""
    weight = np.resize(WEIGHT, (classes, 3)) if classes != 3 else WEIGHT
    bias = np.resize(BIAS, classes)
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["images"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["embedding"]),
            helper.make_node("Gemm", ["embedding", "head.weight", "head.bias"], ["logits"], transB=1),
        ],
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 3, side, side])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", classes]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", 3]),
        ],
        [numpy_helper.from_array(weight, "head.weight"), numpy_helper.from_array(bias, "head.bias")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def png(colour: tuple[int, int, int], side: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, "PNG")
    return buffer.getvalue()


def golden(image: bytes) -> Golden:
    """The image with what the tiny model must answer to it, computed by numpy."""
    pixels = PREPROCESS.normalise(PREPROCESS.load(image)[None])[0]
    logits = WEIGHT @ pixels.mean(axis=(1, 2)) + BIAS
    return Golden(image, tuple(map(float, logits)))


def metadata(names: tuple[str, ...] = NAMES, **changes: object) -> Metadata:
    parts: dict[str, object] = {
        "preprocess": PREPROCESS,
        "labels": Labels(names),
        "card": Card(architecture="tiny", licence="CC0"),
        "temperature": 1.5,
        "golden": (golden(png((200, 30, 30))), golden(png((20, 180, 60)))),
    }
    return Metadata(**(parts | changes))  # type: ignore[arg-type]


def tiny(**changes: object) -> bytes:
    """A good artifact."""
    return attach(model().SerializeToString(), metadata(**changes))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Fault:
    """`make()` gives the file; its refusal holds the words of `says`."""

    make: Callable[[], bytes]
    says: str


def edited(key: str, value: str | None, **more: str) -> bytes:
    """A good artifact with metadata values replaced (None: removed) and its checksum made right again."""
    proto = onnx.load_from_string(tiny())
    changes = {told.PREFIX + name: text for name, text in ((key, value), *more.items())}
    values = {item.key: item.value for item in proto.metadata_props} | changes
    values = {name: text for name, text in values.items() if text is not None and not name.endswith("sha256")}
    del proto.metadata_props[:]
    from topfive.artifact.file import _digest
    from topfive.artifact.graph import parse

    bare = proto.SerializeToString()
    values[told.PREFIX + "sha256"] = told.digest(values, _digest(parse(bare)))
    helper.set_model_props(proto, values)
    return proto.SerializeToString()


def changed(change: Callable[[onnx.ModelProto], object]) -> Callable[[], bytes]:
    """A good artifact whose model was changed after the metadata was written."""

    def make() -> bytes:
        proto = onnx.load_from_string(tiny())
        change(proto)
        return proto.SerializeToString()

    return make


def _external(proto: onnx.ModelProto, location: str = "../secret") -> None:
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)


def _external_in_attribute(proto: onnx.ModelProto) -> None:
    tensor = numpy_helper.from_array(WEIGHT, "hidden")
    tensor.external_data.add(key="location", value="/etc/passwd")
    proto.graph.node.append(helper.make_node("Constant", [], ["hidden"], value=tensor))


def _nested(proto: onnx.ModelProto, depth: int = 20) -> None:
    graph = helper.make_graph([], "innermost", [], [])
    for _ in range(depth):
        node = helper.make_node("If", ["c"], ["o"], then_branch=graph)
        graph = helper.make_graph([node], "g", [], [])
    proto.graph.node.append(helper.make_node("If", ["c"], ["o"], then_branch=graph))


def _huge_dimensions(proto: onnx.ModelProto) -> None:
    proto.graph.initializer[0].dims[:] = [2**31, 2**31]


def _flip(position: int) -> Callable[[], bytes]:
    def make() -> bytes:
        contents = bytearray(tiny())
        start = contents.find(WEIGHT.tobytes())
        assert start > 0
        contents[start + position] ^= 1
        return bytes(contents)

    return make


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("data.pkl", b"")
    return buffer.getvalue()


def _safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + b"\0\0\0\0"


def _many_nodes() -> bytes:
    return delimited(7, delimited(1, b"") * 2_000_000)


def _two_graphs() -> bytes:
    return tiny() + delimited(7, b"")


FAULTS = {
    "empty": Fault(lambda: b"", "empty file"),
    "a third": Fault(lambda: tiny()[: len(tiny()) // 3], "not an ONNX file, or cut short"),
    "last byte gone": Fault(lambda: tiny()[:-1], "cut short"),
    "metadata cut at a field": Fault(lambda: model().SerializeToString(), "without topfive's preprocessing"),
    "trailing bytes": Fault(lambda: tiny() + b"\0\0", "cut short"),
    "bit in weights": Fault(_flip(2), "checksum"),
    "claims 200 MB": Fault(lambda: varint(7 << 3 | 2) + varint(200_000_000) + b"abc", "claims 200,000,000 bytes"),
    "claims 2^63": Fault(lambda: varint(7 << 3 | 2) + varint(2**63) + b"abc", "cut short"),
    "endless number": Fault(lambda: b"\x08" + b"\xff" * 40, "cut short"),
    "a million nodes": Fault(_many_nodes, "more than 500,000 fields"),
    "two graphs": Fault(_two_graphs, "more than one graph"),
    "text": Fault(lambda: b"hello, this is no model\n" * 20, "not an ONNX file"),
    "HTML": Fault(lambda: b"<!doctype html><title>404</title>", "HTML"),
    "Git LFS pointer": Fault(lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "Git LFS pointer"),
    "pickle": Fault(lambda: pickle.dumps({"state_dict": [1.0] * 10}), "a pickle"),
    "torch checkpoint": Fault(_zip, "a zip file"),
    "safetensors": Fault(_safetensors, "a safetensors file"),
    "foreign ONNX": Fault(lambda: model().SerializeToString(), "without topfive's preprocessing"),
    "external data": Fault(changed(_external), "in another file"),
    "external data, absolute": Fault(changed(lambda proto: _external(proto, "/etc/passwd")), "in another file"),
    "external data in an attribute": Fault(changed(_external_in_attribute), "in another file"),
    "custom domain": Fault(
        changed(lambda proto: proto.opset_import.append(helper.make_opsetid("com.evil", 1))), "foreign domain"
    ),
    "custom operator": Fault(
        changed(lambda proto: proto.graph.node.append(helper.make_node("X", [], ["x"], domain="evil"))),
        "foreign domain",
    ),
    "function": Fault(changed(lambda proto: proto.functions.add(name="f", domain="d")), "functions"),
    "nested 20 deep": Fault(changed(_nested), "nested"),
    "huge dimensions": Fault(changed(_huge_dimensions), "more numbers than the file has bytes"),
    "negative dimension": Fault(changed(lambda p: p.graph.initializer[0].dims.append(-1)), "impossible shape"),
    "string tensor": Fault(changed(lambda p: setattr(p.graph.initializer[0], "data_type", 8)), "of type 8"),
    "no checksum": Fault(changed(lambda p: p.metadata_props.pop()), "checksum"),
    "labels edited": Fault(changed(lambda p: setattr(p.metadata_props[2], "value", "{}")), "checksum"),
    "newer format": Fault(lambda: edited("format", "3"), "format 3, where this topfive reads formats 1 and 2"),
    "format 2 without an activation": Fault(lambda: edited("format", "2"), "topfive.activation is missing"),
    "unknown activation": Fault(lambda: edited("format", "2", activation='"relu"'), "the activation is 'relu'"),
    "activation no text": Fault(lambda: edited("format", "2", activation="[1]"), "the activation is [1]"),
    "older format": Fault(lambda: edited("format", "0"), "format 0"),
    "format no number": Fault(lambda: edited("format", '"x"'), "format 'x'"),
    "format not JSON": Fault(lambda: edited("format", "one"), "topfive.format is not JSON"),
    "labels missing": Fault(lambda: edited("labels", None), "topfive.labels is missing"),
    "labels not JSON": Fault(lambda: edited("labels", "[" * 200_000), "topfive.labels is not JSON"),
    "labels of numbers": Fault(lambda: edited("labels", '{"names": [1, 2, 3], "synsets": []}'), "not text"),
    "too few labels": Fault(lambda: edited("labels", '{"names": ["a"], "synsets": []}', golden="[]"), "has 1 labels"),
    "too many labels": Fault(
        lambda: edited("labels", json.dumps({"names": ["a"] * 9, "synsets": []}), golden="[]"), "has 9 labels"
    ),
    "no labels": Fault(lambda: edited("labels", '{"names": [], "synsets": []}'), "0 classes"),
    "label of 1 MB": Fault(
        lambda: edited("labels", json.dumps({"names": ["a" * 2**20, "b", "c"], "synsets": []})), "longer than 500"
    ),
    "a million labels": Fault(
        lambda: edited("labels", json.dumps({"names": ["a"] * 1_000_000, "synsets": []})), "1,000,000 classes"
    ),
    "synset twice": Fault(
        lambda: edited("labels", json.dumps({"names": list("abc"), "synsets": ["n1", "n1", "n2"]})), "twice"
    ),
    "temperature 0": Fault(lambda: edited("temperature", "0"), "temperature"),
    "temperature NaN": Fault(lambda: edited("temperature", "NaN"), "temperature"),
    "temperature infinite": Fault(lambda: edited("temperature", "1e999"), "temperature"),
    "temperature text": Fault(lambda: edited("temperature", '"warm"'), "number"),
    "threshold 2": Fault(lambda: edited("thresholds", "[2, 0, 0]"), "threshold"),
    "thresholds too few": Fault(lambda: edited("thresholds", "[0.5]"), "1 thresholds for 3 classes"),
    "preprocess with other channels": Fault(
        lambda: edited("preprocess", json.dumps({"size": 8, "crop": 1.0, "mean": [0.5], "std": [0.5]})),
        "but its preprocessing makes [N, 1, 8, 8]",
    ),
    "preprocess of another size": Fault(
        lambda: edited("preprocess", json.dumps({"size": 16, "crop": 1.0})), "takes images [N, 3, 8, 8]"
    ),
    "preprocess with an unknown key": Fault(
        lambda: edited("preprocess", json.dumps({"size": 8, "blur": True})), "preprocess"
    ),
    "preprocess of no size": Fault(lambda: edited("preprocess", json.dumps({"size": -1})), "preprocess"),
    "preprocess null": Fault(lambda: edited("preprocess", "null"), "preprocess"),
    "golden not base64": Fault(lambda: edited("golden", '[{"image": "%%", "logits": [1, 2, 3]}]'), "golden"),
    "golden logits too few": Fault(lambda: edited("golden", '[{"image": "", "logits": [1]}]'), "golden"),
    "golden logits NaN": Fault(lambda: edited("golden", '[{"image": "", "logits": [1, 2, NaN]}]'), "golden"),
    "golden a thousand": Fault(
        lambda: edited("golden", json.dumps([{"image": "", "logits": [1, 2, 3]}] * 1000)), "1000 golden images"
    ),
}
