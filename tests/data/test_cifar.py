from __future__ import annotations

import pickle
import struct
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topfive.data import ArrayDataset, open_data
from topfive.data.pickled import array_of, read_pickled
from topfive.errors import DataError

RNG = np.random.default_rng(0)


def text(content: bytes) -> bytes:
    return b"U" + bytes([len(content)]) + content


def batch(images: np.ndarray, **labels: np.ndarray) -> bytes:
    """The pickle that Python 2 wrote of one file of CIFAR, instruction by instruction."""
    parts = [b"\x80\x02}q\x01(", text(b"batch_label"), text(b"training batch 1 of 5"), b"q\x03"]
    for key, values in labels.items():
        parts += [text(key.encode()), b"]q\x05("]
        parts += [b"K" + bytes([value]) for value in values]
        parts.append(b"e")
    parts += [
        text(b"data"),
        b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85q\tU\x01bq\n\x87q\x0bRq\x0c(K\x01",
        b"J" + struct.pack("<i", len(images)) + b"M" + struct.pack("<H", images.shape[1]) + b"\x86q\r",
        b"cnumpy\ndtype\nq\x0eU\x02u1q\x0fK\x00K\x01\x87q\x10Rq\x11",
        b"(K\x03U\x01|q\x12NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x13b\x89T",
        struct.pack("<i", images.size) + images.tobytes() + b"tq\x14b",
        *(text(b"filenames"), b"]q\x15(", *(text(b"x_%06d.png" % index) for index in range(len(images))), b"e"),
    ]
    return b"".join([*parts, b"u."])


def images_of(count: int) -> np.ndarray:
    return RNG.integers(0, 256, (count, 3072), dtype=np.uint8)


def write_set(folder: Path, layout: str, classes: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """A small CIFAR set: 20 images a class in train, 2 in test."""
    folder.mkdir(parents=True)
    files = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"] if classes == 10 else ["train", "test"]
    written = {}
    for name in files:
        count = 2 * classes if name.startswith("test") else 4 * classes if classes == 10 else 20 * classes
        images, labels = images_of(count), (np.arange(count) % classes).astype(np.uint8)
        coarse = (labels // 5)[:, None] if classes == 100 else labels[:, None][:, :0]
        if layout == "binary":
            records = np.concatenate([coarse, labels[:, None], images], axis=1)
            (folder / f"{name}.bin").write_bytes(records.tobytes())
        elif classes == 10:
            (folder / name).write_bytes(batch(images, labels=labels))
        else:
            (folder / name).write_bytes(batch(images, coarse_labels=coarse[:, 0], fine_labels=labels))
        written[name] = images, labels
    return written


@pytest.mark.parametrize(
    ("name", "below", "layout", "classes"),
    [
        ("cifar10", "cifar-10-batches-bin", "binary", 10),
        ("cifar10", "cifar-10-batches-py", "pickled", 10),
        ("cifar100", "cifar-100-binary", "binary", 100),
        ("cifar100", "cifar-100-python", "pickled", 100),
    ],
)
def test_both_layouts_are_read(name: str, below: str, layout: str, classes: int, tmp_path: Path) -> None:
    written = write_set(tmp_path / below, layout, classes)
    splits = open_data(name, data_root=tmp_path, val_fraction=0)
    assert isinstance(splits.train, ArrayDataset)
    assert len(splits.classes) == classes
    assert splits.mirror
    train = [written[file] for file in written if not file.startswith("test")]
    assert (splits.train.images == np.concatenate([images for images, _ in train]).reshape(-1, 3, 32, 32)).all()
    assert (splits.train.labels == np.concatenate([labels for _, labels in train])).all()
    test = written["test_batch" if classes == 10 else "test"]
    pixels, label = splits.test[3]
    assert (pixels == test[0][3].reshape(3, 32, 32)).all()
    assert label == test[1][3]
    held = open_data(name, data_root=tmp_path)
    assert (len(held.train), len(held.val)) == (18 * classes, 2 * classes)
    assert set(np.bincount(held.val.labels)) == {2}


def test_our_reading_of_a_pickle_is_pickles_own(tmp_path: Path) -> None:
    images, labels = images_of(3), np.array([3, 1, 2])
    content = batch(images, labels=labels)
    (tmp_path / "x").write_bytes(content)
    found = read_pickled(tmp_path / "x")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer numpy calls the module that these pickles name deprecated
        expected = pickle.loads(content, encoding="latin1")
    assert set(found) == set(expected)
    assert (found["labels"], found["filenames"]) == (expected["labels"], expected["filenames"])
    array = array_of(found["data"])
    assert array is not None
    assert (array == expected["data"]).all()


class Evil:
    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.marker), "w")


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_a_pickle_runs_nothing(protocol: int, tmp_path: Path) -> None:
    marker, folder = tmp_path / "marker", tmp_path / "cifar-10-batches-py"
    write_set(folder, "pickled", 10)
    content = pickle.dumps({"data": Evil(marker), "labels": []}, protocol)
    (folder / "data_batch_2").write_bytes(content)
    with pytest.raises(DataError):
        open_data("cifar10", data_root=tmp_path)
    assert not marker.exists()
    pickle.loads(content)["data"].close()
    assert marker.exists(), "the pickle was harmless, so this test showed nothing"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "damaged pickle"),
        (b"\x80\x02]q\x01.", "no dictionary"),
        (batch(images_of(2)[:, :100], labels=np.array([1, 2])), "3072"),
        (batch(images_of(2), labels=np.array([1, 2, 3])), "no list"),
        (batch(images_of(2), labels=np.array([1, 20])), "20, not below 10"),
        (batch(images_of(2), names=np.array([1, 2])), "no list"),
    ],
)
def test_a_damaged_pickle_is_refused(content: bytes, why: str, tmp_path: Path) -> None:
    write_set(tmp_path / "cifar-10-batches-py", "pickled", 10)
    (tmp_path / "cifar-10-batches-py" / "data_batch_2").write_bytes(content)
    with pytest.raises(DataError, match=why):
        open_data("cifar10", data_root=tmp_path)


def test_a_damaged_binary_file_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-bin"
    write_set(folder, "binary", 10)
    file = folder / "data_batch_4.bin"
    whole = file.read_bytes()
    for content, why in ((whole[:-1], "records"), (b"", "records"), (b"\x0a" + whole[1:], "10, not below 10")):
        file.write_bytes(content)
        with pytest.raises(DataError, match=why):
            open_data("cifar10", data_root=tmp_path)
    file.unlink()
    with pytest.raises(DataError, match=r"data_batch_4\.bin is missing"):
        open_data("cifar10", data_root=tmp_path)


SMALL = batch(images_of(1)[:, :40], labels=np.array([3]))


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), min_size=1, max_size=5))
def test_any_mutated_pickle_is_read_or_refused(edits: list[tuple[int, int]]) -> None:
    content = bytearray(SMALL)
    for position, value in edits:
        content[position] = value
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        try:
            array_of(read_pickled(file.name).get("data"))
        except DataError as error:
            refused = str(error)
            assert file.name in refused
