"""Stochastic depth: leave out the branch of a residual block at random.  Huang et al. 2016, arXiv:1603.09382."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from topfive.errors import UsageError


class StochasticDepth(nn.Module):
    """In training, zero each image's branch with probability `rate`, and scale the others up so that the mean stays.

    `share` is what part of the network's rate is the branch's own, where a paper says it; None where eq. 4 does.
    """

    def __init__(self, rate: float = 0.0, share: float | None = None):
        super().__init__()
        self.rate = rate
        self.share = share
        self.grown = 1.0  # how much of `rate` is in force, where a paper lets it grow

    def forward(self, x: Tensor) -> Tensor:
        rate = self.rate * self.grown
        if not self.training or rate == 0:
            return x
        survival = 1 - rate
        kept = torch.empty(len(x), *[1] * (x.ndim - 1), dtype=x.dtype, device=x.device).bernoulli_(survival)
        return x * (kept / survival)

    def extra_repr(self) -> str:
        return f"rate={self.rate}"


def set_drop_path(model: nn.Module, rate: float) -> None:
    """Leave out the last block's branch with probability `rate` (from 0, below 1), and those before it less often.

    Eq. 4: block l of L at `rate` * l / L, unless the network's own paper has another rule.
    """
    drops = [module for module in model.modules() if isinstance(module, StochasticDepth)]
    name = type(model).__name__
    if not drops:
        raise UsageError("cannot drop paths of", name, "it has no branches to leave out", "Leave out --drop-path")
    if not 0 <= rate < 1:
        raise UsageError(f"cannot drop paths with probability {rate:g}", why="it must be at least 0 and below 1")
    for place, drop in enumerate(drops, 1):
        drop.rate = rate * (place / len(drops) if drop.share is None else drop.share)
