"""What `topfive search DATA` does where nothing is named: space, strategy and budgets for the images and the time."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from topfive.data import ArrayDataset, Splits
from topfive.errors import DataError, UsageError
from topfive.evaluate.limits import amount
from topfive.search.objective import objective_named
from topfive.search.settings import Budget, Settings
from topfive.search.spaces import space_named
from topfive.search.strategies import strategy_named
from topfive.train.loop import Watch
from topfive.train.recipes import is_small

SECONDS = 3600.0  # where neither a time nor a number of trials is stated
TRAINED = 0.15  # share of the time that each of the two trainings at the end gets
SIDE = 96  # pixels that photographs are searched for
TRIAL_FILTERS = 8  # of cells in trials: a quarter of the arithmetic of the 16 that are shipped
LEAST_SIDE = 8  # pixels in trials
TRAINING, VALIDATION, BATCH = 8192, 4000, 64  # images of a trial
STEPS = 512  # of a trial: in far fewer no network shows what it can
SEEN = 8192 * 16**2  # pixels of all images that a trial learns from, so that large ones are fewer,
FEWEST = 1024  # but not fewer than this
ROUND = 8
STRATEGY = "evolution"
CELLS, BLOCKS, PHOTOGRAPHS = "pnas-small", "mnasnet-small", "mnasnet"


def check_names(wishes: Mapping[str, Any]) -> None:
    """UsageError where a wish names nothing, before any image is read."""
    if "space" in wishes:
        space_named(wishes["space"])
    strategy_named(wishes.get("strategy", STRATEGY))
    limits = wishes.get("max_latency"), wishes.get("max_macs")
    limit = next((float(value) for value in limits if value is not None), None)
    objective_named(wishes.get("objective", "accuracy"), "latency" if limits[0] else "macs", limit)


def settings_for(splits: Splits, wishes: Mapping[str, Any], watch: Watch) -> Settings:
    """`wishes` are fields of `Settings` that the user named; says in a few lines what the rest is, and why."""
    if splits.several:
        why = "its images have several labels, and a search compares networks by their one right answer"
        raise DataError("search", splits.name, why, "Give images of one class each")
    small = is_small(splits)
    limited = any(wishes.get(name) is not None for name in ("max_latency", "max_macs"))
    space = wishes.get("space") or (CELLS if not limited else BLOCKS if small else PHOTOGRAPHS)
    side = native_side(splits) if small else SIDE
    trial_side = max(min(side, LEAST_SIDE), side * 4 // 7 // 2 * 2)
    training, validation = divided(len(splits.train), trial_side)
    training = wishes.get("training") or training
    batch = min(BATCH, max(2, training // 10))
    chosen = Settings(
        space=space,
        side=side,
        channels=len(splits.train[0][0]) if small else 3,
        strategy=STRATEGY,
        objective="accuracy" if wishes.get("max_latency") is None else "hard",  # what is below the limit costs nothing
        trial_side=trial_side,
        trial_filters=TRIAL_FILTERS if space.endswith("-small") else None,
        training=training,
        validation=validation,
        epochs=-(-STEPS // max(1, training // batch)),
        batch_size=batch,
        round=ROUND,
        fingerprint=splits.fingerprint,
    )
    chosen = dataclasses.replace(chosen, **{name: value for name, value in wishes.items() if value is not None})
    for line in told(chosen, splits, wishes, limited=limited):
        watch.note(line)
    return chosen


def budget_for(time: float | None, trials: int | None, train_time: float | None) -> Budget:
    """`train_time` 0 leaves the trainings at the end out."""
    if time is None and trials is None:
        time = SECONDS
    if train_time is None:
        train_time = TRAINED * (SECONDS if time is None else time)
    if time is not None and 2 * train_time >= time:
        why = f"two trainings of {train_time:.0f} s leave nothing of {time:.0f} s to search in"
        raise UsageError("--train-time", None, why, "State less, or a longer --time")
    return Budget(time=time, trials=trials, train_time=train_time)


def native_side(splits: Splits) -> int:
    assert isinstance(splits.train, ArrayDataset)
    return int(splits.train.images.shape[2])


def divided(images: int, side: int) -> tuple[int, int]:
    """How many of the training images a trial learns from, and how many judge it: of few, two thirds and one."""
    validation = max(1, min(VALIDATION, images // 3))
    training = min(TRAINING, max(FEWEST, SEEN // side**2), images - validation)
    return max(1, training), validation


def told(chosen: Settings, splits: Splits, wishes: Mapping[str, Any], *, limited: bool) -> list[str]:
    """What was chosen, and why; what the user chose is only repeated."""
    if wishes.get("space"):
        why_space = "as asked"
    elif limited:
        why_space = "blocks that differ from stage to stage, which is what a limit asks for"
    else:
        why_space = "cells small enough to train in seconds"
    why_strategy = "as asked" if wishes.get("strategy") else "it improves for as long as there is time, in any space"
    filters = "" if chosen.trial_filters is None else f", {chosen.trial_filters} filters"
    often = "once" if chosen.epochs == 1 else f"{chosen.epochs} times"
    seen = f"{chosen.training:,} images of {chosen.trial_side} pixels {often}"
    weighed = {"accuracy": "accuracy alone"}.get(chosen.objective, f"MnasNet's reward, {chosen.objective}")
    limits = [] if chosen.max_latency is None else [f"{amount('latency', chosen.max_latency)} for one image"]
    limits += [] if chosen.max_macs is None else [amount("macs", chosen.max_macs)]
    within = f" within {' and '.join(limits)}" if limits else ""
    return [
        f"{splits.name}: {len(splits.train):,} images to learn from, of {len(splits.classes)} classes",
        f"space {chosen.space} for {chosen.side} pixels: {why_space}",
        f"strategy {chosen.strategy}: {why_strategy}",
        f"a trial sees {seen}{filters} and is judged on {chosen.validation:,} more; wanted is {weighed}{within}",
    ]
