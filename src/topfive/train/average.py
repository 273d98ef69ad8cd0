"""The exponential moving average of the weights."""

from __future__ import annotations

import copy

import torch
from torch import nn

from topfive.nn.classifier import Classifier


class Average:
    """A copy of `model` whose floating-point state follows it: average = decay * average + (1 - decay) * model.

    The decay is warmed up as min(decay, (1 + step) / (10 + step)), so that the random start is soon forgotten.
    Batch statistics are averaged like weights; counters are copied.
    """

    def __init__(self, model: Classifier, decay: float):
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move towards `model` after step `step` (0-based) has been taken."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        ours, theirs = self.model.state_dict(), model.state_dict()
        floating = [name for name, tensor in ours.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([ours[name] for name in floating], [theirs[name] for name in floating], weight)
        for name in ours.keys() - set(floating):
            ours[name].copy_(theirs[name])
