from __future__ import annotations

import numpy as np
import pytest

from faults.artifacts import NAMES, PREPROCESS, png, tiny
from topfive.data import ArrayDataset, FileDataset
from topfive.errors import DataError, RefusedError
from topfive.evaluate import Views, evaluate, evaluate_labels, measure_labels
from topfive.predictor import Predictor

COLOURS = ((250, 0, 0), (0, 250, 0), (0, 0, 250))


@pytest.fixture
def predictor(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(tiny())
    return Predictor.load(path, batch_size=4)


def array_dataset(labels, classes=NAMES):
    images = np.stack(
        [np.full((3, 20, 12), 0, np.uint8) + np.uint8(COLOURS[i % 3])[:, None, None] for i in range(len(labels))]
    )
    return ArrayDataset(images, np.array(labels, np.int64), classes, "colours")


def test_an_array_is_measured(predictor):
    found = evaluate(predictor, array_dataset([0, 1, 2, 0, 1, 1]))
    assert (found.n, found.top1, found.top5) == (6, 5 / 6, 1.0)
    assert found.names[5] == "colours/5"
    assert found.confusion.tolist() == [[2, 0, 0], [0, 2, 1], [0, 0, 1]]


@pytest.mark.parametrize("crops", [1, 10, 144])
def test_probabilities_are_averaged_over_crops(predictor, crops):
    found = evaluate(predictor, array_dataset([0, 1, 2]), Views(crops))
    assert found.top1 == 1.0
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-6)


def test_crops_are_views_of_the_preprocessing(predictor):
    """An image that is red on the left: 10 crops see the mean over them, not the centre."""
    image = np.zeros((1, 3, 8, 32), np.uint8)
    image[:, 0, :, :8] = 250
    image[:, 2, :, 8:] = 250
    dataset = ArrayDataset(image, np.array([2]), NAMES, "x")
    one, ten = (evaluate(predictor, dataset, Views(crops)).probabilities[0] for crops in (1, 10))
    views = PREPROCESS.views(image[0].transpose(1, 2, 0), 10)
    ((_, wanted),) = predictor.probabilities([0], lambda index: views)
    np.testing.assert_allclose(ten, wanted, rtol=1e-6)
    assert ten[0] > one[0]


def test_files_are_read_as_predict_reads_them_and_a_vanished_one_is_named(predictor, tmp_path):
    paths = []
    for index, colour in enumerate(COLOURS):
        paths.append(f"{index}.png")
        (tmp_path / paths[-1]).write_bytes(png(colour, side=40))
    (tmp_path / "1.png").unlink()
    dataset = FileDataset(str(tmp_path), tuple(paths), np.array([0, 1, 2]), NAMES)
    found = evaluate(predictor, dataset)
    assert (found.n, found.top1, found.names) == (2, 1.0, ("0.png", "2.png"))
    assert [(skipped.path, skipped.reason) for skipped in found.skipped] == [("1.png", "no such file")]
    (prediction,) = predictor.predict([dataset.path(0)], top=1)
    assert prediction.top[0].probability == pytest.approx(found.probabilities[0, 0])


def test_grey_images_are_taken(predictor):
    images = np.full((2, 1, 8, 8), 100, np.uint8)
    assert evaluate(predictor, ArrayDataset(images, np.array([0, 1]), NAMES, "grey")).n == 2


def test_progress_counts_every_image(predictor):
    seen = []
    evaluate(predictor, array_dataset([0, 1, 2, 0, 1]), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 5) for i in range(1, 6)]


def test_other_classes_are_refused_with_the_difference(predictor):
    with pytest.raises(DataError, match="only the model has 'blue'; only the data has 'cyan'"):
        evaluate(predictor, array_dataset([0, 1, 2], ("red", "green", "cyan")))


def test_classes_in_another_order_are_those_of_the_model(predictor):
    found = evaluate(predictor, array_dataset([2, 1, 0], ("blue", "green", "red")))
    assert (found.top1, found.labels.tolist(), found.classes) == (1.0, [0, 1, 2], NAMES)


def test_all_classes_compete_where_the_data_has_some(predictor):
    """Red images under the name of blue: blue and green alone would not have told."""
    found = evaluate(predictor, array_dataset([0, 0], ("blue",)))
    assert (found.top1, found.confusion.shape) == (0.0, (3, 3))
    assert found.confusion[2, 0] == 1
    assert found.confusion[2, 1] == 1


SEVERAL = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]])


@pytest.fixture
def labeller(tmp_path):
    path = tmp_path / "labels.onnx"
    path.write_bytes(tiny(activation="sigmoid", thresholds=(0.3, 0.5, 0.7)))
    return Predictor.load(path, batch_size=4)


class Several:
    """Images of several labels: what `evaluate_labels` needs of a data set."""

    def __init__(self, labels, classes=NAMES):
        self.plain = array_dataset([0] * len(labels))
        self.labels, self.classes = labels, classes

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.plain[index]

    def name(self, index):
        return self.plain.name(index)


def test_several_labels_are_measured_at_the_thresholds_of_the_artifact(labeller):
    found = evaluate_labels(labeller, Several(SEVERAL))
    wanted = measure_labels(found.probabilities, SEVERAL.astype(bool), NAMES, (0.3, 0.5, 0.7))
    assert (found.n, found.mean_average_precision, found.micro_f1) == (
        5,
        wanted.mean_average_precision,
        wanted.micro_f1,
    )
    assert found.names[1] == "colours/1"
    logits = labeller.engine.logits(labeller.preprocess.normalise(labeller.preprocess.views(image_of(labeller), 1)))
    np.testing.assert_allclose(found.probabilities[0], 1 / (1 + np.exp(-logits[0] / 1.5)), rtol=1e-5)


def image_of(labeller):
    image, _ = array_dataset([0])[0]
    return image.transpose(1, 2, 0)


def test_columns_of_some_classes_in_another_order(labeller):
    found = evaluate_labels(labeller, Several(SEVERAL[:, [2, 0]], ("blue", "red")))
    np.testing.assert_array_equal(found.labels, SEVERAL.astype(bool) & [True, False, True])


def test_one_label_each_is_also_a_set_of_labels(labeller):
    found = evaluate_labels(labeller, array_dataset([0, 1, 2, 2]))
    np.testing.assert_array_equal(found.labels, np.eye(3, dtype=bool)[[0, 1, 2, 2]])


def test_a_model_is_measured_as_what_it_is(predictor, labeller):
    with pytest.raises(RefusedError, match="do not exclude"):
        evaluate(labeller, array_dataset([0, 1, 2]))
    with pytest.raises(RefusedError, match="exclude each other"):
        evaluate_labels(predictor, Several(SEVERAL))
    with pytest.raises(DataError, match="several labels"):
        evaluate(predictor, Several(SEVERAL))
