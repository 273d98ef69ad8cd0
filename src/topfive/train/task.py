"""What an image is asked: which one class it shows, or of every class whether it shows it.  Chosen once, by the labels.

All that differs between the two stands here: the loss, the figure that chooses the best epoch, what is fitted on the
validation images, and how the shipped file is measured and told of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from topfive.artifact import Activation
from topfive.data import ImageDataset, Splits
from topfive.data.dataset import Labels, class_counts
from topfive.errors import DataError, UsageError
from topfive.evaluate import (
    Evaluation,
    LabelEvaluation,
    evaluate,
    evaluate_labels,
    fit_temperature,
    fit_thresholds,
)
from topfive.evaluate.labels import average_precision
from topfive.evaluate.metrics import negative_log_likelihood, rank
from topfive.predictor import Predictor, sigmoid, softmax
from topfive.recipe import Recipe
from topfive.report.predictions import labels_table, predictions_table
from topfive.report.result import LabelResult, Result
from topfive.train.loss import Loss, make_loss, positive_weights, yes_or_no

E = TypeVar("E")
Logits = NDArray[np.float32]


@dataclass(frozen=True)
class Decision:
    """How the shipped file turns logits into an answer; see `topfive.artifact.Metadata`."""

    activation: Activation = "softmax"
    temperature: float = 1.0
    thresholds: tuple[float, ...] = ()


class Task(Protocol[E]):
    """`E` is what an evaluation of it measures."""

    @property
    def metric(self) -> str:
        """The figure of `score` that chooses the best epoch: the higher the better."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """The fields of a recipe that it needs, unless the user has named others."""
        ...

    @property
    def undecided(self) -> Decision:
        """What `decide` cannot say where there is no validation image."""
        ...

    def check(self, recipe: Recipe, splits: Splits) -> None:
        """UsageError for a recipe that means nothing here, DataError for images that cannot be measured on."""
        ...

    def loss(self, recipe: Recipe, dataset: ImageDataset) -> Loss: ...

    def score(self, logits: Logits, labels: Labels) -> dict[str, float]:
        """Figures of the validation images by their names in `metrics.jsonl`."""
        ...

    def decide(self, logits: Logits, labels: Labels) -> Decision:
        """What fits the validation images best."""
        ...

    def measure(self, predictor: Predictor, dataset: ImageDataset) -> E: ...

    def predictions(self, evaluation: E, classes: tuple[str, ...]) -> str:
        """The file of what was answered to every image."""
        ...

    def result(self, evaluation: E, decision: Decision, **run: Any) -> Result | LabelResult:
        """The figures beside those of the `run`."""
        ...

    def told(self, evaluation: E) -> str:
        """The figures in one line."""
        ...

    def contract(self, evaluation: E) -> dict[str, float]:
        """The figures that a program is given."""
        ...


def task_for(splits: Splits) -> Task[Any]:
    return SeveralLabels() if splits.several else OneClass()


@dataclass(frozen=True)
class OneClass:
    """Classes that exclude each other; accuracy decides, a temperature is fitted (Guo et al. 2017, sec. 4.2)."""

    metric: str = "val_top1"
    settings: Mapping[str, Any] = field(default_factory=dict)
    undecided: Decision = Decision()

    def check(self, recipe: Recipe, splits: Splits) -> None: ...

    def loss(self, recipe: Recipe, dataset: ImageDataset) -> Loss:
        return make_loss(recipe, torch.from_numpy(class_counts(dataset.labels, len(dataset.classes))))

    def score(self, logits: Logits, labels: Labels) -> dict[str, float]:
        top1 = float((rank(logits, labels) == 0).mean())
        return {self.metric: top1, "val_nll": negative_log_likelihood(softmax(logits), labels)}

    def decide(self, logits: Logits, labels: Labels) -> Decision:
        return Decision(temperature=fit_temperature(logits, labels))

    def measure(self, predictor: Predictor, dataset: ImageDataset) -> Evaluation:
        return evaluate(predictor, dataset)

    def predictions(self, evaluation: Evaluation, classes: tuple[str, ...]) -> str:
        return predictions_table(evaluation, classes)

    def result(self, evaluation: Evaluation, decision: Decision, **run: Any) -> Result:
        return Result(
            n=evaluation.n,
            top1=evaluation.top1,
            top5=evaluation.top5,
            macro_f1=evaluation.macro_f1,
            nll=evaluation.nll,
            ece=evaluation.ece,
            temperature=decision.temperature,
            **run,
        )

    def told(self, evaluation: Evaluation) -> str:
        low, high = evaluation.top1_interval.low, evaluation.top1_interval.high
        return (
            f"top-1 {evaluation.top1:.2%} (95% {low:.2%} to {high:.2%}), top-5 {evaluation.top5:.2%}, "
            f"nll {evaluation.nll:.4f}, ece {evaluation.ece:.4f}"
        )

    def contract(self, evaluation: Evaluation) -> dict[str, float]:
        return {"top1": evaluation.top1}


@dataclass(frozen=True)
class SeveralLabels:
    """Any number of classes an image; mean average precision decides, a threshold a class is fitted."""

    metric: str = "val_map"
    settings: Mapping[str, Any] = field(default_factory=lambda: {"loss": "bce"})
    undecided: Decision = Decision("sigmoid")

    def check(self, recipe: Recipe, splits: Splits) -> None:
        for name, value, able in (
            ("loss", recipe.loss, "bce"),
            ("sampler", recipe.sampler, "shuffle"),
            ("teacher", recipe.teacher, None),
        ):
            if value != able:
                why = f"{value} is for images of one class, these have several labels"
                todo = f"Use --{name} {able}" if able else "Leave it out"
                raise UsageError("recipe", name, why, todo)
        for name, part in splits.parts():
            if len(part) and not part.labels.any():
                raise DataError("data set", splits.name, f"no image of {name} has a label", "Divide it otherwise")

    def loss(self, recipe: Recipe, dataset: ImageDataset) -> Loss:
        counts = torch.from_numpy(class_counts(dataset.labels, len(dataset.classes)))
        weights = positive_weights(counts, len(dataset)) if recipe.class_weights == "balanced" else None
        return partial(yes_or_no, smoothing=recipe.smoothing, positive=weights)

    def score(self, logits: Logits, labels: Labels) -> dict[str, float]:
        """`val_nll` is the mean over images and classes of -log p of the right one of yes and no."""
        truth = labels.astype(np.bool_)
        averages = [average_precision(scores, shows) for scores, shows in zip(logits.T, truth.T, strict=True)]
        exact = logits.astype(np.float64)
        lost = np.logaddexp(0, exact) - exact * truth
        return {self.metric: float(np.nanmean(averages)), "val_nll": float(lost.mean())}

    def decide(self, logits: Logits, labels: Labels) -> Decision:
        return Decision("sigmoid", thresholds=fit_thresholds(sigmoid(logits), labels.astype(np.bool_)))

    def measure(self, predictor: Predictor, dataset: ImageDataset) -> LabelEvaluation:
        return evaluate_labels(predictor, dataset)

    def predictions(self, evaluation: LabelEvaluation, classes: tuple[str, ...]) -> str:
        return labels_table(evaluation, classes)

    def result(self, evaluation: LabelEvaluation, decision: Decision, **run: Any) -> LabelResult:
        return LabelResult(
            n=evaluation.n,
            mean_average_precision=evaluation.mean_average_precision,
            micro_f1=evaluation.micro_f1,
            macro_f1=evaluation.macro_f1,
            **run,
        )

    def told(self, evaluation: LabelEvaluation) -> str:
        return (
            f"mAP {evaluation.mean_average_precision:.2%}, micro-F1 {evaluation.micro_f1:.2%}, "
            f"macro-F1 {evaluation.macro_f1:.2%}"
        )

    def contract(self, evaluation: LabelEvaluation) -> dict[str, float]:
        return {"mean_average_precision": evaluation.mean_average_precision}
