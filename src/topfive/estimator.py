"""`ImageClassifier`: training and prediction in scikit-learn's manner, with or without scikit-learn.

X is a sequence of paths, or an array of images of one size.  Three axes are grey images, [N, H, W]; of four the last is
the channels, [N, H, W, C], where it has 1 or 3 entries, else the second, [N, C, H, W].  Whole numbers are levels from 0
to 255; fractions from 0 to 1 are multiplied by 255 and rounded.  y has one label an image, of any kind that sorts.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import inspect
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from topfive.data import ArrayDataset, FileDataset, Splits
from topfive.data.check import check_files
from topfive.data.places import cache_folder
from topfive.data.split import TEST, TRAIN, VAL, stratified_split
from topfive.errors import DataError, UsageError, need, need_to_train, shown
from topfive.evaluate.views import SINGLE
from topfive.images import ImageError
from topfive.predictor import Predictor

ARTIFACT = "model.onnx"


class ImageClassifier:
    """A network trained by `fit`; it predicts, also after pickling, by its shipped file and without torch.

    `model`, `recipe` and `time` (seconds) are as in `topfive train`, and so are the `settings`, the fields of a recipe
    (epochs=5, lr=0.01 ...); what is not given is chosen to suit the images.  Arrays are not mirrored in training unless
    `hflip` says so: nobody knows whether they are digits.  `val_fraction` of the images choose the best epoch and the
    temperature.  The run's folder is `out`, which holds its report, or None: a temporary one.

    After `fit`: `classes_` [K], sorted; `recipe_`, the whole recipe as a dictionary; `artifact_`, the bytes of the
    shipped file.
    """

    classes_: NDArray[Any]
    recipe_: dict[str, Any]
    artifact_: bytes

    def __init__(
        self,
        model: str | None = None,
        recipe: str | None = None,
        time: float | None = None,
        *,
        val_fraction: float = 0.1,
        out: str | os.PathLike[str] | None = None,
        device: str | None = None,
        **settings: Any,
    ):
        self.model = model
        self.recipe = recipe
        self.time = time
        self.val_fraction = val_fraction
        self.out = out
        self.device = device
        vars(self).update(settings)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name, the settings among them; `deep` is scikit-learn's and changes nothing."""
        return {name: value for name, value in vars(self).items() if name[0] != "_" and name[-1] != "_"}

    def set_params(self, **parameters: Any) -> Self:
        """Change parameters; `fit` says which names no recipe knows."""
        vars(self).update(parameters)
        return self

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803
        """Train on images and labels.

        DataError where these are not what the module describes or a file is no image; UsageError for settings.
        """
        need_to_train()
        torch: Any = need("torch", "train")
        from topfive.train import Run, Surroundings, fit
        from topfive.train.fit import Silent
        from topfive.train.request import recipe_for
        from topfive.train.run import new_folder

        settings = self.get_params()
        own = {name: settings.pop(name) for name in ("recipe", "val_fraction", "out", "device")}
        settings = {name: value for name, value in settings.items() if value is not None}
        classes, labels = _labels(y)
        splits = _splits(X, labels, tuple(map(str, classes.tolist())), own["val_fraction"])
        recipe = recipe_for(own["recipe"], settings, splits, Silent())
        with contextlib.ExitStack() as stack:
            wanted = own["out"] or stack.enter_context(tempfile.TemporaryDirectory(prefix="topfive-"))
            run = stack.enter_context(Run(new_folder(Path(wanted), "")))
            device = own["device"] or ("cuda" if torch.cuda.is_available() else "cpu")
            around = Surroundings(placement_cache=cache_folder() / "placement.json")
            report = fit(recipe, splits, run, device, around)
            self.artifact_ = report.artifact.read_bytes()
        self.classes_ = classes
        self.recipe_ = dataclasses.asdict(recipe)
        vars(self).pop("_predictor", None)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """[N, K], the probability of each of `classes_`.  DataError where a file is no image."""
        predictor = self._loaded()
        images = _dataset(X, predictor.labels.names)
        rows = []
        answers = predictor.probabilities(
            range(len(images)), lambda index: SINGLE.of(images, index, predictor.preprocess)
        )
        for _, answer in answers:
            if isinstance(answer, ImageError):
                raise answer
            rows.append(answer)
        return np.stack(rows)

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """[N], the most probable of `classes_`."""
        best = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[best]
        return labels

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """The fraction of the images whose prediction is their label."""
        return float(np.average(self.predict(X) == np.asarray(y), weights=sample_weight))

    def _loaded(self) -> Predictor:
        if not self.__sklearn_is_fitted__():
            raise UsageError("ImageClassifier", None, "it has not been fitted", "Call fit first")
        if "_predictor" not in vars(self):
            with tempfile.TemporaryDirectory(prefix="topfive-") as folder:
                path = Path(folder, ARTIFACT)
                path.write_bytes(self.artifact_)
                self._predictor = Predictor.load(path)
        return self._predictor

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_predictor"}

    def __repr__(self) -> str:
        usual = {name: each.default for name, each in inspect.signature(type(self)).parameters.items()}
        told = (f"{name}={value!r}" for name, value in self.get_params().items() if usual.get(name, ...) != value)
        return f"{type(self).__name__}({', '.join(told)})"

    def __sklearn_is_fitted__(self) -> bool:
        return "artifact_" in vars(self)

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks before it divides images among folds; it alone calls this."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        takes = InputTags(two_d_array=False, three_d_array=True, string=True)
        return Tags("classifier", TargetTags(required=True), classifier_tags=ClassifierTags(), input_tags=takes)


