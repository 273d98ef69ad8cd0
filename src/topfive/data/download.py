"""Fetching a named data set: torchvision knows the addresses and checksums, and brings the files over."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from topfive.data.named import NAMED, find
from topfive.data.places import data_folder
from topfive.errors import DataError, ResourceError, UsageError, nearest, need

STALLED_SECONDS = 60.0  # a server that says nothing for so long is given up
MAXIMUM_MEMBER_BYTES = 1 << 28  # CIFAR-100's training file holds 155 MB
CIFAR_MEMBERS = {
    "cifar10": (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"),
    "cifar100": ("train", "test"),
}


@dataclass(frozen=True)
class Remote:
    """One file, where it can be had, and the md5 that torchvision expects of it."""

    name: str
    addresses: tuple[str, ...]
    md5: str


def download(name: str, data_root: str | os.PathLike[str] | None = None) -> Path:
    """Fetch the set into the data root unless it is there; the folder that holds it."""
    if name not in NAMED:
        raise UsageError("unknown data set", name, f"known are {', '.join(NAMED)}", nearest(name, NAMED).capitalize())
    if name == "digits":
        raise UsageError("data set", name, "it is part of topfive, there is nothing to fetch", "Use it by its name")
    if name == "imagenet":
        raise UsageError("data set", name, "image-net.org gives it to registered users only", NAMED[name].remedy)
    root = Path(data_root) if data_root is not None else data_folder()
    present = find(NAMED[name], root)
    if present is not None:
        return present
    datasets = need("torchvision.datasets", "train")
    folder = root / NAMED[name].layouts[0]
    remotes = _remotes(name, datasets)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=root) as scratch:
            for remote in remotes:
                _fetch(remote, Path(scratch), folder)
            if name in CIFAR_MEMBERS:
                _unpack(Path(scratch, remotes[0].name), CIFAR_MEMBERS[name], Path(scratch))
            folder.mkdir(parents=True, exist_ok=True)
            for file in CIFAR_MEMBERS.get(name, tuple(remote.name for remote in remotes)):
                shutil.move(Path(scratch, file), folder / file)
    except OSError as error:
        raise ResourceError("cannot write", error.filename or folder, error.strerror or str(error)) from None
    return folder


def _remotes(name: str, datasets: ModuleType) -> tuple[Remote, ...]:
    """The files of the set, from the tables of torchvision's classes."""
    if name in CIFAR_MEMBERS:
        cifar = datasets.CIFAR10 if name == "cifar10" else datasets.CIFAR100
        return (Remote(cifar.filename, (cifar.url,), cifar.tgz_md5),)
    mnist = datasets.MNIST if name == "mnist" else datasets.FashionMNIST
    return tuple(Remote(file, tuple(mirror + file for mirror in mnist.mirrors), md5) for file, md5 in mnist.resources)


def _fetch(remote: Remote, scratch: Path, folder: Path) -> None:
    """One file into the scratch folder, its checksum proven; from the first address that answers."""
    utilities = need("torchvision.datasets.utils", "train")
    reasons = []
    for address in remote.addresses:
        try:
            with _patience(), contextlib.redirect_stdout(sys.stderr):
                utilities.download_url(address, os.fspath(scratch), remote.name, remote.md5)
            return
        except (OSError, RuntimeError, ValueError) as error:  # no network, a wrong checksum, a wrong answer
            reasons.append(" ".join(str(error).split()) or type(error).__name__)
    todo = f"Fetch it by other means and put it, {'unpacked' if 'tar' in remote.name else 'as it is'}, into {folder}"
    raise DataError("cannot download", " or ".join(remote.addresses), "; ".join(dict.fromkeys(reasons)), todo)


@contextlib.contextmanager
def _patience() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALLED_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _unpack(archive: Path, wanted: tuple[str, ...], scratch: Path) -> None:
    """Take the wanted regular files, by their last name, out of a tar archive, wherever it would have put them."""
    missing = set(wanted)
    try:
        with tarfile.open(archive, "r:gz") as members:
            for member in members:
                name = member.name.rsplit("/", 1)[-1]
                if name not in missing or not member.isreg() or member.size > MAXIMUM_MEMBER_BYTES:
                    continue
                content = members.extractfile(member)
                assert content is not None, "a regular member has content"
                with content, open(scratch / name, "wb") as file:
                    shutil.copyfileobj(content, file)
                missing.remove(name)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError("damaged archive", archive.name, str(error) or type(error).__name__, "Fetch it again") from None
    if missing:
        raise DataError("damaged archive", archive.name, f"{', '.join(sorted(missing))} not in it", "Fetch it again")
