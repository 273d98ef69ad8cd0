"""Folders of runs that never were, as a comparison reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from report.samples import SPEED, curve, evaluation
from topfive.evaluate import Evaluation, LabelEvaluation, fit_thresholds, measure, measure_labels
from topfive.report.predictions import labels_table, predictions_table
from topfive.report.result import LabelResult, Result, to_json

RECIPE = {"model": "lenet5", "epochs": 20, "lr": 0.1, "opt": "sgd", "seed": 0}
LABELS = ("cat", "dog", "tree", "unicorn")
COSTS: Mapping[str, Any] = {"seconds": 61.0, "params": 61_706, "macs": 416_520, "file_bytes": 252_173}


def answered(result: Evaluation, rate: float, seed: int) -> Evaluation:
    """The same images, each answered rightly with probability `rate`."""
    rng = np.random.default_rng(seed)
    probabilities = np.full_like(result.probabilities, 0.02)
    count = len(result.classes)
    guesses = np.where(rng.random(result.n) < rate, result.labels, (result.labels + 1) % count)
    probabilities[np.arange(result.n), guesses] = 1 - 0.02 * (count - 1)
    return replace(measure(probabilities, result.labels, result.classes), names=result.names)


def answered_labels(sureness: float, seed: int, n: int = 200) -> LabelEvaluation:
    """Answers for pictures of any of LABELS, which part them the better the surer they are; no image shows the last."""
    truth = np.random.default_rng(0).random((n, len(LABELS))) < 0.3
    truth[:, -1] = False
    noise = np.random.default_rng(1 + seed).normal(0, 2, truth.shape)
    probabilities = (1 / (1 + np.exp(-(sureness * (2.0 * truth - 1) + noise)))).astype(np.float32)
    result = measure_labels(probabilities, truth, LABELS, fit_thresholds(probabilities, truth))
    return replace(result, names=tuple(f"{row:05}.png" for row in range(n)))


def write_label_run(folder: Path, result: LabelEvaluation, **recipe: Any) -> Path:
    """A finished run on images of several labels."""
    curve = [{"epoch": epoch, "val_map": 0.5 + 0.1 * epoch, "val_nll": 1 / epoch} for epoch in (1, 2, 3)]
    _write(folder, result.classes, labels_table(result, result.classes), curve, "e" * 64, recipe)
    figures = {name: getattr(result, name) for name in LabelResult.METRICS}
    summary = LabelResult(model="lenet5", split="test", n=result.n, best_epoch=3, speed=SPEED, **COSTS, **figures)
    (folder / "result.json").write_bytes(to_json(summary))
    return folder


def write_run(folder: Path, result: Evaluation | None = None, *, data: str = "f" * 64, **recipe: Any) -> Path:
    """A finished run of RECIPE with other settings on the images of `result`."""
    result = evaluation() if result is None else result
    _write(folder, result.classes, predictions_table(result, result.classes), curve(), data, recipe)
    figures = {name: getattr(result, name) for name in Result.METRICS}
    summary = Result(
        model="lenet5", split="test", n=result.n, temperature=1.1, best_epoch=17, speed=SPEED, **COSTS, **figures
    )
    (folder / "result.json").write_bytes(to_json(summary))
    return folder


def _write(
    folder: Path,
    classes: Sequence[str],
    predictions: str,
    epochs: Sequence[Mapping[str, Any]],
    data: str,
    recipe: Mapping[str, Any],
) -> None:
    folder.mkdir(parents=True)
    config = {
        "recipe": {**RECIPE, **recipe},
        "data": {"source": "fashion-mnist", "fingerprint": data, "classes": list(classes)},
        "environment": {"topfive": "0.1.0", "processor": "x86_64"},
        "placement": {"threads": 1, "channels_last": True},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in epochs))
    (folder / "predictions.csv").write_text(predictions)
