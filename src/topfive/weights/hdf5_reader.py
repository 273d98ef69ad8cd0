"""A program of its own: an HDF5 file on stdin -> its arrays on stdout, as numpy's npz.

HDF5's library can crash the process on a damaged file, and so it gets one that may.  Nothing outside the file is
followed, and nothing is larger than the file.  Beside the arrays, `/told` is JSON: the group attribute `name` by path,
Keras' `layer_names`, and what was refused.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import sys
from collections.abc import Iterator
from typing import Any

TOLD = "/told"  # no path of an array begins like this
DEPTH = 16  # groups inside groups; Keras needs 8
ENTRIES = 50_000
_SPARE = 4 << 30  # bytes of memory beside several times the file


class Refused(Exception):  # noqa: N818
    """What no file of weights holds: why, and at which path, "" for the whole file."""

    def __init__(self, why: str, where: str = ""):
        super().__init__(why)
        self.why, self.where = why, where


def read(content: bytes) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """Arrays by path, names of groups, paths of layers.  Refused, or whatever h5py raises."""
    h5py = importlib.import_module("h5py")  # which has no types
    arrays: dict[str, Any] = {}
    names: dict[str, str] = {}
    budget = len(content)
    with h5py.File(io.BytesIO(content), "r") as file:
        for where, item in _walk(file, h5py):
            if isinstance(item, h5py.Group):
                if isinstance(name := item.attrs.get("name"), str):
                    names[where] = name
                continue
            budget -= _bytes(where, item)
            if budget < 0:
                raise Refused("its arrays are larger than the file")
            arrays[where] = item[()]
        return arrays, names, _layers(file)


def _walk(root: Any, h5py: Any) -> Iterator[tuple[str, Any]]:
    """Every group and data set below the root; links out of their place are refused, circles run into a limit."""
    waiting, seen = [("", root, 0)], 0
    while waiting:
        where, group, depth = waiting.pop()
        if depth > DEPTH:
            raise Refused(f"groups deeper than {DEPTH}")
        for name in group:
            seen += 1
            if seen > ENTRIES:
                raise Refused(f"more than {ENTRIES:,} entries")
            below = f"{where}/{name}" if where else name
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise Refused("is a link out of its place", below)
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append((below, item, depth + 1))
            elif not isinstance(item, h5py.Dataset):
                raise Refused("is neither a group nor an array", below)
            yield below, item


def _bytes(where: str, item: Any) -> int:
    """The bytes of an array, which must all be in the file as they are."""
    if item.dtype.kind not in "fiu" or item.dtype.subdtype is not None:
        raise Refused("is no array of numbers", where)
    if item.is_virtual or item.external:
        raise Refused("lies in another file", where)
    if item.id.get_create_plist().get_nfilters():
        raise Refused("is compressed", where)
    size = int(item.size) * int(item.dtype.itemsize)
    if size > item.id.get_storage_size():
        raise Refused("is larger than what is stored of it", where)
    return size


def _layers(file: Any) -> list[str]:
    """`layer_names` of files in Keras' older form, of which long ones are cut into several attributes."""
    root, prefix = (file["model_weights"], "model_weights/") if "model_weights" in file else (file, "")
    found: list[Any] = []
    if "layer_names" in root.attrs:
        found = list(root.attrs["layer_names"])
    for number in range(ENTRIES):
        if f"layer_names{number}" not in root.attrs:
            break
        found.extend(root.attrs[f"layer_names{number}"])
    return [prefix + (name.decode("utf-8") if isinstance(name, bytes) else str(name)) for name in found]


def main() -> None:
    import numpy as np

    content = sys.stdin.buffer.read()
    with contextlib.suppress(ImportError, ValueError, OSError):  # a limit that this system does not have
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_SPARE + 4 * len(content),) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    arrays: dict[str, Any] = {}
    told: dict[str, Any] = {}
    try:
        arrays, told["names"], told["layers"] = read(content)
    except Refused as refused:
        told = {"why": refused.why, "where": refused.where}
    except Exception:  # h5py raises what comes
        told = {"why": ""}
    encoded = np.frombuffer(json.dumps(told).encode(), np.uint8)
    np.savez(sys.stdout.buffer, **{TOLD: encoded} | arrays if "why" not in told else {TOLD: encoded})


if __name__ == "__main__":
    main()
