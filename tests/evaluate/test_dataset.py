from __future__ import annotations

import numpy as np
import pytest

from faults.artifacts import NAMES, PREPROCESS, png, tiny
from topfive.data import ArrayDataset, FileDataset
from topfive.errors import RefusedError
from topfive.evaluate import check_classes, evaluate
from topfive.labels import Labels
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
    found = evaluate(predictor, array_dataset([0, 1, 2]), crops)
    assert found.top1 == 1.0
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-6)


def test_crops_are_views_of_the_preprocessing(predictor):
    """An image that is red on the left: 10 crops see the mean over them, not the centre."""
    image = np.zeros((1, 3, 8, 32), np.uint8)
    image[:, 0, :, :8] = 250
    image[:, 2, :, 8:] = 250
    dataset = ArrayDataset(image, np.array([2]), NAMES, "x")
    one, ten = (evaluate(predictor, dataset, crops).probabilities[0] for crops in (1, 10))
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
    with pytest.raises(RefusedError, match="only the model has 'blue'; only the data has 'cyan'"):
        evaluate(predictor, array_dataset([0, 1, 2], ("red", "green", "cyan")))


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        (("green", "red"), "class 0 is 'red' in the model and 'green' in the data"),
        (("red",), "only the model has 'green'"),
        (("red", "green", "green"), "2 in the model and 3 in the data"),
        (tuple(map(str, range(20))), "and 15 more"),
    ],
)
def test_class_differences(classes, says):
    with pytest.raises(RefusedError) as refused:
        check_classes(Labels(("red", "green")), classes)
    assert says in str(refused.value)


def test_classes_may_be_named_by_synset():
    check_classes(Labels(("crane", "crane"), ("n1", "n2")), ("n1", "n2"))
