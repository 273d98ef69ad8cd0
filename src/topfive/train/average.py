"""The exponential moving average of the weights."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from topfive.nn.classifier import Classifier


class Average:
    """A copy of `model` whose floating-point state follows it: average = decay * average + (1 - decay) * model.

    The decay is warmed up as min(decay, (1 + step) / (10 + step)), so that the random start is soon forgotten.
    Batch statistics are averaged like weights; counters are copied.
    """

    def __init__(self, model: Classifier, decay: float):
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self._ours, self._theirs = list(self.model.modules()), list(model.modules())

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move towards the model after step `step` (0-based) has been taken."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        ours, theirs = list(_state(self._ours)), list(_state(self._theirs))
        floating = [tensor.is_floating_point() for tensor in ours]
        torch._foreach_lerp_(_where(floating, ours), _where(floating, theirs), weight)
        for own, its, averaged in zip(ours, theirs, floating, strict=True):
            if not averaged:
                own.copy_(its)


def _state(modules: list[nn.Module]) -> Iterator[Tensor]:
    """Weights and buffers.

    Walking through a network for its state_dict costs as much as averaging it, at every step.
    """
    for module in modules:
        for tensors in (module._parameters, module._buffers):
            yield from (tensor for tensor in tensors.values() if tensor is not None)


def _where(wanted: list[bool], tensors: list[Tensor]) -> list[Tensor]:
    return [tensor for tensor, is_wanted in zip(tensors, wanted, strict=True) if is_wanted]
