"""How long an epoch of a recipe takes on this machine: a few whole steps on noise, timed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from topfive.data import ArrayDataset, Splits
from topfive.models import spec
from topfive.preprocess import Preprocess
from topfive.recipe import Recipe
from topfive.train.batches import MemoryBatches, side_at
from topfive.train.loss import cross_entropy
from topfive.train.objective import Objective
from topfive.train.placement import Placement, enough, step_seconds
from topfive.train.plan import build, preprocess_for
from topfive.train.state import State, at_step_0

LEAST, MOST = 3, 15  # times that a part of a step is timed
LONG = 1.0  # seconds, after which it is timed no more
LOOK, LONGEST = 0.004, 3.0  # share of the time to be planned, and seconds at most, that steps of one size are timed for


def epoch_seconds(recipe: Recipe, splits: Splits, within: float = 0.0) -> float:
    """What an epoch takes, by steps of the least and of the final size; looked at the longer, the more seconds `within`
    are to be planned.

    Sizes between are taken to cost as their pixels do, and an image that is only answered a third of one learnt from;
    the epochs are shared among the sizes as the recipe's own are.  Reading files is not timed.
    """
    preprocess = fed(recipe, splits)
    batch = min(recipe.batch_size, len(splits.train))
    state = at_step_0(build(recipe, splits), recipe, Placement(1, True), "cpu")
    sides = [side_at(recipe, preprocess.side, epoch) for epoch in range(recipe.epochs)]
    step = {}  # seconds, by pixels
    for side in sorted({sides[0], sides[-1]}):
        step[side**2] = whole_step_seconds(
            recipe, splits, preprocess, state, sides.index(side), min(LONGEST, LOOK * within)
        )
    each = np.interp([side**2 for side in sides], list(step), list(step.values()))
    answered = step[sides[-1] ** 2] * len(splits.val) / batch / 3
    return max(1, len(splits.train) // batch) * float(each.mean()) + answered


def whole_step_seconds(
    recipe: Recipe, splits: Splits, preprocess: Preprocess, state: State, epoch: int, looked: float
) -> float:
    """Drawing a batch as epoch `epoch` does, the network's way there and back, and moving the weights of `state`."""
    batch = min(recipe.batch_size, len(splits.train))
    few = enough(torch.empty(batch, 1, preprocess.side, preprocess.side))
    batches = MemoryBatches(noise(splits, preprocess, max(few, recipe.aug_repeats)), recipe, preprocess)
    objective = Objective(state.model, cross_entropy, recipe)
    images, targets = batches.at(epoch, 0)
    network = step_seconds(
        objective, images, targets, recipe.grad_accum_steps, looked
    )  # and its threads, which the rest uses too
    drawing = repeated(lambda: batches.at(epoch, 0))
    objective(images, targets).backward()
    return (network + drawing) * batch / len(images) + repeated(lambda: _move(state))


def noise(splits: Splits, preprocess: Preprocess, count: int) -> ArrayDataset:
    """`count` images of the size and classes of the training set's, files as large as they are read."""
    shape: tuple[int, ...] = (preprocess.channels, preprocess.resize_side, preprocess.resize_side)
    if isinstance(splits.train, ArrayDataset):
        shape = splits.train.images.shape[1:]
    pixels = np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)
    return ArrayDataset(pixels, np.zeros(count, np.int64), tuple(splits.classes), "noise")


def fed(recipe: Recipe, splits: Splits) -> Preprocess:
    """How large the network will see the images; the statistics of photographs are not taken, which would read many."""
    given = None if isinstance(splits.train, ArrayDataset) else spec(recipe.model).preprocess
    return preprocess_for(recipe, splits, given)


def repeated(act: Callable[[], object]) -> float:
    """The median of its seconds, after a first time that does not count."""
    act()
    seconds: list[float] = []
    while len(seconds) < LEAST or (len(seconds) < MOST and sum(seconds) < LONG):
        start = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def _move(state: State) -> None:
    state.optimizer.step()
    if state.average is not None:
        state.average.update(state.step)
