"""The pictures of a run's page: a map that cannot be drawn costs nothing but itself."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from topfive.data import ArrayDataset, open_data
from topfive.errors import UsageError
from topfive.models import create_model
from topfive.preprocess import Preprocess
from topfive.train import Run, Surroundings, evidence, fit, recipe_from

RECIPE = recipe_from({"model": "lenet5", "epochs": 1, "batch_size": 32, "opt": "adamw", "lr": 3e-3, "seed": 1})


def few(train=64, test=20):
    whole = open_data("digits")
    counts = {"train": train, "val": 0, "test": test}
    cut = {
        name: ArrayDataset(part.images[: counts[name]], part.labels[: counts[name]], part.classes, part.prefix)
        for name, part in whole.parts()
    }
    return dataclasses.replace(whole, **cut)


def several(splits):
    """The same digits, asked of each class whether it is shown, and one that is shown with another."""
    parts = {}
    for name, part in splits.parts():
        rows = np.eye(10, dtype=np.uint8)[part.labels]
        rows[:, 0] |= rows[:, 8]
        parts[name] = dataclasses.replace(part, labels=rows)
    return dataclasses.replace(splits, **parts)


def go(folder, splits, recipe=RECIPE):
    around = Surroundings(threads=1, channels_last=False, workers=1)
    with Run(folder) as run:
        return fit(recipe, splits, run, surroundings=around)


def failing(error, asked):
    def fails(*arguments):
        asked.append(arguments)
        raise error

    return fails


@pytest.mark.parametrize(
    "error", [RuntimeError("no maps here\nsecond line"), UsageError("explain", None, "no maps here")]
)
def test_a_map_that_cannot_be_drawn_costs_the_map_alone(tmp_path, monkeypatch, error):
    asked = []
    monkeypatch.setattr(evidence, "grad_cam", failing(error, asked))
    report = go(tmp_path / "run", few())
    assert len(asked) == 1
    page = (report.run / "report.html").read_text("utf-8")
    assert "no map of where the network looked" in page
    assert "no maps here" in page
    assert "second line" not in page
    assert 'where the network looked"' not in page
    assert "Hardest pairs" in page
    assert (report.run / "result.json").exists()


def test_of_several_labels_too(tmp_path, monkeypatch):
    asked = []
    recipe = dataclasses.replace(RECIPE, loss="bce")
    shown = go(tmp_path / "whole", several(few()), recipe)
    assert 'where the network looked"' in (shown.run / "report.html").read_text("utf-8")
    monkeypatch.setattr(evidence, "grad_cam", failing(RuntimeError("no maps here"), asked))
    report = go(tmp_path / "run", several(few()), recipe)
    assert len(asked) == 1
    page = (report.run / "report.html").read_text("utf-8")
    assert "no map of where the network looked: no maps here" in page
    assert 'where the network looked"' not in page
    assert "Labelled, but not said" in page


@pytest.mark.parametrize("shape", [(1, 30, 41), (3, 25, 60)])
def test_evidence_is_shown_on_what_the_network_saw(shape):
    model = create_model("lenet5").eval()
    preprocess = Preprocess(size=28, crop=1.0, mean=(0.5,), std=(0.5,), pad=2)
    pictures = list(np.random.default_rng(0).integers(0, 256, (3, *shape), dtype=np.uint8))
    shown = evidence.Evidence(model, preprocess)(pictures, [0, 3, 9])
    assert [(one.shape, one.dtype) for one in shown] == [((3, 32, 32), np.uint8)] * 3
    assert not (shown[0] == shown[1]).all()
