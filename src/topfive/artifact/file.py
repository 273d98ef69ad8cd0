"""Reading, writing and checking artifact files."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topfive.artifact.graph import FLOAT, Graph, GraphError, Tensor, arrays, parse
from topfive.artifact.metadata import (
    PREFIX,
    FormatError,
    Metadata,
    MetadataError,
    decode,
    encode,
)
from topfive.artifact.wire import WireError, delimited
from topfive.errors import RefusedError, ResourceError

MAXIMUM_BYTES = 2**31 - 1  # protobuf's own limit
CONSTANT = "constant/"  # names of initialisers that are not parameters of the network begin so
_METADATA_TAG = 14
_MAGIC = (
    (0, b"PK\x03\x04", "a zip file, perhaps a torch checkpoint"),
    (0, b"\x80", "a pickle"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"<", "HTML or XML"),
    (0, b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
    (4, b"TFL3", "a TFLite model"),
    (8, b"{", "a safetensors file"),
)


@dataclass(frozen=True)
class Artifact(Metadata):
    """A checked artifact file.

    `digest` is the sha256 of the whole file, `graph_digest` that of the graph and weights alone.  `side` and `channels`
    are those of the images that the graph takes; `embedding_width` is D of its embeddings [N, D].
    """

    path: Path = Path()
    digest: str = ""
    graph_digest: str = ""
    opset: int = 0
    embedding_width: int = 0


def read(path: str | os.PathLike[str]) -> Artifact:
    """Check the file and return what it says of itself; RefusedError where it is damaged, foreign or unsafe."""
    model = _bytes(path)
    try:
        graph = parse(model)
        graph_digest = _digest(graph)
        metadata = decode(graph.metadata, graph_digest)
        width = _check_shapes(graph, metadata)
    except WireError as error:
        raise _refused(path, _guess(model) or f"not an ONNX file, or cut short ({error})") from error
    except GraphError as error:
        raise _refused(path, _guess(model) or f"not a model that topfive runs: {error}") from error
    except FormatError as error:
        todo = "Export it with topfive, or upgrade topfive if the file is newer"
        raise RefusedError("artifact", path, str(error), todo) from error
    except MetadataError as error:
        raise _refused(path, str(error)) from error
    return Artifact(
        **{field.name: getattr(metadata, field.name) for field in dataclasses.fields(metadata)},
        path=Path(path),
        digest=hashlib.sha256(model).hexdigest(),
        graph_digest=graph_digest,
        opset=graph.opset,
        embedding_width=width,
    )


def parameters(path: str | os.PathLike[str]) -> dict[str, NDArray[np.float32]]:
    """The network's parameters and statistics in an artifact, by the names that they have in our network.

    RefusedError for one in int8, which no longer has them.
    """
    precision = read(path).precision
    if precision != "float32":
        why = f"its weights are in {precision}, which is for answering alone"
        raise RefusedError("artifact", path, why, "Give the run's folder: it keeps them in floats")
    found = arrays(parse(_bytes(path)))
    return {name: array for name, array in found.items() if not name.startswith(CONSTANT)}


def attach(model: bytes, metadata: Metadata) -> bytes:
    """The serialised ONNX `model` with `metadata` in place of what topfive wrote before."""
    graph = parse(model)
    _check_shapes(graph, metadata)
    foreign = {key: value for key, value in graph.metadata.items() if not key.startswith(PREFIX)}
    pairs = foreign | encode(metadata, _digest(graph))
    entries = (
        delimited(_METADATA_TAG, delimited(1, key.encode("utf-8")) + delimited(2, value.encode("utf-8")))
        for key, value in pairs.items()
    )
    return b"".join((*graph.contents, *entries))


def write(path: str | os.PathLike[str], contents: bytes) -> None:
    """Replace the file at `path` whole or not at all, also when the power fails; ResourceError if it cannot be."""
    target = Path(path)
    temporary = target.with_name(f".tmp-{os.getpid()}-{target.name}"[:200])
    try:
        with _writing(target), open(temporary, "wb") as file:
            file.write(contents)
            file.flush()
            os.fsync(file.fileno())
        rename(temporary, target)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def rename(written: Path, target: Path) -> None:
    """Put a file that is safely on the disk in the place of `target`, in the same folder."""
    with _writing(target):
        os.replace(written, target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextlib.contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise ResourceError("cannot write", target, why, "Free space or choose another place") from error


def _bytes(path: str | os.PathLike[str]) -> bytes:
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise _refused(path, "it is a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file")
        if status.st_size == 0:
            raise _refused(path, "empty file")
        if status.st_size > MAXIMUM_BYTES:
            raise _refused(path, f"{status.st_size:,} bytes, and an ONNX file has fewer than {MAXIMUM_BYTES:,}")
        return Path(path).read_bytes()
    except ValueError as error:  # a NUL in the name
        raise _refused(path, str(error)) from error
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error


def _digest(graph: Graph) -> str:
    """sha256 of everything in the file but the metadata."""
    total = hashlib.sha256()
    for item in graph.contents:
        total.update(item)
    return total.hexdigest()


def _check_shapes(graph: Graph, metadata: Metadata) -> int:
    """Compare the graph's input and outputs with the metadata; the width of the embedding."""
    preprocess, count = metadata.preprocess, len(metadata.labels)
    if [tensor.name for tensor in graph.inputs] != ["images"]:
        raise GraphError(f"its inputs are {_names(graph.inputs)} and not images alone")
    if [tensor.name for tensor in graph.outputs] != ["logits", "embedding"]:
        raise GraphError(f"its outputs are {_names(graph.outputs)} and not logits, embedding")
    images, (logits, embedding) = graph.inputs[0], graph.outputs
    if any(tensor.type != FLOAT for tensor in (images, logits, embedding)):
        raise GraphError("its images, logits and embeddings are not all float32")
    if images.shape != (None, preprocess.channels, preprocess.side, preprocess.side):
        raise MetadataError(
            f"it takes images {_shape(images.shape)}, but its preprocessing makes "
            f"{_shape((None, preprocess.channels, preprocess.side, preprocess.side))}"
        )
    if logits.shape != (None, count):
        raise MetadataError(f"it gives logits {_shape(logits.shape)}, but has {count:,} labels")
    width = embedding.shape[1] if len(embedding.shape) == 2 else None
    if embedding.shape[:1] != (None,) or width is None or width < 1:
        raise GraphError(f"it gives embeddings {_shape(embedding.shape)} and not [N, D]")
    return width


def _names(tensors: list[Tensor]) -> str:
    return ", ".join(tensor.name[:50] for tensor in tensors[:5]) or "none"


def _shape(shape: tuple[int | None, ...]) -> str:
    return f"[{', '.join('N' if size is None else str(size) for size in shape)}]"


def _guess(model: bytes) -> str:
    """What a file that is no ONNX model is instead, "" where its first bytes do not say."""
    return next((f"not an ONNX file but {name}" for at, magic, name in _MAGIC if model.startswith(magic, at)), "")


def _refused(path: str | os.PathLike[str], why: str) -> RefusedError:
    return RefusedError("artifact", path, why, "Give a model.onnx that topfive wrote")
