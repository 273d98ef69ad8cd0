from __future__ import annotations

import os
import pickle
import random
from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faults import artifacts
from faults.artifacts import FAULTS, metadata, model, png, tiny
from topfive import artifact
from topfive.artifact import Metadata, MetadataError, attach, parameters, read, write
from topfive.artifact.graph import GraphError
from topfive.errors import RefusedError, ResourceError
from topfive.labels import Labels


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


def test_what_was_attached_is_read(path):
    path.write_bytes(tiny(thresholds=(0.1, 0.2, 0.3)))
    found = read(path)
    wanted = metadata(thresholds=(0.1, 0.2, 0.3))
    for name in Metadata.__dataclass_fields__:
        assert getattr(found, name) == getattr(wanted, name)
    assert (found.opset, found.embedding_width, found.path) == (20, 3, path)


def test_several_labels_are_told_in_a_format_that_older_readers_refuse(path):
    path.write_bytes(tiny(activation="sigmoid", thresholds=(0.1, 0.2, 0.3)))
    found = read(path)
    assert (found.activation, found.thresholds) == ("sigmoid", (0.1, 0.2, 0.3))
    formats = {}
    for activation in ("softmax", "sigmoid"):
        proto = onnx.load_from_string(tiny(activation=activation))
        formats[activation] = {item.key: item.value for item in proto.metadata_props}["topfive.format"]
    assert formats == {"softmax": "1", "sigmoid": "2"}


def test_the_file_is_plain_onnx(path):
    path.write_bytes(tiny())
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    assert {item.key for item in proto.metadata_props} >= {"topfive.format", "topfive.labels", "topfive.sha256"}


def test_attach_replaces_what_topfive_wrote_and_keeps_the_rest(path):
    proto = onnx.load_from_string(tiny())
    proto.metadata_props.add(key="author", value="somebody")
    path.write_bytes(attach(proto.SerializeToString(), metadata(("a", "b", "c"))))
    keys = [item.key for item in onnx.load(path).metadata_props]
    assert len(keys) == len(set(keys))
    assert "author" in keys
    assert read(path).labels.names == ("a", "b", "c")


def test_graph_digest_is_of_the_graph_alone(path):
    path.write_bytes(tiny())
    first = read(path)
    path.write_bytes(tiny(temperature=3.0))
    assert read(path).graph_digest == first.graph_digest
    assert read(path).digest != first.digest


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_refused_in_one_line(path, name):
    fault = FAULTS[name]
    contents = fault.make()
    assert contents != tiny(), "the fault did not happen"
    path.write_bytes(contents)
    with pytest.raises(RefusedError) as refused:
        read(path)
    assert fault.says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 4


@pytest.mark.parametrize("length", range(0, len(tiny()), 37))
def test_every_truncation_is_refused(path, length):
    path.write_bytes(tiny()[:length])
    with pytest.raises(RefusedError):
        read(path)


def test_every_flipped_byte_is_refused(path):
    """The checksum covers all; what it does not see (padding of numbers, say) must not exist."""
    good, draw = tiny(), random.Random(0)
    for position in range(0, len(good), 7):
        damaged = bytearray(good)
        damaged[position] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(RefusedError):
            read(path)


def test_without_the_checksum_a_flipped_weight_would_pass(path, monkeypatch):
    """Sabotage: the flip is in a place that nothing else looks at."""
    monkeypatch.setattr(artifact.metadata, "digest", lambda values, graph: "same")
    path.write_bytes(FAULTS["bit in weights"].make())
    read(path)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(tmp_path_factory, contents):
    path = tmp_path_factory.mktemp("a") / "model.onnx"
    path.write_bytes(contents)
    with pytest.raises(RefusedError):
        read(path)


class _Marks:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (self.marker,)


def test_a_pickle_is_not_executed(path, tmp_path):
    marker = tmp_path / "executed"
    path.write_bytes(pickle.dumps(_Marks(str(marker))))
    with pytest.raises(RefusedError, match="pickle"):
        read(path)
    assert not marker.exists()
    pickle.loads(path.read_bytes())
    assert marker.exists(), "the pickle would have done nothing anyway"


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo", "nul", "unreadable"])
def test_what_is_no_file_is_refused(tmp_path, kind):
    path = tmp_path / "model.onnx"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "nul":
        path = "model\0.onnx"
    elif kind == "unreadable":
        path = path / "below" / "nothing"
    with pytest.raises(RefusedError):
        read(path)


def test_a_sparse_file_beyond_the_format_is_not_read(path):
    with open(path, "wb") as file:
        file.truncate(2**31)
    with pytest.raises(RefusedError, match="fewer than"):
        read(path)


def test_unknown_keys_of_the_same_format_are_ignored(path):
    path.write_bytes(artifacts.edited("novelty", '"2027"'))
    assert read(path).labels.names == artifacts.NAMES


def test_unknown_card_fields_are_ignored(path):
    path.write_bytes(artifacts.edited("card", '{"architecture": "tiny", "mascot": "cat"}'))
    assert read(path).card.architecture == "tiny"


_names = st.lists(st.text(min_size=1, max_size=20), min_size=3, max_size=3).map(tuple)


@given(_names)
def test_any_label_survives(tmp_path_factory, names):
    path = tmp_path_factory.mktemp("a") / "model.onnx"
    path.write_bytes(tiny(names=names))
    assert read(path).labels == Labels(names)


def test_a_label_that_is_not_utf8_survives(path):
    names = (os.fsdecode(b"caf\xe9"), "\u202e", "<b>\x1b[31m")
    path.write_bytes(tiny(names=names))
    assert read(path).labels.names == names


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"thresholds": (0.5,)},
        {"activation": "relu"},
        {"labels": Labels(("",) * 3)},
    ],
)
def test_metadata_refuses_what_cannot_be(changes):
    with pytest.raises(MetadataError):
        metadata(**changes)


def test_attach_refuses_labels_that_do_not_fit():
    with pytest.raises(MetadataError, match="2 labels"):
        attach(model().SerializeToString(), metadata(("a", "b"), golden=()))


def test_attach_refuses_a_graph_with_other_names():
    proto = model()
    proto.graph.output[1].name = "features"
    with pytest.raises(GraphError, match="logits, features"):
        attach(proto.SerializeToString(), metadata())


def test_parameters_are_the_named_weights(path):
    proto = model()
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(2, np.float32), "constant/0"))
    path.write_bytes(attach(proto.SerializeToString(), metadata()))
    found = parameters(path)
    assert set(found) == {"head.weight", "head.bias"}
    np.testing.assert_array_equal(found["head.weight"], artifacts.WEIGHT)


def test_write_leaves_the_old_file_when_it_fails(path, monkeypatch):
    write(path, b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceError, match="No space left"):
        write(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == [path.name]


def test_write_syncs_the_file_before_the_rename_and_the_folder_after(path, monkeypatch):
    steps = []
    fsync, rename = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda d: (steps.append(os.path.basename(os.readlink(f"/proc/self/fd/{d}"))), fsync(d))
    )
    monkeypatch.setattr(os, "replace", lambda a, b: (steps.append("rename"), rename(a, b)))
    write(path, b"x")
    assert steps[0].startswith(".tmp-")
    assert steps[1:] == ["rename", path.parent.name]


def test_write_into_no_folder_is_one_line(tmp_path):
    with pytest.raises(ResourceError, match="No such file"):
        write(tmp_path / "none" / "model.onnx", b"x")


def test_golden_images_are_real(path):
    path.write_bytes(tiny())
    assert read(path).golden[0] == artifacts.golden(png((200, 30, 30)))
    assert replace(read(path), path=path) == read(path)
