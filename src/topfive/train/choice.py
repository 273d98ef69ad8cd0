"""What `topfive train DATA` trains where nothing is named: network, recipe and epochs for the time there is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from topfive.data import Splits
from topfive.models import spec
from topfive.recipe import Recipe, recipe_from
from topfive.train.loop import SHIPPING, Watch
from topfive.train.pace import epoch_seconds
from topfive.train.placement import available_cores
from topfive.train.recipes import fine_tune, is_small, quick, recipe_named

SECONDS = 600.0  # where no time is stated
# Share of it that whole epochs fill, less SHIPPING.  No two minutes of a machine are alike: where that was too little,
# the last steps are left out, which costs less than an epoch too few.
USED = 0.97
SMALL = ("resnet20_cifar", "lenet5")  # for images of up to SMALL_SIDE pixels, from strong to quick
PHOTOGRAPHS = "tf_efficientnet_lite0"  # for larger ones, from the built-in weights
SIDES = (224, 192, 160, 128)  # pixels that photographs are looked at with, from strong to quick
ENOUGH = 6  # epochs, from which on the stronger choice is the better one
MOST = 120  # epochs, after which more time no longer helps


def network_for(splits: Splits) -> str:
    """The network for such images where a recipe is named and no network."""
    return SMALL[0] if is_small(splits) else PHOTOGRAPHS


def chosen(splits: Splits, settings: Mapping[str, Any], watch: Watch) -> Recipe:
    """A whole recipe that fits `settings["time"]` seconds; what the settings name is left to them.

    Says in three lines what was chosen and why.
    """
    seconds = float(settings.get("time") or SECONDS)
    choose = _of_small_images if is_small(splits) else _of_photographs
    recipe, epochs = choose(splits, settings, for_training(seconds))
    epochs = min(MOST, max(1, epochs))
    images = f"{len(splits.train):,} images of {len(splits.classes)} classes to learn from"
    start = "small ones, from scratch" if recipe.weights is None else f"photographs, from {recipe.weights} weights"
    watch.note(f"{splits.name}: {images}, {start}")
    watch.note(f"{recipe.model}, the strongest choice here that sees them {ENOUGH} times within {seconds:.0f} s")
    reach = "are as many as help" if epochs == MOST else f"fill the time on {available_cores()} of this machine's cores"
    watch.note(f"{epochs} epochs {reach}; change it by --time, --model, --recipe")
    fitted = {"epochs": epochs, "time": seconds, **settings}
    return recipe_from({**dataclasses.asdict(recipe), **warmed_up(recipe, fitted)})


def for_training(seconds: float) -> float:
    """What is left of the seconds that a whole command may take."""
    return max(seconds / 2, USED * seconds - SHIPPING)


def _of_small_images(splits: Splits, settings: Mapping[str, Any], seconds: float) -> tuple[Recipe, int]:
    """The strongest network that sees the images often enough, and how often."""
    for name in SMALL:
        base = quick(spec(name), splits)
        recipe = recipe_from({**dataclasses.asdict(base), **in_parts(base, settings)})
        epochs = round(seconds / epoch_seconds(recipe, splits, seconds))
        if epochs >= ENOUGH:
            break
    return recipe, epochs


def _of_photographs(splits: Splits, settings: Mapping[str, Any], seconds: float) -> tuple[Recipe, int]:
    """The closest look that is often enough, and how often; only the closest is timed: the others cost as pixels do."""
    base = dataclasses.replace(fine_tune(spec(PHOTOGRAPHS), splits), img_size=SIDES[0])
    closest = epoch_seconds(recipe_from({**dataclasses.asdict(base), **settings}), splits, seconds)
    for side in SIDES:
        epochs = round(seconds / (closest * (side / SIDES[0]) ** 2))
        if epochs >= ENOUGH:
            break
    return recipe_from({**dataclasses.asdict(base), "img_size": side, **settings}), epochs


def whole(name: str | None, settings: Mapping[str, Any], splits: Splits) -> Recipe:
    """The recipe `name`, or what suits the network that the settings name, with the settings put in."""
    model = spec(settings.get("model", network_for(splits)))
    if name is not None:
        base = recipe_named(name, model, splits)
    else:
        base = (fine_tune if settings.get("weights") is not None else quick)(model, splits)
    return recipe_from({**dataclasses.asdict(base), **warmed_up(base, settings)})


def warmed_up(base: Recipe, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with a warm-up and a freeze that leave room for the rest, where the epochs are few.

    The falls of the base's own schedule come at the same shares of the run.
    """
    settings = in_parts(base, settings)
    if "img_size" in settings:
        settings = {"start_size": None, **settings}  # the base's own is for its own size
    if "epochs" not in settings:
        return dict(settings)
    most = float(settings["epochs"]) / 4
    fitted: dict[str, Any] = {
        "warmup_epochs": min(base.warmup_epochs, most),
        "freeze_epochs": min(base.freeze_epochs, most),
    }
    stretch = float(settings["epochs"]) / base.epochs
    if base.sched in ("step", "exponential") and "sched" not in settings:
        fitted["decay_epochs"] = base.decay_epochs * stretch
    if base.sched == "multistep" and "sched" not in settings:
        fitted["decay_milestones"] = tuple(fall * stretch for fall in base.decay_milestones)
    return {**fitted, **settings}


def in_parts(base: Recipe, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with as many parts as keep those of the base's batch as large as they are; one where none do."""
    if base.grad_accum_steps == 1 or "batch_size" not in settings or "grad_accum_steps" in settings:
        return dict(settings)
    parts, rest = divmod(int(settings["batch_size"]), base.batch_size // base.grad_accum_steps)
    return {**settings, "grad_accum_steps": parts if parts and not rest else 1}
