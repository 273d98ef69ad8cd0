"""Folders of runs that never were, as a comparison reads them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from report.samples import SPEED, curve, evaluation
from topfive.evaluate import Evaluation, measure
from topfive.report.predictions import predictions_table
from topfive.report.result import Result, to_json

RECIPE = {"model": "lenet5", "epochs": 20, "lr": 0.1, "opt": "sgd", "seed": 0}


def answered(result: Evaluation, rate: float, seed: int) -> Evaluation:
    """The same images, each answered rightly with probability `rate`."""
    rng = np.random.default_rng(seed)
    probabilities = np.full_like(result.probabilities, 0.02)
    count = len(result.classes)
    guesses = np.where(rng.random(result.n) < rate, result.labels, (result.labels + 1) % count)
    probabilities[np.arange(result.n), guesses] = 1 - 0.02 * (count - 1)
    return replace(measure(probabilities, result.labels, result.classes), names=result.names)


def write_run(folder: Path, result: Evaluation | None = None, *, data: str = "f" * 64, **recipe: Any) -> Path:
    """A finished run of RECIPE with other settings on the images of `result`."""
    result = evaluation() if result is None else result
    folder.mkdir(parents=True)
    config = {
        "recipe": {**RECIPE, **recipe},
        "data": {"source": "fashion-mnist", "fingerprint": data, "classes": list(result.classes)},
        "environment": {"topfive": "0.1.0", "processor": "x86_64"},
        "placement": {"threads": 1, "channels_last": True},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in curve()))
    (folder / "predictions.csv").write_text(predictions_table(result, result.classes))
    summary = Result(
        model="lenet5",
        split="test",
        n=result.n,
        top1=result.top1,
        top5=result.top5,
        macro_f1=result.macro_f1,
        nll=result.nll,
        ece=result.ece,
        temperature=1.1,
        best_epoch=17,
        seconds=61.0,
        params=61_706,
        macs=416_520,
        file_bytes=252_173,
        speed=SPEED,
    )
    (folder / "result.json").write_bytes(to_json(summary))
    return folder
