"""A file of weights -> its tensors by name.  Decided by content, bounded before it is parsed, and never run."""

from __future__ import annotations

import io
import os
import re
import stat
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from torch import Tensor

from topfive.errors import RefusedError, shown

MAXIMUM_BYTES = 8 << 30
MAXIMUM_HEADER = 8_000_000  # bytes of a safetensors header; NASNet-A Large needs 0.3 million
MAXIMUM_TENSORS = 50_000
MAXIMUM_WRAPPERS = 8  # a state dict may be wrapped, but one that contains itself is not unwrapped for ever

SAFETENSORS, TORCH, ONNX, KERAS = "safetensors", "torch", "ONNX", "Keras"
_SUFFIXES = {
    ".safetensors": SAFETENSORS,
    ".onnx": ONNX,
    **dict.fromkeys((".h5", ".hdf5", ".keras"), KERAS),
    **dict.fromkeys((".pt", ".pth", ".bin", ".ckpt", ".tar", ".pkl", ".pickle"), TORCH),
}
_LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # what torch.save began a file with before version 1.6
_HDF5 = b"\x89HDF\r\n\x1a\n"
_KERAS_ARCHIVE = b"model.weights.h5"  # the entry, by the list of entries at the end of the zip file
_FOREIGN = (
    (0, b"\x80", "a pickle that torch.save did not write"),
    (0, b"\x1f\x8b", "a gzip file"),
    (257, b"ustar", "a tar archive"),
    (0, b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
    (0, b"<", "HTML or XML"),
    (4, b"TFL3", "a TFLite model"),
)
_WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model")  # in the order in which they are preferred
_PREFIXES = ("module.", "_orig_mod.")  # of DistributedDataParallel and of torch.compile
_RESAVE = "Save its state dict alone, as safetensors"
_ADVICE = "Give a file that torch.save, safetensors or topfive wrote"


def contents_of(path: Path) -> bytes:
    """The whole file.  RefusedError where it is not a regular file of a possible size."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise refused(path, "it is a folder")
        if not stat.S_ISREG(status.st_mode):
            raise refused(path, "not a regular file")
        if status.st_size == 0:
            raise refused(path, "empty file")
        if status.st_size > MAXIMUM_BYTES:
            raise refused(path, f"{status.st_size:,} bytes, more than any network here has")
        return path.read_bytes()
    except ValueError as error:  # a NUL in the name
        raise refused(path, str(error)) from error
    except OSError as error:
        raise refused(path, error.strerror or str(error)) from error


def kind_of(path: Path, content: bytes) -> str:
    """SAFETENSORS, TORCH, ONNX or KERAS, by content; RefusedError where that is another than the name says."""
    kind = _sniffed(content)
    named = _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        what = next((name for at, magic, name in _FOREIGN if content.startswith(magic, at)), None)
        why = what or ("cut short" if len(content) < 16 else "neither safetensors, nor of torch, Keras or ONNX")
        raise refused(path, why)
    if named not in (None, kind):
        raise refused(path, f"named as a {named} file, but its content is {kind}", "Rename it if you trust its origin")
    return kind


def tensors_of(path: Path, content: bytes, kind: str) -> dict[str, Tensor]:
    """The tensors of a SAFETENSORS or TORCH file, whatever wrapper or prefix their names have there."""
    return _safetensors(path, content) if kind == SAFETENSORS else _torch(path, content)


def unwrapped(found: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """The state dict inside a training checkpoint, without the prefixes that all its names share."""
    for _ in range(MAXIMUM_WRAPPERS):
        inner = next((found[key] for key in _WRAPPERS if isinstance(found.get(key), Mapping)), None)
        prefix = next((prefix for prefix in _PREFIXES if found and all(_begins(name, prefix) for name in found)), None)
        if inner is not None:
            found = inner
        elif prefix is not None:
            found = {name.removeprefix(prefix): value for name, value in found.items()}
        else:
            break
    return found


def _begins(name: Any, prefix: str) -> bool:
    return isinstance(name, str) and name.startswith(prefix)


def refused(path: Path | None, why: str, todo: str = _ADVICE) -> RefusedError:
    return RefusedError("weights", path, why, todo)


def _sniffed(content: bytes) -> str | None:
    if content[8:9] == b"{":  # the header of safetensors; the magic of the others differs from it there
        return SAFETENSORS
    if content.startswith(_HDF5) or (content.startswith(b"PK\x03\x04") and _KERAS_ARCHIVE in content[-4096:]):
        return KERAS
    if content.startswith((b"PK\x03\x04", _LEGACY)):
        return TORCH
    return ONNX if content[:1] == b"\x08" else None


def _safetensors(path: Path, content: bytes) -> dict[str, Tensor]:
    length = int.from_bytes(content[:8], "little")
    if length > MAXIMUM_HEADER:
        raise refused(path, f"a header of {length:,} bytes, where {MAXIMUM_HEADER:,} are the most")
    count = content.count(b"data_offsets", 8, 8 + length)
    if count > MAXIMUM_TENSORS:
        raise refused(path, f"{count:,} tensors, where {MAXIMUM_TENSORS:,} are the most")
    try:
        found = parse_safetensors(content)
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError, OverflowError) as error:
        raise refused(path, f"damaged or cut short ({_first_line(error)})") from error
    return dict(unwrapped(found))


def _torch(path: Path, content: bytes) -> dict[str, Tensor]:
    if content.startswith(b"PK"):
        _check_archive(path, content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the storage classes of old files
            found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a hostile pickle can fail in any way; it cannot run anything
        raise refused(path, _trouble(error), _RESAVE) from error
    if not isinstance(found, Mapping):
        raise refused(path, f"it holds a {type(found).__name__}, and not a state dict")
    return dict(unwrapped(found))


def _check_archive(path: Path, content: bytes) -> None:
    """A zip file as torch.save writes it: stored, not compressed, so that it cannot grow."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            _check_entries(path, entries)
            damaged = archive.testzip()  # torch.load does not compare the checksums
    except RefusedError:
        raise
    except Exception as error:  # zipfile raises more than BadZipFile
        raise refused(path, "a damaged zip file, or cut short") from error
    if damaged is not None:
        raise refused(path, f"damaged: the checksum of {shown(damaged)} is wrong")


def _check_entries(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename.split("/", 1)[-1] for entry in entries]
    if "constants.pkl" in names or any(name.startswith("code/") for name in names):
        raise refused(path, "TorchScript, a program and not only weights", _RESAVE)
    if "data.pkl" not in names:
        raise refused(path, "a zip file that torch.save did not write")
    if len(entries) > MAXIMUM_TENSORS or any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise refused(path, "a zip file with compressed or too many entries, which torch.save does not write")


def _trouble(error: Exception) -> str:
    """What stopped the restricted unpickler."""
    if asked := re.search(r"GLOBAL ([\w.]+)", str(error)):
        return f"it asks for {shown(asked[1])}, and nothing but tensors is loaded"
    if type(error).__name__ == "UnpicklingError":
        return "its pickle is damaged, or asks for more than tensors"
    return f"damaged or cut short ({_first_line(error)})"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:150]
