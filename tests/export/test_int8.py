"""An artifact in int8: the same file in all but its numbers, opened as any other."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import pytest
import torch

from topfive import artifact
from topfive.artifact import Card
from topfive.data import open_data
from topfive.engine import GOLDEN_TOLERANCE, OnnxEngine, difference
from topfive.errors import RefusedError
from topfive.export import encode, export, golden_images
from topfive.export import int8 as quantising
from topfive.export.int8 import calibration_images, to_int8
from topfive.export.source import trained
from topfive.images import decode
from topfive.labels import Labels
from topfive.models import create_model
from topfive.predictor import Prediction, Predictor
from topfive.preprocess import Preprocess

DIGITS = open_data("digits")
NAME = "scaled:d1-w0.5-s16:resnet20_cifar"
PREPROCESS = Preprocess(size=16, crop=1.0, mean=(0.3,) * 3, std=(0.4,) * 3)
IMAGES = calibration_images(DIGITS.train, PREPROCESS)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A small residual network whose normalisation is that of the digits, in floats and in int8."""
    torch.manual_seed(0)
    model = create_model(NAME, 10).train()
    with torch.no_grad():
        for _ in range(20):
            model(torch.from_numpy(IMAGES))
    folder = tmp_path_factory.mktemp("int8")
    floats, integers = folder / "floats.onnx", folder / "int8.onnx"
    export(
        model.eval(),
        floats,
        preprocess=PREPROCESS,
        labels=Labels(DIGITS.classes),
        card=Card(architecture=NAME, metrics={"val_top1": 0.5}),
        golden=golden_images(DIGITS.test, PREPROCESS),
        temperature=1.5,
    )
    to_int8(floats, integers, IMAGES)
    return floats, integers


def test_all_that_it_says_of_itself_stays(files):
    floats, integers = map(artifact.read, files)
    changed = {"precision", "golden", "path", "digest", "graph_digest"}
    for field in dataclasses.fields(artifact.Artifact):
        same = getattr(floats, field.name) == getattr(integers, field.name)
        assert same != (field.name in changed), field.name
    assert (floats.precision, integers.precision) == ("float32", "int8")
    assert [golden.image for golden in floats.golden] == [golden.image for golden in integers.golden]


def test_it_is_smaller_and_answers_nearly_the_same(files):
    floats, integers = files
    assert integers.stat().st_size < 0.6 * floats.stat().st_size
    images = calibration_images(DIGITS.test, PREPROCESS, 200)
    engines = [OnnxEngine(artifact.read(file), threads=1) for file in files]
    expected, found = (engine.logits(images) for engine in engines)
    assert 0 < difference(found, expected) < 0.25
    assert (found.argmax(1) == expected.argmax(1)).mean() > 0.85
    assert engines[1].embeddings(images[:3]).shape == engines[0].embeddings(images[:3]).shape


def test_its_golden_answers_are_its_own_and_the_check_of_them_can_fail(files):
    read = artifact.read(files[1])
    assert OnnxEngine(read, threads=1).verify() <= GOLDEN_TOLERANCE["int8"]
    in_floats = dataclasses.replace(read, golden=artifact.read(files[0]).golden)
    with pytest.raises(RefusedError, match="golden images"):
        OnnxEngine(in_floats, threads=1).verify(1e-4)


def test_photographs_in_it_are_no_larger_than_the_network_looks_at_them():
    large = encode(np.random.default_rng(0).integers(0, 256, (3, 90, 64), dtype=np.uint8))
    assert decode(quantising._small(large, PREPROCESS)).size == (11, 16)
    little = encode(np.zeros((3, 16, 9), np.uint8))
    assert quantising._small(little, PREPROCESS) is little


def test_what_is_derived_from_it_is_not_taken_for_that_of_floats(files):
    floats, integers = (OnnxEngine(artifact.read(file), threads=1) for file in files)
    assert floats.identity != integers.identity


def test_a_predictor_opens_it_as_any_other(files):
    (answer,) = Predictor.load(files[1], threads=1).predict([np.zeros((16, 16, 3), np.uint8)])
    assert isinstance(answer, Prediction)
    assert answer.top[0].label in DIGITS.classes


def test_it_needs_no_operators_beyond_the_standard(files):
    model = onnx.load(files[1])
    onnx.checker.check_model(model, full_check=True)
    assert {entry.domain for entry in model.opset_import} == {""}
    assert any(node.op_type == "QuantizeLinear" for node in model.graph.node)


def test_nobody_trains_on_from_its_integers(files):
    with pytest.raises(RefusedError, match="its weights are in int8"):
        trained(str(files[1]))
    assert trained(str(files[0]))[1].card.architecture == NAME


def test_it_is_not_quantised_twice(files, tmp_path):
    with pytest.raises(RefusedError, match="in int8 already"):
        to_int8(files[1], tmp_path / "again.onnx", IMAGES)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_quantised_leaves_nothing(files, tmp_path, monkeypatch):
    def fail(*_):
        raise ValueError("no such\nlayer")

    monkeypatch.setattr(quantising, "_quantised", fail)
    with pytest.raises(RefusedError, match="it cannot be quantised: no such"):
        to_int8(files[0], tmp_path / "model.onnx", IMAGES)
    assert list(tmp_path.iterdir()) == []


def test_the_calibration_is_an_even_sample():
    few = calibration_images(DIGITS.train, PREPROCESS, 7)
    assert few.shape == (7, 3, 16, 16)
    last = PREPROCESS.normalise(PREPROCESS.pixels(DIGITS.train[len(DIGITS.train) - 1][0][0])[None])
    assert np.array_equal(few[-1:], last)
