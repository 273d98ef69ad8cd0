from __future__ import annotations

import hashlib
import threading

import numpy as np
import pytest

from faults.artifacts import NAMES, PREPROCESS, golden, png, tiny
from topfive import builtin
from topfive.engine import Floats
from topfive.errors import RefusedError, UsageError
from topfive.images import ImageError
from topfive.labels import Labels, imagenet
from topfive.predictor import Prediction, Predictor, Refusal, sigmoid, softmax

RED, GREEN, BLUE = png((250, 0, 0)), png((0, 250, 0)), png((0, 0, 250))


class Means:
    """An engine whose logits are the channels' means; it remembers the batches it was given."""

    identity = "means"

    def __init__(self) -> None:
        self.batches: list[int] = []

    def logits(self, images: Floats) -> Floats:
        self.batches.append(len(images))
        return images.mean(axis=(2, 3))

    embeddings = logits


def predictor(**settings):
    return Predictor(Means(), PREPROCESS, Labels(NAMES), **settings)


@pytest.fixture
def artifact_path(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(tiny())
    return path


def test_predictions_of_an_artifact(artifact_path):
    results = list(Predictor.load(artifact_path).predict([RED, GREEN, BLUE], top=2))
    assert [result.top[0].label for result in results] == list(NAMES)
    assert all(len(result.top) == 2 for result in results)
    assert results[0].top[0].synset is None


def test_probabilities_are_softmax_of_logits_over_temperature(artifact_path):
    (result,) = Predictor.load(artifact_path).predict([RED], top=3)
    logits = np.array(golden(RED).logits) / 1.5
    expected = np.exp(logits) / np.exp(logits).sum()
    by_index = sorted(result.top, key=lambda item: item.index)
    np.testing.assert_allclose([item.probability for item in by_index], expected, rtol=1e-5)
    assert sum(item.probability for item in result.top) == pytest.approx(1)


@pytest.mark.parametrize("batch_size", [1, 2, 7, 100])
@pytest.mark.parametrize("count", [0, 1, 6, 23])
def test_one_result_for_each_source_in_order(tmp_path, batch_size, count):
    sources = [[RED, b"no image", GREEN, b"", BLUE, str(tmp_path / "gone.jpg")][i % 6] for i in range(count)]
    expected = [["red", None, "green", None, "blue", None][i % 6] for i in range(count)]
    results = list(predictor(batch_size=batch_size).predict(sources))
    assert [r.top[0].label if isinstance(r, Prediction) else None for r in results] == expected
    assert [r.source for r in results] == sources
    assert all(r.reason for r in results if isinstance(r, Refusal))


def test_batches_are_full_and_never_larger():
    engine = Means()
    list(Predictor(engine, PREPROCESS, Labels(NAMES), batch_size=4).predict([RED] * 10))
    assert engine.batches == [4, 4, 2]


def test_many_views_are_run_in_batches_and_averaged():
    engine = Means()
    views = np.zeros((10, 3, 8, 8), np.uint8)
    views[:5, 0] = 255
    ((_, answer),) = Predictor(engine, PREPROCESS, Labels(NAMES), batch_size=4).probabilities([0], lambda item: views)
    assert engine.batches == [4, 4, 2]
    single = softmax(PREPROCESS.normalise(views[[0, 9]]).mean(axis=(2, 3)))
    np.testing.assert_allclose(answer, single.mean(axis=0))


def test_pixels_are_taken_as_they_are():
    red = np.zeros((20, 30, 3), np.uint8)
    red[..., 0] = 250
    (from_array, from_file) = predictor().predict([red, RED])
    assert from_array.top == from_file.top


def test_look_ahead_is_bounded():
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield RED

    results = predictor(batch_size=4, threads=2).predict(endless())
    next(results)
    results.close()
    assert 4 <= len(taken) <= 16


def test_abandoned_predictions_leave_no_threads():
    results = predictor(threads=2).predict([RED] * 100)
    next(results)
    results.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("topfive-decode")]


def test_an_error_that_is_no_image_error_is_raised():
    def broken(item):
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        list(predictor().probabilities([1], broken))


