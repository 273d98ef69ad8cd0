"""Whether the file that was shipped keeps to the limits that were stated; where it does not, whether int8 does."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from topfive import artifact
from topfive.artifact import Precision
from topfive.data import Splits
from topfive.engine import Floats, OnnxEngine
from topfive.errors import LimitsError, RefusedError
from topfive.evaluate.limits import Cost, Limits, amount, cost_of, stated
from topfive.export.int8 import calibration_images, to_int8
from topfive.models import spec
from topfive.nn.classifier import Classifier
from topfive.nn.measure import count_facts
from topfive.preprocess import Preprocess
from topfive.train.loading import EvaluationBatches
from topfive.train.loop import Work

TOLERANCE = 0.01  # of accuracy, or of mean average precision, that the file in int8 may answer worse than in floats


@dataclass(frozen=True)
class Kept:
    """What the shipped file costs, measured in a fresh process, beside what it may.

    `lost` is how much worse int8 answers than floats do, on images that it did not learn from; `why` says, where the
    limits are broken, why int8 did not help.
    """

    limits: Limits
    cost: Cost
    precision: Precision = "float32"
    lost: float | None = None
    why: str = ""

    def contract(self) -> dict[str, Any]:
        """Each limit and the value of the shipped file; seconds, bytes, multiply-accumulates."""
        values = {
            name: {"limit": limit, "value": getattr(self.cost, name)} for name, limit in stated(self.limits).items()
        }
        return {"precision": self.precision, "limits": values, "within": not self.limits.broken(self.cost)}

    def text(self) -> str:
        """One line for people."""
        parts = [
            f"{amount(name, getattr(self.cost, name))} of {amount(name, limit)}"
            for name, limit in stated(self.limits).items()
        ]
        told = f"measured in a fresh process: {', '.join(parts)}"
        if self.lost is None:
            return told
        kind = "worse" if self.lost >= 0 else "better"
        return f"{told}; in int8, which answers {100 * abs(self.lost):.2f} points {kind} than floats"

    def check(self, file: Path) -> None:
        """LimitsError where the file breaks a limit."""
        broken = self.limits.broken(self.cost)
        if broken:
            found = ", ".join(
                f"{amount(name, getattr(self.cost, name))} where {amount(name, stated(self.limits)[name])} is allowed"
                for name in broken
            )
            todo = "It is kept: use it, or loosen the limit and train again"
            raise LimitsError("trained, but beyond the limits", file, f"{found}; {self.why}".rstrip("; "), todo)


def within(limits: Limits, file: Path, model: Classifier, work: Work, splits: Splits, preprocess: Preprocess) -> Kept:
    """`keep` the file of a run.

    What int8 loses is measured on the validation images, where there are none on the training ones.
    """
    threads = work.placement.threads
    facts = count_facts(spec(work.recipe.model).build, preprocess.side, model.num_classes, model.in_channels)
    judged = work.validation or EvaluationBatches(splits.train, preprocess, work.recipe.batch_size, threads)

    def score(candidate: Path) -> float:
        engine = OnnxEngine(artifact.read(candidate), threads)
        answered = [(engine.logits(images.numpy()), labels.numpy()) for images, labels in judged]
        logits, labels = map(np.concatenate, zip(*answered, strict=True))
        return work.task.score(logits, labels)[work.task.metric]

    return keep(file, facts.macs, limits, lambda: calibration_images(splits.train, preprocess), score)


def keep(file: Path, macs: int, limits: Limits, images: Callable[[], Floats], score: Callable[[Path], float]) -> Kept:
    """Measure the artifact `file`; where it breaks a limit and int8 does not, put int8 in its place.

    `images` calibrate it, `score` says what a file is worth: int8 may lose `TOLERANCE` of it.
    """
    cost = cost_of(file, macs, limits)
    broken = limits.broken(cost)
    if not broken or "macs" in broken:
        return Kept(limits, cost, artifact.read(file).precision)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".int8-") as folder:
        smaller = Path(folder, file.name)
        try:
            to_int8(file, smaller, images())
        except RefusedError as error:
            return Kept(limits, cost, why=f"{error.why}")
        small = cost_of(smaller, macs, limits)
        if limits.broken(small):
            listed = ", ".join(amount(name, getattr(small, name)) for name in stated(limits))
            return Kept(limits, cost, why=f"in int8 {listed}")
        lost = score(file) - score(smaller)
        if lost > TOLERANCE:
            why = f"in int8 it answers {100 * lost:.1f} points worse, where {100 * TOLERANCE:.0f} is allowed"
            return Kept(limits, cost, why=why)
        os.replace(smaller, file)
    return Kept(limits, small, "int8", lost)
