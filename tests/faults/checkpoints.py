"""Every fault of a file of weights that can be met, each made on demand; all are made from a sound state dict.

A fault that would run code, if it were let, makes `marker` in its folder.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

StateDict = dict[str, Tensor]


@dataclass(frozen=True)
class Fault:
    """`make(folder, state)` writes into an empty folder and gives the path to load; the error has the words `says`.

    With `runs`, the file holds a pickle that would make the marker.
    """

    make: Callable[[Path, StateDict], Path]
    says: str
    runs: bool = False


class Payload:
    """Unpickled without restraint, it makes the marker, a folder."""

    def __init__(self, folder: Path):
        self.marker = folder / "marker"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (str(self.marker),)


def torch_file(content: Any, legacy: bool = False) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def rezipped(content: bytes, change: Callable[[str, bytes], tuple[str, bytes] | None], compression: int = 0) -> bytes:
    """A zip file with each entry as `change` gives it; None leaves one out."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", compression) as new:
        for entry in old.infolist():
            if (changed := change(entry.filename, old.read(entry))) is not None:
                new.writestr(*changed)
    return buffer.getvalue()


def with_header(header: bytes, data: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + data


def parsed(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and data of a safetensors file."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def file(name: str, content: Callable[[StateDict], bytes]) -> Callable[[Path, StateDict], Path]:
    def make(folder: Path, state: StateDict) -> Path:
        (folder / name).write_bytes(content(state))
        return folder / name

    return make


def hostile(name: str, content: Callable[[Payload, StateDict], bytes]) -> Callable[[Path, StateDict], Path]:
    def make(folder: Path, state: StateDict) -> Path:
        (folder / name).write_bytes(content(Payload(folder), state))
        return folder / name

    return make


def header(change: Callable[[dict[str, Any]], None]) -> Callable[[Path, StateDict], Path]:
    """A safetensors file whose header lies."""

    def content(state: StateDict) -> bytes:
        told, data = parsed(save(state))
        change(told)
        return with_header(json.dumps(told).encode(), data)

    return file("a.safetensors", content)


def tensor(change: Callable[[Tensor], Tensor], where: int = 0) -> Callable[[Path, StateDict], Path]:
    """A sound file in which one tensor, by default the first weight, is another."""

    def content(state: StateDict) -> bytes:
        name = list(state)[where]
        return torch_file(state | {name: change(state[name])})

    return file("a.pt", content)


def _flipped(state: StateDict) -> bytes:
    content = bytearray(torch_file(state))
    at = content.find(next(iter(state.values())).numpy().tobytes()[:64])
    assert at > 0
    content[at + 2] ^= 0x10
    return bytes(content)


def _short_record(state: StateDict) -> bytes:
    return rezipped(torch_file(state), lambda name, data: (name, data[:20] if name.endswith("data/0") else data))


def _script(state: StateDict) -> bytes:
    """As torch.jit.save lays out its archive: the code lies beside the pickles."""
    buffer = io.BytesIO(torch_file(state))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("archive/constants.pkl", pickle.dumps(()))
        archive.writestr("archive/code/__torch__.py", "class Module: ...")
    return buffer.getvalue()


def _tar(state: StateDict) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        content = pickle.dumps(list(state))
        entry = tarfile.TarInfo("pickle")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _itself(_: StateDict) -> bytes:
    endless: dict[str, Any] = {}
    endless["state_dict"] = endless
    return torch_file(endless)


def _fifo(folder: Path, _: StateDict) -> Path:
    os.mkfifo(folder / "a.safetensors")
    return folder / "a.safetensors"


def _unreadable(folder: Path, state: StateDict) -> Path:
    loop = folder / "a.safetensors"
    loop.symlink_to(loop)
    return loop


def _empty_folder(folder: Path, _: StateDict) -> Path:
    (folder / "notes.txt").write_text("no weights here")
    return folder


def _with_config(config: bytes) -> Callable[[Path, StateDict], Path]:
    def make(folder: Path, state: StateDict) -> Path:
        (folder / "model.safetensors").write_bytes(save(state))
        (folder / "config.json").write_bytes(config)
        return folder

    return make


def _overlapping(told: dict[str, Any]) -> None:
    first, second = sorted(told.values(), key=lambda entry: entry["data_offsets"])[:2]
    length = second["data_offsets"][1] - second["data_offsets"][0]
    second["data_offsets"] = [first["data_offsets"][0], first["data_offsets"][0] + length]


def _past_end(told: dict[str, Any]) -> None:
    last = max(told.values(), key=lambda entry: entry["data_offsets"])
    last["data_offsets"][1] += 4_000
    last["shape"] = [(last["data_offsets"][1] - last["data_offsets"][0]) // 4]


def _overflowing(told: dict[str, Any]) -> None:
    next(iter(told.values()))["shape"] = [2**40, 2**40]


def _many(_: StateDict) -> bytes:
    return with_header(
        json.dumps({f"{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(60_000)}).encode()
    )


SAFETENSORS = {
    "missing": Fault(lambda folder, _: folder / "absent.safetensors", "No such file"),
    "NUL in the name": Fault(lambda folder, _: Path(f"{folder}/a\0b.pt"), "null"),
    "name too long": Fault(lambda folder, _: folder / ("a" * 300), "too long"),
    "link to itself": Fault(_unreadable, "symbolic links"),
    "empty": Fault(file("a.safetensors", lambda _: b""), "empty file"),
    "seven bytes": Fault(file("a.safetensors", lambda state: save(state)[:7]), "cut short"),
    "eight bytes": Fault(file("a.safetensors", lambda state: save(state)[:8]), "cut short"),
    "cut in the header": Fault(file("a.safetensors", lambda state: save(state)[:100]), "damaged or cut short"),
    "cut in the data": Fault(file("a.safetensors", lambda state: save(state)[:-1]), "damaged or cut short"),
    "trailing bytes": Fault(file("a.safetensors", lambda state: save(state) + b"\0"), "damaged or cut short"),
    "header of 2^63": Fault(file("a.safetensors", lambda _: (2**63).to_bytes(8, "little") + b"{"), "header of 9,223"),
    "header of 200 MB": Fault(
        file("a.safetensors", lambda _: (200_000_000).to_bytes(8, "little") + b"{"), "header of 200,000,000"
    ),
    "header over the limit": Fault(
        file("a.safetensors", lambda _: with_header(b'{"a":"' + b"x" * 8_000_000 + b'"}')), "header of 8,000,008 bytes"
    ),
    "no JSON": Fault(file("a.safetensors", lambda _: with_header(b'{"a": nonsense}')), "damaged"),
    "JSON 200,000 deep": Fault(file("a.safetensors", lambda _: with_header(b'{"a":' * 200_000)), "damaged"),
    "60,000 tensors": Fault(file("a.safetensors", _many), "60,000 tensors"),
    "overlapping": Fault(header(_overlapping), "damaged"),
    "past the end": Fault(header(_past_end), "damaged"),
    "shape that overflows": Fault(header(_overflowing), "damaged"),
    "FIFO": Fault(_fifo, "not a regular file"),
    "device": Fault(lambda *_: Path("/dev/zero"), "not a regular file"),
    "no tensors": Fault(file("a.safetensors", lambda _: save({})), "first misfit"),
}

PICKLES = {
    "code in a zip file": Fault(hostile("a.pt", lambda p, s: torch_file({"x": p, **s})), "asks for", runs=True),
    "code in a legacy file": Fault(
        hostile("a.pth", lambda p, s: torch_file({"x": p, **s}, True)), "asks for", runs=True
    ),
    "code in a bare pickle": Fault(hostile("a.pkl", lambda p, _: pickle.dumps(p)), "pickle that torch", runs=True),
    "code behind the magic": Fault(
        hostile("a.pt", lambda p, s: torch_file(s, True)[:15] + pickle.dumps(p, 2)), "asks for", runs=True
    ),
    "code named safetensors": Fault(
        hostile("a.safetensors", lambda p, s: torch_file({"x": p, **s})), "its content is torch", runs=True
    ),
    "code named onnx": Fault(
        hostile("a.onnx", lambda p, s: torch_file({"x": p, **s})), "its content is torch", runs=True
    ),
    "code without a suffix": Fault(hostile("weights", lambda p, s: torch_file({"x": p, **s})), "asks for", runs=True),
    "code in a hub folder": Fault(
        lambda folder, state: (
            hostile("pytorch_model.bin", lambda p, s: torch_file({"x": p, **s}))(folder, state).parent
        ),
        "asks for",
        runs=True,
    ),
    "safetensors named pt": Fault(file("a.pt", save), "its content is safetensors"),
    "cut zip file": Fault(file("a.pt", lambda state: torch_file(state)[:-200]), "cut short"),
    "cut legacy file": Fault(file("a.pt", lambda state: torch_file(state, True)[:-3]), "cut short"),
    "legacy magic alone": Fault(file("a.pt", lambda state: torch_file(state, True)[:15]), "cut short"),
    "compressed zip file": Fault(
        file("a.pt", lambda s: rezipped(torch_file(s), lambda *entry: entry, zipfile.ZIP_DEFLATED)), "compressed"
    ),
    "bit flip in the data": Fault(file("a.pt", _flipped), "checksum"),
    "short record": Fault(file("a.pt", _short_record), "damaged"),
    "any zip file": Fault(
        file("a.pt", lambda s: rezipped(torch_file(s), lambda n, d: None if n.endswith("data.pkl") else (n, d))),
        "a zip file that torch.save did not write",
    ),
    "TorchScript": Fault(file("a.pt", _script), "TorchScript"),
    "a list": Fault(file("a.pt", lambda state: torch_file(list(state.values()))), "a list"),
    "one tensor": Fault(file("a.pt", lambda state: torch_file(next(iter(state.values())))), "a Tensor"),
    "a whole network": Fault(file("a.pt", lambda _: torch_file(nn.Linear(2, 2))), "asks for torch.nn"),
    "a namespace beside": Fault(
        file("a.pt", lambda s: torch_file({"model": s, "args": argparse.Namespace(lr=1)})), "asks for argparse"
    ),
    "contains itself": Fault(file("a.pt", _itself), "`state_dict`"),
}

OTHERS = {
    "HTML": Fault(file("a.pth", lambda _: b"<!DOCTYPE html><title>404</title>"), "HTML"),
    "HDF5": Fault(file("a.h5", lambda _: b"\x89HDF\r\n\x1a\n" + bytes(64)), "HDF5"),
    "Git LFS pointer": Fault(file("a.bin", lambda _: b"version https://git-lfs.github.com/spec/v1\n"), "Git LFS"),
    "gzip": Fault(file("a.pt", lambda state: gzip.compress(save(state))), "gzip"),
    "tar": Fault(file("a.tar", _tar), "tar archive"),
    "zeros": Fault(file("a.pt", lambda _: bytes(4096)), "neither"),
    "ONNX of nothing": Fault(file("a.onnx", lambda _: b"\x08\x0a" + bytes(64)), "not an ONNX file"),
    "folder without weights": Fault(_empty_folder, "a folder with neither"),
    "config of no JSON": Fault(_with_config(b"{"), "not JSON"),
    "config 200,000 deep": Fault(_with_config(b"[" * 200_000), "not JSON"),
    "config of a list": Fault(_with_config(b"[]"), "not a JSON object"),
    "config of timm without a mean": Fault(
        _with_config(b'{"pretrained_cfg": {"num_classes": 10}}'), "a key is missing"
    ),
    "config of timm with absurd classes": Fault(
        _with_config(b'{"num_classes": 1e300, "pretrained_cfg": {"input_size": [3, 9, 9], "mean": [0], "std": [1]}}'),
        "num_classes",
    ),
    "our config, empty": Fault(_with_config(b'{"topfive": {}}'), "without topfive"),
    "our config, not an object": Fault(_with_config(b'{"topfive": 1}'), "topfive is not an object"),
    "config of timm, not an object": Fault(_with_config(b'{"pretrained_cfg": []}'), "pretrained_cfg is not an object"),
}

TENSORS = {
    "not a number": Fault(tensor(lambda t: t * float("nan")), "not finite"),
    "infinite": Fault(tensor(lambda t: t / 0), "not finite"),
    "infinite once converted": Fault(tensor(lambda t: t.double() * 1e300), "not finite"),
    "int8": Fault(tensor(lambda t: t.to(torch.int8)), "of type int8"),
    "int32": Fault(tensor(lambda t: t.to(torch.int32)), "of type int32"),
    "bool": Fault(tensor(lambda t: t > 0), "of type bool"),
    "float8": Fault(tensor(lambda t: t.to(torch.float8_e4m3fn)), "of type float8_e4m3fn"),
    "complex": Fault(tensor(lambda t: t.to(torch.complex64)), "of type complex64"),
    "sparse": Fault(tensor(lambda t: t.to_sparse()), "sparse"),
    "on the meta device": Fault(tensor(lambda t: t.to("meta")), "without numbers"),
    "of one dimension more": Fault(tensor(lambda t: t[None]), "its shape is [1, "),
    "without dimensions": Fault(tensor(lambda t: t.sum()), "its shape is []"),
    "one number seen 10^12 times": Fault(
        tensor(lambda t: t.flatten()[:1].expand(10**6, 10**6)), "its shape is [1000000, "
    ),
    "head of one class fewer, but not its bias": Fault(tensor(lambda t: t[:-1], where=-2), "its shape is [9, "),
    "head of other features": Fault(tensor(lambda t: t[:, :-1], where=-2), "its shape is [10, "),
}