def test_loading_errors_are_handed_on():
    def refused(item):
        raise ImageError("image", "x.jpg", "empty file")

    ((item, error),) = predictor().probabilities(["x"], refused)
    assert (item, error.reason) == ("x", "empty file")


@pytest.mark.parametrize("settings", [{"batch_size": 0}, {"threads": 0}])
def test_impossible_settings(settings):
    with pytest.raises(UsageError):
        predictor(**settings)


def test_impossible_top():
    with pytest.raises(UsageError):
        list(predictor().predict([RED], top=0))


def test_more_than_there_are_classes():
    (result,) = predictor().predict([RED], top=99)
    assert len(result.top) == 3


def test_equal_probabilities_keep_the_order_of_the_classes():
    (result,) = predictor().predict([png((100, 100, 100))])
    assert [item.index for item in result.top] == [0, 1, 2]


def several(path, **changes):
    path.write_bytes(tiny(activation="sigmoid", temperature=1.0, **changes))
    return Predictor.load(path)


YELLOW, BLACK = png((150, 150, 0)), png((0, 0, 0))


def test_of_several_labels_all_that_are_likely_are_named_whatever_top(tmp_path):
    yellow, black = several(tmp_path / "model.onnx").predict([YELLOW, BLACK], top=1)
    assert [item.label for item in yellow.top] == ["red", "green"]
    logits = np.array(golden(YELLOW).logits)
    np.testing.assert_allclose([item.probability for item in yellow.top], 1 / (1 + np.exp(-logits[:2])), rtol=1e-5)
    assert yellow.top[0].probability + yellow.top[1].probability > 1
    assert black.top == ()


def test_each_label_has_its_threshold(tmp_path):
    high = golden(YELLOW).logits[0]
    threshold = 1 / (1 + np.exp(-high)) + 1e-3
    (yellow,) = several(tmp_path / "model.onnx", thresholds=(threshold, 0.5, 0.0)).predict([YELLOW])
    assert [item.label for item in yellow.top] == ["green", "blue"]


def test_thresholds_of_one_label_hide_what_is_unlikely(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(tiny(thresholds=(0.9, 0.0, 0.0)))
    everything, hidden = (
        next(iter(Predictor.load(each).predict([png((140, 130, 120))], top=2))) for each in (artifact(tmp_path), path)
    )
    assert [item.label for item in everything.top] == ["red", "green"]
    assert [item.label for item in hidden.top] == ["green"]


def artifact(folder):
    (folder / "plain.onnx").write_bytes(tiny())
    return folder / "plain.onnx"


def test_sigmoid_of_large_logits():
    found = sigmoid(np.array([1e4, 2.0, 0.0, -1e4]), 2.0)
    np.testing.assert_allclose(found, [1, 1 / (1 + np.exp(-1)), 0.5, 0], atol=1e-12)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 10.0])
def test_softmax_of_large_logits(temperature):
    found = softmax(np.array([[1e4, 0, -1e4], [0, 0, 0]]), temperature)
    np.testing.assert_allclose(found, [[1, 0, 0], [1 / 3] * 3], atol=1e-12)


def test_builtin_is_the_committed_file():
    assert hashlib.sha256(builtin.PATH.read_bytes()).hexdigest() == builtin.SHA256


def test_builtin_answers_as_when_it_was_made():
    found = Predictor.load()
    assert found.labels == imagenet()
    assert found.engine.verify() < 1e-4
    assert (found.preprocess.size, found.preprocess.crop, found.preprocess.interpolation) == (224, 0.875, "bicubic")
    np.testing.assert_allclose((found.preprocess.mean[0], found.preprocess.std[0]), (127 / 255, 128 / 255), rtol=1e-12)


def test_builtin_names_what_is_in_a_photograph():
    from sklearn.datasets import load_sample_images

    results = Predictor.load().predict(load_sample_images().images)
    assert [result.top[0].label for result in results] == ["palace", "daisy"]


def test_a_changed_builtin_is_refused(artifact_path, monkeypatch):
    monkeypatch.setattr(builtin, "PATH", artifact_path)
    with pytest.raises(RefusedError, match="Reinstall"):
        Predictor.load()