def _labels(y: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The sorted classes, and the index of each label among them."""
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise DataError("y", None, f"it is {list(labels.shape)}, and one label an image is needed", "Flatten it")
    try:
        classes, index = np.unique(labels, return_inverse=True)
    except TypeError:
        raise DataError("y", None, "its labels cannot be sorted", "Make them all text, or all numbers") from None
    if any(not str(each) or each != each for each in classes.tolist()):
        raise DataError("y", None, "a label is missing", "Give every image one")
    if len(classes) < 2:
        raise DataError("y", None, f"it has {len(classes)} classes", "A classifier needs at least two")
    return classes, index.astype(np.int64)


def _splits(X: Any, labels: NDArray[np.int64], classes: tuple[str, ...], val_fraction: float) -> Splits:  # noqa: N803
    if not 0 <= val_fraction < 1:
        raise UsageError("val_fraction", str(val_fraction), "it is not in [0, 1)", "Use e.g. 0.1")
    images = _dataset(X, classes)
    if len(images) != len(labels):
        raise DataError("X and y", None, f"there are {len(images):,} images and {len(labels):,} labels")
    digests = _digests(images)
    names = [str(index) for index in range(len(images))]
    parts = stratified_split(names, labels, val_fraction, 0.0, 0, digests)
    train, val, test = (_taken(images, np.flatnonzero(parts == part), labels) for part in (TRAIN, VAL, TEST))
    total = hashlib.sha256("\0".join(classes).encode("utf-8", "surrogatepass") + labels.tobytes() + parts.tobytes())
    total.update(b"".join(digests))
    return Splits("X", train, val, test, total.hexdigest(), mirror=isinstance(images, FileDataset))


def _digests(images: ArrayDataset | FileDataset) -> list[bytes]:
    """Of each image; DataError where a file is none."""
    if isinstance(images, ArrayDataset):
        return [hashlib.sha256(image.tobytes()).digest() for image in images.images]
    checked = list(check_files("", images.paths))
    for path, found in zip(images.paths, checked, strict=True):
        if found.reason:
            bad = sum(bool(each.reason) for each in checked)
            raise DataError(
                "X", None, f"{bad} of {len(checked)} files are no images, first {shown(path)}: {found.reason}"
            )
    return [found.sha256 for found in checked]


def _taken(
    images: ArrayDataset | FileDataset, chosen: NDArray[np.intp], labels: NDArray[np.int64]
) -> ArrayDataset | FileDataset:
    if isinstance(images, ArrayDataset):
        return dataclasses.replace(images, images=images.images[chosen], labels=labels[chosen])
    return dataclasses.replace(images, paths=tuple(images.paths[index] for index in chosen), labels=labels[chosen])


def _dataset(X: Any, classes: tuple[str, ...]) -> ArrayDataset | FileDataset:  # noqa: N803
    """The images, all labelled 0."""
    held = X.to_numpy() if hasattr(X, "to_numpy") else X  # a column of a table
    paths = _paths(held)
    if paths is not None:
        return FileDataset("", paths, np.zeros(len(paths), np.int64), classes)
    pixels = _pixels(held)
    return ArrayDataset(pixels, np.zeros(len(pixels), np.int64), classes, "X")


def _paths(X: Any) -> tuple[str, ...] | None:  # noqa: N803
    """Absolute, or None where X holds no paths."""
    if isinstance(X, str | bytes | os.PathLike):
        raise DataError("X", None, "it is one path, not a sequence of them", "Put it into a list")
    if isinstance(X, np.ndarray):
        items = X.ravel().tolist() if X.dtype.kind in "OUT" else []
    else:
        items = list(X) if isinstance(X, Sequence) else []
    if not items or not all(isinstance(item, str | os.PathLike) for item in items):
        return None
    paths = tuple(os.path.abspath(item) for item in items)
    for path in paths:
        if "\0" in path:
            raise DataError("X", None, f"{shown(path)} is no path: it holds a zero byte")
    return paths


def _pixels(X: Any) -> NDArray[np.uint8]:  # noqa: N803
    """[N, C, H, W]; see the module."""
    try:
        array = np.asarray(X)
    except ValueError:  # ragged
        raise DataError("X", None, "its images differ in size", "Give paths, or images of one size") from None
    shape = list(array.shape)
    if array.ndim == 4 and array.shape[3] in (1, 3):
        array = np.moveaxis(array, 3, 1)
    elif array.ndim == 3:
        array = array[:, None]
    if array.ndim != 4 or array.shape[1] not in (1, 3) or 0 in array.shape:
        why = f"it is {shape}, not [N, H, W], [N, H, W, C] or [N, C, H, W] with 1 or 3 channels"
        raise DataError("X", None, why, "Reshape it, or give paths")
    if array.dtype.kind not in "iuf":
        raise DataError("X", None, f"it holds {array.dtype}, not numbers", "Give levels from 0 to 255, or paths")
    fractions = array.dtype.kind == "f"
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= (1 if fractions else 255)):  # false for NaN too
        wanted = "fractions from 0 to 1" if fractions else "whole numbers from 0 to 255"
        raise DataError("X", None, f"its numbers go from {low:g} to {high:g}, not {wanted}", "Scale them")
    return np.ascontiguousarray(np.rint(array * 255.0) if fractions else array, dtype=np.uint8)
