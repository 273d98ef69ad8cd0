from __future__ import annotations

import csv
import dataclasses
import io
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from topfive import artifact
from topfive.data import ArrayDataset, open_data
from topfive.errors import RefusedError
from topfive.evaluate import evaluate, fit_temperature
from topfive.evaluate.metrics import measure
from topfive.labels import imagenet
from topfive.models import create_model
from topfive.predictor import Predictor
from topfive.report.predictions import predictions_table
from topfive.report.result import from_json
from topfive.train import Run, Surroundings, fit, recipe_from
from topfive.train.finish import held_out, labels_of
from topfive.train.state import State

RECIPE = recipe_from({"model": "lenet5", "epochs": 3, "batch_size": 32, "opt": "adamw", "lr": 3e-3, "seed": 1})


def few(train=160, val=60, test=40):
    whole = open_data("digits")
    counts = {"train": train, "val": val, "test": test}
    cut = {
        name: ArrayDataset(part.images[: counts[name]], part.labels[: counts[name]], part.classes, part.prefix)
        for name, part in whole.parts()
    }
    return dataclasses.replace(whole, **cut)


def go(folder: Path, splits, recipe=RECIPE):
    with Run(folder) as run:
        return fit(recipe, splits, run, surroundings=Surroundings(threads=1, channels_last=False, workers=1))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run; the weights that it counted as best, which are not the last."""
    folder = tmp_path_factory.mktemp("finish") / "run"
    states = []
    with pytest.MonkeyPatch.context() as patch:
        consider = State.consider

        def second_is_best(state, epoch, top1):
            consider(state, epoch, 1.0 if epoch == 1 else 0.0)
            states.append(state)

        patch.setattr(State, "consider", second_is_best)
        report = go(folder, few())
    return report, states[-1].best


def test_the_best_weights_are_shipped(finished):
    report, best = finished
    assert report.best_epoch == 2
    shipped = artifact.parameters(report.artifact)
    assert shipped.keys() == best.weights.keys()
    assert all(np.array_equal(shipped[name], tensor.numpy()) for name, tensor in best.weights.items())


def test_the_figures_are_those_of_the_file(finished):
    report, _ = finished
    predictor = Predictor.load(report.artifact, threads=1)
    found = evaluate(predictor, few().test)
    assert (report.split, report.evaluation.n) == ("test", 40)
    assert report.evaluation.top1 == found.top1
    assert report.evaluation.nll == pytest.approx(found.nll, rel=1e-5)
    assert report.contract() == {
        **{"run": str(report.run), "artifact": str(report.artifact), "split": "test", "n": 40, "top1": found.top1},
    }


def test_the_file_knows_where_it_comes_from(finished):
    report, _ = finished
    told = artifact.read(report.artifact)
    assert told.labels.names == tuple("0123456789")
    assert told.card.architecture == "lenet5"
    assert "160 training images" in told.card.data
    assert told.card.recipe == RECIPE.digest()
    assert told.card.metrics == {"val_top1": 1.0}
    assert len(told.golden) >= 1
    assert told.temperature == report.decision.temperature


def test_the_temperature_is_fitted_on_the_validation_images(finished):
    report, best = finished
    model = create_model("lenet5").eval()
    model.load_state_dict(best.weights)
    preprocess = artifact.read(report.artifact).preprocess
    val = few().val
    pixels = np.stack([preprocess.pixels(image[0]) for image, _ in val])
    with torch.no_grad():
        logits = model(torch.from_numpy(preprocess.normalise(pixels))).numpy()
    assert report.decision.temperature == pytest.approx(fit_temperature(logits, val.labels), rel=1e-3)
    assert report.decision.temperature != 1.0


def test_the_table_holds_every_image_once(finished):
    report, _ = finished
    rows = list(csv.DictReader(io.StringIO((report.run / "predictions.csv").read_text())))
    assert [row["path"] for row in rows] == [f"digits/test/{i}" for i in range(40)]
    assert sum(int(row["correct"]) for row in rows) == round(report.evaluation.top1 * 40)
    assert all((row["label"] == row["predicted"]) == (row["correct"] == "1") for row in rows)


def test_the_summary_has_percent_and_the_file(finished):
    report, _ = finished
    text = report.text()
    assert f"{report.evaluation.top1:.2%}" in text
    assert str(report.artifact) in text


@pytest.mark.parametrize(("counts", "split"), [({}, "test"), ({"test": 0}, "val"), ({"test": 0, "val": 0}, "train")])
def test_measured_on_what_was_not_learnt_from_where_there_is_any(counts, split):
    splits = few(**counts)
    name, part = held_out(splits)
    assert (name, len(part)) == (split, len(getattr(splits, split)))


def test_without_validation_nothing_is_chosen_or_calibrated(tmp_path):
    report = go(tmp_path / "run", few(train=64, val=0, test=20), dataclasses.replace(RECIPE, epochs=1))
    assert report.decision.temperature == 1.0
    assert report.best_epoch == 1
    assert artifact.read(report.artifact).card.metrics == {}


def test_a_file_that_answers_otherwise_is_not_shipped(tmp_path, monkeypatch):
    from topfive.engine import OnnxEngine

    answer = OnnxEngine.logits
    monkeypatch.setattr(OnnxEngine, "logits", lambda engine, images: answer(engine, images) + 0.1)
    with pytest.raises(RefusedError) as caught:
        go(tmp_path / "run", few(train=64, val=20, test=20), dataclasses.replace(RECIPE, epochs=1))
    assert caught.value.exit_code == 4
    assert not (tmp_path / "run" / "model.onnx").exists()
    assert (tmp_path / "run" / "checkpoints").exists(), "what was learnt is kept"


def test_synsets_get_their_words():
    known = imagenet()
    splits = few()
    synsets = (known.synsets[5], known.synsets[0])
    named = dataclasses.replace(
        splits,
        **{name: dataclasses.replace(part, classes=synsets) for name, part in splits.parts()},
    )
    found = labels_of(named)
    assert found.names == (known.names[5], known.names[0])
    assert found.synsets == synsets
    assert labels_of(splits).synsets == ()


def test_the_result_is_written_last_and_says_what_the_report_says(finished):
    report, _ = finished
    result = from_json((report.run / "result.json").read_bytes())
    assert (result.split, result.n, result.top1) == ("test", 40, report.evaluation.top1)
    assert result.macro_f1 == report.evaluation.macro_f1
    assert (result.params, result.macs) == (61_706, 416_520)  # lenet5, as its row says
    assert result.file_bytes == report.artifact.stat().st_size
    assert result.temperature == report.decision.temperature
    assert 0 < result.speed.latency_p50 <= result.speed.latency_p95
    times = {path.name: path.stat().st_mtime_ns for path in report.run.iterdir() if path.is_file()}
    assert max(times, key=times.get) == "result.json"


def test_the_report_shows_where_the_network_looked(finished):
    report, _ = finished
    page = (report.run / "report.html").read_text("utf-8")
    wrong = round((1 - report.evaluation.top1) * 40)
    assert wrong > 0
    assert page.count('alt="where the network looked"') == min(wrong, 24)


def test_names_that_a_spreadsheet_would_run_are_disarmed():
    classes = ("=cmd|' /C calc'!A0", "plain")
    probabilities = np.array([[0.75, 0.25], [0.5, 0.5]], np.float32)
    evaluation = measure(probabilities, np.array([0, 1]), classes)
    evaluation = dataclasses.replace(evaluation, names=("=1+1.png", 'a "b",\n.png'))
    rows = list(csv.reader(io.StringIO(predictions_table(evaluation, classes))))
    assert len(rows) == 3
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    assert [row[-1] for row in rows[1:]] == ["1", "0"]
    assert math.isclose(float(rows[1][3]), 0.75)
