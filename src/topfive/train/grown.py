"""The size at which weights are shipped whose time was over while their images still grew: one that they have met."""

from __future__ import annotations

import dataclasses

from topfive.data import Splits
from topfive.preprocess import Preprocess
from topfive.train.batches import resized, side_at
from topfive.train.loading import EvaluationBatches
from topfive.train.loop import Work, answers
from topfive.train.state import State


def as_grown(state: State, work: Work, splits: Splits, preprocess: Preprocess) -> tuple[Work, Preprocess]:
    """`work` and `preprocess`, those of smaller images where the weights have not met whole ones for an epoch.

    Of the sizes that they have met they may know the last too little: that one is taken at which they answer the
    validation images best, without such images the last.
    """
    recipe, whole, steps = work.recipe, preprocess.side, work.batches.steps
    met = [side_at(recipe, whole, epoch) for epoch in range(-(-state.step // steps))]
    if not met or met[0] == whole or whole in met[: state.step // steps]:
        return work, preprocess
    sides = sorted(set(met))
    side = sides[-1]
    if work.validation is not None:
        side = max(sides, key=lambda side: _score(state, work, side))
    if side == whole:
        return work, preprocess
    smaller = at_side(preprocess, side)
    validation = work.validation and EvaluationBatches(
        splits.val, smaller, work.recipe.batch_size, work.placement.threads
    )
    work.watch.note(f"its time was over while the images still grew: the file sees them at {side} pixels, not {whole}")
    return dataclasses.replace(work, validation=validation), smaller


def at_side(preprocess: Preprocess, side: int) -> Preprocess:
    """The same share of an image, in `side` pixels, of which its padding keeps its share as nearly as it can."""
    pad = round(preprocess.pad * side / preprocess.side)
    return dataclasses.replace(preprocess, size=side - 2 * pad, pad=pad)


def _score(state: State, work: Work, side: int) -> float:
    """What the weights answer of the validation images at `side` pixels."""
    assert work.validation is not None
    seen = ((resized(images, side), truth) for images, truth in work.validation)
    return work.task.score(*answers(state.evaluated, seen, work))[work.task.metric]
