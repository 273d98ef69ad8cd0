"""The learning rate as a pure function of the step: warm-up, then the schedule, nothing to save or restore."""

from __future__ import annotations

import math

from topfive.train.recipe import Recipe


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """The rate that step `step` (0-based) of the run uses.

    The warm-up rises linearly and reaches `recipe.lr` with its last step (Goyal et al. 2017, arXiv:1706.02677, sec.
    2.2). The cosine falls to 0 at the end of the last epoch (Loshchilov and Hutter 2016, arXiv:1608.03983, eq. 5, one
    cycle); the step schedule multiplies by `decay_rate` every `decay_epochs` epochs.
    """
    warmup = round(recipe.warmup_epochs * steps_per_epoch)
    total = recipe.epochs * steps_per_epoch
    if step < warmup:
        return recipe.lr * (step + 1) / warmup
    match recipe.sched:
        case "cosine":
            progress = (step - warmup) / max(1, total - warmup)
            return recipe.lr * 0.5 * (1 + math.cos(math.pi * progress))
        case "step":
            return recipe.lr * recipe.decay_rate ** int(step / steps_per_epoch // recipe.decay_epochs)
        case "constant":
            return recipe.lr
