"""Lion: the sign of an average of gradients.  Chen et al. 2023, arXiv:2302.06675, algorithm 2."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, optim


class Lion(optim.Optimizer):
    """Every weight moves by the rate, up or down; the rate wants to be 3 to 10 times smaller than AdamW's (sec. 5)."""

    def __init__(self, groups: Iterable[dict[str, Any]], lr: float, betas: tuple[float, float] = (0.9, 0.99)):
        super().__init__(groups, {"lr": lr, "betas": betas, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            moving = [parameter for parameter in group["params"] if parameter.grad is not None]
            if not moving:
                continue
            gradients = [parameter.grad for parameter in moving]
            averages = [self._average(parameter) for parameter in moving]
            rate, (now, kept) = group["lr"], group["betas"]
            torch._foreach_mul_(moving, 1 - rate * group["weight_decay"])
            directions = torch._foreach_lerp(gradients, averages, now)
            torch._foreach_sign_(directions)
            torch._foreach_add_(moving, directions, alpha=-rate)
            torch._foreach_lerp_(averages, gradients, 1 - kept)

    def _average(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["average"] = torch.zeros_like(parameter)
        average: Tensor = state["average"]
        return average
