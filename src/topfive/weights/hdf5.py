"""An HDF5 file -> its arrays by path.  Nothing outside the file is followed, and nothing is larger than the file."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topfive.errors import need, shown
from topfive.weights.files import MAXIMUM_TENSORS, refused

_DEPTH = 16  # groups inside groups; Keras needs 8
_TODO = "Save the weights again with Keras, without compression"


@dataclass(frozen=True)
class Tree:
    """`arrays` by path, and the text attributes of groups that Keras writes: `names` and `layers`.

    `names` has the layer's own name for each group that says one; `layers` the paths of layers, in their order.
    """

    arrays: Mapping[str, NDArray[Any]] = field(repr=False)
    names: Mapping[str, str]
    layers: tuple[str, ...]


def read(path: Path, content: bytes) -> Tree:
    """RefusedError where it is damaged, or holds what no file of weights does."""
    h5py = need("h5py", "keras")
    arrays: dict[str, NDArray[Any]] = {}
    names: dict[str, str] = {}
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            budget = len(content)
            for where, item in _walk(path, file, h5py):
                if isinstance(item, h5py.Group):
                    if isinstance(name := item.attrs.get("name"), str):
                        names[where] = name
                    continue
                budget -= _bytes(path, where, item)
                if budget < 0:
                    raise refused(path, "its arrays are larger than the file", _TODO)
                arrays[where] = np.asarray(item[()])
            return Tree(arrays, names, _layers(file))
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError, AttributeError) as error:
        raise refused(path, "a damaged HDF5 file, or cut short", _TODO) from error


def _walk(path: Path, root: Any, h5py: Any) -> Iterator[tuple[str, Any]]:
    """Every group and data set below the root; links that leave the file, or lead in a circle, are refused."""
    waiting, seen = [("", root, 0)], 0
    while waiting:
        where, group, depth = waiting.pop()
        if depth > _DEPTH:
            raise refused(path, f"groups deeper than {_DEPTH}", _TODO)
        for name in group:
            seen += 1
            if seen > MAXIMUM_TENSORS:
                raise refused(path, f"more than {MAXIMUM_TENSORS:,} entries", _TODO)
            below = f"{where}/{name}" if where else name
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise refused(path, f"`{shown(below)}` is a link out of its place", _TODO)
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append((below, item, depth + 1))
            elif not isinstance(item, h5py.Dataset):
                raise refused(path, f"`{shown(below)}` is neither a group nor an array", _TODO)
            yield below, item


def _bytes(path: Path, where: str, item: Any) -> int:
    """The bytes of an array, which must all be in the file as they are."""
    if item.dtype.kind not in "fiu" or item.dtype.subdtype is not None:
        raise refused(path, f"`{shown(where)}` is no array of numbers", _TODO)
    if item.is_virtual or item.external:
        raise refused(path, f"`{shown(where)}` lies in another file", _TODO)
    properties = item.id.get_create_plist()
    if properties.get_nfilters():
        raise refused(path, f"`{shown(where)}` is compressed", _TODO)
    size = int(item.size) * int(item.dtype.itemsize)
    if size > item.id.get_storage_size():
        raise refused(path, f"`{shown(where)}` is larger than what is stored of it", _TODO)
    return size


def _layers(file: Any) -> tuple[str, ...]:
    """`layer_names` of files in Keras' older form, of which long ones are cut into several attributes."""
    root, prefix = (file["model_weights"], "model_weights/") if "model_weights" in file else (file, "")
    found: list[Any] = []
    if "layer_names" in root.attrs:
        found = list(root.attrs["layer_names"])
    for number in range(MAXIMUM_TENSORS):
        if f"layer_names{number}" not in root.attrs:
            break
        found.extend(root.attrs[f"layer_names{number}"])
    return tuple(prefix + (name.decode("utf-8") if isinstance(name, bytes) else str(name)) for name in found)
