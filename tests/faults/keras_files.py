"""Files of weights as Keras writes them, made without Keras, sound and with every fault that can be met."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Variables = dict[str, NDArray[Any]]
Layers = dict[str, tuple[str, Variables]]
"""By name: the class as Keras 3 writes it, and the variables in Keras' order."""


def numbered(layers: Mapping[str, tuple[str, Variables]]) -> bytes:
    """`.weights.h5` of Keras 3."""
    import h5py

    buffer, counts = io.BytesIO(), {}
    with h5py.File(buffer, "w") as file:
        for name, (kind, variables) in layers.items():
            count = counts[kind] = counts.get(kind, -1) + 1
            group = file.create_group(f"layers/{kind}_{count}/vars" if count else f"layers/{kind}/vars")
            group.attrs["name"] = name
            for number, array in enumerate(variables.values()):
                group[str(number)] = array
        file.create_group("layers/re_lu/vars").attrs["name"] = "an activation"
        file["layers/dropout/seed_generator/vars/0"] = np.zeros(2, np.uint32)
    return buffer.getvalue()


def older(layers: Mapping[str, tuple[str, Variables]], root: str = "", suffix: str = ":0") -> bytes:
    """`.h5` of Keras 2, a whole model's with `root` "model_weights"."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        top = file.create_group(root) if root else file
        top.attrs["layer_names"] = [name.encode() for name in ("input_1", *layers)]
        top.create_group("input_1").attrs["weight_names"] = []
        for name, (_, variables) in layers.items():
            for variable, array in variables.items():
                top[f"{name}/{name}/{variable}{suffix}"] = array
        if root:
            file["optimizer_weights/iterations:0"] = np.int64(3)
    return buffer.getvalue()


def archived(layers: Mapping[str, tuple[str, Variables]]) -> bytes:
    """`.keras`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        archive.writestr("config.json", json.dumps({"module": "os", "class_name": "system"}))
        archive.writestr("model.weights.h5", numbered(layers))
    return buffer.getvalue()


@dataclass(frozen=True)
class Fault:
    """`make(layers)` gives the bytes of a file; the refusal has the words `says`."""

    make: Callable[[Layers], bytes]
    says: str
    name: str = "a.weights.h5"


def changed(change: Callable[[Any, Path], None]) -> Callable[[Layers], bytes]:
    """A sound file on which `change` has been at work."""

    def make(layers: Layers) -> bytes:
        import h5py

        buffer = io.BytesIO(numbered(layers))
        with h5py.File(buffer, "r+") as file:
            change(file, Path())
        return buffer.getvalue()

    return make


def _first(file: Any) -> str:
    return f"layers/{next(key for key in file['layers'] if key.startswith('conv2d'))}/vars"


def _replaced(make: Callable[[Any, str], object]) -> Callable[[Layers], bytes]:
    """The first kernel is what `make(group, "0")` makes of it."""

    def change(file: Any, _: Path) -> None:
        group = file[_first(file)]
        del group["0"]
        make(group, "0")

    return changed(change)


def _soft(group: Any, key: str) -> None:
    import h5py

    group[key] = h5py.SoftLink("/layers/dense/vars/0")


def _external(group: Any, key: str) -> None:
    import h5py

    group[key] = h5py.ExternalLink("/etc/passwd", "/")


def _virtual(group: Any, key: str) -> None:
    import h5py

    layout = h5py.VirtualLayout((3, 3), "f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "x", (3, 3))
    group.create_virtual_dataset(key, layout)


def _circle(file: Any, _: Path) -> None:
    file["layers"]["around"] = file["layers"]


def _nameless(file: Any, _: Path) -> None:
    del file[_first(file)].attrs["name"]


def _twice(file: Any, _: Path) -> None:
    kinds = [key for key in file["layers"] if key.startswith("conv2d")]
    file[f"layers/{kinds[1]}/vars"].attrs["name"] = file[f"layers/{kinds[0]}/vars"].attrs["name"]


def _strings(group: Any, key: str) -> None:
    import h5py

    group.create_dataset(key, data=["a"], dtype=h5py.string_dtype())


def _outside(group: Any, key: str) -> None:
    group.create_dataset(key, (8,), "u1", external=[("/etc/passwd", 0, 8)])


FAULTS = {
    "cut": Fault(lambda layers: numbered(layers)[:-100], "damaged HDF5"),
    "cut in half": Fault(lambda layers: numbered(layers)[: len(numbered(layers)) // 2], "damaged HDF5"),
    "magic alone": Fault(lambda _: b"\x89HDF\r\n\x1a\n" + bytes(64), "damaged HDF5"),
    "no layers": Fault(changed(lambda file, _: file.__delitem__("layers")), "without the layers"),
    "wrong groups": Fault(
        changed(lambda file, _: file.move(_first(file), _first(file).replace("vars", "values"))), "nothing that Keras"
    ),
    "stray array": Fault(
        changed(lambda file, _: file.create_dataset("x", data=np.zeros(3, "f4"))), "nothing that Keras"
    ),
    "huge and empty": Fault(
        _replaced(lambda g, k: g.create_dataset(k, (2**30, 2**20), "f4", chunks=(1024, 1024))),
        "larger than what is stored",
    ),
    "compressed": Fault(
        _replaced(lambda g, k: g.create_dataset(k, data=np.zeros((512, 512), "f4"), compression="gzip")), "compressed"
    ),
    "strings": Fault(_replaced(_strings), "no array of numbers"),
    "compound": Fault(
        _replaced(lambda g, k: g.create_dataset(k, (3,), [("a", "f4"), ("b", "f4")])), "no array of numbers"
    ),
    "a link inside": Fault(_replaced(_soft), "link out of its place"),
    "a link to another file": Fault(_replaced(_external), "link out of its place"),
    "data in another file": Fault(_replaced(_outside), "lies in another file"),
    "virtual": Fault(_replaced(_virtual), "lies in another file"),
    "a circle": Fault(changed(_circle), "larger than the file"),
    "deep": Fault(changed(lambda file, _: file.create_group("/".join("a" * 40))), "deeper than"),
    "no name": Fault(changed(_nameless), "does not say the name"),
    "a name twice": Fault(changed(_twice), "two layers have the name"),
    "one variable more": Fault(
        changed(lambda file, _: file[_first(file)].create_dataset("7", data=np.zeros(3, "f4"))), "which none here has"
    ),
    "an archive without weights": Fault(
        lambda layers: archived(layers).replace(b"model.weights.h5", b"model.weights.h6"),
        "zip file that torch",
        "a.zip",
    ),
    "a cut archive": Fault(lambda layers: archived(layers)[:-10], "damaged", "a.keras"),
    "a bit flip in an archive": Fault(
        lambda layers: bytes(byte ^ (at == 5000) for at, byte in enumerate(archived(layers))), "damaged", "a.keras"
    ),
    "integers": Fault(_replaced(lambda g, k: g.create_dataset(k, data=np.zeros((3, 3, 3, 8), "i4"))), "type int32"),
    "not a number": Fault(
        _replaced(lambda g, k: g.create_dataset(k, data=np.full((3, 3, 3, 8), np.nan, "f4"))), "not finite"
    ),
    "another shape": Fault(
        _replaced(lambda g, k: g.create_dataset(k, data=np.zeros((3, 3, 3, 9), "f4"))), "its shape is [9, 3, 3, 3]"
    ),
}
