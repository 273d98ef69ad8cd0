"""What an artifact says about itself, as text in the ONNX file's `metadata_props`.

Keys begin with `topfive.`.  Under one format number, keys and card fields may be added, and a reader ignores those it
does not know; whatever would change an answer raises the number.  `topfive.sha256` covers the graph and all other keys.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import pydantic
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass as validated

from topfive.labels import Labels
from topfive.preprocess import Preprocess

FORMATS = (1, 2)  # 2 where the activation is not softmax, so that older readers do not answer wrongly
PREFIX = "topfive."
MAXIMUM_CLASSES = 100_000
MAXIMUM_NAME = 500  # characters of one label
MAXIMUM_TEXT = 32 << 20  # characters of all metadata; ours is mostly golden images of some kilobytes
MAXIMUM_GOLDEN = 64


Activation = Literal["softmax", "sigmoid"]
Precision = Literal["float32", "int8"]


class MetadataError(ValueError):
    """The metadata is absent, damaged or contradicts itself."""


class FormatError(MetadataError):
    """The metadata is of a format that this version does not know."""


@validated(frozen=True, config=ConfigDict(extra="ignore"))
class Card:
    """Where a model comes from.  `metrics` are fractions; `recipe` is the digest of the training recipe."""

    architecture: str = ""
    paper: str = ""
    data: str = ""
    recipe: str = ""
    licence: str = ""
    metrics: dict[str, float] = pydantic.Field(default_factory=dict)
    created_with: dict[str, str] = pydantic.Field(default_factory=dict)
    notes: str = ""


@dataclass(frozen=True)
class Golden:
    """An encoded image and the logits that it must give (float32, before the temperature)."""

    image: bytes = field(repr=False)
    logits: tuple[float, ...] = field(repr=False)


@dataclass(frozen=True)
class Metadata:
    """Everything beside the graph.

    `temperature` divides the logits before `activation`: softmax where an image is of one class, sigmoid where it has
    any number of labels.  `thresholds`, where given, are one probability a class below which it is not reported.
    `precision` is what the graph computes in; its input and outputs are float32 all the same.
    """

    preprocess: Preprocess
    labels: Labels
    card: Card = field(default_factory=Card)
    temperature: float = 1.0
    thresholds: tuple[float, ...] = ()
    golden: tuple[Golden, ...] = ()
    activation: Activation = "softmax"
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        count = len(self.labels)
        if not 1 <= count <= MAXIMUM_CLASSES:
            raise MetadataError(f"{count:,} classes, where 1 to {MAXIMUM_CLASSES:,} are possible")
        if not all(0 < len(name) <= MAXIMUM_NAME for name in (*self.labels.names, *self.labels.synsets)):
            raise MetadataError(f"a label is empty or longer than {MAXIMUM_NAME} characters")
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise MetadataError(f"the temperature is {self.temperature}, not a positive number")
        if self.activation not in get_args(Activation):
            raise MetadataError(f"the activation is {self.activation!r:.50}, not softmax or sigmoid")
        if self.precision not in get_args(Precision):
            raise MetadataError(f"the precision is {self.precision!r:.50}, not float32 or int8")
        if self.thresholds and len(self.thresholds) != count:
            raise MetadataError(f"{len(self.thresholds)} thresholds for {count} classes")
        if not all(0 <= threshold <= 1 for threshold in self.thresholds):
            raise MetadataError("a threshold is not between 0 and 1")
        if len(self.golden) > MAXIMUM_GOLDEN:
            raise MetadataError(f"{len(self.golden)} golden images, where {MAXIMUM_GOLDEN} are the most")
        if any(len(golden.logits) != count or not all(map(math.isfinite, golden.logits)) for golden in self.golden):
            raise MetadataError(f"the logits of a golden image are not {count} finite numbers")


def encode(metadata: Metadata, graph_digest: str) -> dict[str, str]:
    """The keys and values that go into the file beside the graph of that digest."""
    labels = metadata.labels
    golden = [{"image": base64.b64encode(g.image).decode("ascii"), "logits": g.logits} for g in metadata.golden]
    parts: dict[str, Any] = {
        "format": 1,
        "preprocess": _PREPROCESS.dump_python(metadata.preprocess, mode="json"),
        "labels": {"names": labels.names, "synsets": labels.synsets},
        "temperature": metadata.temperature,
        "thresholds": metadata.thresholds,
        "card": _CARD.dump_python(metadata.card, mode="json"),
        "golden": golden,
    }
    if metadata.activation != "softmax":
        parts |= {"format": 2, "activation": metadata.activation}
    if metadata.precision != "float32":
        parts["precision"] = metadata.precision
    values = {PREFIX + key: json.dumps(value, allow_nan=False) for key, value in parts.items()}
    return values | {PREFIX + "sha256": digest(values, graph_digest)}


def decode(values: Mapping[str, str], graph_digest: str) -> Metadata:
    """The reverse of `encode`; MetadataError or FormatError says what is wrong."""
    ours = {key: value for key, value in values.items() if key.startswith(PREFIX)}
    if PREFIX + "format" not in ours:
        raise FormatError("an ONNX file, but without topfive's preprocessing and labels")
    if sum(map(len, ours.values())) > MAXIMUM_TEXT:
        raise MetadataError(f"more than {MAXIMUM_TEXT >> 20} MiB of metadata")
    version = _json(ours, "format")
    if version not in FORMATS or isinstance(version, bool):
        raise FormatError(f"artifact format {version!r:.20}, where this topfive reads formats 1 and 2")
    if ours.pop(PREFIX + "sha256", None) != digest(ours, graph_digest):
        raise MetadataError(
            "its contents do not have the checksum that it names: damaged, or edited by another program"
        )
    try:
        return Metadata(
            preprocess=_PREPROCESS.validate_python(_lists_as_tuples(_json(ours, "preprocess"))),
            labels=_labels(_json(ours, "labels")),
            card=_CARD.validate_python(_json(ours, "card")),
            temperature=_number(_json(ours, "temperature")),
            thresholds=tuple(_number(value) for value in _list(_json(ours, "thresholds"))),
            golden=tuple(_golden(item) for item in _list(_json(ours, "golden"))),
            activation=_json(ours, "activation") if version == 2 else "softmax",
            precision=_json(ours, "precision") if PREFIX + "precision" in ours else "float32",
        )
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise MetadataError(f"its {error.title.lower()}{place and '.' + place}: {first['msg']}") from error


def digest(values: Mapping[str, str], graph_digest: str) -> str:
    """sha256 over the graph's digest and every key and value, each with its length, in the order of the keys."""
    total = hashlib.sha256(graph_digest.encode("ascii"))
    for text in (part for key in sorted(values) for part in (key, values[key])):
        encoded = text.encode("utf-8")
        total.update(len(encoded).to_bytes(8, "little") + encoded)
    return total.hexdigest()


