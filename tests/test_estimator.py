from __future__ import annotations

import contextlib
import copy
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks

import topfive.train
from faults.artifacts import tiny
from topfive import ImageClassifier
from topfive.errors import DataError, UsageError
from topfive.estimator import _dataset, _pixels
from topfive.predictor import Predictor

COLOURS = np.array([(250, 0, 0), (0, 250, 0), (0, 0, 250)], np.uint8)
TRUTH = np.arange(24) % 3
COLOURED = np.broadcast_to(COLOURS[TRUTH, None, None], (24, 8, 8, 3)).copy()  # [N, H, W, C]
NAMES = np.array(["red", "green", "blue"])
SETTINGS = {"model": "lenet5", "epochs": 1, "batch_size": 16, "lr": 2e-3}


@pytest.fixture
def trainings(monkeypatch):
    """In the place of training: the file of a model that knows colours by the order of the classes; what was asked."""
    asked = []

    def fit(recipe, splits, run, device, around):
        asked.append(SimpleNamespace(recipe=recipe, splits=splits, device=device, folder=run.folder))
        order = {"red": 0, "green": 1, "blue": 2}
        names = tuple(sorted(splits.classes, key=lambda name: order.get(name, 0)))
        assert len(names) == 3
        path = run.folder / "model.onnx"
        path.write_bytes(reordered(splits.classes) if set(names) == set(order) else tiny(names=splits.classes))
        return SimpleNamespace(artifact=path)

    monkeypatch.setattr(topfive.train, "fit", fit)
    return asked


def reordered(classes):
    """The colour model with the rows of its last layer in the order of these classes."""
    import onnx
    from onnx import numpy_helper

    from faults.artifacts import BIAS, WEIGHT, metadata, model
    from topfive.artifact import attach

    rows = [NAMES.tolist().index(name) for name in classes]
    proto = model()
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(
        [numpy_helper.from_array(WEIGHT[rows], "head.weight"), numpy_helper.from_array(BIAS[rows], "head.bias")]
    )
    onnx.checker.check_model(proto)
    return attach(proto.SerializeToString(), metadata(classes, golden=()))


@pytest.fixture(scope="module")
def digits():
    bunch = load_digits()
    return bunch.images / 16, bunch.target


@pytest.fixture(scope="module")
def fitted(digits, tmp_path_factory):
    images, labels = digits
    out = tmp_path_factory.mktemp("estimator") / "run"
    names = np.array([f"digit {label}" for label in labels])
    settings = {**SETTINGS, "epochs": 4}
    return ImageClassifier(**settings, out=out).fit(images[:600], names[:600]), images, names


def test_it_learns_and_scores(fitted):
    classifier, images, names = fitted
    assert classifier.score(images[1000:1300], names[1000:1300]) > 0.6
    probabilities = classifier.predict_proba(images[1000:1300])
    assert probabilities.shape == (300, 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-9)
    assert classifier.classes_.tolist() == [f"digit {digit}" for digit in range(10)]
    assert (classifier.predict(images[:5]) == classifier.classes_[classifier.predict_proba(images[:5]).argmax(1)]).all()
    assert (classifier.recipe_["model"], classifier.recipe_["epochs"]) == ("lenet5", 4)


def test_the_run_is_kept_where_asked_and_its_file_answers_the_same(fitted):
    classifier, images, _ = fitted
    assert {"model.onnx", "report.html", "config.yaml"} <= {path.name for path in Path(classifier.out).iterdir()}
    assert Path(classifier.out, "model.onnx").read_bytes() == classifier.artifact_
    grey = np.rint(images[0] * 255).astype(np.uint8)
    (prediction,) = Predictor.load(Path(classifier.out, "model.onnx")).predict([grey], top=1)
    assert prediction.top[0].label == classifier.predict(images[:1])[0]
    with pytest.raises(UsageError, match="already holds a run"):
        clone(classifier).fit(images[:20], np.arange(20) % 2)


