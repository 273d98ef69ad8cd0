from __future__ import annotations

import gzip
import io
import os
import re
import runpy
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from topfive.data import ArrayDataset, open_data
from topfive.data.named import NAMED, find
from topfive.errors import DataError, UsageError
from topfive.labels import imagenet

ROOT = Path(__file__).parents[2]
DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_mnist(folder: Path, packed: bool = False, count: int = 200) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, size in (("train", count), ("t10k", 30)):
        for kind, array in (
            ("images-idx3", rng.integers(0, 256, (size, 28, 28), dtype=np.uint8)),
            ("labels-idx1", (np.arange(size) % 10).astype(np.uint8)),
        ):
            name, content = f"{part}-{kind}-ubyte", idx(array)
            (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(content) if packed else content)


def test_digits_are_scikit_learns_in_the_fixed_split() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    digits = datasets.load_digits()
    splits = open_data("digits")
    assert [len(part) for _, part in splits.parts()] == [1077, 360, 360]
    assert not splits.mirror
    got = []
    for _, part in splits.parts():
        assert isinstance(part, ArrayDataset)
        assert (part.images.shape[1:], part.classes) == ((1, 8, 8), tuple("0123456789"))
        got += [(part.images[index].tobytes(), int(part.labels[index])) for index in range(len(part))]
        share = np.bincount(digits.target) * len(part) / 1797
        assert abs(np.bincount(part.labels, minlength=10) - share).max() < 2, "the split is not stratified"
    pixels = np.round(digits.images * 255 / 16).astype(np.uint8)
    expected = [(image.tobytes(), int(label)) for image, label in zip(pixels, digits.target, strict=True)]
    assert sorted(got) == sorted(expected)
    assert pixels.max() == 255


def test_digits_do_not_depend_on_any_setting() -> None:
    expected = open_data("digits").fingerprint
    assert open_data("digits", seed=7, val_fraction=0, test_fraction=0.3).fingerprint == expected
    assert open_data("digits").test.name(17) == "digits/test/17"


def test_the_digits_file_is_what_its_script_writes() -> None:
    pytest.importorskip("sklearn")
    content = runpy.run_path(str(ROOT / "scripts" / "build_digits.py"))["content"]()
    assert content == (ROOT / "src" / "topfive" / "data" / "digits.npz").read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert all(entry.date_time == (1980, 1, 1, 0, 0, 0) for entry in archive.infolist())


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("name", "below"), [("mnist", "MNIST/raw"), ("mnist", "mnist"), ("fashion-mnist", "FashionMNIST/raw")]
)
def test_idx_sets_are_found_in_their_layouts(name: str, below: str, packed: bool, tmp_path: Path) -> None:
    write_mnist(tmp_path / below, packed)
    splits = open_data(name, data_root=tmp_path)
    assert [len(part) for _, part in splits.parts()] == [180, 20, 30]
    assert np.bincount(splits.val.labels).tolist() == [2] * 10
    assert splits.mirror == (name == "fashion-mnist")
    assert [len(part) for _, part in open_data(name, data_root=tmp_path, val_fraction=0).parts()] == [200, 0, 30]
    assert open_data(name, data_root=tmp_path, seed=3).fingerprint == splits.fingerprint


def test_the_environment_names_the_data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mnist(tmp_path / "MNIST" / "raw")
    monkeypatch.setenv("TOPFIVE_DATA", str(tmp_path))
    assert len(open_data("mnist").test) == 30


def test_a_missing_set_says_where_and_how(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        open_data("mnist", data_root=tmp_path)
    assert str(tmp_path / "MNIST/raw") in str(caught.value)
    assert "topfive data get mnist" in str(caught.value)
    assert "apt-get install dataset-fashion-mnist" in NAMED["fashion-mnist"].remedy


def test_damage_and_gaps_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "mnist"
    write_mnist(folder)
    labels = folder / "train-labels-idx1-ubyte"
    whole = labels.read_bytes()
    for content, why in (
        (whole[:-1], "199 follow"),
        (idx(np.zeros(199, np.uint8)), "199 labels stand beside 200 images"),
        (idx(np.full(200, 10, np.uint8)), "not 0 to 9"),
    ):
        labels.write_bytes(content)
        with pytest.raises(DataError, match=why):
            open_data("mnist", data_root=tmp_path)
    labels.unlink()
    with pytest.raises(DataError, match="train-labels-idx1-ubyte is missing"):
        open_data("mnist", data_root=tmp_path)


@pytest.mark.fashion
@pytest.mark.skipif(not DEBIAN.exists(), reason="Fashion-MNIST is not installed (Debian: dataset-fashion-mnist)")
def test_fashion_mnist_of_debian() -> None:
    splits = open_data("fashion-mnist")
    assert find(NAMED["fashion-mnist"], None) == DEBIAN
    assert [len(part) for _, part in splits.parts()] == [55_000, 5_000, 10_000]
    assert np.bincount(splits.val.labels).tolist() == [500] * 10
    assert np.bincount(splits.test.labels).tolist() == [1000] * 10
    pixels, label = splits.test[0]
    assert (pixels.shape, splits.classes[label]) == ((1, 28, 28), "Ankle boot")


def write_imagenet(root: Path, synsets: tuple[str, ...], jpeg: bytes) -> Path:
    first = root / "one.JPEG"
    root.mkdir(parents=True, exist_ok=True)
    first.write_bytes(jpeg)
    for part, count in (("train", 2), ("val", 1)):
        for synset in synsets:
            folder = root / "imagenet" / part / synset
            folder.mkdir(parents=True)
            for index in range(count):
                os.link(first, folder / f"{synset}_{index}.JPEG")
    return root


def test_imagenet_is_read_in_the_order_of_synsets(tmp_path: Path) -> None:
    from faults.datasets import picture

    write_imagenet(tmp_path, imagenet().synsets, picture(0, "JPEG"))
    splits = open_data("imagenet", data_root=tmp_path)
    assert splits.classes == imagenet().synsets
    assert [len(part) for _, part in splits.parts()] == [1800, 200, 1000]
    assert splits.test.name(0) == "val/n01440764/n01440764_0.JPEG"
    assert splits.val.name(0).startswith("train/")
    assert splits.mirror


def test_imagenet_refuses_other_folders(tmp_path: Path) -> None:
    for number in range(1, 1001):
        for part in ("train", "val"):
            (tmp_path / "numbers" / "imagenet" / part / str(number)).mkdir(parents=True)
    with pytest.raises(DataError, match="1 to 1000"):
        open_data("imagenet", data_root=tmp_path / "numbers")
    write_imagenet(tmp_path / "part", imagenet().synsets[:10], b"x")
    with pytest.raises(DataError, match=r"missing: .* and 985 more"):
        open_data("imagenet", data_root=tmp_path / "part")


def test_nothing_here_needs_torch() -> None:
    code = "import sys, topfive.data as d; d.open_data('digits'); print({'torch', 'torchvision'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_set_is_in_the_documentation() -> None:
    page = (ROOT / "docs" / "data.md").read_text()
    for named in NAMED.values():
        assert re.search(rf"`{named.name}`.*{re.escape(named.licence)}", page), named.name


def test_unknown_and_unfetchable_names_are_refused() -> None:
    from topfive.data.download import download

    with pytest.raises(UsageError, match="Did you mean 'cifar10'"):
        download("cifar-10")
    for name in ("digits", "imagenet"):
        with pytest.raises(UsageError):
            download(name)