_PREPROCESS: TypeAdapter[Preprocess] = TypeAdapter(Preprocess)
_CARD: TypeAdapter[Card] = TypeAdapter(Card)


def _json(values: Mapping[str, str], key: str) -> Any:
    if PREFIX + key not in values:
        raise MetadataError(f"{PREFIX}{key} is missing")
    try:
        return json.loads(values[PREFIX + key])
    except (ValueError, RecursionError) as error:
        raise MetadataError(f"{PREFIX}{key} is not JSON") from error


def _lists_as_tuples(value: Any) -> Any:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()} if isinstance(value, dict) else value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise MetadataError("a list is expected where there is none")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MetadataError("a number is expected where there is none")
    return float(value)


def _labels(value: Any) -> Labels:
    """By hand: pydantic refuses the lone surrogates that stand for undecodable bytes of a folder's name."""
    parts = value if isinstance(value, dict) else {}
    names, synsets = (tuple(_list(parts.get(key))) for key in ("names", "synsets"))
    if not all(isinstance(name, str) for name in (*names, *synsets)):
        raise MetadataError("a label is not text")
    try:
        return Labels(names, synsets)
    except ValueError as error:
        raise MetadataError(f"its labels: {error}") from error


def _golden(value: Any) -> Golden:
    parts = value if isinstance(value, dict) else {}
    try:
        image = base64.b64decode(parts["image"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise MetadataError("a golden image is damaged") from error
    return Golden(image, tuple(_number(logit) for logit in _list(parts.get("logits"))))