def test_a_pickle_predicts_where_there_is_no_torch(fitted, tmp_path):
    classifier, images, _ = fitted
    classifier.predict(images[:1])  # loads the engine, which cannot be pickled
    (tmp_path / "classifier.pkl").write_bytes(pickle.dumps(classifier))
    np.save(tmp_path / "images.npy", images[:20])
    code = """
import pickle, sys
import numpy as np
for module in ("torch", "sklearn", "onnx"):
    sys.modules[module] = None
classifier = pickle.load(open("classifier.pkl", "rb"))
np.save("answers.npy", classifier.predict_proba(np.load("images.npy")))
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "answers.npy"), classifier.predict_proba(images[:20]))


def test_copies_answer_the_same(fitted):
    classifier, images, _ = fitted
    expected = classifier.predict_proba(images[:3])
    for again in (copy.deepcopy(classifier), pickle.loads(pickle.dumps(classifier))):
        np.testing.assert_array_equal(again.predict_proba(images[:3]), expected)


def test_paths_give_what_their_pixels_give(trainings, tmp_path):
    paths = []
    for index, image in enumerate(COLOURED):
        paths.append(tmp_path / f"{index}.png")
        Image.fromarray(image).save(paths[-1])
    from_pixels = ImageClassifier(**SETTINGS).fit(COLOURED, NAMES[TRUTH]).predict_proba(COLOURED)
    for same in (paths, [str(path) for path in paths], np.array([str(path) for path in paths])[:, None]):
        classifier = ImageClassifier(**SETTINGS).fit(same, NAMES[TRUTH])
        np.testing.assert_array_equal(classifier.predict_proba(same), from_pixels)
        assert classifier.score(same, NAMES[TRUTH]) == 1.0
    assert [asked.splits.mirror for asked in trainings] == [False, True, True, True]
    (tmp_path / "3.png").write_bytes(b"<html>")
    with pytest.raises(DataError, match=r"1 of 24 files are no images, first .*3\.png"):
        ImageClassifier(**SETTINGS).fit(paths, TRUTH)
    with pytest.raises(DataError, match=r"3\.png"):
        classifier.predict(paths)


def test_what_is_held_out_is_a_share_of_each_class_and_copies_stay_together(trainings):
    images = np.arange(60, dtype=np.uint8).repeat(64).reshape(60, 8, 8)
    images[59] = images[0]
    labels = np.arange(60) % 3
    labels[59] = labels[0]
    ImageClassifier(**SETTINGS, val_fraction=0.2).fit(images, labels)
    (asked,) = trainings
    assert asked.splits.classes == ("0", "1", "2")
    assert 9 <= len(asked.splits.val) <= 15
    assert len(asked.splits.test) == 0
    sides = [{int(image[0, 0, 0]) for image in part.images} for part in (asked.splits.train, asked.splits.val)]
    assert not sides[0] & sides[1]
    assert not asked.folder.exists(), "the temporary run is still there"


def test_labels_of_any_kind_come_back(trainings):
    for values in ([30, 4, 100], [2.5, 1.0, 3.0], ["b", "ä", "a"], [True, False, 2]):
        labels = np.array(values, dtype=object if True in values else None)[TRUTH]
        classifier = ImageClassifier(**SETTINGS).fit(COLOURED, labels)
        assert classifier.classes_.tolist() == sorted(values)
        assert classifier.predict(COLOURED).dtype == classifier.classes_.dtype
        assert set(classifier.predict(COLOURED).tolist()) <= set(values)


def test_scikit_learn_divides_searches_and_chains(trainings):
    classifier = ImageClassifier(**SETTINGS)
    assert cross_val_score(classifier, COLOURED, NAMES[TRUTH], cv=3).tolist() == [1.0, 1.0, 1.0]
    for asked in trainings:  # the folds are stratified
        assert np.bincount(np.concatenate([asked.splits.train.labels, asked.splits.val.labels])).min() >= 5
    search = GridSearchCV(classifier, {"lr": [0.1, 0.01], "seed": [3]}, cv=2).fit(COLOURED, NAMES[TRUTH])
    assert search.best_score_ == 1.0
    assert {asked.recipe.lr for asked in trainings} == {2e-3, 0.1, 0.01}
    assert search.best_estimator_.recipe_["seed"] == 3
    chain = make_pipeline(FunctionTransformer(lambda images: images[..., ::-1]), ImageClassifier(**SETTINGS))
    chain.set_params(imageclassifier__epochs=2).fit(COLOURED[..., ::-1], NAMES[TRUTH])
    assert chain.score(COLOURED[..., ::-1], NAMES[TRUTH]) == 1.0
    assert trainings[-1].recipe.epochs == 2


CHECKS = (
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_valid_tag_types",
    "check_estimator_tags_renamed",
)


@pytest.mark.parametrize("check", CHECKS)
def test_scikit_learns_own_checks_of_parameters(check):
    getattr(estimator_checks, check)("ImageClassifier", ImageClassifier())


def test_parameters():
    classifier = ImageClassifier("lenet5", epochs=3)
    assert classifier.get_params()["epochs"] == 3
    assert repr(classifier.set_params(lr=0.1)) == "ImageClassifier(model='lenet5', epochs=3, lr=0.1)"
    assert clone(classifier).get_params() == classifier.get_params()
    with pytest.raises(UsageError, match="did you mean 'epochs'"):
        ImageClassifier("lenet5", epoch=3).fit(COLOURED, TRUTH)
    with pytest.raises(UsageError, match="Call fit first"):
        classifier.predict(COLOURED)


def test_weights_are_those_of_the_samples(trainings):
    classifier = ImageClassifier(**SETTINGS).fit(COLOURED, NAMES[TRUTH])
    wrong = NAMES[TRUTH].copy()
    wrong[0] = "blue"
    assert classifier.score(COLOURED, wrong) == pytest.approx(23 / 24)
    assert classifier.score(COLOURED, wrong, sample_weight=np.eye(24)[0]) == 0.0


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (TRUTH[:-1], "24 images and 23 labels"),
        (np.zeros(24), "1 classes"),
        (np.eye(24), "one label an image"),
        ([None, *["a"] * 23], "cannot be sorted"),
        ([float("nan"), *[1.0] * 12, *[2.0] * 11], "a label is missing"),
        (["", *["a"] * 23], "a label is missing"),
        (None, "one label an image"),
    ],
)
def test_labels_that_cannot_be_meant(y, says):
    with pytest.raises(DataError, match=says):
        ImageClassifier(**SETTINGS).fit(COLOURED, y)


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (np.zeros((24, 64)), r"\[24, 64\], not \[N, H, W\]"),
        (np.zeros((24, 8, 8, 4)), "1 or 3 channels"),
        (np.zeros((24, 0, 8)), r"\[24, 0, 8\]"),
        (np.full((24, 8, 8), 16.0), "from 16 to 16, not fractions from 0 to 1"),
        (np.full((24, 8, 8), np.nan), "not fractions"),
        (np.full((24, 8, 8), 256), "whole numbers from 0 to 255"),
        (np.full((24, 8, 8), -1), "whole numbers"),
        (np.zeros((24, 8, 8), bool), "it holds bool"),
        ([np.zeros((8, 8)), np.zeros((9, 9))], "differ in size"),
        ([], r"it is \[0\]"),
        ("photo.jpg", "Put it into a list"),
        (["photo.jpg", 3], "not"),
        (["a\0.jpg"] * 24, r"a\\x00\.jpg is no path"),
        (["there is none.jpg"] * 24, "24 of 24 files are no images"),
    ],
)
def test_images_that_cannot_be_meant(images, says):
    with pytest.raises(DataError, match=says):
        ImageClassifier(**SETTINGS).fit(images, TRUTH)


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((2, 5, 7), (2, 1, 5, 7)),
        ((2, 5, 7, 3), (2, 3, 5, 7)),
        ((2, 3, 5, 7), (2, 3, 5, 7)),
        ((2, 5, 7, 1), (2, 1, 5, 7)),
        ((2, 1, 5, 7), (2, 1, 5, 7)),
        ((2, 3, 5, 3), (2, 3, 3, 5)),  # the last axis is asked first
    ],
)
def test_which_axis_is_the_channels(shape, wanted):
    assert _pixels(np.zeros(shape, np.uint8)).shape == wanted


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=3, max_dims=3, max_side=6)))
def test_levels_and_fractions_of_them_are_the_same(images):
    for same in (images.astype(np.int64), images / 255, (images / 255).astype(np.float32), images.tolist()):
        np.testing.assert_array_equal(_pixels(same), images[:, None])


@given(
    st.one_of(
        arrays.arrays(arrays.scalar_dtypes(), arrays.array_shapes(min_dims=0, max_dims=5, max_side=4)),
        st.lists(st.one_of(st.integers(), st.text(max_size=3), st.none())),
        st.text(),
        st.none(),
    )
)
def test_whatever_x_is_it_is_images_or_a_data_error(anything):
    with contextlib.suppress(DataError):
        assert len(_dataset(anything, ("a", "b"))) > 0
