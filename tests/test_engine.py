from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from faults import artifacts
from faults.artifacts import BIAS, PREPROCESS, WEIGHT, tiny
from topfive.artifact import Golden, attach, read
from topfive.engine import OnnxEngine, difference, identity
from topfive.errors import RefusedError, ResourceError


@pytest.fixture
def engine(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(tiny())
    return OnnxEngine(read(path))


@pytest.mark.parametrize("count", [1, 3, 8])
def test_answers_are_those_of_numpy(engine, count):
    images = np.random.default_rng(0).normal(size=(count, 3, 8, 8)).astype(np.float32)
    means = images.mean(axis=(2, 3))
    np.testing.assert_allclose(engine.embeddings(images), means, atol=1e-6)
    np.testing.assert_allclose(engine.logits(images), means @ WEIGHT.T + BIAS, atol=1e-5)


def test_golden_images_are_verified(engine):
    assert engine.verify() < 1e-5


def test_wrong_golden_logits_are_refused(tmp_path):
    path = tmp_path / "model.onnx"
    good = artifacts.golden(artifacts.png((9, 9, 9)))
    path.write_bytes(tiny(golden=(Golden(good.image, tuple(logit + 0.1 for logit in good.logits)),)))
    with pytest.raises(RefusedError, match="golden"):
        OnnxEngine(read(path)).verify()


def test_identity_is_of_weights_preprocessing_and_precision():
    other = type(PREPROCESS)(size=8, crop=1.0)
    found = {
        identity("a", PREPROCESS, "float32"),
        identity("b", PREPROCESS, "float32"),
        identity("a", other, "float32"),
        identity("a", PREPROCESS, "int8"),
    }
    assert len(found) == 4


def test_identity_does_not_change_with_labels_or_calibration(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(tiny())
    first = OnnxEngine(read(path)).identity
    path.write_bytes(tiny(names=("x", "y", "z"), temperature=9.0))
    assert OnnxEngine(read(path)).identity == first


def test_a_graph_that_does_not_add_up_is_one_line(tmp_path, capfd):
    proto = artifacts.model()
    proto.graph.node[0].op_type = "NoSuchOperator"
    path = tmp_path / "model.onnx"
    path.write_bytes(attach(proto.SerializeToString(), artifacts.metadata()))
    with pytest.raises(RefusedError, match="ONNX Runtime cannot load it") as refused:
        OnnxEngine(read(path))
    assert "\n" not in str(refused.value)
    assert capfd.readouterr() == ("", "")


def test_wrong_input_is_one_line(engine, capfd):
    with pytest.raises(RefusedError, match="ONNX Runtime cannot run it") as refused:
        engine.logits(np.zeros((1, 3, 9, 9), np.float32))
    assert "\n" not in str(refused.value)
    assert capfd.readouterr() == ("", "")


def test_memory_that_is_not_there_is_a_resource_error(tmp_path):
    """A graph of a few bytes that asks for 4 TB when it runs."""
    proto = artifacts.model()
    shape = onnx.numpy_helper.from_array(np.array([2**40], np.int64), "shape")
    proto.graph.initializer.append(shape)
    proto.graph.node.insert(0, onnx.helper.make_node("ConstantOfShape", ["shape"], ["huge"]))
    proto.graph.node.insert(1, onnx.helper.make_node("ReduceSum", ["huge"], ["total"]))
    proto.graph.node[-1].output[0] = "plain"
    proto.graph.node.append(onnx.helper.make_node("Add", ["plain", "total"], ["logits"]))
    path = tmp_path / "model.onnx"
    path.write_bytes(attach(proto.SerializeToString(), artifacts.metadata()))
    with pytest.raises((ResourceError, RefusedError)):
        OnnxEngine(read(path)).logits(np.zeros((1, 3, 8, 8), np.float32))


def test_a_path_that_is_not_utf8_works(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.onnx"))
    path.write_bytes(tiny())
    assert OnnxEngine(read(path)).verify() < 1e-5


def test_difference_of_nan_is_infinite():
    assert difference(np.array([np.nan], np.float32), np.zeros(1, np.float32)) == float("inf")
    assert difference(np.array([1.5, 0], np.float32), np.array([1, 10], np.float32)) == 1.0


def test_nothing_is_printed_and_no_torch_is_imported(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(tiny())
    code = (
        "import sys; from topfive.artifact import read; from topfive.engine import OnnxEngine;"
        f"OnnxEngine(read({str(path)!r})).verify(); assert not {{'torch', 'onnx'}} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
