"""Training on images of several labels, from arrays in memory to the shipped file."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import signal

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from shapes import CLASSES, draw
from topfive import artifact
from topfive.data import ArrayDataset, Splits
from topfive.data.table import read_label, split_labels
from topfive.errors import DataError, RefusedError, StoppedError, UsageError
from topfive.evaluate import evaluate_labels, fit_thresholds
from topfive.evaluate.labels import average_precision
from topfive.predictor import Predictor, sigmoid
from topfive.report.comparison import compare
from topfive.report.finished import read_run
from topfive.report.result import LabelResult, from_json
from topfive.train import Run, Silent, Surroundings, fit, recipe_from
from topfive.train.loss import positive_weights, yes_or_no
from topfive.train.task import SeveralLabels, task_for

RECIPE = recipe_from({"model": "lenet5", "loss": "bce", "epochs": 3, "batch_size": 16, "opt": "adamw", "lr": 2e-3})


def shapes(train=96, val=32, test=40, labels=None):
    pictures, drawn = draw(train + val + test)
    labels = drawn if labels is None else labels
    ends = np.cumsum([0, train, val, test])
    parts = [
        ArrayDataset(pictures[start:end], labels[start:end], CLASSES, f"shapes/{name}")
        for name, start, end in zip(("train", "val", "test"), ends[:-1], ends[1:], strict=True)
    ]
    return Splits("shapes", *parts, fingerprint="f" * 64)


class Stopping(Silent):
    def __init__(self, step):
        self.step = step

    def stepped(self, step, loss):
        if step == self.step:
            os.kill(os.getpid(), signal.SIGTERM)


def go(folder, splits=None, recipe=RECIPE, watch=None):
    around = Surroundings(threads=1, channels_last=False, workers=1, checkpoint_seconds=1e9, watch=watch or Silent())
    with Run(folder) as run:
        return fit(recipe, splits or shapes(), run, surroundings=around)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    torch.set_num_threads(1)
    return go(tmp_path_factory.mktemp("several") / "run")


def test_the_file_answers_with_yes_or_no_for_every_class(finished):
    told = artifact.read(finished.artifact)
    assert (told.activation, told.temperature, told.labels.names) == ("sigmoid", 1.0, CLASSES)
    predictor = Predictor.load(finished.artifact, threads=1)
    found = evaluate_labels(predictor, shapes().test)
    assert finished.evaluation.mean_average_precision == found.mean_average_precision
    assert finished.evaluation.n == 40
    assert finished.parity.difference <= finished.parity.tolerance


def test_the_thresholds_are_those_of_the_validation_images(finished):
    predictor = Predictor.load(finished.artifact, threads=1)
    val = shapes().val
    found = evaluate_labels(predictor, val)
    fitted = fit_thresholds(found.probabilities, val.labels.astype(bool))
    assert artifact.read(finished.artifact).thresholds == pytest.approx(fitted, abs=1e-4)
    assert fitted != (0.5, 0.5, 0.5)


def test_the_best_epoch_is_that_of_the_highest_precision(finished):
    entries = [json.loads(line) for line in (finished.run / "metrics.jsonl").read_text().splitlines()]
    best = max(entries, key=lambda entry: (entry["val_map"], entry["epoch"]))
    assert finished.best_epoch == best["epoch"]
    assert artifact.read(finished.artifact).card.metrics == {"val_map": pytest.approx(best["val_map"])}
    assert all("val_top1" not in entry and entry["val_nll"] > 0 for entry in entries)


def test_what_programs_and_people_are_told(finished):
    precision = finished.evaluation.mean_average_precision
    assert finished.contract() == {
        **{"run": str(finished.run), "artifact": str(finished.artifact), "split": "test", "n": 40},
        "mean_average_precision": precision,
    }
    assert f"test: mAP {precision:.2%}" in finished.text()
    assert "top-1" not in finished.text()
    result = from_json((finished.run / "result.json").read_bytes())
    assert isinstance(result, LabelResult)
    assert (result.mean_average_precision, result.split) == (precision, "test")


def test_every_answer_is_in_the_table(finished):
    with open(finished.run / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    result = finished.evaluation
    thresholds = artifact.read(finished.artifact).thresholds
    for row, truth, probabilities in zip(rows, result.labels, result.probabilities, strict=True):
        shown, answered = ({read_label(name) for name in split_labels(row[key])} for key in ("labels", "predicted"))
        assert shown == {name for name, is_shown in zip(CLASSES, truth, strict=True) if is_shown}
        assert answered == {name for name, p, t in zip(CLASSES, probabilities, thresholds, strict=True) if p >= t}
        written = [float(row[f"probability of {name}"]) for name in CLASSES]
        assert written == pytest.approx(probabilities.tolist(), abs=1e-6)


def test_the_page_has_the_sections_that_mean_something(finished):
    page = (finished.run / "report.html").read_text("utf-8")
    assert f"{finished.evaluation.mean_average_precision:.2%}" in page
    assert "a threshold for each class" in page
    assert all(f'id="{key}"' in page for key in ("result", "learning", "classes", "mistakes", "data", "file", "recipe"))
    assert not any(f'id="{key}"' in page for key in ("confusion", "pairs", "calibration"))
    assert "Top-1" not in page


def test_a_run_is_read_back_with_the_very_figures(finished):
    run, result = read_run(finished.run), finished.evaluation
    assert run.answers.classes == CLASSES
    assert run.answers.figure == pytest.approx(result.mean_average_precision, abs=1e-12)
    assert (run.answers.probabilities.astype(np.float32) == result.probabilities).all()
    assert (run.answers.truth == result.labels).all()
    assert (run.answers.claimed == (result.probabilities >= artifact.read(finished.artifact).thresholds)).all()


def test_a_run_that_hardly_learnt_is_worse_than_chance_explains(finished, tmp_path):
    poor = go(tmp_path / "poor", recipe=dataclasses.replace(RECIPE, epochs=1, lr=1e-5))
    (pair,) = compare([finished.run, poor.run]).pairs
    lost = finished.evaluation.mean_average_precision - poor.evaluation.mean_average_precision
    assert pair.paired.difference == pytest.approx(lost)
    assert (pair.paired.n, pair.paired.p < 0.05, pair.paired.interval.low > 0) == (40, True, True)


@pytest.mark.parametrize("extra", [{}, {"mixup": 0.2, "cutmix": 1.0, "smoothing": 0.1, "class_weights": "balanced"}])
def test_a_run_that_goes_on_ends_with_the_same_bits(tmp_path, extra):
    recipe = dataclasses.replace(RECIPE, epochs=2, **extra)
    whole = go(tmp_path / "whole", recipe=recipe)
    with pytest.raises(StoppedError):
        go(tmp_path / "run", recipe=recipe, watch=Stopping(7))
    resumed = go(tmp_path / "run", recipe=recipe)
    for name in ("model.onnx", "model.safetensors", "predictions.csv"):
        assert (whole.run / name).read_bytes() == (resumed.run / name).read_bytes()


def test_other_labels_are_other_weights(tmp_path):
    """What the test above would miss if labels were not learnt from."""
    labels = draw(168)[1]
    recipe = dataclasses.replace(RECIPE, epochs=1)
    one, other = (go(tmp_path / name, shapes(labels=rows), recipe) for name, rows in (("a", labels), ("b", 1 - labels)))
    assert (one.run / "model.safetensors").read_bytes() != (other.run / "model.safetensors").read_bytes()


def test_a_resumed_run_is_refused_other_classes_or_labels(tmp_path):
    recipe = dataclasses.replace(RECIPE, epochs=1)
    with pytest.raises(StoppedError):
        go(tmp_path, recipe=recipe, watch=Stopping(2))
    with pytest.raises(RefusedError, match="not those the run began with"):
        go(tmp_path, dataclasses.replace(shapes(), fingerprint="e" * 64), recipe)


@pytest.mark.parametrize(
    ("settings", "todo"),
    [
        ({"loss": "cross_entropy"}, "Use --loss bce"),
        ({"loss": "focal"}, "Use --loss bce"),
        ({"sampler": "balanced"}, "Use --sampler shuffle"),
        ({"teacher": "model.onnx"}, "Leave it out"),
    ],
)
def test_what_means_one_class_is_refused(tmp_path, settings, todo):
    with pytest.raises(UsageError, match="several labels") as caught:
        go(tmp_path, recipe=dataclasses.replace(RECIPE, **settings))
    assert todo in str(caught.value)
    assert not (tmp_path / "config.yaml").exists()


def test_a_teacher_of_several_labels_teaches_no_single_class(finished, tmp_path):
    splits = shapes()
    one = {name: dataclasses.replace(part, labels=part.labels.argmax(1)) for name, part in splits.parts()}
    recipe = dataclasses.replace(RECIPE, loss="cross_entropy", teacher=str(finished.artifact))
    with pytest.raises(RefusedError, match="do not exclude each other"):
        go(tmp_path, dataclasses.replace(splits, **one), recipe)


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_a_part_without_a_label_is_told_before_training(tmp_path, part):
    splits = shapes()
    bare = dataclasses.replace(getattr(splits, part), labels=np.zeros_like(getattr(splits, part).labels))
    with pytest.raises(DataError, match=f"no image of {part} has a label"):
        go(tmp_path, dataclasses.replace(splits, **{part: bare}))


def test_without_validation_a_class_is_claimed_from_one_half(tmp_path):
    report = go(tmp_path, shapes(val=0), dataclasses.replace(RECIPE, epochs=1))
    told = artifact.read(report.artifact)
    assert (told.activation, told.thresholds) == ("sigmoid", ())
    assert {score.threshold for score in report.evaluation.per_class} == {0.5}


def test_figures_by_hand():
    logits = np.array([[2.0, -1.0, 0.0], [0.5, 1.0, 0.0], [-3.0, 0.0, 1e3]], np.float32)
    labels = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0]], np.uint8)
    found = SeveralLabels().score(logits, labels)
    first = average_precision(logits[:, 0], labels[:, 0] == 1)
    assert found["val_map"] == pytest.approx((first + 1) / 2)  # the last class is on no image
    right = np.where(labels == 1, sigmoid(logits), 1 - sigmoid(logits))[:, :2]
    last = [np.log(2), np.log(2), 1e3]
    assert found["val_nll"] == pytest.approx((-np.log(right).sum() + sum(last)) / 9)


def test_yes_and_no_by_hand():
    logits, targets = torch.tensor([[2.0, -1.0]]), torch.tensor([[1.0, 0.0]])
    yes, no = F.logsigmoid(logits[0, 0]), F.logsigmoid(-logits[0, 1])
    torch.testing.assert_close(yes_or_no(logits, targets), -(yes + no) / 2)
    weighed = yes_or_no(logits, targets, positive=torch.tensor([3.0, 5.0]))
    torch.testing.assert_close(weighed, -(3 * yes + no) / 2)
    smooth = yes_or_no(logits, targets, smoothing=0.2)
    torch.testing.assert_close(smooth, F.binary_cross_entropy_with_logits(logits, torch.tensor([[0.9, 0.1]])))


def test_weights_make_yes_and_no_count_alike():
    assert positive_weights(torch.tensor([10, 50, 0, 100]), 100).tolist() == pytest.approx([9.0, 1.0, 1.0, 0.01])


def test_the_labels_choose_the_task():
    splits = shapes()
    assert task_for(splits).metric == "val_map"
    one = {name: dataclasses.replace(part, labels=part.labels.argmax(1)) for name, part in splits.parts()}
    assert task_for(dataclasses.replace(splits, **one)).metric == "val_top1"
