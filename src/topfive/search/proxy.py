"""The evaluator that trains: every network for the same short time, by the loop that trains everything here."""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from topfive.data import Splits
from topfive.models import spec
from topfive.preprocess import Preprocess
from topfive.recipe import Recipe
from topfive.search.trial import Measurement
from topfive.train.abreast import Abreast
from topfive.train.batches import MemoryBatches
from topfive.train.fit import Silent
from topfive.train.loading import EvaluationBatches
from topfive.train.loop import Work, train
from topfive.train.norms import keep_pace
from topfive.train.objective import Objective
from topfive.train.placement import Placement
from topfive.train.plan import build, preprocess_for
from topfive.train.randomness import seed_of
from topfive.train.run import Run, Stop
from topfive.train.state import at_step_0
from topfive.train.task import task_for

PLACEMENT = Placement(threads=1, channels_last=True)  # one thread a trial: as many run as there are cores


class Curve(Silent):
    """Keeps the figures after each epoch."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def epoch(self, entry: dict[str, Any]) -> None:
        self.entries.append(entry)


@dataclass(frozen=True)
class Proxy:
    """Every network gets the `recipe`, but for the model and the seed, which are the trial's; `splits.val` judges.

    Images have the size that the network's own row names, unless the recipe names one.
    """

    splits: Splits = field(repr=False)
    recipe: Recipe

    def __call__(self, model: str, seed: int) -> Measurement:
        """DivergedError where training leaves the finite numbers, UsageError where the network cannot be built."""
        begun, processor = time.monotonic(), time.process_time()
        facts = spec(model).facts
        size = self.recipe.img_size or facts.input_size
        recipe = dataclasses.replace(self.recipe, model=model, seed=seed, img_size=size)
        preprocess = preprocess_for(recipe, self.splits)
        batches = training_images(self.splits, preprocess, dataclasses.replace(recipe, model="", seed=0)).under(recipe)
        validation = validation_images(self.splits, preprocess, recipe.batch_size)

        torch.manual_seed(seed_of(seed, "weights"))
        network = build(recipe, self.splits)
        task = task_for(self.splits)
        objective = Objective(network, task.loss(recipe, self.splits.train), recipe)
        PLACEMENT.apply(objective)
        keep_pace(network, recipe.epochs * batches.steps)
        run, curve = Run(Path(model), writes=False), Curve()
        work = Work(
            recipe,
            batches,
            validation,
            task,
            Abreast(objective),
            PLACEMENT,
            torch.device("cpu"),
            run,
            curve,
            math.inf,
            begun,
        )
        train(at_step_0(network, recipe, PLACEMENT, "cpu"), work, Stop())
        accuracies = tuple(entry[task.metric] for entry in curve.entries)
        return Measurement(accuracies[-1], facts.params, facts.macs, time.process_time() - processor, accuracies)


@lru_cache(maxsize=2)
def training_images(splits: Splits, preprocess: Preprocess, recipe: Recipe) -> MemoryBatches:
    """Read once for all trials of a process."""
    return MemoryBatches(splits.train, recipe, preprocess)


@lru_cache(maxsize=2)
def validation_images(splits: Splits, preprocess: Preprocess, batch_size: int) -> EvaluationBatches:
    """Read once for all trials of a process."""
    return EvaluationBatches(splits.val, preprocess, batch_size, workers=1)
