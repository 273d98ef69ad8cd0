"""LAMB: Adam whose steps are scaled to each layer's weights, for large batches.  You et al. 2019, arXiv:1904.00962."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, optim


class Lamb(optim.Optimizer):
    """Algorithm 2 with phi the identity: a layer's step is as long as `lr` times its weights.

    Parameters without decay (biases, norms) take Adam's step as it is, as in the paper's released code and timm's.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
    ):
        super().__init__(groups, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group)

    def _move(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.tensor(0.0)
            state["mean"] = torch.zeros_like(parameter)
            state["square"] = torch.zeros_like(parameter)
        first, second = group["betas"]
        state["step"] += 1
        steps = state["step"].item()
        mean: Tensor = state["mean"].lerp_(gradient, 1 - first)
        square: Tensor = state["square"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
        update = (mean / (1 - first**steps)) / ((square / (1 - second**steps)).sqrt_() + group["eps"])
        if group["weight_decay"]:
            update.add_(parameter, alpha=group["weight_decay"])
            long, wide = parameter.norm(), update.norm()
            update.mul_(torch.where((long > 0) & (wide > 0), long / wide, 1.0))
        parameter.add_(update, alpha=-group["lr"])
