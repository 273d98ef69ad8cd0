"""The pictures that the page of a run shows, and where on them the network found what it answered by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from topfive.data import ImageDataset
from topfive.evaluate import Evaluation, LabelEvaluation
from topfive.explain import grad_cam, overlay
from topfive.nn.classifier import Classifier
from topfive.preprocess import Preprocess
from topfive.report import Mistake, hardest_pairs, worst_labels, worst_mistakes
from topfive.report.contents import Pair, Pixels, WrongLabel


@dataclass(frozen=True)
class Evidence:
    """Shows what the network saw of pictures, under where the evidence for a class lies."""

    model: Classifier
    preprocess: Preprocess

    def __call__(self, pictures: Sequence[Pixels], classes: Sequence[int]) -> list[Pixels]:
        seen = np.stack([self.preprocess.pixels(_upright(picture)) for picture in pictures])
        heat = grad_cam(self.model, self.preprocess.normalise(seen), classes)
        return [
            overlay(np.broadcast_to(one.transpose(1, 2, 0), (*one.shape[1:], 3)), where).transpose(2, 0, 1)
            for one, where in zip(seen, heat, strict=True)
        ]


def _upright(picture: Pixels) -> Pixels:
    """[H, W] or [H, W, 3], as preprocessing takes them."""
    return picture[0] if len(picture) == 1 else picture.transpose(1, 2, 0)


def examples_of(
    evaluation: Evaluation | LabelEvaluation, measured: ImageDataset, evidence: Evidence
) -> tuple[tuple[Mistake, ...] | tuple[WrongLabel, ...], tuple[Pair, ...], tuple[str, ...]]:
    """Mistakes; pairs, where one class is right; and notes.

    What is trained and shipped is not lost because a drawing for its page fails.
    """

    def mistakes(heat: Evidence | None) -> tuple[Mistake, ...] | tuple[WrongLabel, ...]:
        if isinstance(evaluation, LabelEvaluation):
            return worst_labels(evaluation, measured, heat=heat)
        return worst_mistakes(evaluation, measured, heat=heat)

    pairs = hardest_pairs(evaluation, measured) if isinstance(evaluation, Evaluation) else ()
    try:
        return mistakes(evidence), pairs, ()
    except Exception as error:
        line = (str(error).splitlines() or [""])[0]
        note = f"no map of where the network looked: {line or type(error).__name__}"
        return mistakes(None), pairs, (note,)
