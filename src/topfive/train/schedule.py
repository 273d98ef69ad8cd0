"""Rates as pure functions of the step: warm-up, then the schedule, nothing to save or restore."""

from __future__ import annotations

import math

from topfive.recipe import Recipe

ONE_CYCLE_RISE = 0.3  # share of the run in which the rate rises, where no warm-up says otherwise
ONE_CYCLE_START, ONE_CYCLE_END = 1 / 25, 1 / 25e4  # of the highest rate, as in torch's OneCycleLR
ONE_CYCLE_MOMENTA = (0.85, 0.95)


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """The rate that step `step` (0-based) of the run uses.

    The warm-up rises linearly and reaches `recipe.lr` with its last step (Goyal et al. 2017, arXiv:1706.02677, sec.
    2.2). Then:

    - cosine falls to 0 at the end of the last epoch (Loshchilov and Hutter 2016, arXiv:1608.03983, eq. 5, one cycle);
    - step multiplies by `decay_rate` every `decay_epochs` epochs, exponential does so smoothly, multistep at the
      `decay_milestones`;
    - polynomial is (1 - progress) ** `power`, linear for 1;
    - onecycle rises and falls by half cosines (Smith and Topin 2017, arXiv:1708.07120).
    """
    if recipe.sched == "onecycle":
        rising, progress = _one_cycle(recipe, step, steps_per_epoch)
        low = ONE_CYCLE_START if rising else ONE_CYCLE_END
        return recipe.lr * (low + (1 - low) * _half_cosine(progress if rising else 1 - progress))
    warmup = round(recipe.warmup_epochs * steps_per_epoch)
    if step < warmup:
        return recipe.lr * (step + 1) / warmup
    progress = (step - warmup) / max(1, recipe.epochs * steps_per_epoch - warmup)
    decays = step / steps_per_epoch / recipe.decay_epochs
    match recipe.sched:
        case "cosine":
            factor = 0.5 * (1 + math.cos(math.pi * progress))
        case "step":
            factor = recipe.decay_rate ** math.floor(decays)
        case "multistep":
            factor = recipe.decay_rate ** sum(step / steps_per_epoch >= epoch for epoch in recipe.decay_milestones)
        case "exponential":
            factor = recipe.decay_rate**decays
        case "polynomial":
            factor = (1 - progress) ** recipe.power
        case "constant":
            factor = 1.0
    return recipe.lr * factor


def momentum(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """The momentum of that step: the recipe's, but for one cycle, where it is low while the rate is high."""
    if recipe.sched != "onecycle":
        return recipe.momentum
    rising, progress = _one_cycle(recipe, step, steps_per_epoch)
    low, high = ONE_CYCLE_MOMENTA
    return high - (high - low) * _half_cosine(progress if rising else 1 - progress)


def _one_cycle(recipe: Recipe, step: int, steps_per_epoch: int) -> tuple[bool, float]:
    """Whether the rate is on its way up, and which share of that way, or of the way down, is behind it."""
    last = recipe.epochs * steps_per_epoch - 1
    top = (recipe.warmup_epochs or ONE_CYCLE_RISE * recipe.epochs) * steps_per_epoch
    return (True, step / top) if step < top else (False, (step - top) / max(1, last - top))


def _half_cosine(progress: float) -> float:
    """From 0 to 1, slowly at both ends."""
    return 0.5 * (1 - math.cos(math.pi * min(1.0, progress)))
