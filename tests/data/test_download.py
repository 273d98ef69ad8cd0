from __future__ import annotations

import gzip
import io
import struct
import tarfile
import urllib.error
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from topfive.data import download as module
from topfive.data import open_data
from topfive.data.download import download
from topfive.data.named import NAMED, find
from topfive.errors import DataError, ResourceError


def serve(monkeypatch: pytest.MonkeyPatch, answer: Callable[[str, Path], None]) -> None:
    """Stand in for torchvision: its tables, and `answer(address, file)` for its download."""

    def download_url(address: str, root: str, name: str, md5: str) -> None:
        assert len(md5) == 32
        answer(address, Path(root, name))

    files = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
    mnist = SimpleNamespace(mirrors=["http://one/", "http://two/"], resources=[(file, "0" * 32) for file in files])
    cifar = SimpleNamespace(url="http://one/cifar.tar.gz", filename="cifar.tar.gz", tgz_md5="0" * 32)
    modules = {
        "torchvision.datasets": SimpleNamespace(MNIST=mnist, FashionMNIST=mnist, CIFAR10=cifar, CIFAR100=cifar),
        "torchvision.datasets.utils": SimpleNamespace(download_url=download_url),
    }
    monkeypatch.setattr(module, "need", lambda name, extra: modules[name])


def no_network(address: str, file: Path) -> None:
    file.write_bytes(b"half")
    raise urllib.error.URLError("Name or service not known")


def idx_answer(address: str, file: Path) -> None:
    if address.startswith("http://one"):
        raise RuntimeError("File not found or corrupted.")
    count = 100 if "train" in file.name else 20
    array = np.zeros((count, 28, 28) if "images" in file.name else count, np.uint8)
    file.write_bytes(
        gzip.compress(struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes())
    )


def test_the_second_address_serves_when_the_first_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, idx_answer)
    assert download("mnist", tmp_path) == tmp_path / "MNIST" / "raw"
    assert len(open_data("mnist", data_root=tmp_path).test) == 20
    serve(monkeypatch, no_network)
    assert download("mnist", tmp_path) == tmp_path / "MNIST" / "raw", "what is here is not fetched again"


@pytest.mark.parametrize("name", ["mnist", "cifar10", "cifar100"])
def test_without_network_one_line_says_what_to_do_and_nothing_is_left(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, no_network)
    with pytest.raises(DataError) as caught:
        download(name, tmp_path)
    said = str(caught.value)
    assert "http://one/" in said
    assert "Name or service not known" in said
    assert str(tmp_path / NAMED[name].layouts[0]) in said
    assert "\n" not in said
    assert list(tmp_path.iterdir()) == []


def archive(members: list[tuple[tarfile.TarInfo, bytes]]) -> Callable[[str, Path], None]:
    def answer(address: str, file: Path) -> None:
        with tarfile.open(file, "w:gz") as tar:
            for member, content in members:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))

    return answer


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def test_only_the_wanted_files_leave_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = [
        (entry("cifar-100-python/train"), b"1"),
        (entry("../../../../test"), b"2"),
        (entry("/etc/evil"), b"3"),
        (entry("cifar-100-python/../../escaped"), b"4"),
    ]
    serve(monkeypatch, archive(members))
    root = tmp_path / "data"
    folder = download("cifar100", root)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == {
        "data/cifar-100-python/train",
        "data/cifar-100-python/test",
    }
    assert find(NAMED["cifar100"], root) == folder


@pytest.mark.parametrize(
    "members",
    [
        [(entry("x/train", tarfile.SYMTYPE, "/etc/passwd"), b""), (entry("x/test"), b"2")],
        [(entry("x/train", tarfile.LNKTYPE, "x/test"), b""), (entry("x/test"), b"2")],
        [(entry("x/train", tarfile.FIFOTYPE), b""), (entry("x/test"), b"2")],
        [],
    ],
)
def test_links_and_devices_are_not_taken(
    members: list[tuple[tarfile.TarInfo, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, archive(members))
    with pytest.raises(DataError, match="train"):
        download("cifar100", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_archive_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(address: str, file: Path) -> None:
        file.write_bytes(b"\x1f\x8b\x08 no archive")

    serve(monkeypatch, answer)
    with pytest.raises(DataError, match="damaged archive"):
        download("cifar10", tmp_path)


def test_a_folder_that_cannot_be_written_is_a_matter_of_resources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, idx_answer)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ResourceError):
        download("mnist", tmp_path / "file" / "below")


def test_torchvision_has_the_tables_that_are_read() -> None:
    datasets = pytest.importorskip("torchvision.datasets")
    for name in ("mnist", "fashion-mnist", "cifar10", "cifar100"):
        for remote in module._remotes(name, datasets):
            assert len(remote.md5) == 32
            assert all(address.startswith("http") for address in remote.addresses)
            assert remote.addresses[0].endswith(remote.name)
